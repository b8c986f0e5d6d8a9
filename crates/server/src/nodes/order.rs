//! What one node orders all of them to do to their clients, as it is written down.

use crate::{pusher::roster::Change, shard::Selector};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An order, and who wants to know what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    pub from: u64,
    /// By which answers are told apart.
    pub token: u64,
    pub contract: String,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    Disconnect {
        who: Selector,
        reason: String,
    },
    Recall {
        who: Selector,
        reason: String,
    },
    Unsubscribe {
        who: Selector,
        channel: String,
    },
    Subscribers {
        log: String,
    },
    Evict {
        connection: u64,
    },
    /// A connection is this principal's from now on.
    Bind {
        connection: u64,
        id: String,
        attributes: Map<String, Value>,
    },
    /// Something happened that webhooks may be told of.
    Change(Change),
    /// A device of the contract was made, changed or removed.
    Device {
        id: u64,
    },
}

/// What a node answers: how many there were, or 0, 1, 2 to a bind.
pub(super) fn answer(token: u64, count: usize) -> Vec<u8> {
    [&[ANSWER][..], &token.to_be_bytes(), &(count as u64).to_be_bytes()].concat()
}

/// Reads an answer.
pub(super) fn answered(mut bytes: &[u8]) -> Option<(u64, usize)> {
    use bytes::Buf;
    (bytes.try_get_u8().ok()? == ANSWER).then_some(())?;
    Some((bytes.try_get_u64().ok()?, bytes.try_get_u64().ok()? as usize))
}

const ANSWER: u8 = b'a';
/// There is an order to be read.
pub(super) const LOOK: &[u8] = b"o";
