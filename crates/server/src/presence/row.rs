//! Who was told to be on a channel: a row of state of its log for each, written by the commit of the event that tells it.

use super::Member;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use tidewire_engine::{
    log::{Log, LogError, LogId, StateRow},
    state,
};

const PREFIX: &str = "here:";

/// What the row of a member holds. The attributes of its principal are there for what is published when it leaves, also by
/// another process than the one that it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    pub member: Value,
    pub info: Value,
    pub principal: Map<String, Value>,
    /// µs since 1970
    pub since: i64,
}

impl Told {
    pub fn row(&self) -> StateRow {
        let value = serde_json::to_vec(self).map(Bytes::from).ok();
        StateRow { name: name(&self.member), value }
    }

    pub fn shown(self) -> Member {
        Member { member: self.member, info: self.info, connections: 0, since: self.since }
    }
}

pub(super) fn name(member: &Value) -> Arc<str> {
    format!("{PREFIX}{member}").into()
}

/// What the comings and goings of a member are the versions of, so that of two nodes one alone tells each. No payload can name
/// it: there is a control character in it.
pub(super) fn turn(member: &Value) -> Arc<str> {
    format!("\u{1}{PREFIX}{member}").into()
}

/// Whether the member was told to be there, and how often it came or went.
pub(super) fn of(store: &dyn Log, log: LogId, member: &Value) -> Result<(Option<Told>, i64), LogError> {
    let turn = store.state(log, &state::version_name(&turn(member)))?.and_then(|row| state::decode_version(&row)).unwrap_or(0);
    let told = store.state(log, &name(member))?.and_then(|row| serde_json::from_slice(&row).ok());
    Ok((told, turn))
}

/// All who were told to be there, in the order in which they came.
pub(super) fn all(store: &dyn Log, log: LogId) -> Result<Vec<Told>, LogError> {
    let rows = store.states(log, PREFIX)?;
    let mut all: Vec<Told> = rows.iter().filter_map(|(_, row)| serde_json::from_slice(row).ok()).collect();
    all.sort_by_key(|told| told.since);
    Ok(all)
}
