//! Any JSON protocol, from a contract's templates.

use crate::{
    command::{BadFrame, Command},
    dialect::{Dialect, EventView},
    reply::Reply,
};
use tidewire_contract::Contract;

/// The dialect that a contract's `wire:` describes.
#[derive(Debug)]
pub struct TemplateDialect {}

impl TemplateDialect {
    pub fn new(contract: &Contract) -> TemplateDialect {
        let _ = contract;
        todo!()
    }
}

impl Dialect for TemplateDialect {
    fn decode(&self, frame: &[u8]) -> Result<Command, BadFrame> {
        let _ = frame;
        todo!()
    }
    fn event(&self, event: &EventView<'_>, out: &mut Vec<u8>) {
        let _ = (event, out);
        todo!()
    }
    fn reply(&self, reply: &Reply, out: &mut Vec<u8>) -> bool {
        let _ = (reply, out);
        todo!()
    }
}
