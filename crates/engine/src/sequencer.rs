//! The sequencer: deduplicate by key → settle the audience → `seq` and `at` → append → durable → visible, in this order.
//!
//! One thread owns it. A turn is: [`Sequencer::submit`] what has gathered; [`Sequencer::rounds`] puts it into order;
//! [`Reader::commit`] each round; [`Sequencer::settle`] it, which shows its events and answers its publishers. Nothing is
//! seen or answered before the commit returned, and a commit that failed leaves nothing behind.

use crate::{
    id,
    log::{Append, Batch, LogError, LogState, Receipt, StateRow},
    members::Members,
    publish::Draft,
    reader::{LogHandle, Reader},
    record::Record,
    state::{self, Conflict},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};
use tidewire_contract::Durability;

pub struct Sequencer {
    reader: Arc<Reader>,
    /// The newest `at` that was given.
    clock: i64,
    salt: u64,
    seats: HashMap<Arc<str>, Seat>,
    waiting: Vec<(Ticket, Vec<Draft>)>,
    /// Logs whose commit failed and that were not opened since: whether they have its events is not known.
    /// By name: a simulation that is repeated goes through them in the same order.
    doubtful: BTreeMap<Arc<str>, Doubt>,
    /// Logs of this turn whose seats remember keys or versions.
    asked: Vec<Arc<str>>,
    /// Logs in which there is more to see since a doubt was settled.
    cleared: Vec<Arc<LogHandle>>,
}

struct Doubt {
    durability: Durability,
    /// The smallest `at` of what failed.
    oldest: i64,
}

/// Who gets the answer; chosen by the caller.
pub type Ticket = u64;

/// What a publisher is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    pub log: Arc<str>,
    pub epoch: i64,
    pub receipt: Receipt,
    pub duplicate: bool,
    pub durability: Durability,
}

