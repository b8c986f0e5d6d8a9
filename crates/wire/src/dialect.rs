//! One protocol's way of spelling: three functions, chosen once when a client connects.

use crate::{
    command::{BadFrame, Command},
    reply::Reply,
};
use tidewire_contract::address::Vars;
use tidewire_engine::Record;

/// An event as a wire sees it.
#[derive(Debug, Clone, Copy)]
pub struct EventView<'a> {
    pub record: &'a Record,
    /// The log's own channel name (a mirror shows the mirrored one's).
    pub channel: &'a str,
    pub vars: &'a Vars,
    pub epoch: i64,
    /// The reader missed it and gets it now, behind the time.
    pub replay: bool,
}

pub trait Dialect: Send + Sync {
    /// Reads one text frame.
    fn decode(&self, frame: &[u8]) -> Result<Command, BadFrame>;
    /// Appends the event's bytes to `out`, without any framing: the same bytes for everybody.
    fn event(&self, event: &EventView<'_>, out: &mut Vec<u8>);
    /// Appends the reply's bytes; false where the protocol has no word for it (nothing is appended then).
    fn reply(&self, reply: &Reply, out: &mut Vec<u8>) -> bool;
}
