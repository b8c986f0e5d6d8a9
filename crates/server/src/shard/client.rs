//! One client of a shard: its cursors, and how it is written to.

use super::{
    counters::Tally, framing::Framing, io::Io, reading, room::Room, stash::Stash, track::Track, turns::Turn, worker::Worker, writing::Look,
};
use crate::{hub, limits::meter::Meters, served::Served, session::SessionSpec};
use smallvec::SmallVec;
use std::{
    any::Any,
    cell::{Cell, RefCell},
    io,
    net::IpAddr,
    rc::Rc,
    sync::Arc,
};
use tidewire_contract::{Filter, Principal, address::Vars};
use tidewire_engine::feed;
use tidewire_wire::{
    Reply,
    reply::{Gap, GapReason},
    websocket::{Bounds, Decoder},
};
use tokio::sync::Notify;

pub(super) struct Client {
    pub(super) id: u64,
    pub(super) endpoint: u32,
    pub(super) served: Arc<Served>,
    pub(super) framing: Framing,
    pub(super) io: Io,
    pub(super) principal: RefCell<Arc<Principal>>,
    pub(super) peer: IpAddr,
    pub(super) filter: Arc<Filter>,
    /// What is urgent comes first.
    overtakes: bool,
    vars: Box<[(Arc<str>, String)]>,
    /// µs; `i64::MAX` for never.
    pub(super) expires: Cell<i64>,
    pub(super) tracks: RefCell<SmallVec<[Track; 1]>>,
    /// While a message is begun.
    decoder: Cell<Option<Box<Decoder>>>,
    pub(super) stash: Stash,
    /// A task waits for the socket to take more; nobody else writes meanwhile.
    draining: Cell<bool>,
    pub(super) closing: Cell<bool>,
    /// Events wait until the first frame has been sent.
    pub(super) held: Cell<bool>,
    /// Seconds of the shard's clock at which there last was a sign of life.
    pub(super) heard: Cell<u32>,
    pub(super) pinged: Cell<bool>,
    /// Since it first did something that is limited.
    pub(super) limits: Cell<Option<Box<Meters>>>,
    /// Under the Pusher protocol alone.
    pub(super) pusher: Option<Box<super::pusher::State>>,
    /// Tells the task that reads from it that it is closing; where there is such a task.
    closes: Option<Box<Notify>>,
    pub(super) turn: Turn,
    pub(super) tally: Arc<Tally>,
    _permit: Box<dyn Any + Send>,
}

/// Answers that wait for a client which does not read; it is not read from meanwhile.
pub(super) const STASH: usize = 64 * 1024;

impl Client {
    pub(super) fn new(io: Io, spec: SessionSpec, now: u32, tally: Arc<Tally>) -> Client {
        Client {
            id: spec.connection,
            endpoint: u32::try_from(spec.endpoint).unwrap_or(u32::MAX),
            framing: Framing::of(spec.transport),
            overtakes: spec.served.overtakes(spec.endpoint, spec.transport),
            served: spec.served,
            pusher: Framing::of(spec.transport).is_pusher().then(|| Box::new(super::pusher::State::new(now))),
            principal: RefCell::new(spec.principal),
            peer: spec.peer,
            filter: spec.filter,
            vars: spec.vars.into_boxed_slice(),
            expires: Cell::new(spec.expires.unwrap_or(i64::MAX)),
            tracks: RefCell::default(),
            decoder: Cell::default(),
            stash: Stash::default(),
            draining: Cell::new(false),
            closing: Cell::new(false),
            held: Cell::new(false),
            heard: Cell::new(now),
            pinged: Cell::new(false),
            limits: Cell::default(),
            closes: io.wants_a_task().then(Box::default),
            turn: Turn::default(),
            io,
            tally,
            _permit: spec.permit,
        }
    }

    /// Higher is written first.
    pub(super) fn urgency(&self, track: &Track) -> u8 {
        if self.overtakes { track.room.priority() } else { 0 }
    }

    /// Sends whole frames, behind what is waiting.
    pub(super) fn send(self: &Rc<Self>, worker: &Rc<Worker>, bytes: &[u8]) {
        if self.closing.get() {
            return;
        }
        if self.draining.get() {
            return self.stash.push(bytes);
        }
        match self.io.try_write(bytes) {
            Ok(n) if n == bytes.len() => {
                self.tally.wrote(n);
                if self.io.holds_back() {
                    self.drain(worker);
                }
            }
            Ok(n) => {
                self.tally.wrote(n);
                self.stash.push(&bytes[n..]);
                self.drain(worker);
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.stash.push(bytes);
                self.drain(worker);
            }
            Err(_) => self.broken(worker),
        }
    }

    /// Sends a reply, if the protocol has a word for it.
    pub(super) fn reply(self: &Rc<Self>, worker: &Rc<Worker>, reply: &Reply) {
        let mut bytes = Vec::new();
        if self.framing.reply(&self.served, reply, &mut bytes) {
            self.tally.replied();
            self.send(worker, &bytes);
        }
    }

