//! The store as the engine's log.

use crate::{
    rows::{CLOCK, NEXT_LOG, Named, decode_receipt, named, receipt_key, seal, state_key, unseal},
    store::{Engine, Store, broken, wrong},
    tables::{Rows, damaged},
};
use bytes::Bytes;
use std::sync::Arc;
use tidewire_contract::Durability;
use tidewire_engine::{
    log::{Batch, Log, LogError, LogId, LogState, Marks, MemberRow, Receipt, Retention},
    record::Record,
};

impl Store {
    fn named(&self, engine: &Engine, name: &str) -> Result<Option<Named>, LogError> {
        let tables = engine.tables()?;
        let (key, what) = (named(b'L', name.as_bytes()), || format!("the entry of {name}"));
        let row = tables.row(&tables.meta, &key, what)?;
        row.map(|row| Named::decode(&key, &row).map_err(wrong(what()))).transpose()
    }

    fn state(&self, engine: &Engine, log: &Named) -> Result<LogState, LogError> {
        let tail = self.tail(engine.tables()?, log.id)?;
        Ok(LogState { id: log.id, epoch: engine.losses.epoch(log), head: tail.head, first: tail.first, at: tail.at, gone: tail.gone })
    }
}

impl Log for Store {
    fn open(&self, name: &str, durability: Durability, now: i64) -> Result<LogState, LogError> {
        let mut writer = self.writer();
        if let Some(known) = {
            // A failed store first gets rid of what it did not acknowledge: its logs must not be opened as they stand.
            self.ready(&mut writer, 0)?;
            let engine = self.engine();
            self.named(&engine, name)?.filter(|known| known.durability == durability)
        } {
            return self.state(&self.engine(), &known);
        }
        self.ready(&mut writer, self.options.min_free)?;
        let (entry, next) = {
            let engine = self.engine();
            match self.named(&engine, name)? {
                Some(known) => (Named { epoch: engine.losses.epoch(&known), durability, since: now, ..known }, writer.next_log),
                None => (Named { id: LogId(writer.next_log), epoch: now, durability, since: now }, writer.next_log + 1),
            }
        };
        let key = named(b'L', name.as_bytes());
        self.write(&mut writer, false, 2, |tables, batch| {
            let value = entry.encode(&key);
            batch.insert(&tables.meta, key, value);
            batch.insert(&tables.meta, NEXT_LOG, seal(NEXT_LOG, next.to_le_bytes().to_vec()));
        })?;
        writer.next_log = next;
        self.state(&self.engine(), &entry)
    }

    fn marks(&self, durability: Durability) -> Marks {
        let engine = self.engine();
        let lost = if durability == Durability::Disk { engine.losses.all } else { engine.losses.all.max(engine.losses.unsynced) };
        Marks { made: engine.made, lost }
    }

    fn clock(&self) -> Result<i64, LogError> {
        let engine = self.engine();
        let tables = engine.tables()?;
        Ok(tables.number(CLOCK, "the clock")?.unwrap_or(0))
    }

