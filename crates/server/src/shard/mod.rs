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
mod io;
mod keepalive;
mod limits;
mod orders;
mod presence;
mod reading;
mod ribbon;
mod room;
mod switchboard;
mod worker;

pub use client::gap;
pub use counters::Totals;
pub use io::Socket;
pub use orders::Selector;
pub use presence::{Member, Presences};
pub use switchboard::Switchboard;

use crate::{hub::Hub, served::Served, session::SessionSpec};
use counters::Counters;
use orders::Order;
use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use switchboard::Switch;
use tidewire_contract::Principal;
use tokio::sync::{mpsc, oneshot};

/// What every shard needs of the server.
pub struct ShardEnv {
    pub hub: Arc<Hub>,
    pub check: Arc<dyn TokenCheck>,
    pub presence: Arc<Presences>,
    /// Largest message of a client, in bytes.
    pub message_bytes: usize,
    /// Channels that one client may be on.
    pub channels_per_client: usize,
    /// How long a client that is being closed may take to say goodbye.
    pub goodbye: Duration,
}

/// Checks a new token over a connection that is already open.
pub trait TokenCheck: Send + Sync + 'static {
    /// The principal, and when the token expires (µs).
    ///
    /// # Errors
    /// Which check failed, in words for the client.
    fn check(&self, served: &Served, token: &str) -> Result<(Arc<Principal>, Option<i64>), String>;
}

/// All shards of the node.
pub struct Shards {
    shards: Vec<Shard>,
    next: AtomicUsize,
    presence: Arc<Presences>,
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
        let presence = env.presence.clone();
        let env = Arc::new(env);
        let mut shards = Vec::new();
        for (index, switch) in board.switches().iter().enumerate() {
            let (orders, inbox) = mpsc::unbounded_channel();
            let counters = Arc::new(Counters::default());
            let (env, switch, counted) = (env.clone(), switch.clone(), counters.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
                let worker = Rc::new(worker::Worker::new(index, env, counted));
                tokio::task::LocalSet::new().block_on(&runtime, worker.run(switch, inbox));
            })?;
            shards.push(Shard { orders, counters });
        }
        Ok(Shards { shards, next: AtomicUsize::new(0), presence })
    }

    /// Hands a client over: writes `response` (the head of a 101 or of an event stream), treats `leftover` as if it had been
    /// read from the socket, and serves the session until it ends.
    pub fn adopt(&self, socket: Socket, response: Vec<u8>, leftover: Vec<u8>, spec: SessionSpec) {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        let _ = self.shards[index].orders.send(Order::Adopt(Box::new(orders::Adopted { socket, response, leftover, spec })));
    }

    /// Closes the sessions that fit, with a close code that says why; how many there were.
    pub async fn disconnect(&self, who: Selector, reason: &str) -> usize {
        self.ask(|answer| Order::Disconnect(who.clone(), reason.to_owned(), answer)).await
    }

    /// Takes the sessions that fit off the channel; how many there were.
    pub async fn unsubscribe(&self, who: Selector, channel: &str) -> usize {
        self.ask(|answer| Order::Unsubscribe(who.clone(), channel.to_owned(), answer)).await
    }

    /// How many sessions are subscribed to a log (`contract/channel`).
    pub async fn subscribers(&self, log: &str) -> usize {
        self.ask(|answer| Order::Subscribers(log.to_owned(), answer)).await
    }

    /// Who is on the channel (`contract/channel`), by the contract's `presence`.
    pub async fn presence(&self, log: &str) -> Vec<Member> {
        self.presence.list(log)
    }

    /// Closes all sessions with 1012, spread evenly over `time`, and returns when they are gone.
    pub async fn drain(&self, time: Duration) {
        self.ask(|answer| Order::Drain(time, answer)).await;
    }

    /// What all shards have done so far.
    pub fn totals(&self) -> Totals {
        self.shards.iter().map(|s| s.counters.totals()).sum()
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

    /// An idle client is its state and the future that waits for it, both small.
    #[test]
    fn an_idle_client_is_small() {
        println!(
            "future {} client {} track {} principal {}",
            size(reading::serve),
            size_of::<client::Client>(),
            size_of::<client::Track>(),
            size_of::<Principal>()
        );
        assert!(size(reading::serve) <= 512, "{}", size(reading::serve));
        assert!(size_of::<client::Client>() <= 512, "{}", size_of::<client::Client>());
    }
}
