//! The run: actors that take turns by a seed, the driver of the sequencer among them.

use crate::{
    check::{self, Findings, Keys, Kind, Violation},
    client::Client,
    model::Lineage,
    rng::Rng,
    storage::{CRASH, Fault, Lie, SimLog},
    world::{self, LOGS, Spec},
};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};
use tidewire_contract::{Contract, Durability};
use tidewire_engine::{
    Declined, LogHandle, Published, Reader, Sequencer,
    log::{LogError, Retention},
    members::Members,
    sequencer::{Answer, Round},
};

/// Faults of the harness, for the negative controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    Store(Lie),
    /// Events are shown before they are committed.
    ShowsEarly,
    SkipsOne,
    RepeatsOne,
    HidesGaps,
    /// Audiences are settled at the end of a round.
    SettlesLate,
    /// `at` is what the wall clock says.
    TrustsClock,
    WatermarkTooHigh,
}

/// What a schedule came to.
pub struct Outcome {
    pub trace: u64,
    pub found: Vec<Violation>,
    pub answered: usize,
    pub given: usize,
    pub conflicts: usize,
    pub crashes: usize,
}

pub struct Sim {
    pub rng: Rng,
    pub contract: Arc<Contract>,
    pub disk: SimLog,
    pub sequencer: Sequencer,
    pub found: Findings,
    pub plant: Option<Plant>,
    specs: HashMap<u64, Spec>,
    lineages: HashMap<(usize, i64), Lineage>,
    publishers: Vec<Publisher>,
    driver: Driver,
    keys: Keys,
    wall: i64,
    newest_at: i64,
    next: u64,
    trace: u64,
    answered: Vec<(Spec, Published)>,
    given: usize,
    conflicts: usize,
    crashes: usize,
    moved: Vec<Arc<str>>,
    /// The store let go of something, and the handle does not know yet.
    trimmed: Option<(Arc<LogHandle>, u64)>,
}

#[derive(Default)]
struct Publisher {
    /// What it wants to have published, and whether it was handed over.
    job: Option<(Vec<Spec>, bool)>,
}

#[derive(Default)]
struct Driver {
    rounds: VecDeque<Round>,
    committed: Option<(Round, Result<(), LogError>)>,
    failed: Option<LogError>,
    answers: Vec<(u64, Answer)>,
}

pub fn run(seed: u64, plant: Option<Plant>) -> Outcome {
    let mut rng = Rng::new(seed);
    let disk = SimLog::default();
    if let Some(Plant::Store(lie)) = plant {
        disk.lie(Some(lie));
    }
    let wall = 1_700_000_000_000_000;
    let reader = Arc::new(Reader::new(Arc::new(disk.clone()), wall).unwrap());
    let clients: Vec<Client> = (0..3 + rng.below(3)).map(|n| Client::invent(&mut rng, n)).collect();
    let publishers = (0..2 + rng.below(3)).map(|_| Publisher::default()).collect();
    let mut sim = Sim {
        rng,
        contract: world::shared(),
        disk,
        sequencer: Sequencer::new(reader, seed),
        found: Findings::default(),
        plant,
        specs: HashMap::new(),
        lineages: HashMap::new(),
        publishers,
        driver: Driver::default(),
        keys: Keys::default(),
        wall,
        newest_at: 0,
        next: 0,
        trace: 0xcbf2_9ce4_8422_2325,
        answered: Vec::new(),
        given: 0,
        conflicts: 0,
        crashes: 0,
        moved: Vec::new(),
        trimmed: None,
    };
    sim.play(clients);
    Outcome {
        trace: sim.trace,
        found: sim.found.0,
        answered: sim.answered.len(),
        given: sim.given,
        conflicts: sim.conflicts,
        crashes: sim.crashes,
    }
}

