//! An event at its place in a log.

use bytes::Bytes;
use std::sync::Arc;

/// One event of a channel's log, as it is kept. Immutable; shared by everything that reads the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// From 1, without holes within a log.
    pub seq: u64,
    /// Microseconds since 1970, UTC; strictly increasing over the whole node.
    pub at: i64,
    /// UUID version 7 made of `at`, or the publisher's own.
    pub id: [u8; 16],
    pub event_type: Arc<str>,
    /// What deduplicated it.
    pub key: Option<Arc<str>>,
    /// Trace or correlation id of the request that caused it.
    pub trace: Option<Arc<str>>,
    /// When it happened, as the publisher says.
    pub occurred_at: Option<Arc<str>>,
    /// Further members for the envelope: a JSON object, minified.
    pub fields: Option<Bytes>,
    /// The payload: JSON, minified, otherwise byte for byte as it was published.
    pub data: Bytes,
    pub audience: Audience,
    /// The connection that caused it and does not get it; of no meaning once that has ended.
    pub except: Option<u64>,
}

impl Record {
    /// Roughly what it takes in memory and on disk, in bytes.
    pub fn weight(&self) -> usize {
        128 + self.event_type.len() + self.data.len() + self.fields.as_ref().map_or(0, Bytes::len) + self.audience.weight()
    }
}

/// Who sees an event: settled when it was sequenced, stored with it, the same live and in the history.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Audience {
    #[default]
    Everyone,
    /// A principal sees it if, for every group of attributes here, the value of one of its attributes is listed.
    /// `(attribute, sorted values)`.
    Only(Arc<[AnyOf]>),
}

/// `[("character", ["c1", "c2"])]`: at least one of these must name the principal.
pub type AnyOf = Vec<(Arc<str>, Vec<String>)>;

impl Audience {
    fn weight(&self) -> usize {
        match self {
            Audience::Everyone => 0,
            Audience::Only(all) => all.iter().flatten().map(|(a, v)| a.len() + v.iter().map(|s| s.len() + 24).sum::<usize>()).sum(),
        }
    }
}
