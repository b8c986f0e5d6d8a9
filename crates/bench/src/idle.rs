//! What an idle client costs in memory.

use crate::{
    clients,
    report::Figure,
    server::{Server, memory},
};
use std::{io, time::Duration};

pub async fn run(server: &Server, kind: &str, count: usize) -> io::Result<Figure> {
    let path = format!("/{kind}/process/1?token={}", server.token);
    let mut held = Vec::with_capacity(count);
    // What the first clients cost is not what a client costs.
    for i in 0..100 {
        held.push(clients::open(server.address, i, &path, kind == "ws").await?);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = memory(server.pid());
    for i in 0..count {
        held.push(clients::open(server.address, i, &path, kind == "ws").await?);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = memory(server.pid()).saturating_sub(before) as f64 / count as f64;
    let most = if kind == "ws" { 1024.0 } else { 2048.0 };
    Ok(Figure::new(format!("idle {kind} clients, {count}")).with("bytes each", each).bound(each, most))
}
