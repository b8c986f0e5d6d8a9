//! How a node follows logs that several nodes write: what is told may be lost, doubled or late, what is kept is not.
//!
//! No sockets: [`Follow`] is given what was heard and what was read, and says what to ask for and what may be seen. Each message
//! of a contract has a number, so a hole is noticed with the next one of whatever log, or with the next probe; then it is asked
//! where the logs stand ([`Output::Look`]), and what lies between is read from them ([`Output::Page`]).
//!
//! Into it: [`Follow::watch`], [`Follow::connected`], [`Follow::appended`], [`Follow::probed`], [`Follow::looked`],
//! [`Follow::paged`] and their failures. Out of it, after each of these until there is nothing more: [`Follow::poll`].

mod lane;
mod nouns;

pub use nouns::{Appended, Known, Mark, Output, Read, Standing};

use crate::record::Record;
use lane::Lane;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

/// The logs of one contract, as far as this node shows them.
#[derive(Debug, Default)]
pub struct Follow {
    lanes: HashMap<Arc<str>, Lane>,
    /// All messages up to this number were taken in, and the clock was this then.
    reached: u64,
    clock: i64,
    /// Messages behind one that is missing, and their clocks.
    later: BTreeMap<u64, i64>,
    /// When acknowledged events were last lost, as far as it is known here.
    lost: i64,
    /// Something may have been missed: all logs are to be looked at.
    unsure: bool,
    /// That came up again since a look was asked for, whose answer may not know of it.
    again: bool,
    /// Messages arrive.
    hears: bool,
    /// Messages come over a connection since which no look has shown that what was shown before is still there: until then
    /// nothing is shown, as it might follow on something else.
    suspended: bool,
    looking: Option<Looking>,
    /// Counts looks and connections: a look that was asked before a connection proves nothing about it.
    turn: u64,
    losing: bool,
    new: BTreeSet<Arc<str>>,
    holes: BTreeSet<Arc<str>>,
    told: i64,
    /// A look has shown where the messages stand, so that others may have been missed since.
    began: bool,
    missed: u64,
    out: VecDeque<Output>,
}

/// The look under way.
#[derive(Debug, Clone, Copy)]
struct Looking {
    turn: u64,
    /// At all logs.
    all: bool,
    /// How far messages had got when it was asked for: the answer may be older than what came since, never than this.
    reached: u64,
}

impl Follow {
    /// Shows this log from now on.
    pub fn watch(&mut self, log: &Arc<str>) {
        if !self.lanes.contains_key(log) {
            self.lanes.insert(log.clone(), Lane::default());
            self.new.insert(log.clone());
            self.ask();
        }
    }

    /// Whether the log can be read.
    pub fn is_open(&self, log: &str) -> bool {
        self.lanes.get(log).is_some_and(|lane| lane.open)
    }

    /// Whether anybody has asked for the log.
    pub fn watches(&self, log: &str) -> bool {
        self.lanes.contains_key(log)
    }

    /// All messages up to this number were taken in.
    pub fn reached(&self) -> u64 {
        self.reached
    }

    /// Messages that were lost or late, since the first look: what they told was read from the logs.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Events that are known to be there, and cannot be shown yet as others before them are missing.
    pub fn behind(&self) -> u64 {
        let of = |log: &Arc<str>| self.lanes.get(log).map_or(0, |lane| lane.want.saturating_sub(lane.head));
        self.holes.iter().map(of).sum()
    }

    /// Whether nothing is missing, as far as it is known.
    pub fn is_whole(&self) -> bool {
        !self.unsure && !self.losing && self.holes.is_empty()
    }

    /// Whether what others told before the connection was made is taken into account.
    pub fn is_sure(&self) -> bool {
        !self.unsure && !self.losing
    }

