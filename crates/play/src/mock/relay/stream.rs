//! An event stream, block by block.

use super::{
    Plan,
    imp::{Act, HELD, Imp},
};
use serde_json::{Value, json};
use std::{io, sync::Arc};
use tidewire_contract::Contract;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

/// Relays what the server tells. `first`: what came behind its answer's head.
pub async fn relay(plan: Arc<Plan>, mut client: TcpStream, mut server: TcpStream, first: Vec<u8>) -> io::Result<()> {
    let contract = plan.contract.clone();
    let mut imp = Imp::new(plan);
    let mut bytes = first;
    let mut until = Instant::now();
    let mut nothing = [0; 1];
    loop {
        while let Some(end) = bytes.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = bytes.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&block);
            let data: String = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
            let acts = if data.is_empty() { vec![Act::Tell(block)] } else { imp.meet(&data, block).await };
            if imp.holds() {
                until = Instant::now() + HELD;
            }
            if !act(&contract, &mut client, acts).await? {
                return Ok(());
            }
        }
        tokio::select! {
            read = server.read_buf(&mut bytes) => if read? == 0 {
                return Ok(());
            },
            // Whoever leaves is not told anything any more.
            read = client.read(&mut nothing) => if read? == 0 {
                return Ok(());
            },
            () = tokio::time::sleep_until(until), if imp.holds() => {
                let acts = imp.release();
                act(&contract, &mut client, acts).await?;
            }
        }
    }
}

/// False: that was the end.
async fn act(contract: &Contract, client: &mut TcpStream, acts: Vec<Act>) -> io::Result<bool> {
    for act in acts {
        match act {
            Act::Tell(block) => client.write_all(&block).await?,
            Act::Gap(text) => {
                // As the server has it: where the protocol has an event of its own for it, it is one.
                let told: Value = serde_json::from_str(&text).unwrap_or_default();
                let own = told["type"].as_str().is_some_and(|t| contract.event(t).is_some());
                let event = if own { "" } else { "event: gap\n" };
                client.write_all(format!("{event}data: {text}\n\n").as_bytes()).await?;
            }
            Act::Close(code) => {
                let told = json!({ "code": code, "reason": "the mock ends it" });
                client.write_all(format!("event: close\ndata: {told}\n\n").as_bytes()).await?;
                return Ok(false);
            }
            Act::Cut => return Ok(false),
        }
    }
    client.flush().await?;
    Ok(true)
}
