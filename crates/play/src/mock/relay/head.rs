//! The head of a request or an answer (RFC 9112), passed on as it came but for what has to be another.

use std::io;
use tokio::{io::AsyncReadExt, net::TcpStream};

pub struct Head {
    first: String,
    headers: Vec<(String, String)>,
}

/// Bytes at most.
const MAX: usize = 64 * 1024;

impl Head {
    /// The head, and what came behind it. `None`: the connection ended before.
    pub async fn read(from: &mut TcpStream) -> io::Result<Option<(Head, Vec<u8>)>> {
        let mut bytes = Vec::new();
        loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = bytes.split_off(end + 4);
                return Ok(Head::parse(&bytes).map(|head| (head, rest)));
            }
            if bytes.len() > MAX || from.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn parse(bytes: &[u8]) -> Option<Head> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split("\r\n");
        let first = lines.next()?.to_owned();
        let headers = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Some(Head { first, headers: headers.collect() })
    }

    /// Whether a header has this among its values.
    pub fn has(&self, name: &str, value: &str) -> bool {
        let of_name = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        of_name.flat_map(|(_, v)| v.split([',', ';'])).any(|v| v.trim().eq_ignore_ascii_case(value))
    }

    /// Whether an answer has this status.
    pub fn is(&self, status: &str) -> bool {
        self.first.split(' ').nth(1) == Some(status)
    }

    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        text.into_bytes()
    }
}
