//! Connections of clients, up to where events come.

use crate::{server::Server, setup};
use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};

/// How long a server may take to let a client in.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    WebSocket,
    /// WebSocket with permessage-deflate.
    Deflate,
    Sse,
}

const UPGRADE: &str =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";

/// Clients from one address: it has 28,000 ports, and those of clients that have left are taken for another minute.
const FROM_ONE_ADDRESS: usize = 20_000;
/// All clients of this process so far.
static CONNECTED: AtomicUsize = AtomicUsize::new(0);

/// Connects; on this machine, every so many clients come from another address of the loopback range.
pub async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.is_ipv4() && address.ip().is_loopback() {
        // Ports of the last run may still be taken: another run, another address.
        let run = std::process::id();
        let part = CONNECTED.fetch_add(1, Ordering::Relaxed) / FROM_ONE_ADDRESS % 250;
        socket.bind(SocketAddr::from(([127, (run >> 8) as u8, run as u8, 2 + part as u8], 0)))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A client of the server: asks for the path, and reads the answer's head. What came behind it comes with the connection.
///
/// # Errors
/// The server refuses (the error is its answer), or takes too long.
pub async fn open(address: SocketAddr, path: &str, kind: Kind) -> io::Result<(TcpStream, Vec<u8>)> {
    timely(path, async {
        let mut stream = connect(address).await?;
        let more = match kind {
            Kind::WebSocket => UPGRADE.to_owned(),
            Kind::Deflate => [UPGRADE, DEFLATE].concat(),
            Kind::Sse => "Accept: text/event-stream\r\n".to_owned(),
        };
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{more}\r\n").as_bytes()).await?;
        let mut head = Vec::new();
        let end = loop {
            read(&stream, &mut head).await?;
            if let Some(end) = memchr::memmem::find(&head, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let rest = head.split_off(end);
        let text = String::from_utf8_lossy(&head);
        let wanted = if kind == Kind::Sse { "HTTP/1.1 200" } else { "HTTP/1.1 101" };
        if !text.starts_with(wanted) {
            return Err(io::Error::other(format!("{path} was refused: {text}")));
        }
        if kind == Kind::Deflate && !text.to_ascii_lowercase().contains("permessage-deflate") {
            return Err(io::Error::other(format!("{path}: the server does not agree to permessage-deflate: {text}")));
        }
        Ok((stream, rest))
    })
    .await
}

/// A client of the Pusher protocol that has subscribed to a channel.
///
/// # Errors
/// As of [`open`].
pub async fn subscribe(server: &Server, channel: &str) -> io::Result<(TcpStream, Vec<u8>)> {
    let path = format!("/app/{}?protocol=7&client=bench&version=1", setup::APP_KEY);
    let (mut stream, mut rest) = open(server.address, &path, Kind::WebSocket).await?;
    timely(&path, async {
        stream.write_all(&masked(0x81, format!(r#"{{"event":"pusher:subscribe","data":{{"channel":"{channel}"}}}}"#).as_bytes())).await?;
        // Events may follow at once: only what comes before them is taken off.
        loop {
            let Some((frame, length)) = take(&rest).map(|(frame, length)| (frame.to_vec(), length)) else {
                read(&stream, &mut rest).await?;
                continue;
            };
            rest.drain(..length);
            if memchr::memmem::find(&frame, b"subscription_succeeded").is_some() {
                return Ok((stream, rest));
            }
            if memchr::memmem::find(&frame, b"connection_established").is_none() {
                return Err(io::Error::other(format!("the subscription was refused: {}", String::from_utf8_lossy(&frame))));
            }
        }
    })
    .await
}

/// The payload of the whole frame that comes first, and how long the frame is.
pub(crate) fn take(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (head, length) = match bytes {
        [_, n @ 0..=125, ..] => (2, usize::from(*n)),
        [_, 126, a, b, ..] => (4, usize::from(u16::from_be_bytes([*a, *b]))),
        _ => return None,
    };
    Some((bytes.get(head..head + length)?, head + length))
}

/// A short frame of a client. The mask is zero: the payload stays as it is.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | payload.len().min(125) as u8, 0, 0, 0, 0], &payload[..payload.len().min(125)]].concat()
}

async fn read(stream: &TcpStream, into: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 4096];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut chunk) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed a connection that had just begun")),
            Ok(n) => {
                into.extend_from_slice(&chunk[..n]);
                return Ok(());
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}

async fn timely<T>(what: &str, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("{what}: the server did not answer within {} s", PATIENCE.as_secs())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_frame_is_taken() {
        assert_eq!(take(b"\x81\x02hi!"), Some((&b"hi"[..], 4)));
        assert_eq!(take(b"\x81\x03hi"), None);
        assert_eq!(take(b"\x81"), None);
        let long = [&[0x81, 126, 1, 0][..], &[b'x'; 256]].concat();
        assert_eq!(take(&long).map(|(payload, length)| (payload.len(), length)), Some((256, 260)));
    }

    #[test]
    fn what_a_client_sends_is_masked() {
        assert_eq!(masked(0x8a, b"hi"), b"\x8a\x82\0\0\0\0hi");
    }
}
