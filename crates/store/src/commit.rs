//! Appending.

use crate::{
    chunk,
    rows::{CLOCK, member_key, put_receipt, put_receipt_key, seal, state_key},
    store::{Store, Tail},
};
use std::collections::{HashMap, HashSet};
use tidewire_contract::Durability;
use tidewire_engine::log::{Append, Batch, LogError, LogId, Receipt, StateRow};

impl Store {
    pub(crate) fn append(&self, batch: &Batch) -> Result<(), LogError> {
        let mut writer = self.writer();
        self.ready(&mut writer, self.options.min_free)?;
        if batch.appends.iter().all(|a| a.records.is_empty() && a.members.is_empty() && a.states.is_empty()) {
            return Ok(());
        }
        let mut tails = self.tails_of(batch)?;
        let sync = batch.durability() == Durability::Disk;
        let (mut row, mut value) = (Vec::new(), Vec::new());
        let newest = batch.appends.iter().filter_map(|a| a.records.last()).map(|r| r.at).max();
        let many = 1 + batch.appends.iter().map(|a| a.records.len() * 2 + a.members.len() + a.states.len()).sum::<usize>();
        self.write(&mut writer, sync, many, |tables, rows| {
            if let Some(at) = newest {
                rows.insert(&tables.meta, CLOCK, seal(CLOCK, at.to_le_bytes().to_vec()));
            }
            for append in &batch.appends {
                let Some(tail) = tails.get_mut(&append.id) else { continue };
                let mut left = &append.records[..];
                while let Some(((key, value), rest)) = chunk::encode(append.id, left, &mut tail.total) {
                    rows.insert(&tables.events, key, value);
                    left = rest;
                }
                if let Some(last) = append.records.last() {
                    (tail.head, tail.at) = (last.seq, last.at);
                }
                for record in &append.records {
                    if let Some(key) = &record.key {
                        let receipt = Receipt { seq: record.seq, at: record.at, id: record.id };
                        put_receipt_key(append.id, key, &mut row);
                        put_receipt(&row, &receipt, &mut value);
                        rows.insert(&tables.keys, &row[..], &value[..]);
                    }
                }
                for member in &append.members {
                    let row = member_key(append.id, &member.relation, &member.group, &member.member);
                    if member.present {
                        rows.insert(&tables.meta, row, Vec::new());
                    } else {
                        rows.remove(&tables.meta, row);
                    }
                }
                for state in last_of_each(&append.states) {
                    let row = state_key(append.id, &state.name);
                    match &state.value {
                        Some(value) => {
                            let value = seal(&row, value.to_vec());
                            rows.insert(&tables.meta, row, value);
                        }
                        None => rows.remove(&tables.meta, row),
                    }
                }
            }
        })?;
        self.set_tails(tails);
        Ok(())
    }

    /// Where the batch's logs stand, once it is certain that it goes on from there.
    fn tails_of(&self, batch: &Batch) -> Result<HashMap<LogId, Tail>, LogError> {
        let engine = self.engine();
        let tables = engine.tables()?;
        let mut tails = HashMap::with_capacity(batch.appends.len());
        let mut heads: HashMap<LogId, u64> = HashMap::with_capacity(batch.appends.len());
        for append in &batch.appends {
            let tail = match tails.get(&append.id) {
                Some(tail) => *tail,
                None => *tails.entry(append.id).or_insert(self.tail(tables, append.id)?),
            };
            let head = heads.entry(append.id).or_insert(tail.head);
            check(append, head)?;
        }
        Ok(tails)
    }
}

/// What counts of each name: a batch of the storage engine writes a row once.
fn last_of_each(states: &[StateRow]) -> impl Iterator<Item = &StateRow> {
    let mut seen = HashSet::with_capacity(states.len());
    states.iter().rev().filter(move |state| seen.insert(&state.name))
}

/// The engine writes rows with keys of up to 64 KiB.
const KEY_BYTES: usize = 60_000;

fn check(append: &Append, head: &mut u64) -> Result<(), LogError> {
    for record in &append.records {
        if record.seq != *head + 1 {
            return Err(LogError::Failed(format!("event {} of {} does not follow {head}: open the log anew", record.seq, append.log)));
        }
        if record.key.as_ref().is_some_and(|key| key.len() > KEY_BYTES) {
            return Err(LogError::Failed(format!("event {} of {}: its key is longer than {KEY_BYTES} bytes", record.seq, append.log)));
        }
        *head = record.seq;
    }
    if append.states.iter().any(|s| s.name.len() > KEY_BYTES) {
        return Err(LogError::Failed(format!("a row of state of {} has a name longer than {KEY_BYTES} bytes", append.log)));
    }
    for m in &append.members {
        if m.relation.len() + m.group.len() + m.member.len() > KEY_BYTES {
            return Err(LogError::Failed(format!("a member of {} has a name longer than {KEY_BYTES} bytes", append.log)));
        }
    }
    Ok(())
}
