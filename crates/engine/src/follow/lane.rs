//! One log that is followed.

use super::Standing;
use crate::record::Record;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

#[derive(Debug, Default)]
pub(super) struct Lane {
    /// It is known where the log stands.
    pub open: bool,
    pub epoch: i64,
    /// Up to here it is shown; `at` is that of the event there.
    pub head: u64,
    pub at: i64,
    /// The head when it was last asked where the log stands: the answer says of this whether it is there.
    pub asked: u64,
    /// Up to here there are events.
    pub want: u64,
    /// The newest that are shown, `seq` and `at`: by them it is known up to where other contents are the same.
    recent: VecDeque<(u64, i64)>,
    /// Events behind a hole.
    ahead: BTreeMap<u64, Arc<Record>>,
    /// Something came that cannot follow on what is shown.
    pub odd: bool,
    /// What follows the head is being read.
    pub paging: bool,
}

/// Places that are remembered of each log.
const RECENT: usize = 64;
/// Events behind a hole that are kept; the rest is read again.
const AHEAD_MAX: usize = 4096;

impl Lane {
    /// An event; what may be shown for it.
    pub fn offer(&mut self, record: Arc<Record>) -> Vec<Arc<Record>> {
        self.want = self.want.max(record.seq);
        if !self.open || record.seq != self.head + 1 {
            if (!self.open || record.seq > self.head) && self.ahead.len() < AHEAD_MAX {
                self.ahead.insert(record.seq, record);
            }
            return Vec::new();
        }
        if record.at <= self.at {
            self.odd = true;
            return Vec::new();
        }
        let mut shown = vec![record.clone()];
        self.pass(record.seq, record.at);
        shown.extend(self.drain());
        shown
    }

    /// An event of which it is not known yet whether it follows.
    pub fn hold(&mut self, record: Arc<Record>) {
        self.want = self.want.max(record.seq);
        if self.ahead.len() < AHEAD_MAX {
            self.ahead.insert(record.seq, record);
        }
    }

    /// What is not shown yet is forgotten.
    pub fn suspend(&mut self) {
        self.ahead.clear();
        self.want = self.head;
    }

    /// The head is there now.
    fn pass(&mut self, seq: u64, at: i64) {
        (self.head, self.at) = (seq, at);
        self.recent.push_back((seq, at));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// What follows the head without a hole.
    pub fn drain(&mut self) -> Vec<Arc<Record>> {
        let mut shown = Vec::new();
        while let Some(entry) = self.ahead.first_entry().filter(|entry| *entry.key() <= self.head + 1) {
            let record = entry.remove();
            if record.seq == self.head + 1 && record.at <= self.at {
                // Of contents that are no more.
                self.odd = true;
                self.ahead.clear();
            } else if record.seq == self.head + 1 {
                self.pass(record.seq, record.at);
                shown.push(record);
            }
        }
        shown
    }

    /// It is known now where the log stands.
    pub fn begin(&mut self, standing: &Standing) {
        (self.open, self.epoch) = (true, standing.epoch);
        self.pass(standing.head, standing.at);
        self.want = self.want.max(standing.head);
    }

    /// The log has other contents; up to where they are the same.
    pub fn begin_again(&mut self, standing: &Standing) -> u64 {
        self.epoch = standing.epoch;
        self.ahead.clear();
        self.want = standing.head;
        if standing.same && self.head == self.asked {
            return self.head;
        }
        // The newest there that is still as it was here; else nobody knows from where on it is another. What was shown since it was
        // asked may be of the contents that are no more.
        let is_there = self.recent.iter().any(|(seq, at)| *seq == standing.head && *at == standing.at);
        let known = if standing.same { self.asked } else { standing.first.saturating_sub(1) };
        let common = if is_there || standing.head == 0 { standing.head } else { known };
        self.recent.clear();
        self.pass(standing.head, standing.at);
        common
    }
}
