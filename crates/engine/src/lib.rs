//! What happens to an event: sequenced, kept, seen by those it is for.
//!
//! No sockets, no clock, no files: time is an argument, storage a trait ([`log::Log`]).

pub mod at;
pub mod eye;
pub mod feed;
pub mod follow;
pub mod id;
pub mod log;
pub mod members;
pub mod position;
pub mod publish;
pub mod reader;
pub mod record;
pub mod sequencer;
pub mod state;
pub mod times;

pub use eye::Eye;
pub use feed::Feed;
pub use position::{Position, Resume};
pub use publish::Draft;
pub use reader::{LogHandle, Reader};
pub use record::{Audience, Record};
pub use sequencer::{Declined, Published, Sequencer};
pub use state::{Conflict, Retained, Version};
pub use times::{Spread, Times};
