//! A backend: one connection that is kept, requests one after the other.

use crate::{
    seen::{now, since},
    setup,
};
use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// What a backend publishes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    Contract,
    /// The Pusher app. Its events have no number of the server's: the publisher gives them one.
    App,
}

pub struct Publisher {
    stream: TcpStream,
    read: Vec<u8>,
    to: To,
    seq: u64,
}

const PAD: &str =
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

impl Publisher {
    pub async fn new(address: SocketAddr, to: To) -> io::Result<Publisher> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Publisher { stream, read: Vec::new(), to, seq: 0 })
    }

    /// Publishes so many events at once to the channel.
    pub async fn publish(&mut self, channel: &str, count: usize) -> io::Result<()> {
        let first = (self.to == To::App).then_some(self.seq + 1);
        self.seq += count as u64;
        let body = body((0..count).map(|_| channel), now(), first);
        self.post(&body).await
    }

    /// Publishes one event to each of the channels, at once.
    pub async fn publish_each(&mut self, channels: &[String]) -> io::Result<()> {
        self.post(&body(channels.iter().map(String::as_str), now(), None)).await
    }

    async fn post(&mut self, body: &str) -> io::Result<()> {
        self.stream.write_all(&request(self.to, body)).await?;
        loop {
            if let Some(length) = answer(&self.read)? {
                self.read.drain(..length);
                return Ok(());
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed a backend's connection"));
            }
        }
    }
}

/// What a flood came to.
pub struct Flood {
    /// Events.
    pub count: usize,
    /// Events per second.
    pub rate: f64,
}

/// Publishes to each of the channels of a contract, each at its server and on a connection of its own, batch after batch as soon as the
/// last one is answered, for so long.
pub async fn flood(channels: impl Iterator<Item = (SocketAddr, String)>, batch: usize, time: Duration) -> io::Result<Flood> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (address, channel) in channels {
        tasks.spawn_local(async move {
            let mut publisher = Publisher::new(address, To::Contract).await?;
            let mut count = 0;
            while started.elapsed() < time {
                publisher.publish(&channel, batch).await?;
                count += batch;
            }
            Ok::<_, io::Error>(count)
        });
    }
    let mut count = 0;
    while let Some(done) = tasks.join_next().await {
        count += done.map_err(io::Error::other)??;
    }
    Ok(Flood { count, rate: count as f64 / since(started) })
}

/// The request that publishes this.
pub fn request(to: To, body: &str) -> Vec<u8> {
    let key = if to == To::App { setup::APP_SECRET } else { setup::KEY };
    let length = body.len();
    format!(
        "POST /v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// How long the answer is that comes first; `None` while it is not whole.
///
/// # Errors
/// The server refused; the error is its answer.
pub fn answer(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok()).unwrap_or(0);
    let Some(whole) = bytes.get(..end + 4 + length) else { return Ok(None) };
    if !whole.starts_with(b"HTTP/1.1 200") {
        return Err(io::Error::other(format!("a publish was refused: {}", String::from_utf8_lossy(whole))));
    }
    Ok(Some(whole.len()))
}

/// One event to each of the channels. `at`: when they are sent, in µs since 1970. `first`: the number that the first one gets.
pub fn body<'a>(channels: impl Iterator<Item = &'a str>, at: u64, first: Option<u64>) -> String {
    let mut body = String::from("[");
    for (i, channel) in channels.enumerate() {
        if i > 0 {
            body.push(',');
        }
        let seq = first.map_or_else(String::new, |first| format!(r#""seq":{},"#, first + i as u64));
        body.push_str(&format!(r#"{{"channel":"{channel}","type":"tick","data":{{{seq}"at":{at},"pad":"{PAD}"}}}}"#));
    }
    body.push(']');
    body
}

/// A frame such as the server makes, for the floor.
pub fn frame(seq: u64, at: u64) -> Vec<u8> {
    let payload = format!(r#"{{"seq":{seq},"data":{{"at":{at},"pad":"{PAD}"}}}}"#);
    let mut frame = vec![0x81, 126];
    frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(payload.as_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_answer_counts() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]HTTP";
        assert_eq!(answer(bytes).expect("well"), Some(bytes.len() - 4));
        assert_eq!(answer(&bytes[..bytes.len() - 5]).expect("well"), None);
        assert_eq!(answer(b"HTTP/1.1 2").expect("well"), None);
    }

    #[test]
    fn a_refusal_is_told() {
        let error = answer(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 3\r\n\r\nwho").expect_err("it is one");
        assert!(error.to_string().ends_with("who"), "{error}");
    }

    #[test]
    fn an_apps_events_are_numbered() {
        let events: serde_json::Value = serde_json::from_str(&body(["a", "b"].into_iter(), 7, Some(5))).expect("JSON");
        assert_eq!((&events[1]["channel"], &events[1]["data"]["seq"], &events[0]["data"]["at"]), (&"b".into(), &6.into(), &7.into()));
        assert!(!body(["a"].into_iter(), 7, None).contains("seq"));
    }
}
