//! A disk that can lose what was not synced: two images of the same logs, and faults between them.

use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};
use tidewire_contract::Durability;
use tidewire_engine::{
    Record,
    log::{Append, Batch, Log, LogError, LogId, LogState, Marks, MemberRow, Receipt, Retention, StateRow},
};

/// What the next commits do instead of what they were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Refused, nothing written.
    Full,
    /// Failed after all of it was written, before it was synced.
    WrittenThenFailed,
    /// The process ends before, between write and sync, or after both.
    CrashBefore,
    CrashWritten,
    CrashSynced,
}

/// Lies that a faulty store tells; for the negative controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Says that it synced, and did not.
    NeverSyncs,
    /// Knows no key of before the last start.
    ForgetsKeys,
    /// After a restart its logs seem to be one event shorter.
    RepeatsSeq,
    /// Of a batch that a crash cut, the first log's part is kept.
    Tears,
    /// Some commits leave their rows of state out.
    DropsStates,
    /// Rows of state are written before their events, which then are refused.
    StatesFirst,
}

#[derive(Debug, Clone)]
enum Step {
    Open(Arc<str>, Durability, i64),
    Append(Append),
    Trim(LogId, u64),
    /// Logs of this durability may have lost something: another epoch.
    Lost(Durability, i64),
}

/// One log, trimmed events included.
#[derive(Debug, Clone)]
pub struct Image {
    pub state: LogState,
    pub durability: Durability,
    /// From seq 1.
    pub records: Vec<Arc<Record>>,
    members: BTreeSet<(Arc<str>, Arc<str>, Arc<str>)>,
    keys: HashMap<Arc<str>, Receipt>,
    pub states: BTreeMap<Arc<str>, Bytes>,
}

#[derive(Debug, Default)]
struct Disk {
    /// Batches, each whole; what a restart finds.
    steps: Vec<Vec<Step>>,
    synced: usize,
    logs: BTreeMap<Arc<str>, Image>,
    synced_heads: HashMap<LogId, u64>,
    lost_process: i64,
    fault: Option<Fault>,
    /// So many calls of `open` fail.
    down: u32,
    lie: Option<Lie>,
    starts: u32,
    start_at: i64,
}

#[derive(Debug, Default, Clone)]
pub struct SimLog(Arc<Mutex<Disk>>);

pub const CRASH: &str = "the process ends";

impl Disk {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Open(name, durability, now) => {
                let id = LogId(self.logs.len() as u64 + 1);
                let state = LogState { id, epoch: *now, head: 0, first: 1, at: 0, gone: 0 };
                let image = Image {
                    state,
                    durability: *durability,
                    records: Vec::new(),
                    members: BTreeSet::new(),
                    keys: HashMap::new(),
                    states: BTreeMap::new(),
                };
                self.logs.insert(name.clone(), image);
            }
            Step::Append(append) => {
                let Some(image) = self.logs.get_mut(&append.log) else { return };
                for record in &append.records {
                    image.records.push(record.clone());
                    image.state.head = record.seq;
                    image.state.at = record.at;
                    if let Some(key) = &record.key {
                        image.keys.insert(key.clone(), Receipt { seq: record.seq, at: record.at, id: record.id });
                    }
                }
                for MemberRow { relation, group, member, present } in &append.members {
                    let row = (relation.clone(), group.clone(), member.clone());
                    if *present {
                        image.members.insert(row)
                    } else {
                        image.members.remove(&row)
                    };
                }
                for StateRow { name, value } in &append.states {
                    match value {
                        Some(value) => image.states.insert(name.clone(), value.clone()),
                        None => image.states.remove(name),
                    };
                }
            }
            Step::Trim(id, first) => {
                if let Some(image) = self.logs.values_mut().find(|i| i.state.id == *id) {
                    image.state.first = *first;
                    image.state.gone = image.records.iter().rfind(|record| record.seq < *first).map_or(0, |record| record.at);
                }
            }
            Step::Lost(durability, now) => {
                self.lost_process = *now;
                for image in self.logs.values_mut().filter(|i| i.durability == *durability) {
                    image.state.epoch = *now;
                }
            }
        }
    }

    fn write(&mut self, steps: Vec<Step>) {
        for step in &steps {
            self.apply(step);
        }
        self.steps.push(steps);
    }

    fn sync(&mut self) {
        self.synced = self.steps.len();
        self.synced_heads = self.logs.values().map(|i| (i.state.id, i.state.head)).collect();
    }

    fn image(&self, id: LogId) -> Option<&Image> {
        self.logs.values().find(|i| i.state.id == id)
    }
}

