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
//!
//! It knows no channels, contracts or clients: logs have names, and [`tidewire_engine::log`] says what they promise. No runtime,
//! no timer, and no thread but the storage engine's two; calls block.
//!
//! # The folder
//!
//! ```text
//! data/
//!   format         "tidewire store 1": another version is not read
//!   lock           held by the process that has it open
//!   state          what this run has promised so far            mark.rs
//!   log/           the storage engine, fjall 3: journals *.jnl, and tables below keyspaces/
//!     events       log, seq of a row's last event -> the events that one commit appended      chunk.rs, record.rs
//!     keys         log, key -> seq, at, id                                                    rows.rs
//!     meta         names, where trimming left a log, members, state, small values, losses    rows.rs
//!   damaged-…/     journals that were set aside when a loss was accepted
//! ```
//!
//! # How a commit goes
//!
//! One batch of the storage engine holds all of it: events, keys, members, state, and a marker with the batch's number. It is written to
//! the journal and, if one of its logs asks for `disk`, synced (`fdatasync`); only then readers see it. `process` leaves it to the
//! kernel, which keeps it when the process is killed. So a batch is there whole or not at all, and a log's head, its newest row,
//! needs no counter that could disagree.
//!
//! # What happens when …
//!
//! - **the process is killed**: the start reads the journals (some 100 MB at most, never the history), cuts off what was not
//!   written whole, and finds all that was acknowledged. Epochs stay.
//! - **the power fails**: the same for what was synced. Logs with `process` may have lost their end: when the machine was started
//!   anew and the store had not been closed, they get a new epoch, so that clients are told. `disk` logs keep theirs.
//! - **bytes are damaged in a journal**: the storage engine would cut the journal there. So the raw bytes are looked at before it
//!   may ([`OpenError::Damaged`]): a marker behind the damage, or the file `state`, tells that what is missing had been promised. With
//!   [`Options::accept_loss`] the rest is given up, a copy kept, and every log gets a new epoch.
//! - **bytes are damaged in a table**: reading gives [`LogError::Damaged`](tidewire_engine::log::LogError::Damaged) with log and `seq`;
//!   what lies beside it can be read, other logs too. Every event and every row carries a checksum of its own over key and value,
//!   besides those of the storage engine's blocks.
//! - **the disk is full or fails**: appending stops while [`Options::min_free`] is not free, before the storage engine meets the end
//!   of the disk. Where it fails all the same, appending is refused, reading goes on, and as soon as there is room the files are
//!   opened anew in place: what was not acknowledged is cut off, what was is written again, since nothing is known of pages whose
//!   sync failed. No sync is ever repeated on the handle on which it failed.
//!
//! # What is taken for granted of the medium
//!
//! - When `fdatasync` and `fsync` return, the bytes, the file's length and, for a folder, its entries survive a power loss.
//! - Bytes of a file that were synced do not change because others, behind them, are written; those that were not may be there in
//!   part, in any order of sectors, or be zeros.
//! - A sector of 512 bytes is written whole or not at all: needed for the file `state` alone, which only sharpens what is noticed.
//! - Damage to the last batch alone, after a power loss that struck before the kernel wrote `state` (half a minute at most), looks
//!   like a torn write, and is taken for one.
//! - Nobody else writes in the folder. A copy of it is a backup if it is of one moment: a snapshot, or made while it is closed.
//!
//! # Versions
//!
//! `format` names the version of the whole; rows of events and events begin with a version of their own. Version 1 is the first.

mod chunk;
mod commit;
mod figures;
mod journal;
mod log;
mod mark;
mod options;
mod patience;
mod read;
mod record;
mod rows;
mod space;
mod store;
mod tables;
mod trim;
mod varint;

pub use chunk::check_chunk;
pub use options::{OpenError, Options};
pub use record::{decode_record, encode_record};
pub use store::Store;
pub use varint::DecodeError;
