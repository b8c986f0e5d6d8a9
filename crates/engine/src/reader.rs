//! The reading side: what of each log may be seen, shared by everything that reads.

use crate::{
    log::{Batch, Log, LogError, LogId, LogState, Marks, memory::MemoryLog},
    record::Record,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};
use tidewire_contract::Durability;

/// All logs of a node, as far as they may be seen. Cheap to share; written by the sequencer's thread alone, or by who follows
/// logs that other nodes write, too.
pub struct Reader {
    store: Arc<dyn Log>,
    memory: Arc<MemoryLog>,
    memory_since: i64,
    handles: RwLock<HashMap<Arc<str>, Arc<LogHandle>>>,
    watermark: Arc<AtomicI64>,
    shared: Option<Sharing>,
}

/// Of logs that several nodes write.
struct Sharing {
    opener: Arc<dyn Opener>,
    /// By contract: their clocks are apart.
    watermarks: Mutex<HashMap<String, Arc<AtomicI64>>>,
}

/// Learns where a log stands that other nodes write, too. Blocks.
pub trait Opener: Send + Sync + 'static {
    /// The log's handle, which the reader knows from now on ([`Reader::adopt`]).
    ///
    /// # Errors
    /// When that cannot be learned.
    fn open(&self, log: &Arc<str>, durability: Durability) -> Result<Arc<LogHandle>, LogError>;
}

/// One log: where it stands, and its newest events.
pub struct LogHandle {
    /// `world/world:w1`.
    pub name: Arc<str>,
    pub durability: Durability,
    /// 0 while nothing was ever written.
    id: AtomicU64,
    epoch: AtomicI64,
    head: AtomicU64,
    first: AtomicU64,
    /// One bit for each shard that has subscribers.
    pub watchers: AtomicU64,
    /// One bit for each shard that was told of a move and has not looked yet.
    pub told: AtomicU64,
    tail: Mutex<Tail>,
    watermark: Arc<AtomicI64>,
    /// Epochs that began while the node ran, and up to where the log was the same before.
    resets: Mutex<Vec<(i64, u64)>>,
}

/// A time in a log.
pub struct Moment {
    /// The newest event that may be seen and is no younger; one less than the oldest that is kept where all that is kept is younger.
    pub seq: u64,
    /// Something younger was let go.
    pub lacks: bool,
}

#[derive(Default)]
struct Tail {
    records: VecDeque<Arc<Record>>,
    weight: usize,
}

/// Newest events that are kept in memory of each log: at most this weight, in bytes, and this number.
const TAIL_WEIGHT: usize = 512 * 1024;
const TAIL_COUNT: usize = 2048;

impl Reader {
    /// `now` in µs: the time from which logs in memory begin.
    ///
    /// # Errors
    /// What the store says.
    pub fn new(store: Arc<dyn Log>, now: i64) -> Result<Reader, LogError> {
        // No older than the start, so that a clock that is set back after it does not repeat what was lost with the last process;
        // nor than the store, so that an id of its first event is not taken for one of another store.
        let mut clock = store.clock()?.max(now);
        for marks in [store.marks(Durability::Process), store.marks(Durability::Disk)] {
            clock = clock.max(marks.made).max(marks.lost);
        }
        let watermark = Arc::new(AtomicI64::new(clock));
        Ok(Reader { store, memory: Arc::default(), memory_since: clock, handles: RwLock::default(), watermark, shared: None })
    }

    /// Of logs that several nodes write: all of them are in the store, whatever their durability. `opener` learns where they stand.
    pub fn shared(store: Arc<dyn Log>, opener: Arc<dyn Opener>) -> Reader {
        Reader {
            store,
            memory: Arc::default(),
            memory_since: 0,
            handles: RwLock::default(),
            watermark: Arc::default(),
            shared: Some(Sharing { opener, watermarks: Mutex::default() }),
        }
    }

    /// Whether several nodes write these logs.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Commits to the stores that the batch's logs are in: the lasting one first.
    ///
    /// # Errors
    /// What the store says; nothing of the batch counts as kept then.
    pub fn commit(&self, batch: &Batch) -> Result<(), LogError> {
        if batch.appends.iter().all(|a| a.durability != Durability::Memory) {
            return self.store.commit(batch);
        }
        let (memory, lasting): (Vec<_>, Vec<_>) = batch.appends.iter().cloned().partition(|a| a.durability == Durability::Memory);
        if !lasting.is_empty() {
            self.store.commit(&Batch { appends: lasting })?;
        }
        self.memory.commit(&Batch { appends: memory })
    }

