//! What stands between the clients and the server, and lets things go wrong on the way.
//!
//! Requests go through as they are, one to a connection. Of what comes back, WebSocket messages and events of streams are looked at one by one
//! ([`imp`]); pages of polls and of histories are not.

mod head;
mod imp;
mod socket;
mod stream;

use super::{ledger::Ledger, mischief::Mischief};
use crate::site::Site;
use head::Head;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tidewire_contract::Contract;
use tokio::{
    io::{AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Lets go of what a channel's history has.
pub type Forget = Arc<dyn Fn(&str) + Send + Sync>;

pub struct Relay {
    pub address: SocketAddr,
    listener: TcpListener,
    plan: Arc<Plan>,
}

/// What every connection knows.
pub(super) struct Plan {
    upstream: String,
    contract: Arc<Contract>,
    seed: u64,
    mischief: Mischief,
    ledger: Arc<Ledger>,
    forget: Forget,
}

/// How long a client may take to say what it wants.
const HEAD_TIME: Duration = Duration::from_secs(10);

impl Relay {
    /// Listens in front of a server.
    ///
    /// # Errors
    /// In words, when the address cannot be had.
    pub async fn open(
        site: &Site,
        listen: SocketAddr,
        seed: u64,
        mischief: Mischief,
        ledger: Arc<Ledger>,
        forget: Forget,
    ) -> Result<Relay, String> {
        let words = |e: std::io::Error| format!("cannot listen on {listen}: {e}");
        let listener = TcpListener::bind(listen).await.map_err(words)?;
        let address = listener.local_addr().map_err(words)?;
        let upstream = site.url.trim_start_matches("http://").to_owned();
        let plan = Plan { upstream, contract: site.contract.clone(), seed, mischief, ledger, forget };
        Ok(Relay { address, listener, plan: Arc::new(plan) })
    }

    /// Relays until it is dropped.
    pub async fn run(self) {
        let mut connections = JoinSet::new();
        loop {
            let Ok((client, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            while connections.try_join_next().is_some() {}
            let plan = self.plan.clone();
            connections.spawn(async move {
                // A connection that breaks off is what this is for.
                let _ = serve(&plan, client).await;
            });
        }
    }
}

async fn serve(plan: &Arc<Plan>, mut client: TcpStream) -> std::io::Result<()> {
    let Ok(Some((mut head, rest))) = tokio::time::timeout(HEAD_TIME, Head::read(&mut client)).await.unwrap_or(Ok(None)) else {
        return Ok(());
    };
    let mut server = TcpStream::connect(&plan.upstream).await?;
    let websocket = head.has("upgrade", "websocket");
    let stream = head.has("accept", "text/event-stream");
    // Compressed messages could not be looked at; the next request comes by a connection of its own.
    head.remove("sec-websocket-extensions");
    if !websocket {
        head.set("connection", "close");
    }
    server.write_all(&head.to_bytes()).await?;
    server.write_all(&rest).await?;
    if !websocket && !stream {
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    let Some((answer, rest)) = Head::read(&mut server).await? else { return Ok(()) };
    client.write_all(&answer.to_bytes()).await?;
    if websocket && answer.is("101") {
        return socket::relay(plan.clone(), client, server, rest).await;
    }
    if stream && answer.is("200") && answer.has("content-type", "text/event-stream") {
        return stream::relay(plan.clone(), client, server, rest).await;
    }
    client.write_all(&rest).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
