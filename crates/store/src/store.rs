//! The store: what it is made of, and how it opens, fails, recovers and closes.

use crate::{
    OpenError, Options,
    journal::{self, Scan},
    mark::{Mark, MarkFile},
    patience::patiently,
    rows::*,
    space::Space,
    tables::{Tables, damaged, failed, guarded},
};
use fjall::{OwnedWriteBatch, PersistMode};
use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tidewire_engine::{
    Times,
    log::{LogError, LogId},
};

const FORMAT: &str = "tidewire store 1\n";
const READS: u32 = 1;
/// So long a commit waits for flushing to catch up before it calls the disk broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// The embedded durable log: [`Log`](tidewire_engine::log::Log) on disk.
///
/// [`Store::open`] gives it; dropping it closes it, as [`Store::close`] does, which tells what went wrong.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    pub(crate) options: Options,
    boot: u128,
    pub(crate) space: Space,
    engine: RwLock<Engine>,
    writer: Mutex<Writer>,
    tails: RwLock<HashMap<LogId, Tail>>,
    pub(crate) synced: Times,
    pub(crate) written: Times,
    /// Held as long as this value lives: one process a folder.
    _lock: File,
}

/// What readers use.
pub(crate) struct Engine {
    /// `None` when it is closed, or could not be opened again after a failure.
    tables: Option<Tables>,
    pub losses: Losses,
    /// When the store was made, in µs.
    pub made: i64,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("open", &self.tables.is_some()).field("losses", &self.losses).finish()
    }
}

impl Engine {
    pub fn tables(&self) -> Result<&Tables, LogError> {
        self.tables.as_ref().ok_or_else(|| LogError::Failed("it is closed".to_owned()))
    }
}

/// What the one that writes keeps.
#[derive(Debug)]
pub(crate) struct Writer {
    /// The last batch that was written and acknowledged.
    number: u64,
    /// The last batch in the journal; another one only after a loss.
    previous: u64,
    /// The last batch that was synced.
    synced: u64,
    mark: MarkFile,
    pub next_log: u64,
    failure: Option<Failure>,
    closed: bool,
}

#[derive(Debug)]
struct Failure {
    error: LogError,
    tried: Instant,
}

/// Where a log stands; what a commit goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    pub first: u64,
    pub head: u64,
    pub at: i64,
    pub total: u64,
    /// `at` of the newest event that was let go; 0 where none was.
    pub gone: i64,
}

impl Store {
    /// Opens the store in the folder, or makes one there.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Store, OpenError> {
        let folder = path.as_ref();
        std::fs::create_dir_all(folder).map_err(OpenError::io(folder))?;
        let lock = patiently(|| lock(folder))?;
        check_format(folder)?;
        let boot = boot(&options);
        let now = options.now.unwrap_or_else(clock);
        let (mark_file, mark) = MarkFile::open(&folder.join("state"))?;
        let promised = mark.map_or(0, |m| m.promised(boot));

        let log = folder.join("log");
        let scan = journal::scan(&log, promised)?;
        let mut lost = false;
        let mut last_in_journal = scan.last;
        if scan.damage.is_some() {
            last_in_journal = accept(folder, &scan, &options, now)?;
            lost = true;
        }
        cut_torn(&scan)?;
        clear_unborn(&log, promised)?;

        let tables = patiently(|| Tables::open(&log, &options))?;
        let unreadable = |e: LogError| OpenError::Unreadable { path: log.clone(), what: e.to_string() };
        let last = tables.last_batch().map_err(unreadable)?;
        if last < promised.max(last_in_journal) && !lost {
            let what = format!("batches {} to {} were acknowledged and are not there", last + 1, promised.max(last_in_journal));
            if !options.accept_loss {
                return Err(OpenError::Damaged { path: log, what });
            }
            tracing::error!(what, "going on with what is there");
            lost = true;
        }
        let number = last.max(last_in_journal);
        let rebooted = number > 0 && mark.is_none_or(|m| m.boot != boot && !m.clean);

