//! Events as they are kept in a stream.
//!
//! `at` and `cum` (8 bytes each, big endian; `cum` is what all events of the log weigh up to this one), the id (16), the length of the
//! settled audience (4) and the audience (JSON, empty for everyone); then what is the same wherever the event lands: [`front`], and
//! the payload.

use bytes::{Buf, Bytes};
use std::sync::Arc;
use tidewire_engine::{
    Audience, Record,
    log::{LogError, MemberRow},
    record::AnyOf,
};

const KEY: u8 = 1;
const TRACE: u8 = 2;
const OCCURRED: u8 = 4;
const FIELDS: u8 = 8;
const EXCEPT: u8 = 16;

/// What is known of an event before it has a place, but for the payload.
pub(crate) fn front(
    event_type: &str,
    key: Option<&str>,
    trace: Option<&str>,
    occurred_at: Option<&str>,
    fields: Option<&[u8]>,
    except: Option<u64>,
) -> Vec<u8> {
    let parts =
        [(KEY, key.map(str::as_bytes)), (TRACE, trace.map(str::as_bytes)), (OCCURRED, occurred_at.map(str::as_bytes)), (FIELDS, fields)];
    let mut flags = parts.iter().filter(|(_, part)| part.is_some()).map(|(flag, _)| flag).sum();
    if except.is_some() {
        flags |= EXCEPT;
    }
    let mut out = vec![flags];
    for part in std::iter::once(event_type.as_bytes()).chain(parts.iter().filter_map(|(_, part)| *part)) {
        out.extend_from_slice(&(part.len() as u32).to_be_bytes());
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&except.map_or([0; 8], u64::to_be_bytes)[..if except.is_some() { 8 } else { 0 }]);
    out
}

/// What stands behind the id, for a record that has its audience.
pub(crate) fn rest(record: &Record) -> Vec<u8> {
    let audience = match &record.audience {
        Audience::Everyone => Vec::new(),
        Audience::Only(all) => {
            let plain: Vec<Vec<(&str, &Vec<String>)>> = all.iter().map(|any| any.iter().map(|(a, v)| (&**a, v)).collect()).collect();
            serde_json::to_vec(&plain).unwrap_or_default()
        }
    };
    let mut out = (audience.len() as u32).to_be_bytes().to_vec();
    out.extend_from_slice(&audience);
    let Record { event_type, key, trace, occurred_at, fields, except, .. } = record;
    out.extend(front(event_type, key.as_deref(), trace.as_deref(), occurred_at.as_deref(), fields.as_deref(), *except));
    out.extend_from_slice(&record.data);
    out
}

/// Reads an event; `log` names it where it is damaged.
pub(crate) fn decode(log: &str, seq: u64, bytes: Bytes) -> Result<Record, LogError> {
    read(seq, bytes).ok_or_else(|| LogError::Damaged(format!("event {seq} of {log}")))
}

fn read(seq: u64, mut bytes: Bytes) -> Option<Record> {
    let at = bytes.try_get_i64().ok()?;
    bytes.try_get_u64().ok()?;
    let mut id = [0; 16];
    bytes.try_copy_to_slice(&mut id).ok()?;
    let audience = part(&mut bytes)?;
    let audience = if audience.is_empty() { Audience::Everyone } else { Audience::Only(settled(&audience)?.into()) };
    let flags = bytes.try_get_u8().ok()?;
    let event_type = text(&part(&mut bytes)?)?;
    let mut next = |flag| -> Option<Option<Bytes>> { if flags & flag == 0 { Some(None) } else { part(&mut bytes).map(Some) } };
    let (key, trace, occurred_at, fields) = (next(KEY)?, next(TRACE)?, next(OCCURRED)?, next(FIELDS)?);
    let words = |part: Option<Bytes>| part.map_or(Some(None), |part| text(&part).map(Some));
    let except = if flags & EXCEPT == 0 { None } else { Some(bytes.try_get_u64().ok()?) };
    let (key, trace, occurred_at) = (words(key)?, words(trace)?, words(occurred_at)?);
    Some(Record { seq, at, id, event_type, key, trace, occurred_at, fields, data: bytes, audience, except })
}

/// Sorted here, as scripts sort by the words of wherever Redis runs.
fn settled(json: &[u8]) -> Option<Vec<AnyOf>> {
    let all: Vec<Vec<(String, Vec<String>)>> = serde_json::from_slice(json).ok()?;
    let sorted = |mut values: Vec<String>| {
        values.sort_unstable();
        values
    };
    Some(all.into_iter().map(|any| any.into_iter().map(|(a, values)| (a.into(), sorted(values))).collect()).collect())
}

fn part(bytes: &mut Bytes) -> Option<Bytes> {
    let length = bytes.try_get_u32().ok()? as usize;
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

fn text(bytes: &[u8]) -> Option<Arc<str>> {
    std::str::from_utf8(bytes).ok().map(Arc::from)
}

/// The two rows of a member; see lua/publish.lua.
pub(crate) fn member_rows(relation: &str, group: &str, member: &str) -> [Vec<u8>; 2] {
    let (relation, group, member) = (word(relation), word(group), word(member));
    let row = |kind: u8, parts: [&[u8]; 3]| [&[kind][..], parts[0], parts[1], parts[2]].join(&0);
    [row(b'g', [&relation, &group, &member]), row(b'm', [&relation, &member, &group])]
}

/// Reads a row that begins with `g`.
pub(crate) fn member_of(row: &[u8]) -> Option<MemberRow> {
    let mut parts = row.split(|byte| *byte == 0).skip(1).map(unword);
    let (relation, group, member) = (parts.next()??, parts.next()??, parts.next()??);
    Some(MemberRow { relation, group, member, present: true })
}

fn word(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            0 => out.extend([1, 1]),
            1 => out.extend([1, 2]),
            byte => out.push(byte),
        }
    }
    out
}

fn unword(bytes: &[u8]) -> Option<Arc<str>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        out.push(if *byte == 1 { bytes.next()? - 1 } else { *byte });
    }
    text(&out)
}