impl SimLog {
    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    pub fn lie(&self, lie: Option<Lie>) {
        self.lock().lie = lie;
    }

    pub fn plan(&self, fault: Fault, down: u32) {
        let disk = &mut *self.lock();
        disk.fault = Some(fault);
        disk.down = down;
    }

    /// Looks at the log as it is written now.
    pub fn with_image<T>(&self, name: &str, look: impl FnOnce(Option<&Image>) -> T) -> T {
        look(self.lock().logs.get(name))
    }

    /// The newest `seq` of the log that survives power loss.
    pub fn synced_head(&self, name: &str) -> u64 {
        let disk = self.lock();
        disk.logs.get(name).and_then(|i| disk.synced_heads.get(&i.state.id)).copied().unwrap_or(0)
    }

    /// The store is opened again. After power loss some of what was not synced is gone (`keep` of it is there), and logs that
    /// promise less than `disk` have another epoch. What is found is synced before anybody sees it.
    pub fn restart(&self, power_loss: bool, keep: impl FnOnce(usize) -> usize, now: i64) {
        let disk = &mut *self.lock();
        disk.fault = None;
        disk.down = 0;
        disk.starts += 1;
        disk.start_at = now;
        if power_loss {
            let kept = disk.synced + keep(disk.steps.len() - disk.synced);
            let mut steps = std::mem::take(&mut disk.steps);
            steps.truncate(kept);
            disk.logs.clear();
            for step in steps.iter().flatten() {
                disk.apply(step);
            }
            disk.steps = steps;
            disk.write(vec![Step::Lost(Durability::Process, now)]);
        }
        disk.sync();
    }
}

impl Log for SimLog {
    fn open(&self, name: &str, durability: Durability, now: i64) -> Result<LogState, LogError> {
        let disk = &mut *self.lock();
        if disk.down > 0 {
            disk.down -= 1;
            return Err(LogError::Failed("still down".into()));
        }
        if !disk.logs.contains_key(name) {
            disk.write(vec![Step::Open(name.into(), durability, now)]);
        } else {
            // What a failed commit left is as durable as promised before it is told.
            disk.sync();
        }
        let mut state = disk.logs[name].state.clone();
        if disk.lie == Some(Lie::RepeatsSeq) && disk.starts > 0 && state.head > 0 {
            state.head -= 1;
        }
        Ok(state)
    }

