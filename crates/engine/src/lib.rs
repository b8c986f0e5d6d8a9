//! What happens to an event: sequenced, kept, seen by those it is for.
//!
//! No sockets, no clock, no files: time is an argument, storage a trait ([`log::Log`]).

pub mod at;
pub mod id;
pub mod log;
pub mod position;
pub mod publish;
pub mod record;

pub use position::{Position, Resume};
pub use record::{Audience, Record};
