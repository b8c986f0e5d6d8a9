//! The Pusher protocol, version 7: frames, names and signatures, without sockets and without memory.
//!
//! Source: <https://pusher.com/docs/channels/library_auth_reference/pusher-websockets-protocol/> and the pages beside it. What
//! is under a channel name in `data` is the contract's event, as a JSON text within the JSON.

mod decode;
mod event;
mod name;
mod notice;
pub mod sign;

pub use name::{Access, BadName, ChannelKind, NAME_MAX, check_channel, check_event, server_to_user};
pub use notice::{Member, Notice};

use crate::{
    command::{BadFrame, Command},
    dialect::{Dialect, EventView},
    reply::Reply,
};
use tidewire_contract::Template;

/// Newest and oldest version of the protocol that is spoken; the frames of all of them are the same.
pub const VERSIONS: std::ops::RangeInclusive<u32> = 4..=7;

/// Why a connection ends, as the protocol numbers it. Clients act on the number: 4000–4099 never to come back unless something
/// is changed, 4100–4199 to come back after a second, 4200–4299 to come back at once.
pub mod close {
    pub const NO_SUCH_APP: u16 = 4001;
    pub const OVER_QUOTA: u16 = 4004;
    pub const BAD_PATH: u16 = 4005;
    pub const BAD_VERSION: u16 = 4006;
    pub const UNSUPPORTED_PROTOCOL: u16 = 4007;
    pub const NO_PROTOCOL: u16 = 4008;
    /// Not, or no longer, authorized: also a connection whose place another one took.
    pub const UNAUTHORIZED: u16 = 4009;
    pub const OVER_CAPACITY: u16 = 4100;
    pub const GENERIC: u16 = 4200;
    pub const NO_PONG: u16 = 4201;
}

/// Errors that end nothing.
pub mod code {
    pub const TOO_MANY_CLIENT_EVENTS: u16 = 4301;
    pub const WATCHLIST_TOO_LONG: u16 = 4302;
}

/// The text of a connection's `socket_id`: `123.456`.
pub fn socket_id(connection: u64) -> String {
    format!("{}.{}", connection >> 20, connection & 0xf_ffff)
}

/// The connection that a `socket_id` names, if it is the text of one.
pub fn connection(socket_id: &str) -> Option<u64> {
    let (high, low) = socket_id.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(high) || !digits(low) {
        return None;
    }
    let (high, low): (u64, u64) = (high.parse().ok()?, low.parse().ok()?);
    (low <= 0xf_ffff && high < 1 << 44).then_some(high << 20 | low)
}

/// The protocol's three functions, for one contract.
pub struct Frames {
    event: event::Encoder,
    /// What the client is told of how long it may be silent, in seconds.
    activity_timeout: u64,
    depth: usize,
}

impl Frames {
    /// `event`: what goes into `data`. `depth`: how deep a client's frame may nest.
    pub fn new(event: &Template, activity_timeout: u64, depth: usize) -> Frames {
        Frames { event: event::Encoder::new(event), activity_timeout, depth }
    }
}

impl Dialect for Frames {
    fn decode(&self, frame: &[u8]) -> Result<Command, BadFrame> {
        decode::decode(frame, self.depth)
    }

    fn event(&self, event: &EventView<'_>, out: &mut Vec<u8>) {
        self.event.write(event, out);
    }

    fn reply(&self, reply: &Reply, out: &mut Vec<u8>) -> bool {
        notice::reply(reply, self.activity_timeout, out)
    }
}
