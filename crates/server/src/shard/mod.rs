//! Sessions, spread over threads: each shard owns its clients' sockets, and writes to them from cursor to head.
//!
//! A shard's threads share nothing but what may be read of the logs. [`Switchboard`] is how the sequencer tells them that
//! something moved; [`Shards`] is how everybody else talks to them.

mod catchup;
mod client;
mod close;
mod commands;
mod counters;
mod framing;
mod hello;
mod io;
mod keepalive;
mod orders;
mod pusher;
mod reading;
mod ready;
mod refusal;
mod ribbon;
mod room;
mod stash;
mod switchboard;
mod track;
mod turns;
mod worker;
mod writing;

pub use client::gap;
pub use counters::Totals;
pub use io::Socket;
pub use orders::Selector;
pub use switchboard::Switchboard;

use crate::{
    handover::HandOvers,
    hub::Hub,
    nodes::Across,
    presence::Presences,
    principals::Principals,
    pusher::{Roster, roster::Tell},
    served::Served,
    session::SessionSpec,
};
use counters::Counters;
use orders::Order;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    rc::Rc,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use switchboard::Switch;
use tidewire_contract::Principal;
use tidewire_engine::Spread;
use tidewire_wire::pusher::Notice;
use tokio::sync::{mpsc, oneshot};

/// What every shard needs of the server.
pub struct ShardEnv {
    pub hub: Arc<Hub>,
    pub check: Arc<dyn TokenCheck>,
    pub presence: Presences,
    /// Who decides about clients' events, where that is not the contract alone.
    pub hand_overs: HandOvers,
    pub roster: Arc<Roster>,
    pub principals: Arc<Principals>,
    /// The nodes that share its channels, where there are some.
    pub across: Option<Arc<Across>>,
    /// How shards give each other orders.
    pub switches: Arc<Switches>,
    /// Largest message of a client, in bytes.
    pub message_bytes: usize,
    /// Channels that one client may be on.
    pub channels_per_client: usize,
    /// How long a client that is being closed may take to say goodbye.
    pub goodbye: Duration,
}

/// Checks a new token over a connection that is already open.
pub trait TokenCheck: Send + Sync + 'static {
    /// The principal, and when the token expires (µs). `from`: where the connection comes from.
    ///
    /// # Errors
    /// Which check failed, in words for the client.
    fn check(&self, served: &Served, token: &str, from: IpAddr) -> Result<(Arc<Principal>, Option<i64>), String>;
}

/// All shards of the node.
pub struct Shards {
    shards: Vec<Shard>,
    next: AtomicUsize,
}

/// The connection that was to be bound to a principal is another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection belongs to another principal")]
pub struct BoundToAnother;

/// The way to every shard, once they are there.
#[derive(Default)]
pub struct Switches(OnceLock<Vec<mpsc::UnboundedSender<Order>>>);

impl Switches {
    fn send(&self, order: impl Fn() -> Order) {
        for shard in self.0.get().into_iter().flatten() {
            let _ = shard.send(order());
        }
    }

    /// The connection's place was taken by a newer one of its principal.
    pub fn evict(&self, connection: u64) {
        self.order(|answer| Order::Evict(connection, answer));
    }

    /// The connection has said whose it is, and its principal has as many as it may have.
    pub fn turn_away(&self, connection: u64) {
        self.send(|| Order::TurnAway(connection));
    }

    /// Gives an order without waiting for what comes of it.
    fn order(&self, order: impl Fn(oneshot::Sender<usize>) -> Order) {
        self.send(|| order(oneshot::channel().0));
    }
}

impl Tell for Switches {
    fn channel(&self, log: &Arc<str>, number: u64, notice: &Notice) {
        let frame = pusher::framed(notice);
        self.send(|| Order::Notice(log.clone(), number, frame.clone()));
    }

    fn connections(&self, connections: &[u64], notice: &Notice) {
        let (connections, frame): (Arc<[u64]>, _) = (connections.into(), pusher::framed(notice));
        self.send(|| Order::NoticeTo(connections.clone(), frame.clone()));
    }
}

struct Shard {
    orders: mpsc::UnboundedSender<Order>,
    counters: Arc<Counters>,
}