    fn find(&self, name: &str) -> Result<Option<LogState>, LogError> {
        let engine = self.engine();
        self.named(&engine, name)?.map(|log| self.state(&engine, &log)).transpose()
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(String, LogState)>, LogError> {
        let engine = self.engine();
        let tables = engine.tables()?;
        // The name behind which nothing of this prefix comes is longer than any.
        let from = named(b'L', after.filter(|after| *after >= prefix).unwrap_or(prefix).as_bytes());
        let mut found = Vec::new();
        for row in Rows::new(&tables.meta, from..=vec![b'L' + 1]) {
            let (key, value) = row.map_err(broken("the list of logs"))?;
            let Some(name) = key.strip_prefix(b"L").and_then(|name| std::str::from_utf8(name).ok()) else { break };
            if found.len() >= limit || !name.starts_with(prefix) {
                break;
            }
            if after.is_some_and(|after| name <= after) {
                continue;
            }
            let log = Named::decode(&key, &value).map_err(wrong(format!("the entry of {name}")))?;
            found.push((name.to_owned(), self.state(&engine, &log)?));
        }
        Ok(found)
    }

    fn key(&self, log: LogId, key: &str) -> Result<Option<Receipt>, LogError> {
        let engine = self.engine();
        let tables = engine.tables()?;
        let (row, what) = (receipt_key(log, key), || format!("log {}: a key", log.0));
        if row.len() > usize::from(u16::MAX) {
            return Ok(None);
        }
        let value = tables.row(&tables.keys, &row, what)?;
        value.map(|value| decode_receipt(&row, &value).map_err(wrong(what()))).transpose()
    }

    fn members(&self, log: LogId) -> Result<Vec<MemberRow>, LogError> {
        self.all_members(log)
    }

    fn state(&self, log: LogId, name: &str) -> Result<Option<Bytes>, LogError> {
        let engine = self.engine();
        let tables = engine.tables()?;
        let (row, what) = (state_key(log, name), || format!("log {}: its state '{name}'", log.0));
        if row.len() > usize::from(u16::MAX) {
            return Ok(None);
        }
        let value = tables.row(&tables.meta, &row, what)?;
        value.map(|value| unseal(&row, &value).map(Bytes::copy_from_slice).map_err(wrong(what()))).transpose()
    }

    fn states(&self, log: LogId, prefix: &str) -> Result<Vec<(Arc<str>, Bytes)>, LogError> {
        let engine = self.engine();
        let tables = engine.tables()?;
        let what = || format!("log {}: its state", log.0);
        let mut found = Vec::new();
        for row in Rows::prefix(&tables.meta, &state_key(log, prefix)) {
            let (row, value) = row.map_err(|e| damaged(&what(), &e))?;
            let value = unseal(&row, &value).map_err(wrong(what()))?;
            let name = std::str::from_utf8(row.get(9..).unwrap_or_default()).map_err(|_| LogError::Damaged(what()))?;
            found.push((name.into(), Bytes::copy_from_slice(value)));
        }
        Ok(found)
    }

    fn commit(&self, batch: &Batch) -> Result<(), LogError> {
        self.append(batch)
    }

    fn read(&self, log: LogId, after: u64, limit: usize, bytes: usize) -> Result<Vec<Arc<Record>>, LogError> {
        self.read_events(log, after, limit, bytes)
    }

    fn seq_at(&self, log: LogId, at: i64) -> Result<u64, LogError> {
        self.find_at(log, at)
    }

    fn trim(&self, log: LogId, retention: &Retention, now: i64) -> Result<u64, LogError> {
        self.let_go(log, retention, now)
    }

    fn put_all(&self, values: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), LogError> {
        let mut writer = self.writer();
        self.ready(&mut writer, self.options.min_free / 4)?;
        self.write(&mut writer, true, values.len(), |tables, batch| {
            for (key, value) in values {
                let row = named(b'U', key);
                match value {
                    Some(value) => {
                        let value = seal(&row, value.clone());
                        batch.insert(&tables.meta, row, value);
                    }
                    None => batch.remove(&tables.meta, row),
                }
            }
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, LogError> {
        let engine = self.engine();
        let tables = engine.tables()?;
        let row = named(b'U', key);
        let value = tables.row(&tables.meta, &row, || "a small value".to_owned())?;
        value.map(|value| unseal(&row, &value).map(Bytes::copy_from_slice).map_err(wrong("a small value"))).transpose()
    }

    fn values(&self, prefix: &[u8]) -> Result<Vec<(Bytes, Bytes)>, LogError> {
        let engine = self.engine();
        let tables = engine.tables()?;
        let mut found = Vec::new();
        for row in Rows::prefix(&tables.meta, &named(b'U', prefix)) {
            let (row, value) = row.map_err(|e| damaged("small values", &e))?;
            let value = unseal(&row, &value).map_err(wrong("a small value"))?;
            found.push((Bytes::copy_from_slice(&row[1..]), Bytes::copy_from_slice(value)));
        }
        Ok(found)
    }
}
