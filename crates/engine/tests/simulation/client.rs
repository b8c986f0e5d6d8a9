//! A reader: live, stalled, gone and back, by every kind of cursor; it checks what it is given.

use crate::{
    check::{Findings, Kind},
    rng::Rng,
    run::{Plant, Sim},
    world::{LOGS, Looker},
};
use std::sync::Arc;
use tidewire_contract::Durability;
use tidewire_engine::{
    Feed, LogHandle, Position, Resume,
    feed::{self, Missing, Reason, Track},
};

pub struct Client {
    pub number: usize,
    pub looker: Looker,
    pub logs: Vec<usize>,
    pub feed: Option<Feed>,
    /// Something may be there to read.
    pub woken: bool,
    seen: Vec<Seen>,
    /// The last event it was given, of whatever log.
    last: Option<(i64, [u8; 16])>,
    /// Events of several logs come in the order of `at` behind this.
    order: i64,
    met: bool,
}

/// Up to where in a log everything that is for the reader was given to it, or it was told otherwise.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    epoch: i64,
    covered: u64,
    /// The last event that it was given.
    given: u64,
}

impl Client {
    pub fn invent(rng: &mut Rng, number: usize) -> Client {
        let mut logs: Vec<usize> = (0..LOGS.len()).collect();
        let wanted = [1, 1, 2, 3][rng.below(4)];
        while logs.len() > wanted {
            logs.remove(rng.below(logs.len()));
        }
        let seen = vec![Seen::default(); logs.len()];
        Client { number, looker: Looker::invent(rng), logs, feed: None, woken: false, seen, last: None, order: i64::MIN, met: false }
    }

    /// Connects: for the first time at the head, later behind what it has.
    pub fn connect(&mut self, sim: &mut Sim) {
        let reader = sim.sequencer.reader().clone();
        let mut feed = Feed::new(self.looker.filter.clone());
        let way = sim.rng.below(5);
        let mut told = false;
        for (index, log) in self.logs.clone().into_iter().enumerate() {
            let (name, durability) = LOGS[log];
            let Ok(handle) = reader.log(&name.into(), durability) else { return };
            let seen = self.seen[index];
            let position = Resume::Position(Position { epoch: seen.epoch, seq: seen.covered });
            let resume = match (self.met, way, self.last) {
                (false, ..) => None,
                (_, 0, _) => Some(Resume::Seq(seen.covered)),
                (_, 1, Some((_, id))) => Some(Resume::Id(id)),
                (_, 2, Some((at, _))) => Some(Resume::At(at)),
                (_, 3, Some((at, _))) => Some(Resume::Mark { made: reader.marks(durability).made, at }),
                _ => Some(position),
            };
            let Ok((mut after, mut missing)) = feed::start(&reader, &handle, resume) else { return };
            sim.trace(&format!("{} starts {name} {resume:?} at {after} {missing:?}", self.number));
            if sim.plant == Some(Plant::HidesGaps) {
                missing = None;
            }
            told |= missing.is_some();
            self.started(index, resume, &handle, after, missing, sim);
            if resume.is_some() && sim.plant == Some(Plant::SkipsOne) && after < handle.head() {
                after += 1;
            }
            if resume.is_some() && sim.plant == Some(Plant::RepeatsOne) {
                after = after.saturating_sub(1).max(handle.first() - 1);
            }
            feed.tracks.push(Track { log: handle, eye: self.looker.eye(&sim.contract, log), after, priority: 0 });
        }
        self.met = true;
        self.feed = Some(feed);
        self.woken = true;
        self.order = i64::MIN;
        // By time alone a place behind a gap is not the same in all logs: one that was told catches up first.
        while told && self.feed.is_some() && self.pull(sim) {}
    }

    fn started(&mut self, index: usize, resume: Option<Resume>, log: &Arc<LogHandle>, after: u64, missing: Option<Missing>, sim: &mut Sim) {
        let seen = &mut self.seen[index];
        let now = log.epoch();
        let who = format!("reader {} of {}", self.number, log.name);
        let Some(resume) = resume else {
            *seen = Seen { epoch: now, covered: after, given: 0 };
            return;
        };
        let at = match resume {
            Resume::At(at) | Resume::Mark { at, .. } => Some(at),
            Resume::Id(id) => tidewire_engine::id::at_of(&id),
            _ => None,
        };
        let other = seen.epoch != now && seen.epoch != 0;
        let Some(missing) = missing else {
            if other && seen.covered > 0 && !matches!(resume, Resume::Seq(_)) {
                sim.found
                    .add(Kind::Skipped, format!("{who}: the log is another one, and it is not told ({resume:?}, {seen:?}, now {now})"));
            }
            if other {
                (seen.covered, seen.given) = (after, 0);
            } else if after < seen.covered {
                // What a gap was told of may be there again: a power loss forgets that it was let go. It was never given.
                seen.covered = after.max(seen.given);
            }
            seen.epoch = now;
            return;
        };
        let lost = sim.sequencer.reader().marks(log.durability).lost;
        let newest_gone =
            (missing.to.seq as usize).checked_sub(1).and_then(|n| Some(sim.lineage(self.logs[index], now).records.get(n)?.at));
        let true_gap = match missing.reason {
            Reason::Expired => {
                missing.to.seq > 0
                    && missing.to.seq < sim.kept(log).max(log.first())
                    && at.is_none_or(|at| newest_gone.is_some_and(|gone| at < gone))
            }
            Reason::Reset => other || at.is_some_and(|at| at < lost),
            Reason::Unknown => matches!(resume, Resume::Seq(seq) if seq > log.head()),
            Reason::Damaged => false,
        };
        if !true_gap {
            sim.found.add(Kind::FalseGap, format!("{who}: {missing:?} after {resume:?}, has {seen:?}, now {now}"));
        }
        let covered = if missing.reason == Reason::Expired && !other { seen.given.max(missing.to.seq) } else { missing.to.seq };
        let given = if missing.reason == Reason::Expired && !other { seen.given } else { 0 };
        *seen = Seen { epoch: now, covered, given };
    }