impl Shards {
    /// Starts one thread for each switch of the board.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(board: &Switchboard, env: ShardEnv) -> std::io::Result<Shards> {
        let switches = env.switches.clone();
        let env = Arc::new(env);
        let mut shards = Vec::new();
        for (index, switch) in board.switches().iter().enumerate() {
            let (orders, inbox) = mpsc::unbounded_channel();
            let counters = Arc::new(Counters::default());
            let (env, switch, counted) = (env.clone(), switch.clone(), counters.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (sockets, registry) = {
                let _within = runtime.enter();
                ready::queue()?
            };
            std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
                let worker = Rc::new(worker::Worker::new(index, env, counted, ready::Ready::new(registry)));
                let local = tokio::task::LocalSet::new();
                local.spawn_local(turns::run(worker.clone(), sockets));
                local.block_on(&runtime, worker.run(switch, inbox));
            })?;
            shards.push(Shard { orders, counters });
        }
        switches.0.set(shards.iter().map(|s| s.orders.clone()).collect()).unwrap_or_default();
        Ok(Shards { shards, next: AtomicUsize::new(0) })
    }

    /// The connection is this principal's of the contract from now on. `false`: the contract has no such connection.
    ///
    /// # Errors
    /// It is another principal's already.
    pub async fn bind(&self, connection: u64, contract: &str, principal: Arc<Principal>) -> Result<bool, BoundToAnother> {
        match self.ask(|answer| Order::Bind(connection, contract.to_owned(), principal.clone(), answer)).await {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(BoundToAnother),
        }
    }

    /// Hands a client over: writes `response` (the head of a 101 or of an event stream), treats `leftover` as if it had been
    /// read from the socket, and serves the session until it ends.
    pub fn adopt(&self, socket: Socket, response: Vec<u8>, leftover: Vec<u8>, spec: SessionSpec) {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        let _ = self.shards[index].orders.send(Order::Adopt(Box::new(orders::Adopted { socket, response, leftover, spec })));
    }

    /// Closes the sessions that fit, with a close code that says why; how many there were.
    pub async fn disconnect(&self, who: Selector, reason: &str) -> usize {
        self.ask(|answer| Order::Disconnect(who.clone(), close::ENDED, reason.to_owned(), answer)).await
    }

    /// The same, with a code by which clients come back: what they may is another thing now, and they have to show it again.
    pub async fn recall(&self, who: Selector, reason: &str) -> usize {
        self.ask(|answer| Order::Disconnect(who.clone(), close::COME_BACK, reason.to_owned(), answer)).await
    }

    /// Takes the sessions that fit off the channel; how many there were.
    pub async fn unsubscribe(&self, who: Selector, channel: &str) -> usize {
        self.ask(|answer| Order::Unsubscribe(who.clone(), channel.to_owned(), answer)).await
    }

    /// How many sessions are subscribed to a log (`contract/channel`).
    pub async fn subscribers(&self, log: &str) -> usize {
        self.ask(|answer| Order::Subscribers(log.to_owned(), answer)).await
    }

    /// Closes all sessions with 1012, spread evenly over `time`, and returns when they are gone.
    pub async fn drain(&self, time: Duration) {
        self.ask(|answer| Order::Drain(time, answer)).await;
    }

    /// What the sessions of each contract and transport have done so far.
    pub fn totals(&self) -> Vec<Totals> {
        let mut all: Vec<Totals> = Vec::new();
        for totals in self.shards.iter().flat_map(|s| s.counters.totals()) {
            match all.iter_mut().find(|t| t.contract == totals.contract && t.transport == totals.transport) {
                Some(known) => known.add(&totals),
                None => all.push(totals),
            }
        }
        all
    }

    /// For each contract, how long it took from an event being there to be seen to its last byte for those who take it at once.
    pub fn fan_outs(&self) -> BTreeMap<Arc<str>, Spread> {
        let mut all: BTreeMap<Arc<str>, Spread> = BTreeMap::new();
        for (contract, spread) in self.shards.iter().flat_map(|s| s.counters.fan_outs()) {
            all.entry(contract).or_default().add(&spread);
        }
        all
    }

    async fn ask(&self, order: impl Fn(oneshot::Sender<usize>) -> Order) -> usize {
        let mut answers = Vec::new();
        for shard in &self.shards {
            let (answer, answered) = oneshot::channel();
            if shard.orders.send(order(answer)).is_ok() {
                answers.push(answered);
            }
        }
        let mut sum = 0;
        for answered in answers {
            sum += answered.await.unwrap_or(0);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, B, C, F>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    /// An idle client on a plain socket is its state; over TLS a future waits for it besides. Both are small.
    #[test]
    fn an_idle_client_is_small() {
        let sizes = [
            ("client", size_of::<client::Client>(), 304),
            ("track", size_of::<track::Track>(), 80),
            ("socket", size_of::<io::Io>(), 32),
            ("Pusher", size_of::<pusher::State>(), 96),
            ("future", size(reading::serve), 320),
        ];
        assert!(sizes.iter().all(|(_, size, most)| size <= most), "what, bytes, at most: {sizes:?}");
    }
}