    fn find(&self, name: &str) -> Result<Option<LogState>, LogError> {
        Ok(self.lock().logs.get(name).map(|i| i.state.clone()))
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(String, LogState)>, LogError> {
        let disk = self.lock();
        let names = disk.logs.iter().filter(|(n, _)| n.starts_with(prefix) && after.is_none_or(|a| &***n > a));
        Ok(names.take(limit).map(|(n, i)| (n.to_string(), i.state.clone())).collect())
    }

    fn key(&self, log: LogId, key: &str) -> Result<Option<Receipt>, LogError> {
        let disk = self.lock();
        let found = disk.image(log).and_then(|i| i.keys.get(key).copied());
        Ok(found.filter(|r| disk.lie != Some(Lie::ForgetsKeys) || r.at >= disk.start_at))
    }

    fn members(&self, log: LogId) -> Result<Vec<MemberRow>, LogError> {
        let disk = self.lock();
        let rows = disk.image(log).into_iter().flat_map(|i| &i.members);
        Ok(rows.map(|(r, g, m)| MemberRow { relation: r.clone(), group: g.clone(), member: m.clone(), present: true }).collect())
    }

    fn state(&self, log: LogId, name: &str) -> Result<Option<Bytes>, LogError> {
        Ok(self.lock().image(log).and_then(|i| i.states.get(name).cloned()))
    }

    fn states(&self, log: LogId, prefix: &str) -> Result<Vec<(Arc<str>, Bytes)>, LogError> {
        let disk = self.lock();
        let rows = disk.image(log).into_iter().flat_map(|i| &i.states);
        Ok(rows.filter(|(name, _)| name.starts_with(prefix)).map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn commit(&self, batch: &Batch) -> Result<(), LogError> {
        let disk = &mut *self.lock();
        let sync = batch.durability() == Durability::Disk && disk.lie != Some(Lie::NeverSyncs);
        let mut steps: Vec<Step> = batch.appends.iter().cloned().map(Step::Append).collect();
        let fault = disk.fault.take();
        match fault {
            Some(Fault::Full) if disk.lie == Some(Lie::StatesFirst) => {
                let alone = |a: &Append| Step::Append(Append { records: Vec::new(), members: Vec::new(), ..a.clone() });
                disk.write(batch.appends.iter().map(alone).collect());
                return Err(LogError::Full("no room".into()));
            }
            Some(Fault::Full) => return Err(LogError::Full("no room".into())),
            Some(Fault::CrashBefore) => return Err(LogError::Failed(CRASH.into())),
            Some(Fault::CrashWritten) if disk.lie == Some(Lie::Tears) => steps.truncate(1),
            _ => {}
        }
        if disk.lie == Some(Lie::DropsStates) && disk.steps.len().is_multiple_of(3) {
            for step in &mut steps {
                if let Step::Append(append) = step {
                    append.states.clear();
                }
            }
        }
        disk.write(steps);
        match fault {
            Some(Fault::WrittenThenFailed) => return Err(LogError::Failed("cannot sync".into())),
            Some(Fault::CrashWritten) => return Err(LogError::Failed(CRASH.into())),
            _ => {}
        }
        if sync {
            disk.sync();
        }
        if fault == Some(Fault::CrashSynced) { Err(LogError::Failed(CRASH.into())) } else { Ok(()) }
    }

    fn read(&self, log: LogId, after: u64, limit: usize, bytes: usize) -> Result<Vec<Arc<Record>>, LogError> {
        let disk = self.lock();
        let Some(image) = disk.image(log) else { return Ok(Vec::new()) };
        let from = after.max(image.state.first - 1) as usize;
        let mut weight = 0;
        let within = |r: &&Arc<Record>| {
            let fits = weight == 0 || weight < bytes;
            weight += r.weight();
            fits
        };
        Ok(image.records.iter().skip(from).take(limit).take_while(within).cloned().collect())
    }

    fn seq_at(&self, log: LogId, at: i64) -> Result<u64, LogError> {
        let disk = self.lock();
        let Some(image) = disk.image(log) else { return Ok(0) };
        Ok((image.records.partition_point(|r| r.at <= at) as u64).max(image.state.first - 1))
    }

    fn trim(&self, log: LogId, retention: &Retention, _: i64) -> Result<u64, LogError> {
        let disk = &mut *self.lock();
        let Some(image) = disk.image(log) else { return Ok(1) };
        let first = retention.count.map_or(1, |c| (image.state.head + 1).saturating_sub(c)).max(image.state.first);
        if first > image.state.first {
            disk.write(vec![Step::Trim(log, first)]);
        }
        Ok(first)
    }

    fn marks(&self, durability: Durability) -> Marks {
        Marks { made: 0, lost: if durability == Durability::Process { self.lock().lost_process } else { 0 } }
    }

    fn clock(&self) -> Result<i64, LogError> {
        Ok(self.lock().logs.values().map(|i| i.state.at).max().unwrap_or(0))
    }

    fn put_all(&self, _: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), LogError> {
        Ok(())
    }

    fn get(&self, _: &[u8]) -> Result<Option<Bytes>, LogError> {
        Ok(None)
    }

    fn values(&self, _: &[u8]) -> Result<Vec<(Bytes, Bytes)>, LogError> {
        Ok(Vec::new())
    }
}