        let mut losses = match tables.row(&tables.meta, LOSSES, || "losses".to_owned()).map_err(unreadable)? {
            Some(row) => Losses::decode(&row).map_err(|e| unreadable(LogError::Damaged(format!("losses: {e}"))))?,
            None => Losses::default(),
        };
        let made = tables.number(MADE, "when the store was made").map_err(unreadable)?;
        let next_log = match tables.row(&tables.meta, NEXT_LOG, || "log ids".to_owned()).map_err(unreadable)? {
            Some(row) => unseal(NEXT_LOG, &row)
                .ok()
                .and_then(|n| n.try_into().ok().map(u64::from_le_bytes))
                .ok_or_else(|| unreadable(LogError::Damaged("log ids".to_owned())))?,
            None => 1,
        };
        let previous = if last_in_journal == 0 { number } else { last_in_journal };
        let writer = Writer { number, previous, synced: number, mark: mark_file, next_log, failure: None, closed: false };
        let store = Store {
            folder: folder.to_owned(),
            boot,
            space: Space::new(folder.to_owned()),
            engine: RwLock::new(Engine { tables: Some(tables), losses, made: made.unwrap_or(now) }),
            writer: Mutex::new(writer),
            tails: RwLock::default(),
            synced: Times::default(),
            written: Times::default(),
            options,
            _lock: lock,
        };
        if lost {
            losses.all = now;
        }
        if rebooted {
            tracing::warn!("the machine went down without closing the store: channels that are not synced may have lost their last events");
            losses.unsynced = now;
        }
        let mut writer = store.writer();
        if made.is_none() {
            store
                .write(&mut writer, true, 1, |t, batch| batch.insert(&t.meta, MADE, seal(MADE, now.to_le_bytes().to_vec())))
                .map_err(unreadable)?;
        }
        if lost || rebooted {
            let row = losses.encode();
            store.write(&mut writer, true, 1, |t, batch| batch.insert(&t.meta, LOSSES, row)).map_err(unreadable)?;
            store.engine.write().unwrap_or_else(PoisonError::into_inner).losses = losses;
        }
        store.promise(&mut writer, false).and_then(|()| writer.mark.sync()).map_err(OpenError::io(folder))?;
        journal::sync_folder(folder).map_err(OpenError::io(folder))?;
        drop(writer);
        Ok(store)
    }

    /// Makes everything durable and closes the store; whatever is called afterwards fails.
    pub fn close(&self) -> Result<(), LogError> {
        let mut writer = self.writer();
        if std::mem::replace(&mut writer.closed, true) {
            return Ok(());
        }
        let tables = self.engine.write().unwrap_or_else(PoisonError::into_inner).tables.take();
        if let Some(failure) = &writer.failure {
            return Err(failure.error.clone());
        }
        if let Some(tables) = tables {
            guarded(|| tables.db.persist(PersistMode::SyncAll)).map_err(|e| failed(&e))?;
        }
        writer.synced = writer.number;
        self.promise(&mut writer, true).and_then(|()| writer.mark.sync()).map_err(|e| LogError::Failed(e.to_string()))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn engine(&self) -> RwLockReadGuard<'_, Engine> {
        self.engine.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready to write: opens the store anew if it had failed and it is time to.
    pub(crate) fn ready(&self, writer: &mut Writer, least_free: u64) -> Result<(), LogError> {
        if writer.closed {
            return Err(LogError::Failed("it is closed".to_owned()));
        }
        self.space.check(least_free)?;
        match &writer.failure {
            None => Ok(()),
            Some(failure) if failure.tried.elapsed() < self.options.retry => Err(failure.error.clone()),
            Some(_) => self.reopen(writer),
        }
    }

    /// Writes one batch, all of it or nothing, and returns when it is as durable as asked. It has about so many `rows`.
    pub(crate) fn write(
        &self,
        writer: &mut Writer,
        sync: bool,
        rows: usize,
        fill: impl FnOnce(&Tables, &mut OwnedWriteBatch),
    ) -> Result<(), LogError> {
        let tables = self.engine().tables()?.clone();
        let mode = if sync { PersistMode::SyncData } else { PersistMode::Buffer };
        let number = writer.number.max(writer.previous) + 1;
        let written = tables.wait_for_flushes(PATIENCE).and_then(|()| {
            let mut batch = OwnedWriteBatch::with_capacity(tables.db.clone(), rows + 1).durability(Some(mode));
            fill(&tables, &mut batch);
            let marker = Marker { number, previous: writer.previous, synced: writer.synced };
            batch.insert(&tables.meta, MARKER, marker.encode());
            let begun = Instant::now();
            guarded(|| batch.commit())?;
            if sync { &self.synced } else { &self.written }.note(begun.elapsed());
            Ok(())
        });
        if let Err(e) = written {
            let error = failed(&e);
            tracing::error!(%error, "cannot write; publishes are refused until it works again");
            writer.failure = Some(Failure { error: error.clone(), tried: Instant::now() });
            return Err(error);
        }
        writer.number = number;
        writer.previous = number;
        if sync {
            writer.synced = number;
        }
        if let Err(error) = self.promise(writer, false) {
            tracing::warn!(%error, "cannot write the file `state`");
        }
        Ok(())
    }

    fn promise(&self, writer: &mut Writer, clean: bool) -> std::io::Result<()> {
        let mark = Mark { boot: self.boot, clean, acked: writer.number, synced: writer.synced };
        writer.mark.write(&mark)
    }

    /// Closes the engine that failed and opens another on the same files. What was not acknowledged is cut off, so that nothing
    /// returns of a batch that was reported as failed; what was is written again, since a failed sync leaves it open what the medium has.
    fn reopen(&self, writer: &mut Writer) -> Result<(), LogError> {
        let mut engine = self.engine.write().unwrap_or_else(PoisonError::into_inner);
        drop(engine.tables.take());
        let opened = self.open_again(writer);
        self.tails.write().unwrap_or_else(PoisonError::into_inner).clear();
        match opened {
            Ok(tables) => {
                engine.tables = Some(tables);
                writer.failure = None;
                tracing::info!("writing works again");
                Ok(())
            }
            Err(error) => {
                let error = match error {
                    OpenError::Io { source, .. } if source.raw_os_error() == Some(rustix::io::Errno::NOSPC.raw_os_error()) => {
                        LogError::Full(source.to_string())
                    }
                    e => LogError::Failed(e.to_string()),
                };
                tracing::error!(%error, "cannot open the store again");
                writer.failure = Some(Failure { error: error.clone(), tried: Instant::now() });
                Err(error)
            }
        }
    }

    fn open_again(&self, writer: &Writer) -> Result<Tables, OpenError> {
        let log = self.folder.join("log");
        let scan = journal::scan(&log, writer.number)?;
        if let Some(damage) = &scan.damage {
            return Err(OpenError::Damaged { path: damage.path.clone(), what: damage.what.clone() });
        }
        for (n, file) in scan.files.iter().enumerate() {
            let acked = file.ends.iter().rev().find(|(number, _)| *number <= writer.number).map_or(0, |(_, end)| *end);
            let unsynced = file.ends.iter().any(|(number, _)| *number > writer.synced);
            if unsynced || file.torn || acked != file.intact || n + 1 == scan.files.len() {
                journal::rewrite(&file.path, acked).map_err(OpenError::io(&file.path))?;
            }
        }
        let tables = patiently(|| Tables::open(&log, &self.options))?;
        let unreadable = |e: LogError| OpenError::Unreadable { path: log.clone(), what: e.to_string() };
        let last = tables.last_batch().map_err(unreadable)?;
        if last != writer.number {
            let what = format!("batch {} was acknowledged, batch {last} is the last one there", writer.number);
            return Err(OpenError::Damaged { path: log, what });
        }
        Ok(tables)
    }

    /// Where the log stands: remembered, or read from its last row.
    pub(crate) fn tail(&self, tables: &Tables, log: LogId) -> Result<Tail, LogError> {
        if let Some(tail) = self.tails.read().unwrap_or_else(PoisonError::into_inner).get(&log) {
            return Ok(*tail);
        }
        let tail = load_tail(tables, log)?;
        // Somebody may have committed meanwhile: what is there already is newer.
        Ok(*self.tails.write().unwrap_or_else(PoisonError::into_inner).entry(log).or_insert(tail))
    }

    pub(crate) fn set_tails(&self, tails: impl IntoIterator<Item = (LogId, Tail)>) {
        self.tails.write().unwrap_or_else(PoisonError::into_inner).extend(tails);
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "closing the store");
        }
    }
}

