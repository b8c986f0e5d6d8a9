//! Sessions, spread over threads: each shard owns its clients' sockets and writes to them.

use crate::session::SessionSpec;
use bytes::Bytes;
use std::net::TcpStream;
use tokio::sync::mpsc;

/// All shards of the node.
pub struct Shards {}

/// Where a session's bytes go.
pub enum Socket {
    /// A plain TCP socket, in non-blocking mode.
    Plain(TcpStream),
    /// Over TLS.
    Tls(Box<tokio_rustls::server::TlsStream<tokio::net::TcpStream>>),
    /// A stream of an HTTP/2 connection, or of an HTTP/1.1 connection that hyper owns: one page at a time.
    Body(mpsc::Sender<Bytes>),
}

/// Which sessions are meant; all of what is given must fit.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    pub contract: Option<String>,
    pub principal: Option<String>,
    pub connection: Option<u64>,
    pub channel: Option<String>,
}

/// One who is on a channel.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Member {
    pub member: serde_json::Value,
    pub info: serde_json::Value,
    pub connections: usize,
}

impl Shards {
    /// Hands a client over: writes `response` (the head of a 101 or of an event stream), treats `leftover` as if it had been
    /// read from the socket, and serves the session until it ends.
    pub fn adopt(&self, socket: Socket, response: Vec<u8>, leftover: Vec<u8>, spec: SessionSpec) {
        let _ = (socket, response, leftover, spec);
        todo!()
    }

    /// Closes the sessions that fit, with a close code that says why; how many there were.
    pub async fn disconnect(&self, who: Selector, reason: &str) -> usize {
        let _ = (who, reason);
        todo!()
    }

    /// Takes the sessions that fit off the channel; how many there were.
    pub async fn unsubscribe(&self, who: Selector, channel: &str) -> usize {
        let _ = (who, channel);
        todo!()
    }

    /// How many sessions are subscribed to a log (`contract/channel`).
    pub async fn subscribers(&self, log: &str) -> usize {
        let _ = log;
        todo!()
    }

    /// Who is on the channel (`contract/channel`), by the contract's `presence`.
    pub async fn presence(&self, log: &str) -> Vec<Member> {
        let _ = log;
        todo!()
    }
}