    /// Tells what the history no longer has.
    pub(super) fn tell_missing(self: &Rc<Self>, worker: &Rc<Worker>, room: &Room, name: &str, missing: feed::Missing) {
        self.tally.gap();
        self.reply(worker, &Reply::Gap(gap(name, room.vars(), missing)));
    }

    /// Whole frames that go out next, behind what already waits. For the task that drains.
    pub(super) fn put_aside(&self, bytes: &[u8]) {
        self.stash.push(bytes);
    }

    pub(super) fn waiting(&self) -> usize {
        self.stash.len()
    }

    /// The path and query variables of its endpoint.
    pub(super) fn vars(&self) -> Vars {
        self.vars.to_vec()
    }

    /// The names of all channels that it is on.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.tracks.borrow().iter().flat_map(|track| track.names.iter()).cloned().collect()
    }

    /// Where it came in, if that was an endpoint that joins a channel by itself.
    pub(super) fn has_channel(&self) -> bool {
        self.served.contract.endpoints.get(self.endpoint as usize).is_some_and(|endpoint| endpoint.channel.is_some())
    }

    /// What reads its messages, as far as one has begun. `None`: it has none to send.
    pub(super) fn decoder(&self, message_bytes: usize) -> Option<Decoder> {
        let begun = self.decoder.take().map(|decoder| *decoder);
        begun.or_else(|| Some(Decoder::new(self.framing.agreed()?, Bounds { message: message_bytes })))
    }

    /// Keeps it, if a message has begun.
    pub(super) fn goes_on(&self, decoder: Decoder) {
        if !decoder.is_idle() {
            self.decoder.set(Some(Box::new(decoder)));
        }
    }

    /// Whether something still waits to go out.
    pub(super) fn is_writing(&self) -> bool {
        self.draining.get()
    }

    fn broken(self: &Rc<Self>, worker: &Rc<Worker>) {
        self.closing.set(true);
        self.over(worker);
    }

    /// It is closing: nothing more is read but its goodbye.
    pub(super) fn over(self: &Rc<Self>, worker: &Rc<Worker>) {
        match &self.closes {
            Some(closes) => closes.notify_one(),
            None => reading::end(worker, self),
        }
    }

    /// Waits until it is closing.
    pub(super) async fn closes(&self) {
        match &self.closes {
            Some(closes) => closes.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Writes what lies between the cursors and the heads, as far as the socket takes it.
    pub(super) fn flush(self: &Rc<Self>, worker: &Rc<Worker>) {
        if self.draining.get() || self.closing.get() {
            return;
        }
        let look = self.look(worker);
        match look {
            // A word about a log that was reset goes out before what follows.
            Look::Done if self.io.holds_back() || self.waiting() > 0 => self.drain(worker),
            Look::Done => {}
            Look::Full | Look::Behind => self.drain(worker),
            Look::Broken => self.broken(worker),
        }
    }

    /// Goes on writing in a task of its own until everything is out.
    fn drain(self: &Rc<Self>, worker: &Rc<Worker>) {
        if self.draining.replace(true) {
            return;
        }
        self.tally.slowed();
        let (client, worker) = (self.clone(), worker.clone());
        tokio::task::spawn_local(async move {
            if client.drain_all(&worker).await.is_err() {
                client.broken(&worker);
            }
            client.draining.set(false);
            client.tally.recovered();
            worker.turns.join(&client);
        });
    }

    async fn drain_all(self: &Rc<Self>, worker: &Rc<Worker>) -> io::Result<()> {
        loop {
            while !self.stash.is_empty() {
                let mut bytes = self.stash.take();
                let written = self.io.write(&bytes).await?;
                self.tally.wrote(written);
                self.heard.set(worker.seconds());
                bytes.drain(..written);
                self.stash.put_back(bytes);
                worker.turns.join(self);
            }
            self.io.flush().await?;
            if self.closing.get() {
                return Ok(());
            }
            match self.look(worker) {
                Look::Done if self.stash.is_empty() && !self.io.holds_back() => return Ok(()),
                Look::Done => {}
                Look::Full if self.stash.is_empty() => self.gather_one(),
                Look::Full => {}
                Look::Behind => super::catchup::page(self, worker).await?,
                Look::Broken => return Err(io::ErrorKind::BrokenPipe.into()),
            }
            // Others of the shard get their turn.
            tokio::task::yield_now().await;
        }
    }

    /// The socket took nothing at all: puts the next bytes aside, so that there is something to wait with.
    fn gather_one(self: &Rc<Self>) {
        let mut tracks = self.tracks.borrow_mut();
        let mut bytes = Vec::new();
        self.gather(&mut tracks, 1, &mut bytes, &mut Vec::new());
        self.stash.push(&bytes);
    }
}

/// What a client is told of something missing.
pub fn gap(channel: &str, vars: &Vars, missing: feed::Missing) -> Gap {
    let reason = match missing.reason {
        feed::Reason::Expired => GapReason::Expired,
        feed::Reason::Reset => GapReason::Reset,
        feed::Reason::Unknown => GapReason::Unknown,
        feed::Reason::Damaged => GapReason::Damaged,
    };
    let feed::Missing { from, from_at, to, .. } = missing;
    Gap { channel: channel.to_owned(), vars: vars.clone(), from, from_at, to, reason, at: hub::now() }
}
