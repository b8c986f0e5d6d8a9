//! What scripts are given and answer, taken apart.

use crate::record;
use bytes::{Buf, Bytes};
use redis::Value;
use tidewire_engine::{
    Record,
    log::{LogError, Receipt},
};

/// A run of values for a script, which takes them in the same order.
#[derive(Default)]
pub(crate) struct Run(Vec<Vec<u8>>);

impl Run {
    pub(crate) fn put(&mut self, value: &[u8]) {
        self.0.push(value.to_vec());
    }

    pub(crate) fn number(&mut self, n: u64) {
        self.0.push(n.to_string().into_bytes());
    }

    pub(crate) fn flag(&mut self, is: bool) {
        self.0.push(if is { b"1".to_vec() } else { b"0".to_vec() });
    }

    pub(crate) fn done(self) -> Vec<Vec<u8>> {
        self.0
    }

    pub(crate) fn length(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// How much it is, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.0.iter().map(|value| value.len() + 16).sum()
    }
}

/// A number, which scripts write in decimals where it may be large.
pub(crate) fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        Value::SimpleString(text) => text.parse().ok(),
        _ => None,
    }
}

pub(crate) fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        _ => &[],
    }
}

pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        _ => String::new(),
    }
}

/// `seq`, `at` and id, as they are kept for a key.
pub(crate) fn receipt(mut bytes: &[u8]) -> Option<Receipt> {
    let (seq, at) = (bytes.try_get_u64().ok()?, bytes.try_get_i64().ok()?);
    Some(Receipt { seq, at, id: bytes.try_into().ok()? })
}

/// The events of a page: pairs of a stream's id and what is there.
pub(crate) fn records(log: &str, entries: &[Value]) -> Result<Vec<Record>, LogError> {
    let mut all = Vec::with_capacity(entries.len() / 2);
    for pair in entries.chunks(2) {
        let [id, Value::BulkString(blob)] = pair else { continue };
        let seq = text(id).split_once('-').and_then(|(seq, _)| seq.parse().ok()).unwrap_or(0);
        all.push(record::decode(log, seq, Bytes::copy_from_slice(blob))?);
    }
    Ok(all)
}
