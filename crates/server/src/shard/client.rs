//! One client of a shard: its cursors, and how it is written to.

use super::{framing::Framing, io::Io, room::Room, worker::Worker};
use crate::{hub, served::Served, session::SessionSpec};
use smallvec::SmallVec;
use std::{
    any::Any,
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::Arc,
};
use tidewire_contract::{Filter, Principal, address::Vars};
use tidewire_engine::{Eye, feed};
use tidewire_wire::{
    Reply,
    reply::{Gap, GapReason},
    websocket::Decoder,
};

pub(super) struct Client {
    pub(super) id: u64,
    pub(super) endpoint: usize,
    pub(super) served: Arc<Served>,
    pub(super) framing: Framing,
    pub(super) io: Io,
    pub(super) principal: RefCell<Arc<Principal>>,
    pub(super) filter: Arc<Filter>,
    pub(super) vars: Vars,
    /// µs; `i64::MAX` for never.
    pub(super) expires: Cell<i64>,
    pub(super) tracks: RefCell<SmallVec<[Track; 1]>>,
    pub(super) decoder: RefCell<Option<Decoder>>,
    /// Whole frames, the first maybe begun, that have to go out before anything else.
    stash: RefCell<Vec<u8>>,
    /// A task waits for the socket to take more; nobody else writes meanwhile.
    draining: Cell<bool>,
    pub(super) closing: Cell<bool>,
    /// Seconds of the shard's clock at which there last was a sign of life.
    pub(super) heard: Cell<u32>,
    pub(super) pinged: Cell<bool>,
    pub(super) limits: RefCell<Option<Box<super::limits::Meters>>>,
    pub(super) over: tokio::sync::Notify,
    _permit: Box<dyn Any + Send>,
}

/// A log that the client reads.
pub(super) struct Track {
    pub(super) room: Rc<Room>,
    pub(super) eye: Arc<Eye>,
    pub(super) after: u64,
    /// The names under which it is subscribed: the channel's own, those of mirrors.
    pub(super) names: SmallVec<[Arc<str>; 1]>,
}

/// What a look at the ribbons came to.
enum Look {
    /// Everything is out.
    Done,
    /// The socket is full.
    Full,
    /// A cursor lies before what is in memory: pages from the store.
    Behind,
    Broken,
}

/// Bytes of one write at most, so that others get their turn.
const WRITE: usize = 256 * 1024;
/// Bytes that are put together for a reader of several logs or with a filter.
const GATHER: usize = 64 * 1024;
/// Answers that wait for a client which does not read; it is not read from meanwhile.
pub(super) const STASH: usize = 64 * 1024;

impl Client {
    pub(super) fn new(io: Io, spec: SessionSpec, decoder: Option<Decoder>, now: u32) -> Client {
        Client {
            id: spec.connection,
            endpoint: spec.endpoint,
            served: spec.served,
            framing: Framing::of(spec.transport),
            io,
            principal: RefCell::new(spec.principal),
            filter: spec.filter,
            vars: spec.vars,
            expires: Cell::new(spec.expires.unwrap_or(i64::MAX)),
            tracks: RefCell::default(),
            decoder: RefCell::new(decoder),
            stash: RefCell::default(),
            draining: Cell::new(false),
            closing: Cell::new(false),
            heard: Cell::new(now),
            pinged: Cell::new(false),
            limits: RefCell::default(),
            over: tokio::sync::Notify::new(),
            _permit: spec.permit,
        }
    }

    /// Sends whole frames, behind what is waiting.
    pub(super) fn send(self: &Rc<Self>, worker: &Rc<Worker>, bytes: &[u8]) {
        if self.closing.get() {
            return;
        }
        if self.draining.get() {
            self.stash.borrow_mut().extend_from_slice(bytes);
            return;
        }
        match self.io.try_write(bytes) {
            Ok(n) if n == bytes.len() => {
                worker.counters.wrote(n);
                if self.io.holds_back() {
                    self.drain(worker);
                }
            }
            Ok(n) => {
                worker.counters.wrote(n);
                self.stash.borrow_mut().extend_from_slice(&bytes[n..]);
                self.drain(worker);
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.stash.borrow_mut().extend_from_slice(bytes);
                self.drain(worker);
            }
            Err(_) => self.broken(),
        }
    }

