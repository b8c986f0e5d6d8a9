//! Flows: scripts of who does what, played as tests and drawn as diagrams (C-13).
//!
//! In a payload, text that is `$name` alone stands for a value that is not known before: where it is received for the first
//! time it may be anything and is kept, and it is that from there on, in what is sent and in what is received. A text such as
//! `($ 501 characters)` has been made already. Somebody whom neither `actors` nor `backends` name is a client with the claims
//! `{sub: NAME}`.

use serde_json::{Map, Value};

/// One story, told in steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    pub title: String,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Line of `contract.yaml`, from 1.
    pub line: usize,
    /// As it is written, without the white space around it.
    pub text: String,
    pub action: Action,
}

/// What happens in a step. Names are those of actors or of backends.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `ana, boris join conversation:c1`
    Join { who: Vec<String>, channel: String },
    /// `ana leaves conversation:c1`
    Leave { who: Vec<String>, channel: String },
    /// `ana sends message.send { text: Hello }`: a client by a frame, a backend by publishing; to the channel after `to`,
    /// or to the one that the flow joined last. Without a payload, it is the event's first example, or `{}`.
    Send { who: String, event_type: String, data: Option<Value>, channel: Option<String> },
    /// `ana, boris receive message.created { text: Hello }, message.read`: in this order, others may come between. What a
    /// pattern does not name may be anything. The type is that of an event, or of a server's frame as the wire spells it
    /// ([`crate::Contract::frame_types`]); of a frame, the pattern is of what stands where an event has its payload
    /// ([`crate::Contract::frame_payload`]).
    Receive { who: Vec<String>, what: Vec<Expected> },
    /// `boris receives nothing`: no event and no error until the flow's other steps have been answered.
    ReceiveNothing { who: Vec<String> },
    /// `engine answers { code: CONFLICT }` or `engine answers { outcome: success }`: to what it received last.
    Answer { who: String, data: Value },
    /// `ana disconnects`
    Disconnect { who: Vec<String> },
    /// `ana reconnects`: and goes on from where it was.
    Reconnect { who: Vec<String> },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    pub event_type: String,
    pub data: Option<Value>,
}

/// Somebody in flows and mocks: what the claims of their token, or the attributes of their device, are.
#[derive(Debug, Clone, PartialEq)]
pub struct Actor {
    pub name: String,
    pub claims: Map<String, Value>,
}
