//! Reading a log: a page of events, the event at a time, who is where.

use crate::{
    chunk::{self, Header},
    record::Types,
    rows::{member_parts, of_log},
    store::{Store, Tail, broken, wrong},
    tables::{Rows, Tables},
};
use fjall::Slice;
use std::sync::Arc;
use tidewire_engine::{
    log::{LogError, LogId, MemberRow},
    record::Record,
};

impl Store {
    pub(crate) fn read_events(&self, log: LogId, after: u64, limit: usize, bytes: usize) -> Result<Vec<Arc<Record>>, LogError> {
        let engine = self.engine();
        let tables = engine.tables()?;
        let tail = self.tail(tables, log)?;
        let from = (after.saturating_add(1)).max(tail.first);
        let mut found = Vec::new();
        if from > tail.head || limit == 0 {
            return Ok(found);
        }
        let (mut weight, mut types) = (0, Types::default());
        // What was read before something damaged is returned; the next call begins with the damage.
        let end = |found: Vec<_>, error| if found.is_empty() { Err(error) } else { Ok(found) };
        let mut expected = from;
        for row in rows(tables, log, from) {
            let (key, value) = match row {
                Ok(row) => row,
                Err(e) => return end(found, broken(place(log, expected))(e)),
            };
            let header = match chunk::header(&key, &value) {
                Ok(header) => header,
                Err(e) => {
                    let last = chunk::seq_of(&key).unwrap_or(expected);
                    return end(found, wrong(format!("{} to {last}", place(log, expected)))(e));
                }
            };
            let mut events = chunk::events(log, header, &value);
            events.skip_to(from - 1);
            while let Some((seq, record)) = events.next(&mut types) {
                let record = match record {
                    Ok(record) => record,
                    Err(e) => return end(found, wrong(place(log, seq))(e)),
                };
                weight += record.weight();
                found.push(Arc::new(record));
                expected = seq + 1;
                if found.len() >= limit || weight >= bytes {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    pub(crate) fn find_at(&self, log: LogId, at: i64) -> Result<u64, LogError> {
        let engine = self.engine();
        let tables = engine.tables()?;
        let tail = self.tail(tables, log)?;
        last_until(tables, log, &tail, |header| header.last_at <= at, |record| record.at <= at)
    }

    pub(crate) fn all_members(&self, log: LogId) -> Result<Vec<MemberRow>, LogError> {
        let engine = self.engine();
        let tables = engine.tables()?;
        let mut members = Vec::new();
        for row in Rows::prefix(&tables.meta, &of_log(b'M', log, &[])) {
            let what = || format!("members of log {}", log.0);
            let (key, _) = row.map_err(broken(what()))?;
            let [relation, group, member] = member_parts(&key).map_err(wrong(what()))?;
            members.push(MemberRow { relation: relation.into(), group: group.into(), member: member.into(), present: true });
        }
        members.sort_by(|a, b| (&a.relation, &a.group, &a.member).cmp(&(&b.relation, &b.group, &b.member)));
        Ok(members)
    }
}

/// The log's rows that hold events from `seq` on.
pub(crate) fn rows(tables: &Tables, log: LogId, seq: u64) -> Rows {
    Rows::new(&tables.events, chunk::key(log, seq).to_vec()..=chunk::key(log, u64::MAX).to_vec())
}

/// The row that holds `seq`, or the next one where that was trimmed.
fn row_at(tables: &Tables, log: LogId, seq: u64) -> Result<Option<(Header, Slice)>, LogError> {
    let Some(row) = rows(tables, log, seq).next() else { return Ok(None) };
    let (key, value) = row.map_err(broken(place(log, seq)))?;
    let header = chunk::header(&key, &value).map_err(wrong(place(log, seq)))?;
    Ok(Some((header, value)))
}

pub(crate) fn last_row(tables: &Tables, log: LogId) -> Result<Option<(Slice, Header)>, LogError> {
    let Some(row) = rows(tables, log, 0).newest() else { return Ok(None) };
    let (key, value) = row.map_err(broken(format!("log {}: its newest events", log.0)))?;
    let header = chunk::header(&key, &value).map_err(wrong(format!("log {}: its newest events", log.0)))?;
    Ok(Some((key, header)))
}

/// Of the events from `first` on, of which all up to some place are `before` it: the last that is; `first - 1` where none is.
/// A row is `row_before` only if all of its events are.
pub(crate) fn last_until(
    tables: &Tables,
    log: LogId,
    tail: &Tail,
    row_before: impl Fn(&Header) -> bool,
    before: impl Fn(&Record) -> bool,
) -> Result<u64, LogError> {
    let (low, row) = boundary(tables, log, tail, row_before)?;
    let Some((header, value)) = row else { return Ok(low - 1) };
    let mut events = chunk::events(log, header, &value);
    events.skip_to(low - 1);
    let (mut last, mut types) = (low - 1, Types::default());
    while let Some((seq, record)) = events.next(&mut types) {
        if !before(&record.map_err(wrong(place(log, seq)))?) {
            break;
        }
        last = seq;
    }
    Ok(last)
}

/// The first row that is not `row_before`, and the first `seq` in it that is kept; `head + 1` and no row where all are.
pub(crate) fn boundary(
    tables: &Tables,
    log: LogId,
    tail: &Tail,
    row_before: impl Fn(&Header) -> bool,
) -> Result<(u64, Option<(Header, Slice)>), LogError> {
    // All up to `low - 1` are before it; the row that holds `high` is not, or does not exist.
    let (mut low, mut high) = (tail.first, tail.head + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let Some((header, _)) = row_at(tables, log, middle)? else { break };
        if row_before(&header) {
            low = header.last + 1;
        } else {
            high = header.first.clamp(low, middle);
        }
    }
    if low > tail.head {
        return Ok((tail.head + 1, None));
    }
    Ok((low, row_at(tables, log, low)?))
}

pub(crate) fn place(log: LogId, seq: u64) -> String {
    format!("log {}, event {seq}", log.0)
}
