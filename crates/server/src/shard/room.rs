//! One log within a shard: its ribbons, and who reads it here.

use super::{
    client::Client,
    framing::{self, FRAMINGS, Framing},
    ribbon::Ribbon,
};
use crate::served::Served;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};
use tidewire_contract::{ChannelName, address::Vars};
use tidewire_engine::{
    LogHandle, Reader, Record,
    log::{LogError, Marks},
};
use tidewire_wire::EventView;

pub(super) struct Room {
    pub(super) log: Arc<LogHandle>,
    encoder: Arc<Encoder>,
    priority: u8,
    pub(super) clients: RefCell<Vec<Rc<Client>>>,
    ribbons: [RefCell<Ribbon>; FRAMINGS],
    /// Moved since the last sweep.
    pub(super) stirred: Cell<bool>,
    /// The contents that the ribbons are of.
    epoch: Cell<i64>,
}

/// Makes a log's events into bytes, on whatever thread.
pub(super) struct Encoder {
    pub(super) served: Arc<Served>,
    /// The log's own channel; for a mirror, the mirrored one.
    pub(super) channel: ChannelName,
    log: Arc<LogHandle>,
    marks: Marks,
}

impl Encoder {
    pub(super) fn encode(&self, framing: Framing, record: &Record, replay: bool, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        let view = EventView { record, channel: &self.channel.log, vars: &self.channel.vars, epoch: self.log.epoch(), replay };
        framing.event(&self.served, &view, self.marks, scratch, out);
    }
}

/// Events that one look at the log encodes at most, and their weight in bytes.
const STEP: usize = 1024;
const STEP_BYTES: usize = 256 * 1024;

impl Room {
    pub(super) fn new(log: Arc<LogHandle>, served: Arc<Served>, channel: ChannelName, marks: Marks) -> Room {
        let priority = served.contract.channels[channel.log_kind].priority;
        let encoder = Arc::new(Encoder { served, channel, log: log.clone(), marks });
        Room {
            log,
            encoder,
            priority,
            clients: RefCell::default(),
            ribbons: Default::default(),
            stirred: Cell::new(false),
            epoch: Cell::new(0),
        }
    }

    pub(super) fn ribbon(&self, framing: Framing) -> &RefCell<Ribbon> {
        &self.ribbons[framing as usize]
    }

    /// Takes the newest events into the framings that are in use, from where each ends; an empty one begins at `from`.
    pub(super) fn extend(&self, reader: &Reader, framing: Framing, from: u64, scratch: &mut Vec<u8>) -> Result<(), LogError> {
        let mut ribbon = self.ribbon(framing).borrow_mut();
        loop {
            let after = ribbon.last().unwrap_or(from);
            if after >= self.log.head() {
                return Ok(());
            }
            let records = if reader.is_shared() {
                // A store that is far away is not read on this thread: whoever needs it catches up by pages.
                match self.log.at_hand(after, STEP, STEP_BYTES) {
                    Some(records) => records,
                    None if after != from => {
                        ribbon.clear();
                        continue;
                    }
                    None => return Err(LogError::Away("it is not in memory".into())),
                }
            } else {
                reader.read(&self.log, after, STEP, STEP_BYTES)?
            };
            if records.is_empty() {
                return Ok(());
            }
            for record in &records {
                ribbon.push(record, |out| self.encoder.encode(framing, record, false, scratch, out));
            }
        }
    }

    /// Makes the ribbon reach back to `after`, if what lies between is little and at hand.
    pub(super) fn reach_back(&self, framing: Framing, after: u64, scratch: &mut Vec<u8>) -> bool {
        let head = self.log.head();
        if head - after > STEP as u64 || after + 1 < self.log.first() {
            return false;
        }
        let Some(records) = self.log.at_hand(after, STEP, STEP_BYTES) else { return false };
        if records.last().is_none_or(|r| r.seq < head) {
            return false;
        }
        let mut ribbon = self.ribbon(framing).borrow_mut();
        ribbon.clear();
        for record in &records {
            ribbon.push(record, |out| self.encoder.encode(framing, record, false, scratch, out));
        }
        ribbon.first() == Some(after + 1)
    }

    /// The log has other contents: what was made of those before is of no use.
    pub(super) fn forget_ribbons(&self, epoch: i64) {
        if self.epoch.replace(epoch) != epoch {
            self.ribbons.iter().for_each(|ribbon| ribbon.borrow_mut().clear());
        }
    }

    /// Whether an event that was missed is spelled otherwise than one that is new.
    pub(super) fn tells_replay(&self) -> bool {
        self.encoder.served.tells_replay
    }

    pub(super) fn encoder(&self) -> Arc<Encoder> {
        self.encoder.clone()
    }

    pub(super) fn vars(&self) -> &Vars {
        &self.encoder.channel.vars
    }

    /// The channel's name: its own, in the same memory for all readers, or a mirror's.
    pub(super) fn name(&self, name: &Arc<str>) -> Arc<str> {
        let own = &self.encoder.channel.name;
        if **own == **name { own.clone() } else { name.clone() }
    }

    /// A time as an event stream's place.
    pub(super) fn place(&self, at: i64) -> String {
        framing::place(self.encoder.marks, at)
    }

    /// Adds a reader; how many there are then.
    pub(super) fn join(&self, client: &Rc<Client>) -> usize {
        let mut clients = self.clients.borrow_mut();
        clients.push(client.clone());
        clients.len()
    }

    /// Takes a reader out; how many are left.
    pub(super) fn leave(&self, client: &Rc<Client>) -> usize {
        let mut clients = self.clients.borrow_mut();
        if let Some(index) = clients.iter().position(|c| Rc::ptr_eq(c, client)) {
            clients.swap_remove(index);
        }
        clients.len()
    }

    /// Higher is written first.
    pub(super) fn priority(&self) -> u8 {
        self.priority
    }

    /// Lets go of bytes that nobody has needed for a while.
    pub(super) fn sweep(&self) {
        if !self.stirred.replace(false) {
            for ribbon in &self.ribbons {
                ribbon.borrow_mut().clear();
            }
        }
    }
}
