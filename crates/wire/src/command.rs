//! What a client asks for, whatever its protocol calls it.

use serde_json::{Value, value::RawValue};
use tidewire_contract::address::Vars;

/// What an answer has to repeat so that the client knows what was answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reference {
    /// The frame's type as the wire spells it, e.g. `room.join`.
    pub frame: Option<String>,
    /// The client's `$trace`.
    pub trace: Option<Value>,
    /// The client's `$key`.
    pub key: Option<Value>,
    /// The path and query variables of the client's connection: whoever answers knows them, a frame does not.
    pub vars: Vars,
}

/// A decoded frame.
#[derive(Debug)]
pub enum Command {
    Subscribe {
        channels: Vec<String>,
        after: Option<String>,
        /// What the client shows to be let in, where the protocol asks for it with each subscription.
        proof: Option<Box<Proof>>,
        reference: Reference,
    },
    /// Who the client says it is, signed by somebody who knows.
    SignIn {
        auth: String,
        user_data: String,
        reference: Reference,
    },
    Unsubscribe {
        channels: Vec<String>,
        reference: Reference,
    },
    /// Everything after `since` on the channels that are joined.
    Sync {
        since: String,
        reference: Reference,
    },
    Ping {
        reference: Reference,
    },
    Pong,
    Send {
        event_type: String,
        data: Box<RawValue>,
        channel: Option<String>,
        reference: Reference,
    },
    /// A new token in place of one that is about to expire.
    Refresh {
        token: String,
        reference: Reference,
    },
}

/// What comes with a subscription under a protocol of signatures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proof {
    /// `key:signature`.
    pub auth: Option<String>,
    /// JSON; signed with the channel, or else only a wish.
    pub channel_data: Option<String>,
}

/// A frame that is no command: the connection lives on, the client gets an error (G-5).
#[derive(Debug, Clone, PartialEq)]
pub struct BadFrame {
    /// `INVALID_JSON`, `INVALID_FRAME`, `TOO_DEEP`.
    pub code: &'static str,
    /// What is wrong and where.
    pub message: String,
    pub reference: Reference,
}
