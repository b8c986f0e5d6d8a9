//! The rows of the keyspaces `keys` and `meta`: their keys, and values that carry a checksum of both.
//!
//! ```text
//! keys   log u64 BE | key                        id 16 | seq varint | [at i64, unless the id tells it]
//! meta   'B'                                     the marker of the batch that wrote last, see Marker
//!        'F' log u64 BE                          first, head, at, total, gone: where trimming left the log, see Floor
//!        'L' name                                log u64 | epoch i64 | durability u8 | since i64, see Named
//!        'M' log u64 BE, relation, group, member (each with its length): nothing; the member is there
//!        'N'                                     the id that the next log gets, u64
//!        'O' log u64 BE, at i64 BE, seq u64 BE   keys that outlive their events: count varint, each: seq varint, key
//!        'S' log u64 BE, name                    a row of state of the log
//!        'U' key                                 a small value
//!        'C'                                     the newest `at` that was ever appended, i64
//!        'D'                                     when the store was made, i64
//!        'X'                                     when events were lost: of all logs i64 | of logs that are not synced i64
//! ```

use crate::varint::{DecodeError, Reader, put_bytes, put_varint};
use tidewire_contract::Durability;
use tidewire_engine::{
    id,
    log::{LogId, Receipt},
};

pub(crate) const MARKER: &[u8] = b"B";
pub(crate) const NEXT_LOG: &[u8] = b"N";
pub(crate) const LOSSES: &[u8] = b"X";
pub(crate) const CLOCK: &[u8] = b"C";
pub(crate) const MADE: &[u8] = b"D";

/// `tag` and a log, and whatever `more` is.
pub(crate) fn of_log(tag: u8, log: LogId, more: &[u8]) -> Vec<u8> {
    [&[tag], &log.0.to_be_bytes()[..], more].concat()
}

pub(crate) fn named(tag: u8, name: &[u8]) -> Vec<u8> {
    [&[tag], name].concat()
}

pub(crate) fn receipt_key(log: LogId, key: &str) -> Vec<u8> {
    let mut row = Vec::with_capacity(8 + key.len());
    put_receipt_key(log, key, &mut row);
    row
}

/// Puts the row's key in place of what is in `row`.
pub(crate) fn put_receipt_key(log: LogId, key: &str, row: &mut Vec<u8>) {
    row.clear();
    row.extend_from_slice(&log.0.to_be_bytes());
    row.extend_from_slice(key.as_bytes());
}

/// Appends a checksum of key and value.
pub(crate) fn seal(key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
    let check = check(key, &value);
    value.extend_from_slice(&check.to_le_bytes());
    value
}

/// The value without its checksum, if that is right.
pub(crate) fn unseal<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let (value, sum) = value.split_last_chunk::<4>().ok_or(DecodeError::Short)?;
    if u32::from_le_bytes(*sum) == check(key, value) { Ok(value) } else { Err(DecodeError::Checksum) }
}

fn check(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

/// Written with every batch: recognisable in the raw bytes of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    pub number: u64,
    /// Number of the batch before it.
    pub previous: u64,
    /// Everything up to this batch was on the medium when this one was written.
    pub synced: u64,
}

impl Marker {
    pub const MAGIC: [u8; 8] = *b"\xf7tideW\x01\xb4";
    pub const LENGTH: usize = 36;

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LENGTH);
        bytes.extend_from_slice(&Self::MAGIC);
        for n in [self.number, self.previous, self.synced] {
            bytes.extend_from_slice(&n.to_le_bytes());
        }
        seal(MARKER, bytes)
    }

    pub fn decode(bytes: &[u8]) -> Option<Marker> {
        if bytes.len() != Self::LENGTH {
            return None;
        }
        let mut r = Reader(unseal(MARKER, bytes).ok()?);
        if r.array().ok()? != Self::MAGIC {
            return None;
        }
        Some(Marker { number: r.u64().ok()?, previous: r.u64().ok()?, synced: r.u64().ok()? })
    }
}

/// Puts the receipt of the row `key` in place of what is in `value`.
pub(crate) fn put_receipt(key: &[u8], receipt: &Receipt, value: &mut Vec<u8>) {
    value.clear();
    value.extend_from_slice(&receipt.id);
    put_varint(receipt.seq, value);
    if id::at_of(&receipt.id) != Some(receipt.at) {
        value.extend_from_slice(&receipt.at.to_le_bytes());
    }
    let check = check(key, value);
    value.extend_from_slice(&check.to_le_bytes());
}

