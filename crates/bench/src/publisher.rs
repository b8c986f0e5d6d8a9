//! A backend: one connection that is kept, requests one after the other.

use crate::{clients::now, server::KEY};
use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub struct Publisher {
    stream: TcpStream,
    read: Vec<u8>,
}

const PAD: &str =
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

impl Publisher {
    pub async fn new(address: SocketAddr) -> io::Result<Publisher> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Publisher { stream, read: Vec::new() })
    }

    /// Publishes so many events at once to the channel.
    pub async fn publish(&mut self, channel: &str, count: usize) -> io::Result<()> {
        self.post(&body((0..count).map(|_| channel))).await
    }

    /// Publishes one event to each of the channels, at once.
    pub async fn publish_each(&mut self, channels: &[String]) -> io::Result<()> {
        self.post(&body(channels.iter().map(String::as_str))).await
    }

    async fn post(&mut self, body: &str) -> io::Result<()> {
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await?;
        loop {
            if let Some(end) = memchr::memmem::find(&self.read, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.read[..end]).to_ascii_lowercase();
                let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok()).unwrap_or(0);
                if self.read.len() >= end + 4 + length {
                    let answer: Vec<u8> = self.read.drain(..end + 4 + length).collect();
                    if !answer.starts_with(b"HTTP/1.1 200") {
                        return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
                    }
                    return Ok(());
                }
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn body<'a>(channels: impl Iterator<Item = &'a str>) -> String {
    let mut body = String::from("[");
    for channel in channels {
        if body.len() > 1 {
            body.push(',');
        }
        body.push_str(&format!(r#"{{"channel":"{channel}","type":"tick","data":{{"at":{},"pad":"{PAD}"}}}}"#, now()));
    }
    body.push(']');
    body
}

/// A frame such as the server makes, for the floor.
pub fn frame(seq: u64) -> Vec<u8> {
    let payload = format!(r#"{{"seq":{seq},"data":{{"at":{},"pad":"{PAD}"}}}}"#, now());
    let mut frame = vec![0x81, 126];
    frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(payload.as_bytes());
    frame
}