impl Sim {
    /// Notes a step; the same seed notes the same.
    pub fn trace(&mut self, step: &str) {
        if std::env::var_os("TIDEWIRE_TRACE").is_some() {
            eprintln!("{} {step}", self.wall);
        }
        self.given += usize::from(step.contains(" gets "));
        for byte in step.bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn play(&mut self, mut clients: Vec<Client>) {
        for _ in 0..150 + self.rng.below(150) {
            self.wall += 1 + self.rng.below(2000) as i64;
            match self.rng.below(100) {
                0..35 => self.drive(&mut clients),
                35..55 => self.publish(),
                55..90 => {
                    let n = self.rng.below(clients.len());
                    let client = &mut clients[n];
                    if client.feed.is_none() {
                        client.connect(self);
                    } else if client.woken {
                        client.pull(self);
                    } else if self.rng.one_in(4) {
                        client.gone();
                    }
                }
                90..93 => self.trim(),
                93..95 => {
                    let jump = [-5_000_000, -1_000, 3_000_000, 60_000_000][self.rng.below(4)];
                    self.wall += jump;
                }
                95..98 => {
                    let faults = [Fault::Full, Fault::WrittenThenFailed, Fault::CrashBefore, Fault::CrashWritten, Fault::CrashSynced];
                    let fault = *self.rng.pick(&faults);
                    let down = if self.rng.one_in(2) { self.rng.below(10) as u32 } else { 0 };
                    self.disk.plan(fault, down);
                }
                98 => self.crash(&mut clients, false),
                _ => {
                    let power_loss = self.rng.one_in(2);
                    self.crash(&mut clients, power_loss);
                }
            }
            if !self.found.0.is_empty() {
                return;
            }
        }
        self.rest(&mut clients);
    }

    fn publish(&mut self) {
        let n = self.rng.below(self.publishers.len());
        if self.publishers[n].job.is_none() {
            let keyed = !self.rng.one_in(4);
            let one_log = self.rng.one_in(2).then(|| self.rng.below(LOGS.len()));
            let mut specs: Vec<Spec> = Vec::new();
            for _ in 0..[1, 1, 2, 4][self.rng.below(4)] {
                self.next += 1;
                let log = one_log.unwrap_or_else(|| self.rng.below(LOGS.len()));
                let spec = Spec::invent(&mut self.rng, self.next, log, keyed);
                self.specs.insert(spec.n, spec.clone());
                specs.push(spec);
            }
            if keyed && self.rng.one_in(8) {
                specs.push(specs[0].clone());
            }
            self.publishers[n].job = Some((specs, false));
        }
        if let Some((specs, handed @ false)) = &mut self.publishers[n].job {
            *handed = true;
            let drafts = specs.iter().map(|s| s.draft(&self.contract)).collect();
            self.sequencer.submit(n as u64, drafts);
        }
    }

    /// One step of the sequencer's thread.
    fn drive(&mut self, clients: &mut [Client]) {
        if let Some((handle, first)) = self.trimmed.take() {
            handle.set_first(first);
        }
        if !self.driver.answers.is_empty() {
            let (publisher, answer) = self.driver.answers.remove(0);
            self.answer(publisher as usize, answer);
        } else if let Some((round, result)) = self.driver.committed.take() {
            let settled = self.sequencer.settle(round, result, self.driver.rounds.make_contiguous());
            if self.plant == Some(Plant::WatermarkTooHigh) {
                self.sequencer.reader().set_watermark(i64::MAX - 1);
            }
            self.driver.answers = settled.answers;
            self.moved = settled.moved.iter().map(|h| h.name.clone()).collect();
            for client in clients {
                client.woken |= client.logs.iter().any(|l| self.moved.iter().any(|m| **m == *LOGS[*l].0));
            }
        } else if let Some(mut round) = self.driver.rounds.pop_front() {
            if self.plant == Some(Plant::SettlesLate) {
                self.settle_late(&mut round);
            }
            let show = |sim: &Sim, round: &Round| {
                for append in &round.batch.appends {
                    if let Some(handle) = sim.sequencer.reader().known(&append.log) {
                        handle.show(&append.records);
                    }
                }
            };
            if self.plant == Some(Plant::ShowsEarly) && self.rng.one_in(2) {
                show(self, &round);
                for client in clients.iter_mut() {
                    client.pull(self);
                }
            }
            let result = match &self.driver.failed {
                Some(error) => Err(error.clone()),
                None if round.batch.appends.is_empty() => Ok(()),
                None => self.sequencer.reader().commit(&round.batch),
            };
            if result == Err(LogError::Failed(CRASH.into())) {
                let power_loss = self.rng.one_in(2);
                return self.crash(clients, power_loss);
            }
            if result.is_ok() {
                self.remember(&round);
            }
            self.driver.failed = result.as_ref().err().cloned();
            self.driver.committed = Some((round, result));
        } else if !self.sequencer.is_idle() || self.rng.one_in(4) {
            // A turn without publishes is what trims cause.

            self.driver.failed = None;
            self.driver.rounds = self.sequencer.rounds(self.wall).into();
            if self.plant == Some(Plant::WatermarkTooHigh) {
                self.sequencer.reader().set_watermark(i64::MAX - 1);
            }
            for round in &mut self.driver.rounds {
                if self.plant == Some(Plant::TrustsClock) {
                    for record in round.batch.appends.iter_mut().flat_map(|a| &mut a.records) {
                        Arc::make_mut(record).at = self.wall;
                    }
                }
            }
            self.clock();
        }
    }

    /// Over the node `at` grows in the order in which events are sequenced, whatever the clock does (W-6).
    fn clock(&mut self) {
        for round in &self.driver.rounds {
            let mut ats: Vec<i64> = round.batch.appends.iter().flat_map(|a| &a.records).map(|r| r.at).collect();
            ats.sort_unstable();
            for at in ats {
                if at <= self.newest_at {
                    self.found.add(Kind::Clock, format!("{at} follows {}", self.newest_at));
                }
                self.newest_at = at;
            }
        }
    }

    /// What is in memory nobody else remembers.
    fn remember(&mut self, round: &Round) {
        for append in round.batch.appends.iter().filter(|a| a.durability == Durability::Memory) {
            let log = LOGS.iter().position(|(n, _)| **n == *append.log).unwrap();
            let epoch = self.sequencer.reader().known(&append.log).map_or(0, |h| h.epoch());
            let lineage = self.lineages.entry((log, epoch)).or_default();
            let mut records = lineage.records.clone();
            records.extend(append.records.iter().cloned());
            lineage.grow(&records, &self.specs);
        }
    }

    fn settle_late(&self, round: &mut Round) {
        for append in &mut round.batch.appends {
            let store = self.sequencer.reader().store(append.durability);
            let mut rows = store.members(append.id).unwrap();
            rows.extend(append.members.iter().cloned());
            let members = Members::from_rows(&rows);
            for record in &mut append.records {
                let spec = &self.specs[&world::number(&record.data).unwrap()];
                Arc::make_mut(record).audience = members.settle(&self.contract, &spec.audience);
            }
        }
    }

    fn answer(&mut self, n: usize, answer: Answer) {
        let Some((specs, _)) = self.publishers[n].job.take() else { return };
        self.trace(&format!("{n} is answered {answer:?}"));
        match answer {
            Ok(published) => {
                for (spec, told) in specs.iter().zip(&published) {
                    let memory = self.lineages.get(&(spec.log, told.epoch));
                    check::answer(&mut self.found, &self.disk, memory, spec, told);
                    self.keys.answer(&mut self.found, spec, told);
                    self.answered.push((spec.clone(), told.clone()));
                }
                // The answer is lost, or the publisher repeats it out of caution.
                if specs[0].key.is_some() && self.rng.one_in(5) {
                    self.publishers[n].job = Some((specs, false));
                }
            }
            Err(Declined::Conflict(conflict)) => {
                self.conflicts += 1;
                check::conflict(&mut self.found, &specs, &conflict);
            }
            Err(_) if specs[0].key.is_some() => self.publishers[n].job = Some((specs, false)),
            Err(_) => {}
        }
    }

    /// The process ends, or the machine loses power; everything starts anew on what is left.
    fn crash(&mut self, clients: &mut [Client], power_loss: bool) {
        self.crashes += 1;
        self.trace(&format!("crash, power loss: {power_loss}"));
        for client in clients {
            client.gone();
        }
        for (log, (name, _)) in LOGS.iter().enumerate() {
            let epoch = self.disk.with_image(name, |i| i.map(|i| i.state.epoch));
            if let Some(epoch) = epoch {
                self.lineage(log, epoch);
            }
        }
        self.driver = Driver::default();
        self.trimmed = None;
        // Memory promises nothing behind a restart, so the clock of a node that has it is not set back while it is down.
        self.wall = self.wall.max(self.newest_at + 1);
        let rng = &mut self.rng;
        self.disk.restart(power_loss, |unsynced| rng.below(unsynced + 1), self.wall);
        self.wall += 1;
        self.states();
        // Of a log on disk nothing that was gone had been shown: it goes on from what is left.
        self.lineages.retain(|(log, _), _| LOGS[*log].1 != Durability::Disk);
        for publisher in &mut self.publishers {
            let Some((specs, handed)) = &mut publisher.job else { continue };
            check::whole(&mut self.found, &self.disk, specs);
            *handed = false;
            if specs[0].key.is_none() {
                publisher.job = None;
            }
        }
        let reader = Arc::new(Reader::new(Arc::new(self.disk.clone()), self.wall).unwrap());
        self.sequencer = Sequencer::new(reader, self.crashes as u64);
        self.wall += 1;
        for (spec, told) in &self.answered {
            self.still_there(spec, told);
        }
    }

    /// What was acknowledged once is there as it was (G-1, K-8).
    fn still_there(&self, spec: &Spec, told: &Published) {
        let (name, durability) = LOGS[spec.log];
        if durability == Durability::Memory {
            return;
        }
        let there = self.disk.with_image(name, |i| {
            let Some(image) = i else { return (durability != Durability::Disk).then_some(true) };
            // Another epoch says that it may be missing, which only a log that is not on disk may say.
            if image.state.epoch != told.epoch && durability != Durability::Disk {
                return Some(true);
            }
            let record = image.records.get(told.receipt.seq as usize - 1)?;
            Some(record.id == told.receipt.id && record.at == told.receipt.at && world::number(&record.data) == Some(spec.n))
        });
        assert!(self.plant.is_some() || there == Some(true), "{name} {:?} was acknowledged and is lost: {there:?}", told.receipt);
    }

    fn trim(&mut self) {
        // By the thread that commits, so not in the middle of a turn.
        if !self.driver.rounds.is_empty() || self.driver.committed.is_some() {
            return;
        }
        let log = self.rng.below(LOGS.len());
        let (name, durability) = LOGS[log];
        let count = Some(self.rng.below(8) as u64);
        let reader = self.sequencer.reader();
        let Some(handle) = reader.known(name).filter(|_| !self.sequencer.is_in_doubt(name)) else { return };
        let Some(id) = handle.id() else { return };
        let first = reader.store(durability).trim(id, &Retention { keep: None, count, bytes: None }, self.wall).unwrap();
        // Readers come between the store and what is known of it.
        if let Some((handle, first)) = self.trimmed.replace((handle, first)) {
            handle.set_first(first);
        }
        self.trace(&format!("trim {name} to {first}"));
    }

    /// The oldest `seq` that the store keeps.
    pub fn kept(&self, log: &LogHandle) -> u64 {
        let found = self.sequencer.reader().store(log.durability).find(&log.name);
        found.unwrap().map_or(1, |s| s.first)
    }

    /// The log as it is written now.
    pub fn lineage(&mut self, log: usize, epoch: i64) -> &Lineage {
        let lineage = self.lineages.entry((log, epoch)).or_default();
        if LOGS[log].1 != Durability::Memory {
            let records = self.disk.with_image(LOGS[log].0, |i| {
                i.filter(|i| i.state.epoch == epoch && i.records.len() > lineage.records.len()).map(|i| i.records.clone())
            });
            if let Some(records) = records {
                lineage.grow(&records, &self.specs);
            }
        }
        lineage
    }

    /// No more faults: everything that is under way ends, everybody catches up, and is looked at once more.
    fn rest(&mut self, clients: &mut [Client]) {
        self.disk.restart(false, |n| n, self.wall);
        for _ in 0..400 {
            self.wall += 10;
            self.publish_waiting();
            self.drive(clients);
        }
        for client in clients.iter_mut() {
            if client.feed.is_none() {
                client.connect(self);
            }
            while client.woken && client.pull(self) {}
            // One that slept while all that it had not read was let go is told with the next event.
            let waits = |t: &tidewire_engine::feed::Track| t.after < t.log.head() && self.kept(&t.log) <= t.log.head();
            if client.feed.as_ref().is_some_and(|f| f.tracks.iter().any(waits)) {
                let stand = client.feed.iter().flat_map(|f| &f.tracks).map(|t| (t.after, t.log.first(), t.log.head()));
                let stand: Vec<_> = stand.collect();
                let who = format!("reader {} of {:?}", client.number, client.logs);
                self.found.add(Kind::Asleep, format!("{who} has something to read and was not woken: {stand:?}"));
            }
            client.gone();
            client.connect(self);
            while client.pull(self) {}
        }
        for (log, (name, _)) in LOGS.iter().enumerate() {
            if let Some(epoch) = self.disk.with_image(name, |i| i.map(|i| i.state.epoch)) {
                self.lineage(log, epoch);
            }
        }
        self.states();
        for ((log, _), lineage) in &self.lineages {
            check::log(&mut self.found, LOGS[*log].0, lineage);
        }
        for (spec, told) in &self.answered {
            self.still_there(spec, told);
        }
    }

    /// What every log remembers beside its events, against the events.
    fn states(&mut self) {
        for (log, (name, durability)) in LOGS.iter().enumerate() {
            if *durability != Durability::Memory {
                let (found, specs) = (&mut self.found, &self.specs);
                self.disk.with_image(name, |i| i.into_iter().for_each(|i| check::states(found, name, &i.records, &i.states, specs)));
                continue;
            }
            let store = self.sequencer.reader().store(*durability);
            let Ok(Some(state)) = store.find(name) else { continue };
            let rows = store.states(state.id, "").unwrap_or_default().into_iter().collect();
            let Some(lineage) = self.lineages.get(&(log, state.epoch)) else { continue };
            check::states(&mut self.found, name, &lineage.records, &rows, &self.specs);
        }
    }

    fn publish_waiting(&mut self) {
        for n in 0..self.publishers.len() {
            if let Some((specs, handed @ false)) = &mut self.publishers[n].job {
                *handed = true;
                let drafts = specs.iter().map(|s| s.draft(&self.contract)).collect();
                self.sequencer.submit(n as u64, drafts);
            }
        }
    }
}
