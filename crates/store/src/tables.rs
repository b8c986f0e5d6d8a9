//! The storage engine, opened: its three keyspaces, its errors in our words, its panics turned into errors.

use crate::{OpenError, Options, rows::*};
use fjall::{
    AbstractTree, CompressionType, Database, Iter, Keyspace, KeyspaceCreateOptions, LsmError, PersistMode, Slice,
    config::{BlockSizePolicy, CompressionPolicy},
};
use std::{
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};
use tidewire_engine::log::LogError;

/// All events, keys and the rest. Dropping the last clone closes the engine.
#[derive(Clone)]
pub(crate) struct Tables {
    pub db: Database,
    pub events: Keyspace,
    pub keys: Keyspace,
    pub meta: Keyspace,
}

impl Tables {
    pub fn open(folder: &Path, options: &Options) -> Result<Tables, OpenError> {
        let opened = catch_unwind(AssertUnwindSafe(|| Self::try_open(folder, options)));
        opened.unwrap_or_else(|panic| Err(fjall::Error::Io(std::io::Error::other(said(panic.as_ref()))))).map_err(|e| match e {
            fjall::Error::Locked => OpenError::Locked(folder.to_owned()),
            fjall::Error::Io(e) if e.raw_os_error().is_some() => OpenError::io(folder)(e),
            fjall::Error::Storage(LsmError::Io(e)) if e.raw_os_error().is_some_and(|code| code != 2) => OpenError::io(folder)(e),
            e => OpenError::Unreadable { path: folder.to_owned(), what: describe(&e) },
        })
    }

    fn try_open(folder: &Path, options: &Options) -> fjall::Result<Tables> {
        let db = Database::builder(folder)
            .cache_size(options.cache)
            .journal_compression(CompressionType::None)
            .manual_journal_persist(true)
            // Everything in the journals is read at the start.
            .max_journaling_size(64 << 20)
            .worker_threads(2)
            .open()?;
        let lz4 = || CompressionPolicy::new([CompressionType::None, CompressionType::None, CompressionType::Lz4]);
        let settings = |block, memtable| {
            KeyspaceCreateOptions::default()
                .manual_journal_persist(true)
                .max_memtable_size(memtable)
                .data_block_size_policy(BlockSizePolicy::all(block))
                .data_block_compression_policy(lz4())
        };
        let events = db.keyspace("events", || settings(16 << 10, options.memtable))?;
        let keys = db.keyspace("keys", || settings(4 << 10, options.memtable))?;
        let meta = db.keyspace("meta", || settings(4 << 10, 16 << 20))?;
        Ok(Tables { db, events, keys, meta })
    }

    /// Number of the batch that wrote last.
    pub fn last_batch(&self) -> Result<u64, LogError> {
        let marker = guarded(|| self.meta.get(MARKER)).map_err(|e| damaged("the store's last marker", &e))?;
        match marker {
            None => Ok(0),
            Some(bytes) => Marker::decode(&bytes).map(|m| m.number).ok_or_else(|| LogError::Damaged("the store's last marker".to_owned())),
        }
    }

    /// Waits while flushing lags behind, and notices when it never will catch up. The engine itself waits without an end when
    /// its workers have died, so it must never come to that.
    pub fn wait_for_flushes(&self, patience: Duration) -> Result<(), fjall::Error> {
        let began = Instant::now();
        let behind = |k: &Keyspace| k.sealed_memtable_count() >= 2 || k.tree.l0_run_count() >= 18;
        while behind(&self.events) || behind(&self.keys) || behind(&self.meta) {
            // Says whether the engine has given up.
            self.db.persist(PersistMode::Buffer)?;
            if began.elapsed() > patience {
                return Err(fjall::Error::Io(std::io::Error::other("the disk does not keep up with flushing")));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// One row of a keyspace.
    pub fn row(&self, keyspace: &Keyspace, key: &[u8], what: impl Fn() -> String) -> Result<Option<Slice>, LogError> {
        guarded(|| keyspace.get(key)).map_err(|e| damaged(&what(), &e))
    }
}

/// The rows of a range; ends behind the first error.
pub(crate) struct Rows {
    iter: Option<Iter>,
    /// Why there is no iterator at all.
    error: Option<fjall::Error>,
}

impl Rows {
    pub fn new(keyspace: &Keyspace, range: RangeInclusive<Vec<u8>>) -> Rows {
        Rows::start(|| keyspace.range(range))
    }

    pub fn prefix(keyspace: &Keyspace, prefix: &[u8]) -> Rows {
        Rows::start(|| keyspace.prefix(prefix))
    }

    fn start(start: impl FnOnce() -> Iter) -> Rows {
        match guarded(|| Ok(start())) {
            Ok(iter) => Rows { iter: Some(iter), error: None },
            Err(error) => Rows { iter: None, error: Some(error) },
        }
    }

    fn step(&mut self, step: impl FnOnce(&mut Iter) -> Option<fjall::Guard>) -> Option<Result<(Slice, Slice), fjall::Error>> {
        let Some(iter) = &mut self.iter else { return self.error.take().map(Err) };
        let next = guarded(|| step(iter).map(fjall::Guard::into_inner).transpose()).transpose();
        if matches!(next, Some(Err(_))) {
            self.iter = None;
        }
        next
    }

    /// The last row of what is left.
    pub fn newest(&mut self) -> Option<Result<(Slice, Slice), fjall::Error>> {
        self.step(|iter| iter.next_back())
    }
}

impl Iterator for Rows {
    type Item = Result<(Slice, Slice), fjall::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(|iter| iter.next())
    }
}

/// Calls the engine; a panic in it is an error of it.
pub(crate) fn guarded<T>(call: impl FnOnce() -> fjall::Result<T>) -> fjall::Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(fjall::Error::Io(std::io::Error::other(said(panic.as_ref())))))
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the storage engine panicked").to_owned()
}

/// An error while reading `what`: damaged, unless the operating system says that it could not read.
pub(crate) fn damaged(what: &str, error: &fjall::Error) -> LogError {
    match error {
        fjall::Error::Io(e) | fjall::Error::Storage(LsmError::Io(e)) if e.raw_os_error().is_some() => {
            LogError::Failed(format!("reading {what}: {e}"))
        }
        e => LogError::Damaged(format!("{what}: {}", describe(e))),
    }
}

/// An error while writing.
pub(crate) fn failed(error: &fjall::Error) -> LogError {
    const NO_SPACE: [i32; 3] =
        [rustix::io::Errno::NOSPC.raw_os_error(), rustix::io::Errno::DQUOT.raw_os_error(), rustix::io::Errno::FBIG.raw_os_error()];
    match error {
        fjall::Error::Io(e) | fjall::Error::Storage(LsmError::Io(e)) if e.raw_os_error().is_some_and(|c| NO_SPACE.contains(&c)) => {
            LogError::Full(e.to_string())
        }
        e => LogError::Failed(describe(e)),
    }
}

pub(crate) fn describe(error: &fjall::Error) -> String {
    match error {
        fjall::Error::Io(e) | fjall::Error::Storage(LsmError::Io(e)) => e.to_string(),
        fjall::Error::Storage(LsmError::ChecksumMismatch { .. }) => "its checksum is wrong".to_owned(),
        fjall::Error::Storage(e) => format!("{e:?}"),
        fjall::Error::Poisoned => "writing had failed in the background".to_owned(),
        e => format!("{e:?}"),
    }
}
