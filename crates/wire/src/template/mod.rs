//! Any JSON protocol, from a contract's templates.

mod decode;
mod event;
mod reply;
mod unwrap;

use crate::{
    command::{BadFrame, Command},
    dialect::{Dialect, EventView},
    reply::Reply,
};
pub(crate) use event::Pieces;
use tidewire_contract::{ClientFrame, Contract, ErrorCode, ServerFrame, Template, Wire};
pub use unwrap::{Envelope, unwrap};

/// The dialect that a contract's `wire:` describes.
#[derive(Debug)]
pub struct TemplateDialect {
    event: Pieces,
    client: Vec<(ClientFrame, Template)>,
    server: Vec<(ServerFrame, Template)>,
    /// What clients can do about each code.
    errors: Vec<ErrorCode>,
    depth: usize,
}

/// How deep JSON of a client may nest.
pub const DEPTH: usize = 64;

impl TemplateDialect {
    pub fn new(contract: &Contract) -> TemplateDialect {
        TemplateDialect::of(&contract.wire, DEPTH).with_errors(&contract.errors)
    }

    /// The same for a wire alone; `depth`: how deep a client's JSON may nest.
    pub fn of(wire: &Wire, depth: usize) -> TemplateDialect {
        TemplateDialect {
            event: Pieces::compile(&wire.event),
            client: wire.client.clone(),
            server: wire.server.clone(),
            errors: Vec::new(),
            depth,
        }
    }

    /// Knows what a client can do about each of these codes (C-5).
    #[must_use]
    pub fn with_errors(mut self, errors: &[ErrorCode]) -> TemplateDialect {
        self.errors = errors.to_vec();
        self
    }
}

impl Dialect for TemplateDialect {
    fn decode(&self, frame: &[u8]) -> Result<Command, BadFrame> {
        decode::decode(&self.client, frame, self.depth)
    }

    fn event(&self, event: &EventView<'_>, out: &mut Vec<u8>) {
        self.event.write(event, out);
    }

    fn reply(&self, reply: &Reply, out: &mut Vec<u8>) -> bool {
        reply::write(&self.server, &self.errors, reply, out)
    }
}
