//! Bridges: what leaves for other systems.

use crate::template::Template;

/// Events of some channels, carried to a message broker, each channel in its order.
#[derive(Debug)]
pub struct Bridge {
    /// The contract's key for it, e.g. `analytics`.
    pub name: String,
    /// `amqp:`, the exchange; where the broker is, the server's configuration says.
    pub exchange: String,
    /// Indices into [`crate::Contract::channels`].
    pub of: Vec<usize>,
    /// Over `$contract`, `$channel` (the channel's key in the contract), `$type` and the variables of the address.
    pub routing_key: Template,
}