    /// Reads on. Whether it was given anything.
    pub fn pull(&mut self, sim: &mut Sim) -> bool {
        let reader = sim.sequencer.reader().clone();
        let Some(feed) = &mut self.feed else { return false };
        let (limit, scan) = ([1, 3, 100][sim.rng.below(3)], [1, 5, 1000][sim.rng.below(3)]);
        let before: Vec<u64> = feed.tracks.iter().map(|t| t.after).collect();
        let Ok(mut page) = feed.pull(&reader, limit, 100_000, scan) else { return false };
        let ends: Vec<u64> = feed.tracks.iter().map(|t| t.after).collect();
        self.woken = page.more;
        if sim.plant == Some(Plant::HidesGaps) {
            page.missing.clear();
        }
        for (track, record) in &page.events {
            sim.trace(&format!("{} gets {track} {} {}", self.number, record.seq, record.at));
            self.last = self.last.filter(|l| l.0 > record.at).or(Some((record.at, record.id)));
            if self.logs.len() > 1 && record.at <= self.order && page.missing.is_empty() {
                sim.found.add(Kind::Order, format!("reader {}: {} after {}", self.number, record.at, self.order));
            }
            self.order = record.at;
        }
        for index in 0..self.logs.len() {
            let given: Vec<_> = page.events.iter().filter(|(track, _)| *track == index).map(|(_, r)| r.clone()).collect();
            let missing: Vec<_> = page.missing.iter().filter(|(track, _)| *track == index).map(|(_, m)| m.clone()).collect();
            self.check(index, before[index], ends[index], &given, &missing, sim);
        }
        page.more || ends != before
    }

    fn check(&mut self, index: usize, before: u64, end: u64, given: &[Arc<tidewire_engine::Record>], missing: &[Missing], sim: &mut Sim) {
        let log = self.logs[index];
        let (name, durability) = LOGS[log];
        let Some(handle) = self.feed.as_ref().map(|f| f.tracks[index].log.clone()) else { return };
        let who = format!("reader {} of {name}", self.number);
        self.seen[index].epoch = handle.epoch();
        let covered = self.seen[index].covered;
        let mut gaps = Vec::new();
        for missing in missing {
            let from: u64 = missing.from.parse().unwrap_or(before);
            if missing.to.seq <= from || missing.to.seq >= sim.kept(&handle) {
                sim.found.add(Kind::FalseGap, format!("{who}: {missing:?}, kept from {}", sim.kept(&handle)));
            }
            gaps.push(from + 1..=missing.to.seq);
        }
        let synced = sim.disk.synced_head(name);
        let mut found = Findings::default();
        let lineage = sim.lineage(log, handle.epoch());
        let mut last = covered;
        for record in given {
            let truth = lineage.records.get(record.seq as usize - 1);
            if truth.is_none() || durability == Durability::Disk && record.seq > synced {
                found.add(Kind::ShownEarly, format!("{who}: {} is shown before its promise holds", record.seq));
            } else if truth.is_some_and(|t| **t != **record && t.audience == record.audience) {
                found.add(Kind::Changed, format!("{who}: {} is not what is kept", record.seq));
            }
            if record.seq <= last {
                found.add(Kind::Repeated, format!("{who}: {} after {last}", record.seq));
            }
            last = last.max(record.seq);
            if truth.is_some() && !lineage.is_for(&self.looker, record.seq) {
                found.add(Kind::Audience, format!("{who}: {} is not for {:?}", record.seq, self.looker));
            }
        }
        for seq in covered + 1..=end {
            let given = given.iter().any(|r| r.seq == seq);
            if !given && lineage.is_for(&self.looker, seq) && !gaps.iter().any(|g| g.contains(&seq)) {
                found.add(Kind::Skipped, format!("{who}: {seq} was passed over (from {before} to {end}, has {covered})"));
            }
        }
        self.seen[index].covered = covered.max(end);
        self.seen[index].given = given.last().map_or(self.seen[index].given, |r| r.seq);
        sim.found.0.append(&mut found.0);
    }

    pub fn gone(&mut self) {
        self.feed = None;
        self.woken = false;
    }
}