/// Why what was submitted at once was not published; nothing of it was.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Declined {
    #[error(transparent)]
    Log(#[from] LogError),
    /// A version is stale.
    #[error(transparent)]
    Conflict(#[from] Conflict),
}

/// What becomes of what was submitted at once.
pub type Answer = Result<Vec<Published>, Declined>;

/// Events in order, to be committed at once.
#[derive(Debug, Default)]
pub struct Round {
    pub batch: Batch,
    answers: Vec<(Ticket, Answer)>,
    /// The smallest `at` in it.
    oldest: Option<i64>,
}

/// What a settled round means for the others.
#[derive(Default)]
pub struct Settled {
    pub answers: Vec<(Ticket, Answer)>,
    /// Logs in which there is something new to see.
    pub moved: Vec<Arc<LogHandle>>,
}

/// A log as the sequencer knows it, what is under way included.
struct Seat {
    handle: Arc<LogHandle>,
    state: LogState,
    members: Members,
    /// Keys of events that are under way.
    keys: HashMap<Arc<str>, Receipt>,
    /// Versions that were looked up or given, `None` where a resource has none; those under way included.
    versions: HashMap<Arc<str>, Option<i64>>,
}

impl Sequencer {
    /// `salt` tells the ids of this node from those of others.
    pub fn new(reader: Arc<Reader>, salt: u64) -> Sequencer {
        let clock = reader.watermark();
        Sequencer {
            reader,
            clock,
            salt,
            seats: HashMap::new(),
            waiting: Vec::new(),
            doubtful: BTreeMap::new(),
            asked: Vec::new(),
            cleared: Vec::new(),
        }
    }

    /// Takes what somebody wants to publish; all of it is committed at once. Nothing happens before [`Sequencer::rounds`].
    pub fn submit(&mut self, ticket: Ticket, drafts: Vec<Draft>) {
        self.waiting.push((ticket, drafts));
    }

    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Puts what was submitted into order. `now` in µs.
    ///
    /// At most two rounds, to be committed and settled one after the other: first what need not wait for the disk, then the
    /// rest. The events of one log are never split so that their order would change.
    pub fn rounds(&mut self, now: i64) -> Vec<Round> {
        self.clear_doubts(now);
        let mut dragged: HashSet<Arc<str>> = HashSet::new();
        let (mut quick, mut synced) = (Vec::new(), Vec::new());
        for job in std::mem::take(&mut self.waiting) {
            let to_disk = job.1.iter().any(|d| d.durability == Durability::Disk || dragged.contains(&d.log));
            if to_disk {
                dragged.extend(job.1.iter().map(|d| d.log.clone()));
                synced.push(job);
            } else {
                quick.push(job);
            }
        }
        let mut rounds: Vec<Round> =
            [quick, synced].into_iter().filter(|jobs| !jobs.is_empty()).map(|jobs| self.round(jobs, now)).collect();
        if rounds.is_empty() && !self.cleared.is_empty() {
            // Nothing to commit, but readers to be told.
            rounds.push(Round::default());
        }
        self.mark(rounds.iter());
        rounds
    }

    fn round(&mut self, jobs: Vec<(Ticket, Vec<Draft>)>, now: i64) -> Round {
        let mut round = Round::default();
        let mut index: HashMap<Arc<str>, usize> = HashMap::new();
        for (ticket, drafts) in jobs {
            // All logs of a job are there before any of it is put into order: it is appended whole or not at all.
            if let Err(error) = self.seat_all(&drafts, now) {
                round.answers.push((ticket, Err(error.into())));
                continue;
            }
            if let Err(conflict) = self.versions_rise(&drafts) {
                round.answers.push((ticket, Err(conflict.into())));
                continue;
            }
            let placed = drafts.into_iter().map(|draft| self.place(draft, now, &mut round, &mut index)).collect();
            round.answers.push((ticket, Ok(placed)));
        }
        round
    }

    /// Opens the logs and looks up the keys and versions of a job.
    fn seat_all(&mut self, drafts: &[Draft], now: i64) -> Result<(), LogError> {
        for draft in drafts {
            if !self.seats.contains_key(&draft.log) {
                self.seat(&draft.log, draft.durability, now)?;
            }
            let Some(seat) = self.seats.get_mut(&draft.log) else { continue };
            if (draft.key.is_some() || draft.version.is_some()) && self.asked.last() != Some(&draft.log) {
                self.asked.push(draft.log.clone());
            }
            if let Some(key) = &draft.key
                && !seat.keys.contains_key(key)
                && let Some(receipt) = self.reader.store(draft.durability).key(seat.state.id, key)?
            {
                seat.keys.insert(key.clone(), receipt);
            }
            if let Some(version) = &draft.version
                && !seat.versions.contains_key(&version.of)
            {
                let row = self.reader.store(draft.durability).state(seat.state.id, &state::version_name(&version.of))?;
                let unreadable = || LogError::Damaged(format!("{}: the version of '{}'", draft.log, version.of));
                let known = row.map(|row| state::decode_version(&row).ok_or_else(unreadable)).transpose()?;
                seat.versions.insert(version.of.clone(), known);
            }
        }
        Ok(())
    }

    /// Whether each version of a job is higher than the one before it, in the log or in the job. Repeated keys have no say:
    /// they are answered and change nothing.
    fn versions_rise(&self, drafts: &[Draft]) -> Result<(), Conflict> {
        let mut given: HashMap<(&str, &str), i64> = HashMap::new();
        let mut keys: HashSet<(&str, &str)> = HashSet::new();
        for (index, draft) in drafts.iter().enumerate() {
            let Some(seat) = self.seats.get(&draft.log) else { continue };
            if let Some(key) = &draft.key
                && (seat.keys.contains_key(key) || !keys.insert((&draft.log, key)))
            {
                continue;
            }
            let Some(version) = &draft.version else { continue };
            let place = (&*draft.log, &*version.of);
            let current = given.get(&place).copied().or_else(|| seat.versions.get(&version.of).copied().flatten());
            if let Some(current) = current.filter(|current| version.is <= *current) {
                return Err(Conflict { index, of: version.of.clone(), current, given: version.is });
            }
            given.insert(place, version.is);
        }
        Ok(())
    }

    /// Opens a log, as the store has it now.
    fn seat(&mut self, log: &Arc<str>, durability: Durability, now: i64) -> Result<(), LogError> {
        let store = self.reader.store(durability);
        let handle = self.reader.log(log, durability)?;
        // No epoch is given twice, wherever the clock stands.
        let state = store.open(log, durability, now.max(self.clock + 1))?;
        let members = Members::from_rows(&store.members(state.id)?);
        if state.head != handle.head() {
            self.cleared.push(handle.clone());
        }
        handle.settle(&state);
        if self.doubtful.remove(log).is_some() {
            // The watermark moves: whoever reads several logs may have waited for it.
            self.cleared = self.reader.handles();
        }
        self.seats.insert(log.clone(), Seat { handle, state, members, keys: HashMap::new(), versions: HashMap::new() });
        Ok(())
    }

    /// Asks the store what became of commits that failed. Until it says so the watermark stays before them: their events may
    /// be there, and older than what others have seen since.
    fn clear_doubts(&mut self, now: i64) {
        let doubtful: Vec<_> = self.doubtful.iter().map(|(log, doubt)| (log.clone(), doubt.durability)).collect();
        for (log, durability) in doubtful {
            if self.seat(&log, durability, now).is_err() {
                return;
            }
        }
    }

    fn place(&mut self, draft: Draft, now: i64, round: &mut Round, index: &mut HashMap<Arc<str>, usize>) -> Published {
        let Draft { contract, log, durability, event_type, data, key, trace, occurred_at, fields, id, audience, changes, except, .. } =
            draft;
        let Draft { version, retain, mut states, silent, .. } = draft;
        let Some(seat) = self.seats.get_mut(&log) else { unreachable!("seat_all opened every log of the job") };
        let published = |receipt, duplicate, epoch| Published { log: log.clone(), epoch, receipt, duplicate, durability };
        if let Some(receipt) = key.as_ref().and_then(|key| seat.keys.get(key)) {
            return published(*receipt, true, seat.state.epoch);
        }
        if let Some(version) = version {
            states.push(StateRow { name: state::version_name(&version.of), value: Some(state::encode_version(version.is)) });
            seat.versions.insert(version.of, Some(version.is));
        }
        let slot = *index.entry(log.clone()).or_insert_with(|| {
            let (log, id) = (log.clone(), seat.state.id);
            round.batch.appends.push(Append { log, id, durability, records: Vec::new(), members: Vec::new(), states: Vec::new() });
            round.batch.appends.len() - 1
        });
        let append = &mut round.batch.appends[slot];
        append.states.append(&mut states);
        if silent {
            return published(Receipt { seq: seat.state.head, at: seat.state.at, id: [0; 16] }, false, seat.state.epoch);
        }
        let audience = seat.members.settle(&contract, &audience);
        let members = changes.iter().flat_map(|change| seat.members.apply(change)).collect::<Vec<_>>();
        let at = now.max(self.clock + 1).max(seat.state.at + 1);
        self.clock = at;
        seat.state.at = at;
        seat.state.head += 1;
        let id = id.unwrap_or_else(|| id::for_at(at, mix(self.salt, seat.state.id.0)));
        let receipt = Receipt { seq: seat.state.head, at, id };
        if let Some(key) = &key {
            seat.keys.insert(key.clone(), receipt);
        }
        let record = Arc::new(Record { seq: receipt.seq, at, id, event_type, key, trace, occurred_at, fields, data, audience, except });
        if !retain.is_empty() {
            let value = state::encode_retained(&record);
            append.states.extend(retain.iter().map(|name| StateRow { name: state::retained_name(name), value: value.clone() }));
        }
        round.oldest.get_or_insert(at);
        append.records.push(record);
        append.members.extend(members);
        published(receipt, false, seat.state.epoch)
    }

    /// The round's commit returned: shows its events, and says who is to be answered what. `rest` are the rounds of this
    /// turn that are still to be settled.
    ///
    /// After a failure everything under way is refused with it, `rest` too: settle those with the same error.
    pub fn settle(&mut self, round: Round, result: Result<(), LogError>, rest: &[Round]) -> Settled {
        let mut settled = Settled { answers: round.answers, moved: Vec::new() };
        match result {
            Ok(()) => {
                for append in &round.batch.appends {
                    if let Some(seat) = self.seats.get_mut(&append.log) {
                        seat.handle.show(&append.records);
                        settled.moved.push(seat.handle.clone());
                    }
                }
            }
            Err(error) => {
                // What the store now has is what counts: it is asked anew.
                for append in &round.batch.appends {
                    self.seats.remove(&append.log);
                    let oldest = append.records.first().map_or(self.clock, |r| r.at);
                    let doubt = self.doubtful.entry(append.log.clone()).or_insert(Doubt { durability: append.durability, oldest });
                    doubt.oldest = doubt.oldest.min(oldest);
                }
                for (_, answer) in &mut settled.answers {
                    // A conflict, too, may have been with what is not there now.
                    *answer = Err(error.clone().into());
                }
            }
        }
        if rest.is_empty() {
            // Of all keys and versions the store knows from now on.
            for log in self.asked.drain(..) {
                if let Some(seat) = self.seats.get_mut(&log) {
                    seat.keys.clear();
                    seat.versions.clear();
                }
            }
            self.clear_doubts(self.clock);
        }
        settled.moved.append(&mut self.cleared);
        self.mark(rest.iter());
        settled
    }

    pub fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    /// Whether it is not known what became of a commit to the log. It is not to be trimmed then: what nobody has seen would be let
    /// go, and whoever has seen all would be told that something is missing.
    pub fn is_in_doubt(&self, log: &str) -> bool {
        self.doubtful.contains_key(log)
    }

    fn mark<'a>(&self, under_way: impl Iterator<Item = &'a Round>) {
        let doubtful = self.doubtful.values().map(|d| d.oldest);
        let oldest = under_way.filter_map(|r| r.oldest).chain(doubtful).min();
        self.reader.set_watermark(oldest.map_or(self.clock, |at| at - 1));
    }
}

/// Spreads two numbers over 64 bits.
fn mix(a: u64, b: u64) -> u64 {
    let mut x = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 32;
    x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}
