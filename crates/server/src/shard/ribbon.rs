//! The newest events of a log as bytes on the wire, framing included: made once, written to everybody.
//!
//! Pure: no sockets. A shard has one for each log and framing in use; a client's cursor is a `seq` in it.

use std::{collections::VecDeque, sync::Arc};
use tidewire_engine::Record;

/// Contiguous frames of consecutive events.
#[derive(Default)]
pub struct Ribbon {
    bytes: Vec<u8>,
    entries: VecDeque<Entry>,
    /// `seq` of the newest event that is not for everybody; 0 where none is.
    restricted: u64,
    /// `seq` of the newest event that somebody does not get although it is for everybody; 0 where none is.
    excepting: u64,
    /// Absolute offset of `bytes[0]`.
    base: u64,
}

struct Entry {
    record: Arc<Record>,
    /// Absolute offset behind its frame.
    end: u64,
}

/// A ribbon that grows over this many bytes lets its older half go.
const MOST: usize = 512 * 1024;

impl Ribbon {
    /// `seq` of the oldest event in it.
    pub fn first(&self) -> Option<u64> {
        self.entries.front().map(|e| e.record.seq)
    }

    /// `seq` of the newest event in it.
    pub fn last(&self) -> Option<u64> {
        self.entries.back().map(|e| e.record.seq)
    }

    /// Appends an event; `encode` appends its frame. An event that does not follow on the last one starts the ribbon anew.
    pub fn push(&mut self, record: &Arc<Record>, encode: impl FnOnce(&mut Vec<u8>)) {
        if self.last().is_some_and(|last| last + 1 != record.seq) {
            self.clear();
        }
        if self.bytes.len() > MOST {
            self.halve();
        }
        encode(&mut self.bytes);
        if record.audience != tidewire_engine::Audience::Everyone {
            self.restricted = record.seq;
        }
        if record.except.is_some() {
            self.excepting = record.seq;
        }
        self.entries.push_back(Entry { record: record.clone(), end: self.base + self.bytes.len() as u64 });
    }

    /// Lets everything go, memory included.
    pub fn clear(&mut self) {
        *self = Ribbon { base: self.base + self.bytes.len() as u64, ..Ribbon::default() };
    }

    fn halve(&mut self) {
        let cut = self.base + (self.bytes.len() / 2) as u64;
        let mut base = self.base;
        while self.entries.front().is_some_and(|e| e.end <= cut) {
            if let Some(entry) = self.entries.pop_front() {
                base = entry.end;
            }
        }
        self.bytes.drain(..(base - self.base) as usize);
        self.base = base;
    }

    /// Whether every event behind `after` is for everybody.
    pub fn is_public(&self, after: u64) -> bool {
        self.restricted <= after && self.excepting <= after
    }

    /// Whether who oversees the channel gets every event behind `after`.
    pub fn is_overseen(&self, after: u64) -> bool {
        self.excepting <= after
    }

    fn index(&self, seq: u64) -> Option<usize> {
        seq.checked_sub(self.first()?).map(|i| i as usize).filter(|i| *i < self.entries.len())
    }

    fn start(&self, index: usize) -> usize {
        let from = if index == 0 { self.base } else { self.entries[index - 1].end };
        (from - self.base) as usize
    }

    /// The frame of one event.
    pub fn frame(&self, seq: u64) -> Option<(&Arc<Record>, &[u8])> {
        let index = self.index(seq)?;
        let entry = &self.entries[index];
        Some((&entry.record, &self.bytes[self.start(index)..(entry.end - self.base) as usize]))
    }

    /// The frames of all events behind `after`, about `most` bytes of them, and the `seq` of the last. `None` where it does
    /// not reach back so far.
    pub fn behind(&self, after: u64, most: usize) -> Option<(&[u8], u64)> {
        let index = self.index(after + 1)?;
        let start = self.start(index);
        if self.bytes.len() - start <= most {
            return Some((&self.bytes[start..], self.last()?));
        }
        let limit = self.base + (start + most) as u64;
        let end = self.entries.partition_point(|e| e.end <= limit).max(index + 1);
        let last = &self.entries[end - 1];
        Some((&self.bytes[start..(last.end - self.base) as usize], last.record.seq))
    }

    /// After `written` bytes of [`Ribbon::behind`] `after`: the `seq` of the last event that is out as a whole or in part,
    /// and what of its frame is still to be written.
    pub fn advance(&self, after: u64, written: usize) -> (u64, &[u8]) {
        let Some(index) = self.index(after + 1) else { return (after, &[]) };
        let reached = self.base + (self.start(index) + written) as u64;
        let whole = self.entries.partition_point(|e| e.end <= reached);
        let boundary = if whole == 0 { self.base } else { self.entries[whole - 1].end };
        let first = self.entries[0].record.seq;
        if boundary >= reached {
            return (first + whole as u64 - 1, &[]);
        }
        let rest = &self.bytes[(reached - self.base) as usize..(self.entries[whole].end - self.base) as usize];
        (first + whole as u64, rest)
    }
}
