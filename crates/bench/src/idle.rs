//! What an idle client costs in memory.

use crate::{
    connect::{self, Kind},
    process::memory,
    report::Figure,
    server::Server,
};
use std::{io, time::Duration};
use tokio::net::TcpStream;

/// How many there are. Memory comes in pages of up to 2 MiB, which are 200 bytes for each of so many.
pub const COUNT: usize = 10_000;

/// Idle clients of one kind.
#[derive(Debug, Clone, Copy)]
pub enum Idle {
    Json(Kind),
    Pusher,
}

impl Idle {
    pub const ALL: [Idle; 4] = [Idle::Json(Kind::WebSocket), Idle::Json(Kind::Deflate), Idle::Json(Kind::Sse), Idle::Pusher];

    /// What they are called, and how many bytes each may cost.
    pub fn target(self) -> (&'static str, f64) {
        match self {
            Idle::Json(Kind::WebSocket) => ("WebSocket", 1024.0),
            Idle::Json(Kind::Deflate) => ("WebSocket with permessage-deflate", 1024.0),
            Idle::Json(Kind::Sse) => ("SSE", 2048.0),
            Idle::Pusher => ("Pusher", 1024.0),
        }
    }

    async fn open(self, server: &Server, channel: &str) -> io::Result<TcpStream> {
        let (stream, _) = match self {
            Idle::Pusher => connect::subscribe(server, channel).await?,
            Idle::Json(kind) => {
                let door = if kind == Kind::Sse { "sse" } else { "ws" };
                connect::open(server.address, &format!("/{door}/process/{channel}?token={}", server.token), kind).await?
            }
        };
        Ok(stream)
    }
}

pub async fn run(server: &Server, idle: Idle, count: usize) -> io::Result<Vec<Figure>> {
    let (name, most) = idle.target();
    let Some(pid) = server.pid else {
        return Err(io::Error::other("the memory of a server that was given by --url is not known without --pid"));
    };
    let channel = server.fresh();
    let mut held = Vec::with_capacity(count);
    // What the first clients cost is not what a client costs.
    for _ in 0..100 {
        held.push(idle.open(server, &channel).await?);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = memory(pid)?;
    for _ in 100..count {
        held.push(idle.open(server, &channel).await?);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let each = memory(pid)?.saturating_sub(before) as f64 / (count - 100) as f64;
    Ok(vec![Figure::new(format!("{count} idle clients, {name}")).at_most("bytes of each", Some(each), most)])
}
