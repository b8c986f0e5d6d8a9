//! Consecutive events of one log, as one value of the keyspace `events`.
//!
//! One row for all that a commit appends to a log (up to [`CHUNK_BYTES`]): a row costs more than the event in it. The key is
//! the log and the *last* `seq`, so that the first row at or behind a `seq` is the one that holds it.
//!
//! ```text
//! key    log u64 BE | last seq u64 BE
//! value  version u8 = 1 | first seq u64 | count u32 | last at i64 | total u64 | crc u32 (of key and what is before it)
//!        then each event: length u32 | crc u32 (of log and bytes) | bytes (record.rs)          all LE
//! ```
//!
//! `total` is the weight of all events that were ever in the log, up to this row's last: the difference of two rows is what
//! lies between them, without a counter that would have to be kept up to date.

use crate::{
    record::{self, Types},
    varint::{DecodeError, Reader},
};
use std::sync::Arc;
use tidewire_engine::{log::LogId, record::Record};

/// A row ends with the event that makes it longer than this.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;
const VERSION: u8 = 1;
const HEADER: usize = 1 + 8 + 4 + 8 + 8 + 4;

pub(crate) fn key(log: LogId, seq: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&log.0.to_be_bytes());
    key[8..].copy_from_slice(&seq.to_be_bytes());
    key
}

/// The last `seq` of the row with this key.
pub(crate) fn seq_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.get(8..16)?.first_chunk()?))
}

/// What a row says of itself, without its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub first: u64,
    pub last: u64,
    pub last_at: i64,
    pub total: u64,
}

/// A key of the keyspace `events` and its value.
pub(crate) type Row = ([u8; 16], Vec<u8>);

/// Takes as many of `records` as make a row; `total` is the log's weight before them and is raised. Returns the row and the rest.
pub(crate) fn encode<'a>(log: LogId, records: &'a [Arc<Record>], total: &mut u64) -> Option<(Row, &'a [Arc<Record>])> {
    let first = records.first()?;
    let mut value = Vec::with_capacity(HEADER + records.iter().map(|r| r.data.len() + 128).sum::<usize>().min(CHUNK_BYTES * 2));
    value.resize(HEADER, 0);
    let mut count = 0;
    for record in records {
        let start = value.len();
        value.extend_from_slice(&[0; 8]);
        record::encode_record(record, &mut value);
        let length = (value.len() - start - 8) as u32;
        let crc = crc(log, &value[start + 8..]);
        value[start..start + 4].copy_from_slice(&length.to_le_bytes());
        value[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
        *total += record.weight() as u64;
        count += 1;
        if value.len() > CHUNK_BYTES {
            break;
        }
    }
    let (taken, rest) = records.split_at(count);
    let last = taken.last()?;
    let key = key(log, last.seq);
    value[0] = VERSION;
    value[1..9].copy_from_slice(&first.seq.to_le_bytes());
    value[9..13].copy_from_slice(&(count as u32).to_le_bytes());
    value[13..21].copy_from_slice(&last.at.to_le_bytes());
    value[21..29].copy_from_slice(&total.to_le_bytes());
    let check = header_crc(&key, &value[..29]);
    value[29..33].copy_from_slice(&check.to_le_bytes());
    Some(((key, value), rest))
}

/// A row's header, once it is certain that the row is what was written under this key.
pub(crate) fn header(key: &[u8], value: &[u8]) -> Result<Header, DecodeError> {
    let head = value.get(..HEADER).ok_or(DecodeError::Short)?;
    let last = seq_of(key).ok_or(DecodeError::Short)?;
    let mut r = Reader(head);
    if r.u8()? != VERSION {
        return Err(DecodeError::Version);
    }
    let (first, count, last_at, total) = (r.u64()?, r.u32()?, r.i64()?, r.u64()?);
    if r.u32()? != header_crc(key, &head[..29]) {
        return Err(DecodeError::Checksum);
    }
    if count == 0 || first == 0 || first.checked_add(u64::from(count) - 1) != Some(last) {
        return Err(DecodeError::Value);
    }
    Ok(Header { first, last, last_at, total })
}

/// A `seq`, and checksum and bytes of its event.
type Raw<'a> = (u64, Result<(u32, &'a [u8]), DecodeError>);

/// The row's events in order, each with the `seq` it has by its place: so that one that is damaged can be named.
pub(crate) struct Events<'a> {
    log: LogId,
    next: u64,
    last: u64,
    bytes: Reader<'a>,
}

pub(crate) fn events<'a>(log: LogId, header: Header, value: &'a [u8]) -> Events<'a> {
    Events { log, next: header.first, last: header.last, bytes: Reader(value.get(HEADER..).unwrap_or_default()) }
}

impl<'a> Events<'a> {
    /// `seq` and bytes of the next event, its checksum not yet looked at.
    fn raw(&mut self) -> Option<Raw<'a>> {
        if self.next > self.last {
            return None;
        }
        let seq = self.next;
        self.next += 1;
        let length = self.bytes.u32();
        let part = length.and_then(|n| Ok((self.bytes.u32()?, self.bytes.take(n as usize)?)));
        if part.is_err() {
            self.next = u64::MAX;
        }
        Some((seq, part))
    }

    /// Passes over the events up to and with `seq`.
    pub fn skip_to(&mut self, seq: u64) {
        while self.next <= seq && self.raw().is_some() {}
    }

    pub fn next(&mut self, types: &mut Types) -> Option<(u64, Result<Record, DecodeError>)> {
        let (seq, part) = self.raw()?;
        let record = part.and_then(|(check, bytes)| {
            if check != crc(self.log, bytes) {
                return Err(DecodeError::Checksum);
            }
            let record = record::decode(bytes, types)?;
            if record.seq == seq { Ok(record) } else { Err(DecodeError::Value) }
        });
        Some((seq, record))
    }
}

/// Reads a row of stored events as the log does, for those who give it any bytes; how many of its events are whole. With
/// `mend` the header's checksum is made right first, so that what lies behind it is read.
///
/// # Errors
/// It is no row of events, or its header is damaged.
pub fn check_chunk(key: &[u8], value: &[u8], mend: bool) -> Result<usize, DecodeError> {
    let log = LogId(u64::from_be_bytes(*key.first_chunk().ok_or(DecodeError::Short)?));
    let mut value = value.to_vec();
    if mend && let Some(head) = value.get(..29).map(|head| header_crc(key, head)) {
        value.get_mut(29..HEADER).ok_or(DecodeError::Short)?.copy_from_slice(&head.to_le_bytes());
    }
    let header = header(key, &value)?;
    let (mut events, mut types, mut whole) = (events(log, header, &value), Types::default(), 0);
    while let Some((_, record)) = events.next(&mut types) {
        whole += usize::from(record.is_ok());
    }
    Ok(whole)
}

fn header_crc(key: &[u8], head: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(head);
    hasher.finalize()
}

fn crc(log: LogId, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&log.0.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}
