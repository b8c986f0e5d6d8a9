//! Messages that the broker refused for themselves: kept where an operator sees them, while the others go on.

use crate::One;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidewire_engine::{
    at,
    log::{Log, LogError},
};

/// A message that was set aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aside {
    pub channel: String,
    pub seq: u64,
    /// The event's id.
    pub id: String,
    /// What the broker said.
    pub reason: String,
    /// µs since 1970.
    pub at: i64,
}

impl Aside {
    pub(crate) fn json(&self) -> Value {
        json!({ "channel": self.channel, "seq": self.seq, "id": self.id, "reason": self.reason, "at": at::to_iso(self.at) })
    }
}

fn key(one: &One, channel: &str, seq: u64) -> String {
    format!("{}aside/{channel}/{seq:020}", one.prefix())
}

/// The row that sets it aside.
pub(crate) fn row(one: &One, aside: &Aside) -> (Vec<u8>, Option<Vec<u8>>) {
    let value = serde_json::to_vec(aside).unwrap_or_default();
    (key(one, &aside.channel, aside.seq).into_bytes(), Some(value))
}

/// The row that takes it back.
pub(crate) fn gone(one: &One, aside: &Aside) -> (Vec<u8>, Option<Vec<u8>>) {
    (key(one, &aside.channel, aside.seq).into_bytes(), None)
}

/// All of a bridge, by channel and `seq`.
pub(crate) fn all(values: &dyn Log, one: &One) -> Result<Vec<Aside>, LogError> {
    let found = values.values(format!("{}aside/", one.prefix()).as_bytes())?;
    found
        .iter()
        .map(|(_, value)| serde_json::from_slice(value).map_err(|e| LogError::Damaged(format!("a message set aside: {e}"))))
        .collect()
}
