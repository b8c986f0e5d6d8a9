//! Places in a log, as clients name them.

use crate::{at, id};
use std::fmt;

/// A place in one log: behind the event `seq` of the log `epoch`. Written `epoch:seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    pub epoch: i64,
    pub seq: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}:{}", self.epoch, self.seq)
    }
}

/// Where a client wants to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resume {
    /// Behind `seq`, in whatever log is there now.
    Seq(u64),
    /// Behind a place of a certain log.
    Position(Position),
    /// Behind the event with this id.
    Id([u8; 16]),
    /// Behind everything that happened up to this time, in µs.
    At(i64),
    /// The same, with the mark of the store that the time comes from.
    Mark { made: i64, at: i64 },
}

impl Resume {
    /// Parses `412`, `64b2f…:412`, `64b2f…@1763678…`, `evt_0197…` or `0197…-…` (a UUID), `2026-11-20T22:31:05.123456Z`.
    pub fn parse(text: &str) -> Option<Resume> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().map(Resume::Seq);
        }
        if let Some((epoch, seq)) = text.split_once(':')
            && !epoch.contains('-')
            && let (Ok(epoch), Ok(seq)) = (i64::from_str_radix(epoch, 16), seq.parse())
        {
            return Some(Resume::Position(Position { epoch, seq }));
        }
        if let Some((made, at)) = text.split_once('@')
            && let (Ok(made), Ok(at)) = (i64::from_str_radix(made, 16), at.parse())
        {
            return Some(Resume::Mark { made, at });
        }
        if let Some(id) = id::parse(text.rsplit_once('_').map_or(text, |(_, uuid)| uuid)) {
            return Some(Resume::Id(id));
        }
        at::parse_iso(text).map(Resume::At)
    }
}
