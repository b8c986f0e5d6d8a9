//! The embedded durable log: events, keys, members and small values of all channels in one folder.
//!
//! ```no_run
//! use tidewire_engine::log::Log;
//! use tidewire_store::{Options, Store};
//!
//! let store = Store::open("data", Options::default())?;
//! let state = store.open("world/world:w1", tidewire_contract::Durability::Disk, 1_763_678_000_000_000)?;
//! let newest = store.read(state.id, state.head.saturating_sub(10), 10, 1 << 20)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chunk;
mod commit;
mod journal;
mod log;
mod mark;
mod options;
mod read;
mod record;
mod rows;
mod space;
mod store;
mod tables;
mod trim;
mod varint;

pub use options::{OpenError, Options};
pub use record::{decode_record, encode_record};
pub use store::Store;
pub use varint::DecodeError;