    /// The connection over which messages came is no more.
    pub fn disconnected(&mut self) {
        self.turn += 1;
        self.hears = false;
        self.suspended = true;
        // What is behind a hole may be lost since.
        self.lanes.values_mut().for_each(Lane::suspend);
        self.holes.clear();
        self.later.clear();
        self.doubt();
    }

    /// Messages arrive over a new connection: what was told before it may have been missed.
    pub fn connected(&mut self) {
        self.disconnected();
        self.hears = true;
        self.ask();
    }

    /// A message of events.
    pub fn appended(&mut self, mark: Mark, events: Vec<Appended>) {
        let mut ready: Vec<(Arc<str>, Vec<Arc<Record>>)> = Vec::new();
        let mut odd = false;
        for Appended { log, epoch, record } in events {
            let Some(lane) = self.lanes.get_mut(&log) else { continue };
            if lane.open && epoch != lane.epoch {
                if epoch < lane.epoch {
                    // Told before a loss, and late.
                    continue;
                }
                if lane.epoch == 0 {
                    lane.epoch = epoch;
                    let standing = Standing { epoch, head: lane.head, first: 1, at: lane.at, same: true };
                    self.out.push_back(Output::Open { log: log.clone(), standing });
                } else {
                    // It is read when it is known what else is another way.
                    odd = true;
                    continue;
                }
            }
            if self.suspended {
                lane.hold(record);
                continue;
            }
            let shown = lane.offer(record);
            odd |= std::mem::take(&mut lane.odd);
            if !shown.is_empty() {
                match ready.iter_mut().find(|(other, _)| *other == log) {
                    Some((_, records)) => records.extend(shown),
                    None => ready.push((log.clone(), shown)),
                }
            }
            self.tend(&log);
        }
        self.out.extend(ready.into_iter().map(|(log, records)| Output::Show { log, records }));
        if odd {
            self.doubt();
        }
        self.count(mark);
        self.ask();
    }

    /// A probe: so far the messages have got, whether anything was appended or not.
    pub fn probed(&mut self, mark: Mark) {
        if mark.n > self.reached || mark.lost > self.lost {
            self.doubt();
        } else if mark.n == self.reached {
            self.clock = self.clock.max(mark.clock);
        }
        self.ask();
    }

    /// Somebody says that acknowledged events are gone.
    pub fn lost(&mut self) {
        self.doubt();
        self.ask();
    }

    /// The history of a log was trimmed.
    pub fn trimmed(&mut self, log: &Arc<str>, first: u64) {
        if self.is_open(log) {
            self.out.push_back(Output::Trim { log: log.clone(), first });
        }
    }

    /// [`Output::Lose`] was done.
    pub fn lost_told(&mut self) {
        self.losing = false;
        self.doubt();
        self.ask();
    }

    /// [`Output::Lose`] could not be done; it is tried again with the next look.
    pub fn lose_failed(&mut self) {
        self.losing = false;
    }