fn load_tail(tables: &Tables, log: LogId) -> Result<Tail, LogError> {
    let key = of_log(b'F', log, &[]);
    let what = || format!("log {}: where it was trimmed", log.0);
    let mut tail = match tables.row(&tables.meta, &key, what)? {
        None => Tail { first: 1, head: 0, at: 0, total: 0, gone: 0 },
        Some(row) => {
            let floor = Floor::decode(&key, &row).map_err(|e| LogError::Damaged(format!("{}: {e}", what())))?;
            let Floor { first, head, at, total, gone } = floor;
            Tail { first, head, at, total, gone }
        }
    };
    if let Some((_, header)) = crate::read::last_row(tables, log)?
        && header.last > tail.head
    {
        tail = Tail { head: header.last, at: header.last_at, total: header.total, ..tail };
    }
    Ok(tail)
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(OpenError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::Locked(folder.to_owned())),
        Err(std::fs::TryLockError::Error(e)) => Err(OpenError::io(path)(e)),
    }
}

fn check_format(folder: &Path) -> Result<(), OpenError> {
    let path = folder.join("format");
    match std::fs::read(&path) {
        Ok(text) if text == FORMAT.as_bytes() => Ok(()),
        // A crash while it was made.
        Ok(text) if text.is_empty() => std::fs::write(&path, FORMAT).map_err(OpenError::io(path)),
        Ok(text) => {
            Err(OpenError::Version { path, found: String::from_utf8_lossy(&text[..text.len().min(40)]).trim().to_owned(), reads: READS })
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => std::fs::write(&path, FORMAT).map_err(OpenError::io(path)),
        Err(e) => Err(OpenError::io(path)(e)),
    }
}

/// What stays of a journal with damage in it, if that is accepted: nothing behind the damage. Returns the last batch that stays.
fn accept(folder: &Path, scan: &Scan, options: &Options, now: i64) -> Result<u64, OpenError> {
    let Some(damage) = &scan.damage else { return Ok(scan.last) };
    if !options.accept_loss {
        return Err(OpenError::Damaged { path: damage.path.clone(), what: damage.what.clone() });
    }
    let aside = folder.join(format!("damaged-{now}"));
    std::fs::create_dir_all(&aside).map_err(OpenError::io(&aside))?;
    let paths = journal::paths(&folder.join("log"))?;
    for path in &paths {
        let to = aside.join(path.file_name().unwrap_or_default());
        std::fs::copy(path, &to).and_then(|_| File::open(&to)?.sync_all()).map_err(OpenError::io(&to))?;
    }
    tracing::error!(journal = %damage.path.display(), what = damage.what, copy = %aside.display(), "going on without what lies behind the damage");
    for path in paths.iter().skip(damage.file + 1) {
        std::fs::remove_file(path).map_err(OpenError::io(path))?;
    }
    Ok(scan.last)
}

/// Cuts off what a crash has torn, so that the engine finds nothing that it could misunderstand.
fn cut_torn(scan: &Scan) -> Result<(), OpenError> {
    for file in &scan.files {
        if file.torn {
            tracing::info!(journal = %file.path.display(), bytes = file.length - file.intact, "cutting off what was not written whole");
            journal::cut(&file.path, file.intact).map_err(OpenError::io(&file.path))?;
        }
    }
    Ok(())
}

/// Clears away an engine that was killed while it made itself: without its version file it does not know its own journal.
fn clear_unborn(log: &Path, promised: u64) -> Result<(), OpenError> {
    if !log.exists() || log.join("version").exists() {
        return Ok(());
    }
    if promised > 0 || journal::scan(log, 0)?.last > 0 {
        return Err(OpenError::Unreadable { path: log.join("version"), what: "the file is missing".to_owned() });
    }
    std::fs::remove_dir_all(log).map_err(OpenError::io(log))
}

fn boot(options: &Options) -> u128 {
    let id = options.boot_id.clone().or_else(|| std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok());
    // Where the system does not say, no two runs are the same: the careful answer.
    let id = id.unwrap_or_else(|| format!("{:?}", SystemTime::now()));
    xxhash_rust::xxh3::xxh3_128(id.trim().as_bytes())
}

fn clock() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64)
}

/// What is left to say when a row cannot be what was written.
pub(crate) fn wrong(what: impl std::fmt::Display) -> impl FnOnce(crate::DecodeError) -> LogError {
    move |e| LogError::Damaged(format!("{what}: {e}"))
}

/// The same for an error of the engine.
pub(crate) fn broken(what: impl std::fmt::Display) -> impl FnOnce(fjall::Error) -> LogError {
    move |e| damaged(&what.to_string(), &e)
}
