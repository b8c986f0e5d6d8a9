//! What the server tells a client beside events.

use crate::command::Reference;
use serde_json::Value;
use std::borrow::Cow;
use tidewire_contract::{ServerFrame, address::Vars};
use tidewire_engine::Position;

#[derive(Debug, Clone)]
pub enum Reply {
    /// `vars`: the path and query variables of the connection's endpoint, and those of the channel that it is on by that.
    Hello {
        connection: String,
        at: i64,
        vars: Vars,
        /// The channel that the connection is on by its endpoint, and the place from which its events follow.
        channel: Option<(String, Position)>,
        /// A list of who is on that channel; null where nothing asks for it.
        presence: Value,
        /// Name → payload of the newest event that the channel retains under it.
        retained: Value,
    },
    /// One for each subscribe frame: the channels that were joined, each with the place from which its events follow.
    Subscribed {
        channels: Vec<(String, Position)>,
        at: i64,
        reference: Reference,
    },
    Unsubscribed {
        channels: Vec<String>,
        at: i64,
        reference: Reference,
    },
    Synced {
        at: i64,
        reference: Reference,
    },
    /// A client event was accepted; `reply` is `{channel, id, seq, at, duplicate}`.
    Ack {
        event_type: String,
        reply: Value,
        at: i64,
        reference: Reference,
    },
    /// A client event was refused. `errors` is a list of `{pointer, rule, found, message}`, maybe empty.
    Refused {
        event_type: String,
        code: Cow<'static, str>,
        message: String,
        errors: Value,
        at: i64,
        reference: Reference,
    },
    Error {
        code: Cow<'static, str>,
        message: String,
        channel: Option<String>,
        at: i64,
        reference: Reference,
    },
    Ping {
        at: i64,
    },
    Pong {
        at: i64,
        reference: Reference,
    },
    /// A new token was accepted; `expires` in µs.
    Refreshed {
        at: i64,
        expires: Option<i64>,
        reference: Reference,
    },
    Gap(Gap),
}

/// The history no longer reaches back to where a client was (G-3).
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    pub channel: String,
    pub vars: Vars,
    /// What the client had, as it said it: `412`, `epoch:412`, a time.
    pub from: String,
    /// The time at which what the client had ends, as far as it is known (µs).
    pub from_at: Option<i64>,
    /// The first event that follows now.
    pub to: Position,
    pub reason: GapReason,
    pub at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// The events were let go by the channel's retention.
    Expired,
    /// The log is another one: acknowledged events may have been lost.
    Reset,
    /// The client was at a place, or had an id, that this log never had.
    Unknown,
    /// Stored bytes were found damaged and are not served.
    Damaged,
}

impl GapReason {
    pub fn as_str(self) -> &'static str {
        match self {
            GapReason::Expired => "expired",
            GapReason::Reset => "reset",
            GapReason::Unknown => "unknown",
            GapReason::Damaged => "damaged",
        }
    }
    /// What the client can do.
    pub fn action(self) -> &'static str {
        "refetch: take a fresh snapshot, then go on from its position"
    }
}

impl Reply {
    /// The template of the contract's `wire.server` that spells it.
    pub fn frame(&self) -> ServerFrame {
        match self {
            Reply::Hello { .. } => ServerFrame::Hello,
            Reply::Subscribed { .. } => ServerFrame::Subscribed,
            Reply::Unsubscribed { .. } => ServerFrame::Unsubscribed,
            Reply::Synced { .. } => ServerFrame::Synced,
            Reply::Ack { .. } => ServerFrame::Ack,
            Reply::Refused { .. } => ServerFrame::Refused,
            Reply::Error { .. } => ServerFrame::Error,
            Reply::Ping { .. } => ServerFrame::Ping,
            Reply::Pong { .. } => ServerFrame::Pong,
            Reply::Refreshed { .. } => ServerFrame::Refreshed,
            Reply::Gap(_) => ServerFrame::Gap,
        }
    }
}