    /// The answer to a look. Not called for one that failed.
    pub fn looked(&mut self, turn: u64, mark: Mark, logs: Vec<(Arc<str>, Standing)>) {
        let Some(Looking { all, reached, .. }) = self.looking.filter(|looking| looking.turn == turn) else { return };
        self.looking = None;
        let is_recent = turn == self.turn;
        // The epoch of a log of which something that this node had shown is gone, without another epoch.
        let gone = |(log, standing): &(Arc<str>, Standing)| {
            let lane = self.lanes.get(log).filter(|lane| lane.open && !standing.same)?;
            (mark.lost <= self.lost || lane.epoch != 0 && standing.epoch == lane.epoch).then_some(lane.epoch)
        };
        let gone = logs.iter().filter_map(gone).max();
        if mark.n < reached || gone.is_some() {
            // What this node had shown is not there: whoever asks again must not be told that it is the same log.
            self.unsure = true;
            self.losing = true;
            let reached = self.reached.max(self.later.last_key_value().map_or(0, |(n, _)| *n));
            // The loss that the log's epoch comes from may not have been taken in for all logs yet.
            let lost = self.lost.max(gone.unwrap_or_default());
            self.out.push_back(Output::Lose { lost, reached, clock: self.clock });
            self.new.extend(logs.into_iter().map(|(log, _)| log).filter(|log| self.lanes.get(log).is_some_and(|lane| !lane.open)));
            return;
        }
        if !all && mark.lost > self.lost {
            // All logs have to hear of that at once.
            self.new.extend(logs.into_iter().map(|(log, _)| log).filter(|log| self.lanes.get(log).is_some_and(|lane| !lane.open)));
            self.doubt();
            return self.ask();
        }
        for (log, mut standing) in logs {
            let Some(lane) = self.lanes.get_mut(&log) else { continue };
            if lane.open && lane.epoch != 0 && standing.epoch == 0 && !standing.same {
                // It is gone as a whole: what is written there from now on is of the contents that begin with the loss.
                standing.epoch = mark.lost;
            }
            if lane.open && standing.epoch < lane.epoch {
                // Older than what was heard since.
                continue;
            }
            let shown = if !lane.open && self.suspended && !(all && is_recent) {
                // Looked at over a connection that is no more.
                self.new.insert(log);
                continue;
            } else if !lane.open {
                lane.begin(&standing);
                self.out.push_back(Output::Open { log: log.clone(), standing });
                lane.drain()
            } else if standing.epoch != lane.epoch && lane.epoch != 0 {
                let common = lane.begin_again(&standing);
                self.out.push_back(Output::Reset { log: log.clone(), standing: Standing { head: lane.head, ..standing }, common });
                Vec::new()
            } else {
                if lane.epoch == 0 && standing.epoch != 0 {
                    lane.epoch = standing.epoch;
                    self.out.push_back(Output::Open { log: log.clone(), standing: Standing { head: lane.head, at: lane.at, ..standing } });
                }
                lane.want = lane.want.max(standing.head);
                lane.drain()
            };
            if !shown.is_empty() {
                self.out.push_back(Output::Show { log: log.clone(), records: shown });
            }
            self.tend(&log);
        }
        if all && is_recent {
            self.suspended = false;
            self.lost = mark.lost;
            let heard = self.later.range(..=mark.n).count() as u64;
            if std::mem::replace(&mut self.began, true) {
                self.missed += mark.n.saturating_sub(self.reached).saturating_sub(heard);
            }
            self.later.retain(|n, _| *n > mark.n);
            (self.reached, self.clock) = (self.reached.max(mark.n), self.clock.max(mark.clock));
            self.advance();
            // Something behind the look is missing still.
            self.unsure = !self.later.is_empty() || std::mem::take(&mut self.again);
        }
        self.ask();
    }

    /// A look got no answer; it is asked for again by [`Follow::ask_again`].
    pub fn look_failed(&mut self, turn: u64) {
        if let Some(looking) = self.looking.take_if(|looking| looking.turn == turn) {
            self.unsure |= looking.all;
            let closed = self.lanes.iter().filter(|(_, lane)| !lane.open).map(|(log, _)| log.clone());
            self.new.extend(closed);
        }
    }

    /// What was read of a log.
    pub fn paged(&mut self, log: &Arc<str>, read: Read) {
        let Some(lane) = self.lanes.get_mut(log) else { return };
        lane.paging = false;
        if self.suspended {
            // It may be of other contents than those before.
            return;
        }
        let before = lane.head;
        if !read.same {
            self.unsure = true;
            return self.ask();
        }
        if read.records.is_empty() && lane.want > lane.head {
            if read.head >= lane.want && read.first > lane.head + 1 {
                // All of it was let go since.
                lane.head = read.first - 1;
                let standing = Standing { epoch: lane.epoch, head: lane.head, first: read.first, at: lane.at, same: true };
                self.out.push_back(Output::Open { log: log.clone(), standing });
            } else if read.head < lane.want {
                // It was told of events that are not there.
                self.unsure = true;
            }
        }
        if read.records.first().is_some_and(|first| first.seq > lane.head + 1) {
            lane.head = read.records[0].seq - 1;
            self.out.push_back(Output::Trim { log: log.clone(), first: read.first });
        }
        let mut shown = Vec::new();
        for record in read.records {
            shown.extend(lane.offer(record));
        }
        shown.extend(lane.drain());
        let odd = std::mem::take(&mut lane.odd);
        if odd {
            self.unsure = true;
            self.again |= self.looking.is_some();
        }
        if lane.want > lane.head && lane.head == before && !self.unsure {
            self.unsure = true;
        }
        if !shown.is_empty() {
            self.out.push_back(Output::Show { log: log.clone(), records: shown });
        }
        self.tend(log);
        self.ask();
    }

