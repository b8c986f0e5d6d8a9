//! What nodes tell each other over a contract's channel. The scripts write the first four kinds.

use crate::record;
use bytes::{Buf, Bytes};
use std::sync::Arc;
use tidewire_engine::{Record, log::LogError};

/// A message of a contract's channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    /// The `n`th message: these were appended, and `clock` is the newest `at`.
    Appended { n: u64, clock: i64, lost: i64, events: Vec<Appended> },
    /// `n` messages were told so far. Asked for by a node.
    Probe { n: u64, clock: i64, lost: i64, node: u64, stamp: u64 },
    /// Acknowledged events were lost.
    Lost { n: u64, clock: i64, lost: i64 },
    /// The history of a log begins at `first`.
    Trimmed { log: Arc<str>, first: u64 },
    /// What a node says of itself to the others.
    Said { node: u64, what: Bytes },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Appended {
    pub log: Arc<str>,
    pub epoch: i64,
    pub record: Arc<Record>,
}

impl Message {
    pub(crate) fn decode(payload: Vec<u8>) -> Result<Message, LogError> {
        let mut bytes = Bytes::from(payload);
        let damaged = || LogError::Damaged("a message between nodes".into());
        match bytes.try_get_u8() {
            Ok(b'R') => appended(bytes).unwrap_or_else(|| Err(damaged())),
            Ok(kind) => other(kind, bytes).ok_or_else(damaged),
            Err(_) => Err(damaged()),
        }
    }

    /// What a node says of itself.
    pub(crate) fn said(node: u64, what: &[u8]) -> Vec<u8> {
        let mut out = vec![b'S'];
        out.extend_from_slice(&node.to_be_bytes());
        out.extend_from_slice(what);
        out
    }
}

fn appended(mut bytes: Bytes) -> Option<Result<Message, LogError>> {
    let (n, clock, lost) = numbers(&mut bytes)?;
    let count = bytes.try_get_u32().ok()?;
    let mut events = Vec::with_capacity(count.min(4096) as usize);
    for _ in 0..count {
        let log = name(&mut bytes)?;
        let (seq, epoch, length) = (bytes.try_get_u64().ok()?, bytes.try_get_i64().ok()?, bytes.try_get_u32().ok()? as usize);
        if length > bytes.len() {
            return None;
        }
        match record::decode(&log, seq, bytes.split_to(length)) {
            Ok(record) => events.push(Appended { log, epoch, record: Arc::new(record) }),
            Err(error) => return Some(Err(error)),
        }
    }
    Some(Ok(Message::Appended { n, clock, lost, events }))
}

fn other(kind: u8, mut bytes: Bytes) -> Option<Message> {
    match kind {
        b'P' => {
            let (n, clock, lost) = numbers(&mut bytes)?;
            let (node, stamp) = (bytes.try_get_u64().ok()?, bytes.try_get_u64().ok()?);
            Some(Message::Probe { n, clock, lost, node, stamp })
        }
        b'L' => {
            let (n, clock, lost) = numbers(&mut bytes)?;
            Some(Message::Lost { n, clock, lost })
        }
        b'T' => {
            let first = bytes.try_get_u64().ok()?;
            Some(Message::Trimmed { log: name(&mut bytes)?, first })
        }
        b'S' => Some(Message::Said { node: bytes.try_get_u64().ok()?, what: bytes }),
        _ => None,
    }
}

fn numbers(bytes: &mut Bytes) -> Option<(u64, i64, i64)> {
    Some((bytes.try_get_u64().ok()?, bytes.try_get_i64().ok()?, bytes.try_get_i64().ok()?))
}

fn name(bytes: &mut Bytes) -> Option<Arc<str>> {
    let length = usize::from(bytes.try_get_u16().ok()?);
    if length > bytes.len() {
        return None;
    }
    std::str::from_utf8(&bytes.split_to(length)).ok().map(Arc::from)
}
