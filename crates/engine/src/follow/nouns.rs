//! What a follower hears and reads, and what it wants done.

use crate::record::Record;
use std::sync::Arc;

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Ask where the contract and these logs stand; answer with [`super::Follow::looked`] or [`super::Follow::look_failed`].
    Look { turn: u64, logs: Vec<Known> },
    /// Read what follows; answer with [`super::Follow::paged`] or [`super::Follow::page_failed`].
    Page { after: Known },
    /// Acknowledged events are gone: say so to all nodes, then call [`super::Follow::lost_told`].
    Lose { lost: i64, reached: u64, clock: i64 },
    /// The log stands here: from now on it can be read.
    Open { log: Arc<str>, standing: Standing },
    /// These may be seen.
    Show { log: Arc<str>, records: Vec<Arc<Record>> },
    /// The history begins here now.
    Trim { log: Arc<str>, first: u64 },
    /// The log has other contents; up to `common` they are the same as before.
    Reset { log: Arc<str>, standing: Standing, common: u64 },
    /// Every event up to this `at` may be seen, of all logs that are watched.
    Watermark(i64),
}

/// What the node knows of a log; `at` is that of the event at the head.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub log: Arc<str>,
    pub head: u64,
    pub at: i64,
}

/// Where a log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// 0 while nothing was ever written.
    pub epoch: i64,
    pub head: u64,
    pub first: u64,
    pub at: i64,
    /// What the node had as the log's head is still there.
    pub same: bool,
}

/// An event that was appended, as it was told.
#[derive(Debug, Clone, PartialEq)]
pub struct Appended {
    pub log: Arc<str>,
    pub epoch: i64,
    pub record: Arc<Record>,
}

/// How far the contract's messages have got, as a message, a probe or a look says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub n: u64,
    pub clock: i64,
    pub lost: i64,
}

/// What was read of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    pub head: u64,
    pub first: u64,
    /// What the node had as the log's head is still there.
    pub same: bool,
    pub records: Vec<Arc<Record>>,
}
