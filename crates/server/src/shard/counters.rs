//! What a shard has done, for the metrics. One set a shard, so that counting costs no shared line.

use crate::session::{SessionSpec, Transport};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};
use tidewire_engine::{Spread, Times};

/// All that one shard counts.
#[derive(Default)]
pub(super) struct Counters {
    tallies: Mutex<Vec<Arc<Tally>>>,
    fan_outs: Mutex<Vec<(Arc<str>, Arc<Times>)>>,
}

/// What the sessions of one contract and one transport did on one shard.
pub(super) struct Tally {
    contract: Arc<str>,
    transport: &'static str,
    numbers: [AtomicU64; NUMBERS],
    refused: Mutex<BTreeMap<&'static str, u64>>,
    ended: Mutex<BTreeMap<u16, u64>>,
}

const NUMBERS: usize = 14;
const OPENED: usize = 0;
const CLOSED: usize = 1;
const JOINED: usize = 2;
const LEFT: usize = 3;
const DELIVERED: usize = 4;
const BYTES_OUT: usize = 5;
const BYTES_IN: usize = 6;
const FRAMES_IN: usize = 7;
const SLOWED: usize = 8;
const RECOVERED: usize = 9;
const PAGES: usize = 10;
const GAPS: usize = 11;
const REPLIES: usize = 12;
const EVICTED: usize = 13;

/// What the sessions of one contract and one transport did since the start, over all shards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    pub contract: Arc<str>,
    /// `websocket`, `sse` or `pusher`.
    pub transport: &'static str,
    pub opened: u64,
    pub closed: u64,
    /// Channels that sessions came onto, and went off.
    pub joined: u64,
    pub left: u64,
    /// Events written.
    pub delivered: u64,
    /// Answers and other messages written that are no events.
    pub replies: u64,
    pub bytes_out: u64,
    pub bytes_in: u64,
    pub frames_in: u64,
    /// Times that a client did not take at once what there was for it, and times that it had caught up again.
    pub slowed: u64,
    pub recovered: u64,
    /// Pages that were read from the store for clients that were behind.
    pub pages: u64,
    /// Gaps that clients were told of.
    pub gaps: u64,
    /// Older sessions that a newer one of the same principal took the place of.
    pub evicted: u64,
    /// Messages of clients that were refused, by code.
    pub refused: BTreeMap<&'static str, u64>,
    /// Sessions that the server ended, by close code.
    pub ended: BTreeMap<u16, u64>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Counters {
    /// Where a session counts.
    pub(super) fn of(&self, spec: &SessionSpec) -> Arc<Tally> {
        let contract = &spec.served.contract;
        let transport = match spec.transport {
            Transport::Sse => "sse",
            Transport::Pusher(_) => "pusher",
            Transport::WebSocket(_) => "websocket",
        };
        let mut tallies = locked(&self.tallies);
        if let Some(tally) = tallies.iter().find(|t| t.transport == transport && *t.contract == *contract.name) {
            return tally.clone();
        }
        let tally = Arc::new(Tally {
            contract: contract.name.as_str().into(),
            transport,
            numbers: Default::default(),
            refused: Mutex::default(),
            ended: Mutex::default(),
        });
        tallies.push(tally.clone());
        tally
    }

    /// What moved in a log at `since` was written to everybody here who takes it at once. One look at the clock for all of them.
    pub(super) fn fanned_out(&self, log: &str, since: Instant) {
        let took = since.elapsed();
        let contract = log.split_once('/').map_or(log, |(contract, _)| contract);
        let mut all = locked(&self.fan_outs);
        if let Some((_, times)) = all.iter().find(|(name, _)| **name == *contract) {
            return times.note(took);
        }
        let times = Arc::new(Times::default());
        times.note(took);
        all.push((contract.into(), times));
    }

    pub(super) fn totals(&self) -> Vec<Totals> {
        locked(&self.tallies).iter().map(|tally| tally.totals()).collect()
    }

    pub(super) fn fan_outs(&self) -> Vec<(Arc<str>, Spread)> {
        locked(&self.fan_outs).iter().map(|(contract, times)| (contract.clone(), times.spread())).collect()
    }
}

impl Tally {
    // Only the shard's own thread writes, so a load and a store do.
    fn add(&self, number: usize, n: u64) {
        let counter = &self.numbers[number];
        counter.store(counter.load(Relaxed) + n, Relaxed);
    }