pub(crate) fn decode_receipt(key: &[u8], value: &[u8]) -> Result<Receipt, DecodeError> {
    let mut r = Reader(unseal(key, value)?);
    let (id, seq) = (r.array()?, r.varint()?);
    let at = if r.0.is_empty() { id::at_of(&id).ok_or(DecodeError::Value)? } else { r.i64()? };
    Ok(Receipt { seq, at, id })
}

/// Where trimming left a log. It lasts when no event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Floor {
    pub first: u64,
    pub head: u64,
    pub at: i64,
    pub total: u64,
    pub gone: i64,
}

impl Floor {
    pub fn encode(&self, key: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(44);
        for n in [self.first, self.head, self.at as u64, self.total, self.gone as u64] {
            value.extend_from_slice(&n.to_le_bytes());
        }
        seal(key, value)
    }

    pub fn decode(key: &[u8], value: &[u8]) -> Result<Floor, DecodeError> {
        let mut r = Reader(unseal(key, value)?);
        Ok(Floor { first: r.u64()?, head: r.u64()?, at: r.i64()?, total: r.u64()?, gone: r.i64()? })
    }
}

/// What is known of a log by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named {
    pub id: LogId,
    pub epoch: i64,
    pub durability: Durability,
    /// Since when (µs) it has had this durability.
    pub since: i64,
}

impl Named {
    pub fn encode(&self, key: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(32);
        value.extend_from_slice(&self.id.0.to_le_bytes());
        value.extend_from_slice(&self.epoch.to_le_bytes());
        value.push(match self.durability {
            Durability::Memory => 0,
            Durability::Process => 1,
            Durability::Disk => 2,
        });
        value.extend_from_slice(&self.since.to_le_bytes());
        seal(key, value)
    }

    pub fn decode(key: &[u8], value: &[u8]) -> Result<Named, DecodeError> {
        let mut r = Reader(unseal(key, value)?);
        let (id, epoch) = (LogId(r.u64()?), r.i64()?);
        let durability = match r.u8()? {
            0 => Durability::Memory,
            1 => Durability::Process,
            2 => Durability::Disk,
            _ => return Err(DecodeError::Value),
        };
        Ok(Named { id, epoch, durability, since: r.i64()? })
    }
}

/// When (µs) acknowledged events were lost; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Losses {
    pub all: i64,
    pub unsynced: i64,
}

impl Losses {
    pub fn encode(&self) -> Vec<u8> {
        seal(LOSSES, [self.all.to_le_bytes(), self.unsynced.to_le_bytes()].concat())
    }

    pub fn decode(value: &[u8]) -> Result<Losses, DecodeError> {
        let mut r = Reader(unseal(LOSSES, value)?);
        Ok(Losses { all: r.i64()?, unsynced: r.i64()? })
    }

    /// The epoch of a log after these losses.
    pub fn epoch(&self, log: &Named) -> i64 {
        let unsynced = if log.durability < Durability::Disk && self.unsynced > log.since { self.unsynced } else { 0 };
        log.epoch.max(self.all).max(unsynced)
    }
}

pub(crate) fn member_key(log: LogId, relation: &str, group: &str, member: &str) -> Vec<u8> {
    let mut key = of_log(b'M', log, &[]);
    [relation, group, member].iter().for_each(|part| put_bytes(part.as_bytes(), &mut key));
    key
}

/// A row of state.
pub(crate) fn state_key(log: LogId, name: &str) -> Vec<u8> {
    of_log(b'S', log, name.as_bytes())
}

/// Relation, group and member of a key made by [`member_key`].
pub(crate) fn member_parts(key: &[u8]) -> Result<[&str; 3], DecodeError> {
    let mut r = Reader(key.get(9..).ok_or(DecodeError::Short)?);
    let parts = [r.text()?, r.text()?, r.text()?];
    r.end()?;
    Ok(parts)
}

/// Keys with the `seq` of the event that each was given to.
pub(crate) type Orphans<'a> = Vec<(u64, &'a str)>;

pub(crate) fn encode_orphans(key: &[u8], orphans: &[(u64, std::sync::Arc<str>)]) -> Vec<u8> {
    let mut value = Vec::new();
    put_varint(orphans.len() as u64, &mut value);
    for (seq, key) in orphans {
        put_varint(*seq, &mut value);
        put_bytes(key.as_bytes(), &mut value);
    }
    seal(key, value)
}

pub(crate) fn decode_orphans<'a>(key: &[u8], value: &'a [u8]) -> Result<Orphans<'a>, DecodeError> {
    let mut r = Reader(unseal(key, value)?);
    let mut orphans = Vec::new();
    for _ in 0..r.varint()? {
        orphans.push((r.varint()?, r.text()?));
    }
    r.end()?;
    Ok(orphans)
}
