//! Contracts at play: their flows against a real server, and a server of made-up events for those who have no backend yet.
//!
//! - [`site`]: a server of one contract in this process, with keys of its own; or one that is already there.
//! - [`link`]: clients of any contract, over every transport, in the contract's own wire.
//! - [`flow`]: plays what `flows:` tells, and says where reality differs.
//! - [`sample`]: payloads made from schemas and examples.
//! - [`mock`]: a contract served without a backend, which misbehaves on request.
//!
//! Only the public interface of the server is used, as a user's client or backend would use it.

pub mod actor;
pub mod flow;
pub mod http;
pub mod link;
pub mod mock;
pub mod sample;
pub mod serve;
pub mod site;
pub mod wire;

pub use actor::Actors;
pub use site::sign;
