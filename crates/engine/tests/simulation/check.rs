//! The checkers. Each says of what it saw what is wrong with it, if anything; none knows how the engine works.

use crate::{
    model::Lineage,
    storage::SimLog,
    world::{LOGS, RETAINED, Spec, number},
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};
use tidewire_contract::Durability;
use tidewire_engine::{Conflict, Published, Record, Retained, log::Receipt, state};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An acknowledged event is not the one that was acknowledged.
    Changed,
    AckedEarly,
    ShownEarly,
    /// A `seq` is missing or there twice.
    Hole,
    /// `at` does not grow.
    Clock,
    /// An event is there twice.
    Twice,
    /// Part of a batch is there.
    Torn,
    /// Somebody got what was not for it.
    Audience,
    /// A reader was not given an event, nor told.
    Skipped,
    Repeated,
    Order,
    /// A reader was told of a gap that there is not.
    FalseGap,
    /// A row of state is ahead of its event, or behind it.
    State,
    /// A version is there that is not higher than the one before it, or one was refused that is.
    Version,
    /// There is something to read, and a live reader was not woken.
    Asleep,
}

#[derive(Debug, Clone)]
pub struct Violation {
    pub kind: Kind,
    pub what: String,
}

/// What is wrong, as it was found.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Violation>);

impl Findings {
    pub fn add(&mut self, kind: Kind, what: String) {
        self.0.push(Violation { kind, what });
    }
}

/// Whether what a publisher was told holds at this moment (G-1).
pub fn answer(found: &mut Findings, disk: &SimLog, memory: Option<&Lineage>, spec: &Spec, told: &Published) {
    let (name, durability) = LOGS[spec.log];
    let Receipt { seq, at, id } = told.receipt;
    let same = |r: &tidewire_engine::Record| r.seq == seq && r.at == at && r.id == id && number(&r.data) == Some(spec.n);
    let index = seq as usize - 1;
    let there = match durability {
        Durability::Memory => memory.and_then(|l| l.records.get(index)).map(|r| same(r)),
        _ => disk.with_image(name, |i| i.and_then(|i| i.records.get(index)).map(|r| same(r))),
    };
    match there {
        None => found.add(Kind::AckedEarly, format!("{name} {seq} was acknowledged and is not written")),
        Some(false) => found.add(Kind::Changed, format!("{name} {seq} is not the event that was acknowledged")),
        Some(true) if durability == Durability::Disk && seq > disk.synced_head(name) => {
            found.add(Kind::AckedEarly, format!("{name} {seq} was acknowledged and is not synced"));
        }
        Some(true) => {}
    }
}

/// The same key, the same answer (W-7, P-7).
#[derive(Debug, Default)]
pub struct Keys(HashMap<(usize, i64, String), Receipt>);

impl Keys {
    pub fn answer(&mut self, found: &mut Findings, spec: &Spec, told: &Published) {
        let Some(key) = &spec.key else { return };
        let first = *self.0.entry((spec.log, told.epoch, key.to_string())).or_insert(told.receipt);
        if first != told.receipt {
            found.add(Kind::Twice, format!("{key} was answered {first:?}, then {:?}", told.receipt));
        }
    }
}

/// `seq` without holes, `at` that grows, nothing twice (W-6, K-8, W-7).
pub fn log(found: &mut Findings, name: &str, lineage: &Lineage) {
    let mut numbers = HashSet::new();
    let mut last_at = i64::MIN;
    for (index, record) in lineage.records.iter().enumerate() {
        if record.seq != index as u64 + 1 {
            found.add(Kind::Hole, format!("{name}: {} stands in place {}", record.seq, index + 1));
        }
        if record.at <= last_at {
            found.add(Kind::Clock, format!("{name} {}: {} after {last_at}", record.seq, record.at));
        }
        last_at = record.at;
        if let Some(n) = number(&record.data)
            && !numbers.insert(n)
        {
            found.add(Kind::Twice, format!("{name}: event {n} again at {}", record.seq));
        }
    }
}

/// Versions and retained values are those of the events that are there, no newer and no older (C-3, P-5).
pub fn states(found: &mut Findings, name: &str, records: &[Arc<Record>], rows: &BTreeMap<Arc<str>, Bytes>, specs: &HashMap<u64, Spec>) {
    let mut versions: BTreeMap<&str, i64> = BTreeMap::new();
    for record in records {
        let Some(version) = number(&record.data).and_then(|n| specs.get(&n)?.version.as_ref()) else { continue };
        if let Some(before) = versions.insert(&version.of, version.is).filter(|before| *before >= version.is) {
            found.add(Kind::Version, format!("{name} {}: version {} of {} after {before}", record.seq, version.is, version.of));
        }
    }
    let newest = records.iter().rev().find(|r| &*r.event_type == RETAINED);
    let mut due: BTreeMap<Arc<str>, String> = versions.into_iter().map(|(of, is)| (state::version_name(of), is.to_string())).collect();
    for name in newest.iter().flat_map(|_| ["shown", "again"]) {
        due.insert(
            state::retained_name(name),
            newest.map_or_else(String::new, |r| format!("{} {} {:?} {:?}", r.seq, r.at, r.data, r.audience)),
        );
    }
    let as_told = |(name, row): (&Arc<str>, &Bytes)| match Retained::decode(row) {
        Some(r) => (name.clone(), format!("{} {} {:?} {:?}", r.seq, r.at, r.data, r.audience)),
        None => (name.clone(), String::from_utf8_lossy(row).into_owned()),
    };
    let there: BTreeMap<Arc<str>, String> = rows.iter().map(as_told).collect();
    if there != due {
        found.add(Kind::State, format!("{name} says {there:?}, and its events {due:?}"));
    }
}

/// What a publisher was told of a conflict holds: its version was stale.
pub fn conflict(found: &mut Findings, specs: &[Spec], told: &Conflict) {
    let Some(version) = specs.get(told.index).and_then(|spec| spec.version.as_ref()) else {
        return found.add(Kind::Version, format!("a conflict of an event without a version: {told:?}"));
    };
    if told.given != version.is || told.of != version.of || told.given > told.current {
        found.add(Kind::Version, format!("{version:?} was refused as {told:?}"));
    }
}

/// All of what was published at once is there, or nothing of it.
pub fn whole(found: &mut Findings, disk: &SimLog, job: &[Spec]) {
    let lasting: Vec<&Spec> = job.iter().filter(|s| LOGS[s.log].1 != Durability::Memory).collect();
    let there = lasting
        .iter()
        .filter(|s| disk.with_image(LOGS[s.log].0, |i| i.is_some_and(|i| i.records.iter().any(|r| number(&r.data) == Some(s.n)))));
    let there = there.count();
    if there != 0 && there != lasting.len() {
        found.add(Kind::Torn, format!("{there} of {} events of a batch are kept", lasting.len()));
    }
}
