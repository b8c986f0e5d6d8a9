//! The log shared by several nodes, on Redis: one Redis, Sentinel, or a cluster.
//!
//! What this crate does *not* do: decide what nodes show to whom. It puts drafts into order ([`Shared`]), hears what others put into
//! order, and hands both to the engine's [`tidewire_engine::follow::Follow`], which fills holes and says what may be seen.
//!
//! # Keys
//!
//! All keys of a contract have one hash tag, so one script reaches all of them on a cluster too: a publish to several channels, and
//! its copy in the audit trail, happen whole or not at all, and no two events of a contract have the same `at`. `P` is
//! `PREFIX:{CONTRACT}`:
//!
//! ```text
//! P            hash    n: messages that were told, clock: newest at, lost: when acknowledged events were last lost
//! P:logs       zset    names of its logs, by name
//! P:l:LOG      hash    epoch, head, first, at, cum: weight of all events, gone: weight of those that were let go, gone_at: the newest's at
//! P:e:LOG      stream  SEQ-0 -> e: the event                                                record.rs
//! P:k:LOG      hash    key -> seq, at, id
//! P:o:LOG      list    at and key, in the order in which they were given
//! P:m:LOG      zset    g RELATION GROUP MEMBER and m RELATION MEMBER GROUP, parted by \0   lua/publish.lua
//! P:s:LOG      hash    rows of state: versions, what is retained                            P:n:LOG their names, by name
//! P:x          channel what was appended, as it was appended                                message.rs
//! P:w:LOG, …   who is connected to which node                                               people.rs
//! P:r:NODE     hash    what a node says of itself                                         table.rs
//! P:pl:WHO     zset    NODE:CONNECTION of a principal    places.rs    P:rate:WHO what it has used up    bounds.rs
//! PREFIX:{.}:… nodes that live, orders to all of them, leases                               company.rs, lease.rs
//! PREFIX:{.}:v hash    small values                                                         PREFIX:{.}:v:names, by name
//! ```

mod asking;
mod bounds;
mod company;
mod draft;
mod ear;
mod failure;
mod figures;
mod follower;
mod health;
mod io;
mod lease;
mod link;
mod log;
mod master;
mod message;
mod name;
mod order;
mod people;
mod places;
mod promises;
mod record;
mod reply;
mod scripts;
mod settings;
mod shared;
mod table;

pub use bounds::{Bounds, Rate};
pub use company::{Company, Obey, Returned};
pub use ear::{Ear, Push};
pub use failure::Failure;
pub use figures::{Figures, Seen};
pub use io::Io;
pub use lease::Lease;
pub use link::Link;
pub use log::RedisLog;
pub use name::{Names, contract_of};
pub use people::People;
pub use places::{Leaving, Places, Taken, WhenFull};
pub use settings::{BadUrl, Deployment, Files, Settings};
pub use shared::{Condition, Host, Shared};
pub use table::Table;
