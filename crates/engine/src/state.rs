//! What a log remembers beside its history, as rows of state ([`StateRow`]): versions, and the newest of what is retained.

use crate::record::{AnyOf, Audience, Record};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;

/// The version of one resource of a log (C-3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub of: Arc<str>,
    pub is: i64,
}

/// A version that is not higher than the last.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "version {given} of '{of}' is not higher than the current one, {current}: take the latest, merge, and publish it with a higher version"
)]
pub struct Conflict {
    /// Which event of those that were published at once, from 0.
    pub index: usize,
    pub of: Arc<str>,
    pub current: i64,
    pub given: i64,
}

/// Name of the row that holds a resource's version.
pub fn version_name(of: &str) -> Arc<str> {
    format!("version:{of}").into()
}

pub(crate) fn encode_version(version: i64) -> Bytes {
    version.to_string().into()
}

/// The version in a row, if it is one.
pub fn decode_version(row: &[u8]) -> Option<i64> {
    std::str::from_utf8(row).ok()?.parse().ok()
}

/// Name of the row that holds the newest event retained as `name`.
pub fn retained_name(name: &str) -> Arc<str> {
    format!("retained:{name}").into()
}

/// The newest of a channel's events of one kind, kept whatever the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Retained {
    pub seq: u64,
    /// µs
    pub at: i64,
    /// The payload, as it was published.
    pub data: Bytes,
    pub audience: Audience,
}

/// Attributes, each with the values of which one must be there.
type Named = Vec<(String, Vec<String>)>;

#[derive(Serialize, Deserialize)]
struct Row {
    seq: u64,
    at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    only: Option<Vec<Named>>,
    data: Box<RawValue>,
}

/// A row's value: JSON, so that every kind of store and every tool can read it.
pub(crate) fn encode_retained(record: &Record) -> Option<Bytes> {
    let plain = |any: &AnyOf| any.iter().map(|(attribute, values)| (attribute.to_string(), values.clone())).collect();
    let only = match &record.audience {
        Audience::Everyone => None,
        Audience::Only(all) => Some(all.iter().map(plain).collect()),
    };
    let data = RawValue::from_string(std::str::from_utf8(&record.data).ok()?.to_owned()).ok()?;
    serde_json::to_vec(&Row { seq: record.seq, at: record.at, only, data }).ok().map(Bytes::from)
}

impl Retained {
    /// What is in a row; `None` if it is no such row.
    pub fn decode(row: &[u8]) -> Option<Retained> {
        let Row { seq, at, only, data } = serde_json::from_slice(row).ok()?;
        let shared = |any: Named| any.into_iter().map(|(a, values)| (a.into(), values)).collect::<AnyOf>();
        let audience = only.map_or(Audience::Everyone, |all| Audience::Only(all.into_iter().map(shared).collect()));
        Some(Retained { seq, at, data: Bytes::copy_from_slice(data.get().as_bytes()), audience })
    }
}