    /// A page got no answer; it is asked for again by [`Follow::ask_again`].
    pub fn page_failed(&mut self, log: &Arc<str>) {
        if let Some(lane) = self.lanes.get_mut(log) {
            lane.paging = false;
        }
    }

    /// Asks again for what failed. To be called once in a while.
    pub fn ask_again(&mut self) {
        self.ask();
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.out.pop_front() {
            return Some(output);
        }
        if self.is_whole() && self.clock > self.told {
            self.told = self.clock;
            return Some(Output::Watermark(self.clock));
        }
        None
    }

    fn doubt(&mut self) {
        self.unsure = true;
        self.again |= self.looking.is_some();
    }

    fn count(&mut self, mark: Mark) {
        if mark.lost > self.lost {
            self.unsure = true;
        }
        if mark.n > self.reached {
            self.later.insert(mark.n, mark.clock);
            self.advance();
            self.unsure |= !self.later.is_empty();
            // A flood behind a hole is counted no further: the look that is to come covers it.
            while self.later.len() > LATER_MAX {
                self.later.pop_last();
            }
        }
    }

    /// Takes in what follows without a hole.
    fn advance(&mut self) {
        while let Some(entry) = self.later.first_entry().filter(|entry| *entry.key() == self.reached + 1) {
            self.reached += 1;
            self.clock = self.clock.max(entry.remove());
        }
    }

    /// Notes whether a log has a hole.
    fn tend(&mut self, log: &Arc<str>) {
        let has_hole = self.lanes.get(log).is_some_and(|lane| lane.open && lane.want > lane.head);
        if has_hole {
            self.holes.insert(log.clone());
        } else {
            self.holes.remove(log);
        }
    }

    fn ask(&mut self) {
        for log in self.holes.iter().filter(|_| !self.suspended) {
            if let Some(lane) = self.lanes.get_mut(log).filter(|lane| !lane.paging) {
                lane.paging = true;
                self.out.push_back(Output::Page { after: Known { log: log.clone(), head: lane.head, at: lane.at } });
            }
        }
        if self.losing || !self.hears {
            return;
        }
        // An answer to what was asked before the connection broke may never come.
        if self.looking.is_some_and(|looking| looking.turn == self.turn || !self.unsure) {
            return;
        }
        let all = self.unsure;
        if !all && self.new.is_empty() {
            return;
        }
        let known = |log: &Arc<str>, lane: &mut Lane| {
            lane.asked = lane.head;
            Known { log: log.clone(), head: lane.head, at: lane.at }
        };
        let logs: Vec<Known> = if all {
            self.lanes.iter_mut().map(|(log, lane)| known(log, lane)).collect()
        } else {
            self.new.iter().filter_map(|log| self.lanes.get_mut(log).map(|lane| known(log, lane))).collect()
        };
        self.new.clear();
        self.turn += 1;
        self.again = false;
        self.looking = Some(Looking { turn: self.turn, all, reached: self.reached });
        self.out.push_back(Output::Look { turn: self.turn, logs });
    }
}

/// Messages behind a hole that are counted.
const LATER_MAX: usize = 65_536;
