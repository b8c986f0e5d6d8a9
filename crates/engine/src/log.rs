//! The log as the engine sees it: a trait, its reference in memory, and the test suite that every implementation passes.

pub mod memory;
pub mod suite;

use crate::record::Record;
use bytes::Bytes;
use std::{sync::Arc, time::Duration};
use tidewire_contract::Durability;

/// A log's identity in its store. Given when the log is first written, never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogId(pub u64);

/// Where a log stands.
#[derive(Debug, Clone, PartialEq)]
pub struct LogState {
    pub id: LogId,
    /// The identity of the log's contents: another one means that acknowledged events may be missing. Microseconds since
    /// 1970 at which it began, so that it can be compared with a timestamp.
    pub epoch: i64,
    /// `seq` of the newest event; 0 where there is none yet.
    pub head: u64,
    /// `seq` of the oldest event that is kept; `head + 1` where none is.
    pub first: u64,
    /// `at` of the newest event that ever was in it; 0 where there was none.
    pub at: i64,
    /// `at` of the newest event that was let go; 0 where all are kept. Whoever has seen everything up to it has missed nothing.
    pub gone: i64,
}

/// What a publisher is answered, and again when it repeats the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    pub seq: u64,
    pub at: i64,
    pub id: [u8; 16],
}

/// What is kept of a log. `None` is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Retention {
    pub keep: Option<Duration>,
    pub count: Option<u64>,
    pub bytes: Option<u64>,
}

/// One log's part of a commit.
#[derive(Debug, Clone)]
pub struct Append {
    /// Contract and channel, `world/world:w1`.
    pub log: Arc<str>,
    pub id: LogId,
    pub durability: Durability,
    /// In order, `seq` following on the log's head.
    pub records: Vec<Arc<Record>>,
    /// Changes of who is where, in order: `(relation, member, group)` and whether the member is in it afterwards.
    pub members: Vec<MemberRow>,
    /// Rows of state, in order: the last of a name is what counts.
    pub states: Vec<StateRow>,
}

/// A small row that a log keeps beside its events, by its name: a version, the newest of what is retained, who is there. Written
/// by the commit of the events that it belongs to, so it is never ahead of them nor behind; trimming leaves it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    pub name: Arc<str>,
    /// `None` removes it.
    pub value: Option<Bytes>,
}

/// `member` of `relation` is (`present`) or is no longer in `group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    pub relation: Arc<str>,
    pub group: Arc<str>,
    pub member: Arc<str>,
    pub present: bool,
}

/// What is committed at once: all of it or nothing, also after a crash.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub appends: Vec<Append>,
}

impl Batch {
    /// The strongest promise among its logs.
    pub fn durability(&self) -> Durability {
        self.appends.iter().map(|a| a.durability).max().unwrap_or(Durability::Memory)
    }
}

/// Why a log did not do what it was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LogError {
    #[error("the disk is full: {0}; publishes are refused until there is room, reading goes on")]
    Full(String),
    #[error("the log that the nodes share is away: {0}; clients stay connected, publishes are taken again as soon as it is back")]
    Away(String),
    #[error("the store failed: {0}")]
    Failed(String),
    #[error("stored bytes are damaged: {0}; they are not served")]
    Damaged(String),
}

/// Ordered, durable logs. Calls block; nothing here is asynchronous.
///
/// Only one thread calls [`Log::open`] and [`Log::commit`]; any number read.
pub trait Log: Send + Sync + 'static {
    /// The state of the named log; makes it where there is none (which need not be durable before the first commit to it).
    /// `now` (µs) is the epoch of a new one.
    fn open(&self, name: &str, durability: Durability, now: i64) -> Result<LogState, LogError>;

    /// The state of the named log if it was ever written.
    fn find(&self, name: &str) -> Result<Option<LogState>, LogError>;

    /// Names and states of all logs whose name starts with `prefix`, by name, after `after`, at most `limit`.
    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(String, LogState)>, LogError>;

    /// The receipt that this key was given, if it is still known.
    fn key(&self, log: LogId, key: &str) -> Result<Option<Receipt>, LogError>;

    /// Who is where: `(relation, group, member)`.
    fn members(&self, log: LogId) -> Result<Vec<MemberRow>, LogError>;

    /// The row of state of this name.
    fn state(&self, log: LogId, name: &str) -> Result<Option<Bytes>, LogError>;

    /// All rows of state whose name begins with `prefix`, by name.
    fn states(&self, log: LogId, prefix: &str) -> Result<Vec<(Arc<str>, Bytes)>, LogError>;

    /// Appends. When it returns, the batch is as durable as [`Batch::durability`] says. After an error the caller treats
    /// nothing of it as kept, and opens the logs anew before it goes on.
    fn commit(&self, batch: &Batch) -> Result<(), LogError>;

    /// Events with `seq > after`, in order, at most `limit`, stopping after `bytes` of weight (but never before the first).
    /// Where the history begins later than `after + 1`, it begins with the oldest that is kept.
    fn read(&self, log: LogId, after: u64, limit: usize, bytes: usize) -> Result<Vec<Arc<Record>>, LogError>;

    /// The `seq` of the newest event with `record.at <= at`; 0 or `first - 1` where all that is kept is newer.
    fn seq_at(&self, log: LogId, at: i64) -> Result<u64, LogError>;

    /// Lets events and keys go that the retention no longer keeps; returns the log's new `first`. Keys stay as long as the
    /// history is kept and at least `KEY_KEEP`.
    fn trim(&self, log: LogId, retention: &Retention, now: i64) -> Result<u64, LogError>;

    /// When the store was made, and when it last lost something that it had promised to logs of this durability.
    fn marks(&self, durability: Durability) -> Marks {
        let _ = durability;
        Marks::default()
    }

    /// The newest `at` that was ever committed, over all logs; 0 where nothing was. The node's clock goes on behind it.
    fn clock(&self) -> Result<i64, LogError> {
        Ok(0)
    }

    /// Small values that survive like `disk`: cursors of bridges, registries.
    fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), LogError> {
        self.put_all(&[(key.to_vec(), value.map(<[u8]>::to_vec))])
    }
    /// Several of them at once: all or none. `None` removes.
    fn put_all(&self, values: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), LogError>;
    /// The same, if the values of `expected` are as it says (`None`: not there); whether they were. Where the store is this
    /// process's alone, callers see to it that nobody else writes them meanwhile.
    fn put_if(&self, expected: &[(Vec<u8>, Option<Vec<u8>>)], values: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<bool, LogError> {
        for (key, value) in expected {
            if self.get(key)?.as_deref() != value.as_deref() {
                return Ok(false);
            }
        }
        self.put_all(values).map(|()| true)
    }
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, LogError>;
    /// All of them whose key begins with `prefix`, by key.
    fn values(&self, prefix: &[u8]) -> Result<Vec<(Bytes, Bytes)>, LogError>;
}

/// By these a cursor that is only a time tells whether the log is still the one that it comes from. Both in µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// When the store was made.
    pub made: i64,
    /// When it last lost acknowledged events; 0 if it never did.
    pub lost: i64,
}

/// How long a deduplication key is known at least, whatever the history.
pub const KEY_KEEP: Duration = Duration::from_secs(24 * 3600);
