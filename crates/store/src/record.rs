//! An event as bytes.
//!
//! ```text
//! version u8 = 1 | parts u8 | seq varint | at i64 LE | id 16 | type text | [key text] [trace text] [occurred_at text] [fields bytes]
//! | data bytes | [audience: groups varint, each: alternatives varint, each: attribute text, values varint, each text] | [except u64 LE]
//! ```
//!
//! `parts` says which of the parts in brackets are there. Texts and bytes are a varint length and the bytes.

use crate::varint::{DecodeError, Reader, put_bytes, put_varint};
use bytes::Bytes;
use std::sync::Arc;
use tidewire_engine::record::{AnyOf, Audience, Record};

const VERSION: u8 = 1;
const KEY: u8 = 1;
const TRACE: u8 = 2;
const OCCURRED: u8 = 4;
const FIELDS: u8 = 8;
const AUDIENCE: u8 = 16;
const EXCEPT: u8 = 32;

/// Appends the event's bytes to `out`.
pub fn encode_record(record: &Record, out: &mut Vec<u8>) {
    let part = |there: bool, bit: u8| if there { bit } else { 0 };
    let only = match &record.audience {
        Audience::Everyone => None,
        Audience::Only(groups) => Some(groups),
    };
    out.push(VERSION);
    out.push(
        part(record.key.is_some(), KEY)
            | part(record.trace.is_some(), TRACE)
            | part(record.occurred_at.is_some(), OCCURRED)
            | part(record.fields.is_some(), FIELDS)
            | part(only.is_some(), AUDIENCE)
            | part(record.except.is_some(), EXCEPT),
    );
    put_varint(record.seq, out);
    out.extend_from_slice(&record.at.to_le_bytes());
    out.extend_from_slice(&record.id);
    put_bytes(record.event_type.as_bytes(), out);
    for text in [&record.key, &record.trace, &record.occurred_at].into_iter().flatten() {
        put_bytes(text.as_bytes(), out);
    }
    if let Some(fields) = &record.fields {
        put_bytes(fields, out);
    }
    put_bytes(&record.data, out);
    if let Some(groups) = only {
        put_varint(groups.len() as u64, out);
        for any_of in groups.iter() {
            put_varint(any_of.len() as u64, out);
            for (attribute, values) in any_of {
                put_bytes(attribute.as_bytes(), out);
                put_varint(values.len() as u64, out);
                values.iter().for_each(|value| put_bytes(value.as_bytes(), out));
            }
        }
    }
    if let Some(except) = record.except {
        out.extend_from_slice(&except.to_le_bytes());
    }
}

/// The event that [`encode_record`] made these bytes of. Any other bytes are an error, or another event; never a panic, and
/// never more memory than a small multiple of their length.
pub fn decode_record(bytes: &[u8]) -> Result<Record, DecodeError> {
    decode(bytes, &mut Types::default())
}

/// Event types that were met while reading: a history repeats few of them, so they are shared.
#[derive(Default)]
pub(crate) struct Types(Vec<Arc<str>>);

impl Types {
    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| &***known == text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        if self.0.len() < 32 {
            self.0.push(new.clone());
        }
        new
    }
}

pub(crate) fn decode(bytes: &[u8], types: &mut Types) -> Result<Record, DecodeError> {
    let mut r = Reader(bytes);
    if r.u8()? != VERSION {
        return Err(DecodeError::Version);
    }
    let parts = r.u8()?;
    if parts & !(KEY | TRACE | OCCURRED | FIELDS | AUDIENCE | EXCEPT) != 0 {
        return Err(DecodeError::Version);
    }
    let seq = r.varint()?;
    let at = r.i64()?;
    let id = r.array()?;
    let event_type = types.share(r.text()?);
    let mut text = |bit| if parts & bit != 0 { r.text().map(|t| Some(t.into())) } else { Ok(None) };
    let (key, trace, occurred_at) = (text(KEY)?, text(TRACE)?, text(OCCURRED)?);
    let fields = if parts & FIELDS != 0 { Some(Bytes::copy_from_slice(r.bytes()?)) } else { None };
    let data = Bytes::copy_from_slice(r.bytes()?);
    let audience = if parts & AUDIENCE != 0 { audience(&mut r)? } else { Audience::Everyone };
    let except = if parts & EXCEPT != 0 { Some(r.i64()? as u64) } else { None };
    r.end()?;
    Ok(Record { seq, at, id, event_type, key, trace, occurred_at, fields, data, audience, except })
}

/// No count is believed before its bytes are there: vectors grow as they are read.
fn audience(r: &mut Reader<'_>) -> Result<Audience, DecodeError> {
    let mut groups: Vec<AnyOf> = Vec::new();
    for _ in 0..r.varint()? {
        let mut any_of = AnyOf::new();
        for _ in 0..r.varint()? {
            let attribute: Arc<str> = r.text()?.into();
            let mut values = Vec::new();
            for _ in 0..r.varint()? {
                values.push(r.text()?.to_owned());
            }
            any_of.push((attribute, values));
        }
        groups.push(any_of);
    }
    Ok(Audience::Only(groups.into()))
}