    /// `websocket`, `sse` or `pusher`.
    pub(super) fn transport(&self) -> &'static str {
        self.transport
    }

    pub(super) fn opened(&self) {
        self.add(OPENED, 1);
    }

    pub(super) fn closed(&self) {
        self.add(CLOSED, 1);
    }

    pub(super) fn joined(&self) {
        self.add(JOINED, 1);
    }

    pub(super) fn left(&self) {
        self.add(LEFT, 1);
    }

    /// Events, and how many bytes of them went out just now.
    pub(super) fn delivered(&self, events: u64, bytes: usize) {
        self.add(DELIVERED, events);
        self.wrote(bytes);
    }

    pub(super) fn wrote(&self, bytes: usize) {
        self.add(BYTES_OUT, bytes as u64);
    }

    /// A message that is no event.
    pub(super) fn replied(&self) {
        self.add(REPLIES, 1);
    }

    pub(super) fn read(&self, bytes: usize) {
        self.add(BYTES_IN, bytes as u64);
    }

    pub(super) fn frame(&self) {
        self.add(FRAMES_IN, 1);
    }

    /// A message was refused with this code.
    pub(super) fn refused(&self, code: &'static str) {
        *locked(&self.refused).entry(code).or_default() += 1;
    }

    /// The same, where the protocol has numbers like those of HTTP.
    pub(super) fn refused_with(&self, status: u16) {
        self.refused(match status {
            401 | 403 | 4009 => "UNAUTHORIZED",
            404 => "NOT_FOUND",
            429 | 4301 => "RATE_LIMITED",
            503 => "UNAVAILABLE",
            _ => "INVALID_PAYLOAD",
        });
    }

    /// A newer session took the place of this one.
    pub(super) fn evicted(&self) {
        self.add(EVICTED, 1);
    }

    /// The server ends a session.
    pub(super) fn ended(&self, code: u16) {
        *locked(&self.ended).entry(code).or_default() += 1;
    }

    pub(super) fn slowed(&self) {
        self.add(SLOWED, 1);
    }

    pub(super) fn recovered(&self) {
        self.add(RECOVERED, 1);
    }

    /// A page was read from the store for a client, with so many gaps to tell.
    pub(super) fn caught_up(&self, gaps: usize) {
        self.add(PAGES, 1);
        self.add(GAPS, gaps as u64);
    }

    pub(super) fn gap(&self) {
        self.add(GAPS, 1);
    }

    fn totals(&self) -> Totals {
        let number = |number: usize| self.numbers[number].load(Relaxed);
        Totals {
            contract: self.contract.clone(),
            transport: self.transport,
            opened: number(OPENED),
            closed: number(CLOSED),
            joined: number(JOINED),
            left: number(LEFT),
            delivered: number(DELIVERED),
            replies: number(REPLIES),
            bytes_out: number(BYTES_OUT),
            bytes_in: number(BYTES_IN),
            frames_in: number(FRAMES_IN),
            slowed: number(SLOWED),
            recovered: number(RECOVERED),
            pages: number(PAGES),
            gaps: number(GAPS),
            evicted: number(EVICTED),
            refused: locked(&self.refused).clone(),
            ended: locked(&self.ended).clone(),
        }
    }
}

impl Totals {
    /// What another shard counted of the same.
    pub(super) fn add(&mut self, other: &Totals) {
        for (mine, theirs) in [
            (&mut self.opened, other.opened),
            (&mut self.closed, other.closed),
            (&mut self.joined, other.joined),
            (&mut self.left, other.left),
            (&mut self.delivered, other.delivered),
            (&mut self.replies, other.replies),
            (&mut self.bytes_out, other.bytes_out),
            (&mut self.bytes_in, other.bytes_in),
            (&mut self.frames_in, other.frames_in),
            (&mut self.slowed, other.slowed),
            (&mut self.recovered, other.recovered),
            (&mut self.pages, other.pages),
            (&mut self.gaps, other.gaps),
            (&mut self.evicted, other.evicted),
        ] {
            *mine += theirs;
        }
        for (code, n) in &other.refused {
            *self.refused.entry(code).or_default() += n;
        }
        for (code, n) in &other.ended {
            *self.ended.entry(*code).or_default() += n;
        }
    }
}
