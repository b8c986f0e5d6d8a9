//! The reference: logs in memory. Serves channels whose durability is `memory`, and is the oracle of the others.

use super::{Append, Batch, KEY_KEEP, Log, LogError, LogId, LogState, MemberRow, Receipt, Retention, StateRow};
use crate::record::Record;
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tidewire_contract::Durability;

/// Logs that last as long as this value.
#[derive(Debug, Default)]
pub struct MemoryLog {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    names: BTreeMap<Arc<str>, LogId>,
    logs: HashMap<LogId, One>,
    values: BTreeMap<Vec<u8>, Bytes>,
}

#[derive(Debug, Default)]
struct One {
    epoch: i64,
    head: u64,
    at: i64,
    gone: i64,
    bytes: u64,
    records: VecDeque<Arc<Record>>,
    keys: HashMap<Arc<str>, Receipt>,
    /// Keys in the order in which they were given.
    key_order: VecDeque<(i64, Arc<str>)>,
    members: BTreeSet<(Arc<str>, Arc<str>, Arc<str>)>,
    states: BTreeMap<Arc<str>, Bytes>,
}

impl One {
    fn first(&self) -> u64 {
        self.head + 1 - self.records.len() as u64
    }

    fn state(&self, id: LogId) -> LogState {
        LogState { id, epoch: self.epoch, head: self.head, first: self.first(), at: self.at, gone: self.gone }
    }

    fn append(&mut self, append: &Append) {
        for record in &append.records {
            debug_assert_eq!(record.seq, self.head + 1);
            self.head = record.seq;
            self.at = record.at;
            self.bytes += record.weight() as u64;
            if let Some(key) = &record.key {
                self.keys.insert(key.clone(), Receipt { seq: record.seq, at: record.at, id: record.id });
                self.key_order.push_back((record.at, key.clone()));
            }
            self.records.push_back(record.clone());
        }
        for MemberRow { relation, group, member, present } in &append.members {
            let row = (relation.clone(), group.clone(), member.clone());
            if *present {
                self.members.insert(row);
            } else {
                self.members.remove(&row);
            }
        }
        for StateRow { name, value } in &append.states {
            match value {
                Some(value) => self.states.insert(name.clone(), value.clone()),
                None => self.states.remove(name),
            };
        }
    }
}

impl MemoryLog {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for MemoryLog {
    fn open(&self, name: &str, _: Durability, now: i64) -> Result<LogState, LogError> {
        let inner = &mut *self.lock();
        let next = LogId(inner.names.len() as u64 + 1);
        let id = *inner.names.entry(name.into()).or_insert(next);
        let one = inner.logs.entry(id).or_insert_with(|| One { epoch: now, ..One::default() });
        Ok(one.state(id))
    }

    fn find(&self, name: &str) -> Result<Option<LogState>, LogError> {
        let inner = self.lock();
        Ok(inner.names.get(name).map(|id| inner.logs[id].state(*id)))
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(String, LogState)>, LogError> {
        let inner = self.lock();
        let names = inner.names.iter().filter(|(n, _)| n.starts_with(prefix) && after.is_none_or(|a| &***n > a));
        Ok(names.take(limit).map(|(n, id)| (n.to_string(), inner.logs[id].state(*id))).collect())
    }

    fn key(&self, log: LogId, key: &str) -> Result<Option<Receipt>, LogError> {
        Ok(self.lock().logs.get(&log).and_then(|one| one.keys.get(key).copied()))
    }

    fn members(&self, log: LogId) -> Result<Vec<MemberRow>, LogError> {
        let inner = self.lock();
        let rows = inner.logs.get(&log).into_iter().flat_map(|one| &one.members);
        Ok(rows.map(|(r, g, m)| MemberRow { relation: r.clone(), group: g.clone(), member: m.clone(), present: true }).collect())
    }

    fn state(&self, log: LogId, name: &str) -> Result<Option<Bytes>, LogError> {
        Ok(self.lock().logs.get(&log).and_then(|one| one.states.get(name).cloned()))
    }

    fn states(&self, log: LogId, prefix: &str) -> Result<Vec<(Arc<str>, Bytes)>, LogError> {
        let inner = self.lock();
        let Some(one) = inner.logs.get(&log) else { return Ok(Vec::new()) };
        let from = one.states.range::<str, _>((Bound::Included(prefix), Bound::Unbounded)).take_while(|(name, _)| name.starts_with(prefix));
        Ok(from.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn commit(&self, batch: &Batch) -> Result<(), LogError> {
        let mut inner = self.lock();
        for append in &batch.appends {
            if let Some(one) = inner.logs.get_mut(&append.id) {
                one.append(append);
            }
        }
        Ok(())
    }

    fn read(&self, log: LogId, after: u64, limit: usize, bytes: usize) -> Result<Vec<Arc<Record>>, LogError> {
        let inner = self.lock();
        let Some(one) = inner.logs.get(&log) else { return Ok(Vec::new()) };
        let skip = (after + 1).saturating_sub(one.first()) as usize;
        let mut weight = 0;
        let within = |r: &&Arc<Record>| {
            let fits = weight < bytes;
            weight += r.weight();
            fits
        };
        Ok(one.records.iter().skip(skip).take(limit).take_while(within).cloned().collect())
    }

    fn seq_at(&self, log: LogId, at: i64) -> Result<u64, LogError> {
        let inner = self.lock();
        let Some(one) = inner.logs.get(&log) else { return Ok(0) };
        Ok(one.first() - 1 + one.records.partition_point(|r| r.at <= at) as u64)
    }

    fn trim(&self, log: LogId, retention: &Retention, now: i64) -> Result<u64, LogError> {
        let mut inner = self.lock();
        let Some(one) = inner.logs.get_mut(&log) else { return Ok(1) };
        let oldest = retention.keep.map(|keep| now.saturating_sub(keep.as_micros() as i64));
        while let Some(record) = one.records.front() {
            let over = oldest.is_some_and(|oldest| record.at < oldest)
                || retention.count.is_some_and(|count| one.records.len() as u64 > count)
                || retention.bytes.is_some_and(|bytes| one.bytes > bytes);
            if !over {
                break;
            }
            one.bytes -= record.weight() as u64;
            one.gone = record.at;
            one.records.pop_front();
        }
        let kept = one.records.front().map_or(now, |r| r.at);
        let known = kept.min(now.saturating_sub(KEY_KEEP.as_micros() as i64));
        while one.key_order.front().is_some_and(|(at, _)| *at < known) {
            if let Some((_, key)) = one.key_order.pop_front() {
                one.keys.remove(&key);
            }
        }
        Ok(one.first())
    }

    fn put_all(&self, values: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), LogError> {
        let mut inner = self.lock();
        for (key, value) in values {
            match value {
                Some(value) => inner.values.insert(key.clone(), Bytes::copy_from_slice(value)),
                None => inner.values.remove(key),
            };
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, LogError> {
        Ok(self.lock().values.get(key).cloned())
    }

    fn values(&self, prefix: &[u8]) -> Result<Vec<(Bytes, Bytes)>, LogError> {
        let inner = self.lock();
        let from = inner.values.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(from.map(|(key, value)| (Bytes::copy_from_slice(key), value.clone())).collect())
    }
}