    /// Sends a reply, if the protocol has a word for it.
    pub(super) fn reply(self: &Rc<Self>, worker: &Rc<Worker>, reply: &Reply) {
        let mut bytes = Vec::new();
        if self.framing.reply(&self.served, reply, &mut bytes) {
            self.send(worker, &bytes);
        }
    }

    /// Tells what the history no longer has.
    pub(super) fn tell_missing(self: &Rc<Self>, worker: &Rc<Worker>, room: &Room, name: &str, missing: feed::Missing) {
        self.reply(worker, &Reply::Gap(gap(name, room.vars(), missing)));
    }

    /// Whole frames that go out next, behind what already waits. For the task that drains.
    pub(super) fn put_aside(&self, mut bytes: Vec<u8>) {
        self.stash.borrow_mut().append(&mut bytes);
    }

    pub(super) fn waiting(&self) -> usize {
        self.stash.borrow().len()
    }

    /// Whether something still waits to go out.
    pub(super) fn is_writing(&self) -> bool {
        self.draining.get()
    }

    fn broken(&self) {
        self.closing.set(true);
        self.over.notify_one();
    }

    /// Writes what lies between the cursors and the heads, as far as the socket takes it.
    pub(super) fn flush(self: &Rc<Self>, worker: &Rc<Worker>) {
        if self.draining.get() || self.closing.get() {
            return;
        }
        match self.look(worker) {
            Look::Done if self.io.holds_back() => self.drain(worker),
            Look::Done => {}
            Look::Full | Look::Behind => self.drain(worker),
            Look::Broken => self.broken(),
        }
    }

    /// Goes on writing in a task of its own until everything is out.
    fn drain(self: &Rc<Self>, worker: &Rc<Worker>) {
        if self.draining.replace(true) {
            return;
        }
        let (client, worker) = (self.clone(), worker.clone());
        tokio::task::spawn_local(async move {
            if client.drain_all(&worker).await.is_err() {
                client.broken();
            }
            client.draining.set(false);
        });
    }

    async fn drain_all(self: &Rc<Self>, worker: &Rc<Worker>) -> io::Result<()> {
        loop {
            while !self.stash.borrow().is_empty() {
                let bytes = self.stash.take();
                let written = self.io.write(&bytes).await?;
                worker.counters.wrote(written);
                self.heard.set(worker.seconds());
                let mut stash = self.stash.borrow_mut();
                let mut rest = bytes;
                rest.drain(..written);
                rest.append(&mut stash);
                *stash = rest;
            }
            self.io.flush().await?;
            if self.closing.get() {
                return Ok(());
            }
            match self.look(worker) {
                Look::Done if self.stash.borrow().is_empty() && !self.io.holds_back() => return Ok(()),
                Look::Done => {}
                Look::Full if self.stash.borrow().is_empty() => self.gather_one(worker),
                Look::Full => {}
                Look::Behind => super::catchup::page(self, worker).await?,
                Look::Broken => return Err(io::ErrorKind::BrokenPipe.into()),
            }
            // Others of the shard get their turn.
            tokio::task::yield_now().await;
        }
    }

    /// The socket took nothing at all: puts the next bytes aside, so that there is something to wait with.
    fn gather_one(self: &Rc<Self>, worker: &Rc<Worker>) {
        let mut tracks = self.tracks.borrow_mut();
        let mut bytes = Vec::new();
        self.gather(worker, &mut tracks, 1, &mut bytes, &mut Vec::new());
        self.stash.borrow_mut().append(&mut bytes);
    }

    fn look(self: &Rc<Self>, worker: &Rc<Worker>) -> Look {
        let mut tracks = self.tracks.borrow_mut();
        for track in tracks.iter() {
            let head = track.room.log.head();
            if track.after >= head {
                continue;
            }
            let first = track.room.ribbon(self.framing).borrow().first();
            let reaches = first.is_some_and(|first| first <= track.after + 1)
                || track.room.reach_back(self.framing, track.after, &mut worker.scratch.borrow_mut());
            if !reaches {
                return Look::Behind;
            }
            track.room.stirred.set(true);
            if track.room.extend(&worker.reader, self.framing, track.after, &mut worker.scratch.borrow_mut()).is_err() {
                return Look::Behind;
            }
        }
        if let [track] = &mut tracks[..]
            && self.filter.is_everything()
        {
            let room = track.room.clone();
            let ribbon = room.ribbon(self.framing).borrow();
            if ribbon.is_public(track.after) || track.eye.oversees {
                return self.write_straight(worker, track, &ribbon);
            }
        }
        self.write_gathered(worker, &mut tracks)
    }