    /// The store that holds logs of this durability.
    pub fn store(&self, durability: Durability) -> &dyn Log {
        match durability {
            Durability::Memory if self.shared.is_none() => &*self.memory,
            Durability::Memory | Durability::Process | Durability::Disk => &*self.store,
        }
    }

    /// The embedded or shared store, for small values.
    pub fn values(&self) -> &Arc<dyn Log> {
        &self.store
    }

    pub fn marks(&self, durability: Durability) -> Marks {
        match durability {
            Durability::Memory if self.shared.is_none() => Marks { made: self.memory_since, lost: self.memory_since },
            _ => self.store.marks(durability),
        }
    }

    /// The named log. There is a handle also for a log to which nothing was published yet. May block where several nodes write it
    /// and it is not known yet.
    ///
    /// # Errors
    /// What the store says.
    pub fn log(&self, name: &Arc<str>, durability: Durability) -> Result<Arc<LogHandle>, LogError> {
        if let Some(handle) = self.handles.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(handle.clone());
        }
        if let Some(sharing) = &self.shared {
            return sharing.opener.open(name, durability);
        }
        let found = self.store(durability).find(name)?;
        let mut handles = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        let handle = handles.entry(name.clone()).or_insert_with(|| {
            let handle = LogHandle::new(name.clone(), durability, self.watermark.clone());
            if let Some(state) = &found {
                handle.settle(state);
            }
            Arc::new(handle)
        });
        Ok(handle.clone())
    }

    /// A handle of a log that several nodes write; nobody knows it before [`Reader::adopt`].
    pub fn shared_handle(&self, name: &Arc<str>, durability: Durability, contract: &str) -> LogHandle {
        LogHandle::new(name.clone(), durability, self.shared_watermark(contract))
    }

    /// From now on this log can be read.
    pub fn adopt(&self, handle: Arc<LogHandle>) {
        self.handles.write().unwrap_or_else(PoisonError::into_inner).insert(handle.name.clone(), handle);
    }

    /// Every event of the contract up to this `at` may be seen.
    pub fn set_shared_watermark(&self, contract: &str, at: i64) {
        self.shared_watermark(contract).store(at, Ordering::Release);
    }

    fn shared_watermark(&self, contract: &str) -> Arc<AtomicI64> {
        let Some(sharing) = &self.shared else { return self.watermark.clone() };
        let mut watermarks = sharing.watermarks.lock().unwrap_or_else(PoisonError::into_inner);
        watermarks.entry(contract.to_owned()).or_default().clone()
    }

    /// The handle of a log that somebody has asked for since the start.
    pub fn known(&self, name: &str) -> Option<Arc<LogHandle>> {
        self.handles.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All handles.
    pub fn handles(&self) -> Vec<Arc<LogHandle>> {
        self.handles.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// What [`LogHandle::watermark`] is for all logs that this node alone writes.
    pub fn watermark(&self) -> i64 {
        self.watermark.load(Ordering::Acquire)
    }

    /// The same for all logs of a contract, whoever writes them; 0 where nothing is known of any yet.
    pub fn watermark_of(&self, contract: &str) -> i64 {
        self.shared_watermark(contract).load(Ordering::Acquire)
    }

    /// Sequencer only.
    pub fn set_watermark(&self, at: i64) {
        self.watermark.store(at, Ordering::Release);
    }

    /// Events with `seq > after` that may be seen, at most `limit` and about `bytes`, from memory or from the store.
    pub fn read(&self, log: &LogHandle, after: u64, limit: usize, bytes: usize) -> Result<Vec<Arc<Record>>, LogError> {
        let head = log.head();
        if after >= head || limit == 0 {
            return Ok(Vec::new());
        }
        if let Some(records) = log.in_tail(after, head, limit, bytes) {
            return Ok(records);
        }
        let Some(id) = log.id() else { return Ok(Vec::new()) };
        let mut records = self.store(log.durability).read(id, after, limit, bytes)?;
        // The store may be ahead of what may be seen: it is not yet as durable as promised.
        records.truncate(records.partition_point(|r| r.seq <= head));
        Ok(records)
    }

    /// Where a time lies in a log.
    pub fn at_time(&self, log: &LogHandle, at: i64) -> Result<Moment, LogError> {
        let Some(id) = log.id() else { return Ok(Moment { seq: 0, lacks: false }) };
        let store = self.store(log.durability);
        let seq = store.seq_at(id, at)?.min(log.head());
        // After that look: the store may have let events go meanwhile, and the handle does not know of it yet.
        let state = store.find(&log.name)?;
        let first = state.as_ref().map_or(1, |state| state.first).max(log.first());
        Ok(Moment { seq: seq.max(first - 1), lacks: state.is_some_and(|state| state.gone > at) })
    }
}

impl LogHandle {
    fn new(name: Arc<str>, durability: Durability, watermark: Arc<AtomicI64>) -> LogHandle {
        LogHandle {
            name,
            durability,
            id: AtomicU64::new(0),
            epoch: AtomicI64::new(0),
            head: AtomicU64::new(0),
            first: AtomicU64::new(1),
            watchers: AtomicU64::new(0),
            told: AtomicU64::new(0),
            tail: Mutex::default(),
            watermark,
            resets: Mutex::default(),
        }
    }

    /// Every event with `at` up to this one, of whatever log of the contract, may be seen, and none with a smaller `at` will
    /// follow. Who reads several logs by time reads no further than this, so that nothing older can still appear behind it.
    pub fn watermark(&self) -> i64 {
        self.watermark.load(Ordering::Acquire)
    }

    /// Up to where the log is still what it was in `epoch`: what lies behind it was lost, or is not what it was.
    pub fn common(&self, epoch: i64) -> u64 {
        let resets = self.resets.lock().unwrap_or_else(PoisonError::into_inner);
        resets.iter().filter(|(began, _)| *began > epoch).map(|(_, common)| *common).min().unwrap_or(u64::MAX)
    }

    /// Who follows it only: its contents are others behind `common`.
    pub fn reset(&self, state: &LogState, common: u64) {
        self.resets.lock().unwrap_or_else(PoisonError::into_inner).push((state.epoch, common));
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = Tail::default();
        self.settle(state);
    }

    pub fn id(&self) -> Option<LogId> {
        Some(self.id.load(Ordering::Acquire)).filter(|id| *id != 0).map(LogId)
    }

    /// 0 while nothing was ever written.
    pub fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// `seq` of the newest event that may be seen; 0 where there is none.
    pub fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// `seq` of the oldest event that is kept.
    pub fn first(&self) -> u64 {
        self.first.load(Ordering::Acquire)
    }

    pub fn position(&self, seq: u64) -> crate::Position {
        crate::Position { epoch: self.epoch(), seq }
    }

    /// Sequencer only: takes over what the store says.
    pub fn settle(&self, state: &LogState) {
        // What a failed commit left behind is not among the newest events in memory: they would end before the head.
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.records.back().is_some_and(|newest| newest.seq != state.head) {
            *tail = Tail::default();
        }
        self.epoch.store(state.epoch, Ordering::Release);
        self.first.store(state.first, Ordering::Release);
        self.head.store(state.head, Ordering::Release);
        self.id.store(state.id.0, Ordering::Release);
    }

    /// Sequencer only: the history begins at `first` now.
    pub fn set_first(&self, first: u64) {
        self.first.fetch_max(first, Ordering::AcqRel);
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        while tail.records.front().is_some_and(|r| r.seq < first) {
            tail.pop();
        }
    }

    /// Sequencer only: these are as durable as promised; from now on they may be seen.
    pub fn show(&self, records: &[Arc<Record>]) {
        let Some(last) = records.last() else { return };
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.records.back().is_some_and(|newest| newest.seq + 1 != records[0].seq) {
            *tail = Tail::default();
        }
        for record in records {
            tail.weight += record.weight();
            tail.records.push_back(record.clone());
        }
        while tail.records.len() > TAIL_COUNT || (tail.weight > TAIL_WEIGHT && tail.records.len() > 1) {
            tail.pop();
        }
        self.head.store(last.seq, Ordering::Release);
    }

    /// What follows `after`, if it is in memory: at most `limit` events and about `bytes`.
    pub fn at_hand(&self, after: u64, limit: usize, bytes: usize) -> Option<Vec<Arc<Record>>> {
        self.in_tail(after, self.head(), limit, bytes)
    }

    /// What follows `after`, if the newest events that are in memory reach back so far.
    fn in_tail(&self, after: u64, head: u64, limit: usize, bytes: usize) -> Option<Vec<Arc<Record>>> {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = tail.records.front()?.seq;
        let skip = (after + 1).checked_sub(oldest)? as usize;
        let mut weight = 0;
        let mut found = Vec::new();
        for record in tail.records.iter().skip(skip).take(limit) {
            if record.seq > head || (weight >= bytes && !found.is_empty()) {
                break;
            }
            weight += record.weight();
            found.push(record.clone());
        }
        Some(found)
    }
}

impl Tail {
    fn pop(&mut self) {
        if let Some(record) = self.records.pop_front() {
            self.weight -= record.weight();
        }
    }
}
