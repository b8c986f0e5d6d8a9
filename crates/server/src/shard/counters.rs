//! What a shard has done, for the metrics. One set a shard, so that counting costs no shared line.

use std::{
    iter::Sum,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

#[derive(Default)]
pub(super) struct Counters {
    opened: AtomicU64,
    closed: AtomicU64,
    joined: AtomicU64,
    left: AtomicU64,
    delivered: AtomicU64,
    bytes_out: AtomicU64,
    bytes_in: AtomicU64,
    frames_in: AtomicU64,
    refused: AtomicU64,
}

/// The sums over all shards since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub opened: u64,
    pub closed: u64,
    pub joined: u64,
    pub left: u64,
    pub delivered: u64,
    pub bytes_out: u64,
    pub bytes_in: u64,
    pub frames_in: u64,
    pub refused: u64,
}

impl Counters {
    // Only the shard's own thread writes, so a load and a store do.
    fn add(counter: &AtomicU64, n: u64) {
        counter.store(counter.load(Relaxed) + n, Relaxed);
    }

    pub(super) fn opened(&self) {
        Self::add(&self.opened, 1);
    }

    pub(super) fn closed(&self) {
        Self::add(&self.closed, 1);
    }

    pub(super) fn joined(&self) {
        Self::add(&self.joined, 1);
    }

    pub(super) fn left(&self) {
        Self::add(&self.left, 1);
    }

    pub(super) fn delivered(&self, events: u64, bytes: usize) {
        Self::add(&self.delivered, events);
        self.wrote(bytes);
    }

    pub(super) fn wrote(&self, bytes: usize) {
        Self::add(&self.bytes_out, bytes as u64);
    }

    pub(super) fn read(&self, bytes: usize) {
        Self::add(&self.bytes_in, bytes as u64);
    }

    pub(super) fn frame(&self) {
        Self::add(&self.frames_in, 1);
    }

    pub(super) fn refused(&self) {
        Self::add(&self.refused, 1);
    }

    pub(super) fn totals(&self) -> Totals {
        Totals {
            opened: self.opened.load(Relaxed),
            closed: self.closed.load(Relaxed),
            joined: self.joined.load(Relaxed),
            left: self.left.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            frames_in: self.frames_in.load(Relaxed),
            refused: self.refused.load(Relaxed),
        }
    }
}

impl Sum for Totals {
    fn sum<I: Iterator<Item = Totals>>(all: I) -> Totals {
        all.fold(Totals::default(), |a, b| Totals {
            opened: a.opened + b.opened,
            closed: a.closed + b.closed,
            joined: a.joined + b.joined,
            left: a.left + b.left,
            delivered: a.delivered + b.delivered,
            bytes_out: a.bytes_out + b.bytes_out,
            bytes_in: a.bytes_in + b.bytes_in,
            frames_in: a.frames_in + b.frames_in,
            refused: a.refused + b.refused,
        })
    }
}
