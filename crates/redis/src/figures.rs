//! What is counted of a contract on Redis, since the start.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};
use tidewire_engine::{Spread, Times};

/// Counted where it happens.
#[derive(Debug, Default)]
pub struct Figures {
    connections: AtomicU64,
    commands: AtomicU64,
    scripts: AtomicU64,
    failures: AtomicU64,
    times: Times,
    waiting: AtomicI64,
    heard: AtomicU64,
    missed: AtomicU64,
    pages: AtomicU64,
    behind: AtomicU64,
    resets: AtomicU64,
    probes: Times,
}

/// What they are now.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Connections that were made, those over which the others are heard too.
    pub connections: u64,
    /// Commands and scripts that were sent, and how many of these were scripts.
    pub commands: u64,
    pub scripts: u64,
    /// How many had no good answer, and how many times the others could not be connected to.
    pub failures: u64,
    /// From sending to the answer.
    pub times: Spread,
    /// Publishes that were handed in and not answered yet.
    pub waiting: u64,
    /// Messages of all nodes that came.
    pub heard: u64,
    /// Messages that were lost or late: what they told was read from the log.
    pub missed: u64,
    /// Pages that were read to fill holes.
    pub pages: u64,
    /// Events that are known to be there and not shown yet.
    pub behind: u64,
    /// Logs that were found to have lost acknowledged events.
    pub resets: u64,
    /// From sending a probe to hearing it.
    pub probes: Spread,
}

impl Figures {
    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// A connection could not be made, over which the others are heard.
    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// Something was asked at `since`, and is answered now.
    pub(crate) fn asked(&self, since: Instant, is_script: bool, is_good: bool) {
        self.commands.fetch_add(1, Relaxed);
        self.scripts.fetch_add(u64::from(is_script), Relaxed);
        self.failures.fetch_add(u64::from(!is_good), Relaxed);
        self.times.note(since.elapsed());
    }

    pub(crate) fn handed_in(&self) {
        self.waiting.fetch_add(1, Relaxed);
    }

    pub(crate) fn answered(&self) {
        self.waiting.fetch_sub(1, Relaxed);
    }

    pub(crate) fn heard(&self) {
        self.heard.fetch_add(1, Relaxed);
    }

    pub(crate) fn echoed(&self, took: Duration) {
        self.probes.note(took);
    }

    pub(crate) fn paged(&self) {
        self.pages.fetch_add(1, Relaxed);
    }

    pub(crate) fn reset(&self) {
        self.resets.fetch_add(1, Relaxed);
    }

    /// How many messages were missed so far, and how many events are behind now.
    pub(crate) fn follows(&self, missed: u64, behind: u64) {
        self.missed.store(missed, Relaxed);
        self.behind.store(behind, Relaxed);
    }

    pub fn seen(&self) -> Seen {
        let count = |n: &AtomicU64| n.load(Relaxed);
        Seen {
            connections: count(&self.connections),
            commands: count(&self.commands),
            scripts: count(&self.scripts),
            failures: count(&self.failures),
            times: self.times.spread(),
            waiting: u64::try_from(self.waiting.load(Relaxed)).unwrap_or(0),
            heard: count(&self.heard),
            missed: count(&self.missed),
            pages: count(&self.pages),
            behind: count(&self.behind),
            resets: count(&self.resets),
            probes: self.probes.spread(),
        }
    }
}