    /// One log, nothing to leave out: from the ribbon to the socket, as it is.
    fn write_straight(&self, worker: &Worker, track: &mut Track, ribbon: &super::ribbon::Ribbon) -> Look {
        while ribbon.last().is_some_and(|last| track.after < last) {
            let Some((bytes, last)) = ribbon.behind(track.after, WRITE) else { return Look::Behind };
            match self.io.try_write(bytes) {
                Ok(0) => return Look::Broken,
                Ok(n) if n == bytes.len() => {
                    worker.counters.delivered(last - track.after, n);
                    track.after = last;
                }
                Ok(n) => {
                    let (after, rest) = ribbon.advance(track.after, n);
                    worker.counters.delivered(after - track.after, n);
                    track.after = after;
                    self.stash.borrow_mut().extend_from_slice(rest);
                    return Look::Full;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Look::Full,
                Err(_) => return Look::Broken,
            }
        }
        Look::Done
    }

    /// Several logs, a filter or an audience: what this client gets is put together first.
    fn write_gathered(&self, worker: &Worker, tracks: &mut [Track]) -> Look {
        let mut bytes = worker.gathered.take();
        let mut marks = Vec::new();
        let look = loop {
            bytes.clear();
            marks.clear();
            self.gather(worker, tracks, GATHER, &mut bytes, &mut marks);
            if bytes.is_empty() {
                break Look::Done;
            }
            match self.io.try_write(&bytes) {
                Ok(0) => break Look::Broken,
                Ok(n) if n == bytes.len() => worker.counters.delivered(marks.len() as u64, n),
                result => {
                    let n = match result {
                        Ok(n) => n,
                        Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
                        Err(_) => break Look::Broken,
                    };
                    // What did not go out is gathered again later, but for the frame that was begun.
                    let begun = marks.partition_point(|(end, _)| *end < n);
                    let begun = if n == 0 { 0 } else { begun + 1 };
                    if begun > 0 {
                        self.stash.borrow_mut().extend_from_slice(&bytes[n..marks[begun - 1].0]);
                    }
                    for (_, (index, before)) in marks[begun..].iter().rev() {
                        tracks[*index].after = *before;
                    }
                    worker.counters.delivered(begun as u64, n);
                    break Look::Full;
                }
            }
        };
        if bytes.capacity() <= 2 * GATHER {
            worker.gathered.replace(bytes);
        }
        look
    }

    /// Appends frames that this client gets, in the order of `at`, none beyond the watermark, until there are `most` bytes.
    /// `marks`: for each frame its end, the track, and the cursor before it.
    fn gather(&self, worker: &Worker, tracks: &mut [Track], most: usize, bytes: &mut Vec<u8>, marks: &mut Vec<(usize, (usize, u64))>) {
        let watermark = if tracks.len() > 1 { worker.reader.watermark() } else { i64::MAX };
        while bytes.len() < most {
            let mut next: Option<(u8, i64, usize)> = None;
            for (index, track) in tracks.iter_mut().enumerate() {
                let ribbon = track.room.ribbon(self.framing).borrow();
                while let Some((record, _)) = ribbon.frame(track.after + 1) {
                    if record.at > watermark {
                        break;
                    }
                    if !track.eye.gets(&self.filter, record) {
                        track.after += 1;
                        continue;
                    }
                    let urgency = track.room.priority();
                    if next.is_none_or(|(u, at, _)| (std::cmp::Reverse(urgency), record.at) < (std::cmp::Reverse(u), at)) {
                        next = Some((urgency, record.at, index));
                    }
                    break;
                }
            }
            let Some((_, _, index)) = next else { return };
            let track = &mut tracks[index];
            let ribbon = track.room.ribbon(self.framing).borrow();
            let Some((_, frame)) = ribbon.frame(track.after + 1) else { return };
            bytes.extend_from_slice(frame);
            marks.push((bytes.len(), (index, track.after)));
            track.after += 1;
        }
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
