//! Letting go of events, and of keys once nothing needs them.
//!
//! While an event is kept, so is its key, and nothing else remembers it. When an event goes whose key is younger than
//! [`KEY_KEEP`], the key is noted among the orphans of the log; later trims let those go whose time has come. So a key costs
//! one row when it is written, and no index.

use crate::{
    chunk::{self, Header},
    read::{boundary, last_until, place, rows},
    record::Types,
    rows::{Floor, decode_orphans, decode_receipt, encode_orphans, of_log, receipt_key},
    store::{Store, Tail, broken, wrong},
    tables::{Rows, Tables},
};
use std::sync::Arc;
use tidewire_engine::log::{KEY_KEEP, LogError, LogId, Retention};

/// Events and keys that one batch lets go.
const STEP: usize = 4096;
/// Batches of one call.
const STEPS: usize = 32;

/// What one batch removes and notes.
#[derive(Default)]
struct Step {
    events: Vec<[u8; 16]>,
    /// Keys that go if they are still those of the event `seq`.
    keys: Vec<(u64, Arc<str>)>,
    orphans: Vec<(u64, Arc<str>)>,
    orphans_at: i64,
    /// Notes of orphans that have been seen to.
    notes: Vec<Vec<u8>>,
}

impl Store {
    /// At most `STEP` × `STEPS` events a call, so that it never takes long; the next call goes on.
    pub(crate) fn let_go(&self, log: LogId, retention: &Retention, now: i64) -> Result<u64, LogError> {
        let old = now.saturating_sub(KEY_KEEP.as_micros() as i64);
        for _ in 0..STEPS {
            // Taken anew for each step: commits go in between.
            let mut writer = self.writer();
            self.ready(&mut writer, self.options.min_free / 4)?;
            let mut tail;
            let (step, more) = {
                let engine = self.engine();
                let tables = engine.tables()?;
                tail = self.tail(tables, log)?;
                let target = first_kept(tables, log, &tail, retention, now)?;
                let mut step = Step::default();
                collect_orphans(tables, log, old, &mut step)?;
                (tail.first, tail.gone) = collect_events(tables, log, &tail, target, old, &mut step)?;
                let more = tail.first < target || step.keys.len() >= STEP;
                step.keys.retain(|(seq, key)| still(tables, log, *seq, key));
                (step, more)
            };
            if step.events.is_empty()
                && step.notes.is_empty()
                && self.engine().tables().and_then(|t| self.tail(t, log))?.first == tail.first
            {
                return Ok(tail.first);
            }
            let rows = step.events.len() + step.keys.len() + step.notes.len() + 2;
            self.write(&mut writer, false, rows, |tables, batch| {
                step.events.iter().for_each(|key| batch.remove(&tables.events, *key));
                step.keys.iter().for_each(|(_, key)| batch.remove(&tables.keys, receipt_key(log, key)));
                step.notes.iter().for_each(|key| batch.remove(&tables.meta, key.clone()));
                if let Some((seq, _)) = step.orphans.last() {
                    let more = [step.orphans_at.to_be_bytes(), seq.to_be_bytes()].concat();
                    let key = of_log(b'O', log, &more);
                    let value = encode_orphans(&key, &step.orphans);
                    batch.insert(&tables.meta, key, value);
                }
                let key = of_log(b'F', log, &[]);
                let Tail { first, head, at, total, gone } = tail;
                let floor = Floor { first, head, at, total, gone }.encode(&key);
                batch.insert(&tables.meta, key, floor);
            })?;
            self.set_tails([(log, tail)]);
            if !more {
                break;
            }
        }
        let engine = self.engine();
        Ok(self.tail(engine.tables()?, log)?.first)
    }
}

/// The first event that the retention keeps.
fn first_kept(tables: &Tables, log: LogId, tail: &Tail, retention: &Retention, now: i64) -> Result<u64, LogError> {
    let mut first = tail.first;
    if let Some(count) = retention.count {
        first = first.max((tail.head + 1).saturating_sub(count));
    }
    if let Some(keep) = retention.keep {
        let oldest = now.saturating_sub(i64::try_from(keep.as_micros()).unwrap_or(i64::MAX));
        let gone = last_until(tables, log, tail, |header| header.last_at < oldest, |record| record.at < oldest)?;
        first = first.max(gone + 1);
    }
    if let Some(bytes) = retention.bytes {
        first = first.max(first_within(tables, log, tail, bytes)?);
    }
    Ok(first)
}

