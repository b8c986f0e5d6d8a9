//! How a store is opened, and why it is not.

use std::{path::PathBuf, time::Duration};

/// How a store is opened. [`Options::default`] is right for a server; tests set the rest.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes that must be free on the file system before anything is appended. Below it appends are refused with
    /// [`LogError::Full`](tidewire_engine::log::LogError::Full), so that what is already accepted can still be flushed and compacted.
    /// Trimming, which frees space, needs a quarter of it.
    pub min_free: u64,
    /// Bytes of memory for blocks that were read from disk.
    pub cache: u64,
    /// Bytes of recent events and keys, each, that are held in memory before they are written to a table.
    pub memtable: u64,
    /// At least this long between two tries to reopen a store that failed.
    pub retry: Duration,
    /// Opens a store whose journal is damaged all the same: what lies behind the damage is lost, a copy of the journal is kept in
    /// `damaged-…`, and every log gets a new epoch.
    pub accept_loss: bool,
    /// The identity of this run of the machine's kernel; `None` asks the kernel.
    pub boot_id: Option<String>,
    /// Microseconds since 1970; `None` asks the clock. It is the epoch of logs that lost something.
    pub now: Option<i64>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            min_free: 256 << 20,
            cache: 64 << 20,
            memtable: 32 << 20,
            retry: Duration::from_secs(1),
            accept_loss: false,
            boot_id: None,
            now: None,
        }
    }
}

/// Why a store was not opened. Nothing of it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Bytes that had reached the medium are no longer as they were written.
    #[error(
        "the store is damaged: {path}: {what}. Events that were acknowledged cannot be read. Restore the data folder from a backup, or \
         start once with --accept-loss: it keeps a copy of the damaged journal, goes on with what is intact before the damage, and tells \
         every client that events may be missing", path = path.display()
    )]
    Damaged { path: PathBuf, what: String },
    /// The tables or their index cannot be read.
    #[error(
        "the store's tables cannot be read: {path}: {what}. Restore the data folder from a backup, or begin with an empty one", path = path.display()
    )]
    Unreadable { path: PathBuf, what: String },
    /// Another process holds the folder.
    #[error("the store {} is open in another process: stop that one, or give this one a data folder of its own with --data", .0.display())]
    Locked(PathBuf),
    /// The folder holds something that this version does not read.
    #[error("{path} was written by another version of the store ({found}); this one reads version {reads}", path = path.display())]
    Version { path: PathBuf, found: String, reads: u32 },
    /// The operating system refused.
    #[error("cannot open the store {path}: {source}", path = path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

impl OpenError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> OpenError {
        let path = path.into();
        move |source| OpenError::Io { path, source }
    }
}