/// The first event from which on all weigh no more than `bytes`.
fn first_within(tables: &Tables, log: LogId, tail: &Tail, bytes: u64) -> Result<u64, LogError> {
    // What is kept of a row's last event alone is already too much if what follows it is as much as is allowed.
    let too_old = |header: &Header| tail.total.saturating_sub(header.total) >= bytes;
    let (low, row) = boundary(tables, log, tail, too_old)?;
    let Some((header, value)) = row else { return Ok(low) };
    let mut events = chunk::events(log, header, &value);
    let (mut weights, mut types) = (Vec::new(), Types::default());
    while let Some((seq, record)) = events.next(&mut types) {
        weights.push((seq, record.map_err(wrong(place(log, seq)))?.weight() as u64));
    }
    let mut kept = tail.total.saturating_sub(header.total);
    let mut first = header.last + 1;
    for (seq, weight) in weights.into_iter().rev() {
        kept += weight;
        if kept > bytes || seq < low {
            break;
        }
        first = seq;
    }
    Ok(first.max(low))
}

/// Goes through the events before `target`, one step at most; returns the new first, and the `at` of the one before it.
fn collect_events(tables: &Tables, log: LogId, tail: &Tail, target: u64, old: i64, step: &mut Step) -> Result<(u64, i64), LogError> {
    let (mut first, mut gone, mut types) = (tail.first, tail.gone, Types::default());
    if first >= target {
        return Ok((first, gone));
    }
    for row in rows(tables, log, first) {
        let (key, value) = row.map_err(broken(place(log, first)))?;
        let header = chunk::header(&key, &value).map_err(wrong(place(log, first)))?;
        let mut events = chunk::events(log, header, &value);
        events.skip_to(first - 1);
        while let Some((seq, record)) = events.next(&mut types) {
            if seq >= target {
                return Ok((target, gone));
            }
            // A damaged event goes like any other; only its key is not known any more, and when it was.
            gone = record.as_ref().map_or(header.last_at, |record| record.at);
            if let Ok(record) = record
                && let Some(key) = record.key
            {
                if record.at < old {
                    step.keys.push((seq, key));
                } else {
                    step.orphans_at = record.at;
                    step.orphans.push((seq, key));
                }
            }
        }
        step.events.push(chunk::key(log, header.last));
        (first, gone) = (header.last + 1, header.last_at);
        if first >= target || step.keys.len() + step.orphans.len() >= STEP || step.events.len() >= STEP {
            break;
        }
    }
    Ok((first.min(target.max(tail.first)), gone))
}

/// Notes of keys that have outlived their events long enough.
fn collect_orphans(tables: &Tables, log: LogId, old: i64, step: &mut Step) -> Result<(), LogError> {
    let from = of_log(b'O', log, &[]);
    let to = of_log(b'O', log, &old.max(0).to_be_bytes());
    for row in Rows::new(&tables.meta, from..=to) {
        let what = || format!("log {}: keys without events", log.0);
        let (key, value) = row.map_err(broken(what()))?;
        for (seq, orphan) in decode_orphans(&key, &value).map_err(wrong(what()))? {
            step.keys.push((seq, orphan.into()));
        }
        step.notes.push(key.to_vec());
        if step.keys.len() >= STEP {
            break;
        }
    }
    Ok(())
}

/// Whether the key is still that of this event: after it was let go it may have been given again.
fn still(tables: &Tables, log: LogId, seq: u64, key: &str) -> bool {
    let row = receipt_key(log, key);
    let found = tables.row(&tables.keys, &row, String::new);
    found.is_ok_and(|found| found.is_some_and(|value| decode_receipt(&row, &value).is_ok_and(|r| r.seq == seq)))
}
