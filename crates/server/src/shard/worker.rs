//! One shard: a thread with its clients, the logs they read, and the loop that writes to them.

use super::{
    Order, ShardEnv, Switch,
    client::Client,
    counters::Counters,
    io::{Io, Socket},
    ready::Ready,
    room::Room,
    track::{Names, Track},
    turns::Turns,
};
use crate::{
    hub::Place,
    nodes::{WhenFull, Wish},
    served::Served,
    session::SessionSpec,
};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tidewire_contract::ChannelName;
use tidewire_engine::{Eye, LogHandle, Reader, Resume, feed, log::LogError};
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};

pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) env: Arc<ShardEnv>,
    pub(super) reader: Arc<Reader>,
    pub(super) counters: Arc<Counters>,
    rooms: RefCell<HashMap<Arc<str>, Rc<Room>>>,
    pub(super) clients: RefCell<HashMap<u64, Rc<Client>>>,
    pub(super) ready: Rc<Ready>,
    pub(super) turns: Turns,
    /// Read buffer of all clients: it is used only while one of them is being read.
    pub(super) input: RefCell<Box<[u8]>>,
    pub(super) scratch: RefCell<Vec<u8>>,
    pub(super) gathered: RefCell<Vec<u8>>,
    /// Pages that are read from the store at once.
    pub(super) catching_up: Semaphore,
    started: Instant,
    pub(super) draining: Cell<bool>,
}

/// A channel that was joined.
pub(super) struct Joined {
    pub(super) position: tidewire_engine::Position,
    missing: Option<feed::Missing>,
    pub(super) room: Rc<Room>,
}

impl Joined {
    /// Tells the client what is missing before what follows, if anything is.
    pub(super) fn tell(self, worker: &Rc<Worker>, client: &Rc<Client>, name: &str) {
        if let Some(missing) = self.missing {
            client.tell_missing(worker, &self.room, name, missing);
        }
    }
}

const INPUT: usize = 64 * 1024;

impl Worker {
    pub(super) fn new(index: usize, env: Arc<ShardEnv>, counters: Arc<Counters>, ready: Ready) -> Worker {
        Worker {
            index,
            reader: env.hub.reader().clone(),
            env,
            counters,
            rooms: RefCell::default(),
            clients: RefCell::default(),
            ready: Rc::new(ready),
            turns: Turns::default(),
            input: RefCell::new(vec![0; INPUT].into()),
            scratch: RefCell::default(),
            gathered: RefCell::default(),
            catching_up: Semaphore::new(4),
            started: Instant::now(),
            draining: Cell::new(false),
        }
    }

    /// Runs until the orders end.
    pub(super) async fn run(self: Rc<Self>, switch: Arc<Switch>, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut ticks = 0u64;
        loop {
            tokio::select! {
                () = switch.wake.notified() => {
                    // What is being published in this turn gathers.
                    tokio::task::yield_now().await;
                    for (log, since) in switch.take() {
                        self.moved(&log);
                        self.counters.fanned_out(&log.name, since);
                    }
                }
                order = orders.recv() => {
                    let Some(order) = order else { return };
                    super::orders::obey(&self, order);
                }
                _ = tick.tick() => {
                    ticks += 1;
                    super::keepalive::tick(&self);
                    if ticks.is_multiple_of(5) {
                        self.sweep();
                    }
                }
            }
        }
    }

    /// Seconds since the shard began; coarse, for signs of life.
    pub(super) fn seconds(&self) -> u32 {
        self.started.elapsed().as_secs() as u32
    }

    /// There is something new in a log: writes it to everybody who reads it here.
    fn moved(self: &Rc<Self>, log: &Arc<LogHandle>) {
        let Some(room) = self.rooms.borrow().get(&log.name).cloned() else { return };
        // A client may leave while it is written to.
        let mut index = 0;
        loop {
            let Some(client) = room.clients.borrow().get(index).cloned() else { return };
            client.flush(self);
            index += 1;
        }
    }

    pub(super) fn adopt(self: &Rc<Self>, socket: Socket, response: &[u8], leftover: Vec<u8>, mut spec: SessionSpec) {
        let io = match Io::new(socket, &self.ready, spec.connection) {
            Ok(io) => io,
            Err(error) => return tracing::debug!(%error, "a client left before it was served"),
        };
        let joins = std::mem::take(&mut spec.joins);
        let refused = spec.refused.take();
        let device = spec.device.take();
        let tally = self.counters.of(&spec);
        let client = Rc::new(Client::new(io, spec, self.seconds(), tally));
        self.clients.borrow_mut().insert(client.id, client.clone());
        client.tally.opened();
        if let Some((code, reason)) = refused {
            client.send(self, response);
            self.env.hub.tallies().turned_away_for(code, client.tally.transport());
            super::close::close(self, &client, code, &reason);
            return super::reading::begin(self, &client, leftover);
        }
        // Who was blocked since it was let in was not found among the clients then.
        if device.is_some_and(|device| !device.holds()) {
            client.send(self, response);
            super::close::close(self, &client, super::close::ENDED, "the device was blocked, removed or changed");
            return super::reading::begin(self, &client, leftover);
        }
        self.take_place(&client);
        super::hello::greet(self, client, response, joins, leftover);
    }

    /// Where the newest connection of a principal wins, the older ones end. Where it is refused that was done before it was let in,
    /// but under the Pusher protocol: there a connection says only later whose it is, and then it ends.
    pub(super) fn take_place(&self, client: &Client) {
        let limits = &client.served.contract.limits;
        let Some(at_most) = limits.connections.map(|most| most as usize) else { return };
        let principal = client.principal.borrow().id.clone();
        if principal.is_empty() || client.framing == super::framing::Framing::Sse || !(limits.newest_wins || client.pusher.is_some()) {
            return;
        }
        let contract = client.served.contract.name.as_str();
        if let Some(across) = &self.env.across {
            let full = if limits.newest_wins { WhenFull::OldestLeaves } else { WhenFull::NewestIsRefused };
            let wish = Wish { contract, principal: &principal, connection: client.id, at_most };
            return across.seats().take(across, wish, full);
        }
        if limits.newest_wins {
            for connection in self.env.principals.take_place(contract, &principal, client.id, at_most) {
                self.env.switches.evict(connection);
            }
        } else if !self.env.principals.take_free_place(contract, &principal, client.id, at_most) {
            self.env.switches.turn_away(client.id);
        }
    }

    /// The place of the client's principal is another's, if it had one.
    pub(super) fn leave_place(&self, client: &Client) {
        if client.served.contract.limits.connections.is_none() {
            return;
        }
        match &self.env.across {
            Some(across) => across.seats().leave(across, client.id),
            None => self.env.principals.leave_place(&client.served.contract.name, &client.principal.borrow().id, client.id),
        }
    }

    /// Puts a cursor into the channel's log; `place`: where `resume` is, if it was looked up before. The client is told nothing and not yet written to.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn join(
        self: &Rc<Self>,
        client: &Rc<Client>,
        channel: &ChannelName,
        resume: Option<Resume>,
        place: Option<Place>,
    ) -> Result<Joined, LogError> {
        let room = self.room(&client.served, channel)?;
        let eye = Eye::new(&client.served.contract, channel, &client.principal.borrow()).through(client.id);
        if let Some(track) = client.tracks.borrow_mut().iter_mut().find(|t| Rc::ptr_eq(&t.room, &room)) {
            if !track.names.contains(&channel.name) {
                track.names.add(room.name(&channel.name));
                if eye.oversees {
                    track.eye = eye.clone();
                }
                self.present(client, channel);
            }
            if resume.is_none() {
                return Ok(Joined { position: room.log.position(track.after), missing: None, room: room.clone() });
            }
        }
        let (after, missing) = match place {
            Some(Place { after, missing }) => (after, missing),
            None => feed::start(&self.reader, &room.log, resume)?,
        };
        let replay = if resume.is_some() { room.log.head() } else { 0 };
        let mut tracks = client.tracks.borrow_mut();
        match tracks.iter_mut().find(|t| Rc::ptr_eq(&t.room, &room)) {
            Some(track) => {
                track.after = track.after.min(after);
                track.replay = track.replay.max(replay);
            }
            None => {
                let joined = room.join(client);
                if joined == 1 {
                    room.log.watchers.fetch_or(1 << self.index, Ordering::AcqRel);
                }
                client.tally.joined();
                // What came between the look at the head and the bit above is found by the flush that follows.
                let epoch = Cell::new(room.log.epoch());
                tracks.push(Track { room: room.clone(), eye, after, names: Names::new(room.name(&channel.name)), replay, epoch });
                self.present(client, channel);
            }
        }
        drop(tracks);
        Ok(Joined { position: room.log.position(after), missing, room })
    }

    /// The same, with the place looked up first. Only the task that reads the client's frames may wait here.
    pub(super) async fn join_from(
        self: &Rc<Self>,
        client: &Rc<Client>,
        channel: &ChannelName,
        resume: Option<Resume>,
    ) -> Result<Joined, LogError> {
        let place = self.env.hub.place(&client.served.contract, channel, resume).await?;
        self.join(client, channel, resume, place)
    }

    /// Takes the client off a channel; whether it was on it.
    pub(super) fn leave(&self, client: &Rc<Client>, name: &str) -> bool {
        let mut tracks = client.tracks.borrow_mut();
        let Some(index) = tracks.iter().position(|t| t.names.contains(name)) else { return false };
        if tracks[index].names.remove(name) {
            // The log is read on under another name; under this one nobody is there any more.
            self.absent(client, name);
        } else {
            let track = tracks.remove(index);
            self.left(client, &track, name);
        }
        true
    }

    fn present(&self, client: &Client, channel: &ChannelName) {
        if client.pusher.is_none() {
            self.env.presence.enter(&client.served.contract, channel, &client.principal.borrow());
        }
    }

    fn absent(&self, client: &Rc<Client>, name: &str) {
        if client.pusher.is_some() {
            super::pusher::left(self, client, name);
        } else if let Some(channel) = client.served.contract.channel(name) {
            self.env.presence.exit(&client.served.contract, &channel, &client.principal.borrow());
        }
    }

    fn left(&self, client: &Rc<Client>, track: &Track, name: &str) {
        client.tally.left();
        self.absent(client, name);
        if track.room.leave(client) == 0 {
            track.room.log.watchers.fetch_and(!(1 << self.index), Ordering::AcqRel);
            self.rooms.borrow_mut().remove(&track.room.log.name);
        }
    }

    /// The client is gone.
    pub(super) fn forget(&self, client: &Rc<Client>) {
        if self.clients.borrow_mut().remove(&client.id).is_none() {
            return;
        }
        for track in client.tracks.take() {
            self.left(client, &track, track.names.first());
            for other in track.names.iter().skip(1) {
                self.absent(client, other);
            }
        }
        super::pusher::gone(self, client);
        self.leave_place(client);
        client.tally.closed();
    }

    /// The room of a log that somebody reads here.
    pub(super) fn known_room(&self, log: &str) -> Option<Rc<Room>> {
        self.rooms.borrow().get(log).cloned()
    }

    /// Clients that read this log here.
    pub(super) fn subscribers(&self, log: &str) -> usize {
        self.rooms.borrow().get(log).map_or(0, |room| room.clients.borrow().len())
    }

    fn room(&self, served: &Arc<Served>, channel: &ChannelName) -> Result<Rc<Room>, LogError> {
        let name = tidewire_engine::publish::log_name(&served.contract.name, &channel.log);
        if let Some(room) = self.rooms.borrow().get(&name) {
            return Ok(room.clone());
        }
        let durability = served.contract.channels[channel.log_kind].durability;
        let log = self.reader.log(&name, durability)?;
        let marks = self.reader.marks(durability);
        let own = served.contract.channel(&channel.log).unwrap_or_else(|| channel.clone());
        let room = Rc::new(Room::new(log, served.clone(), own, marks));
        self.rooms.borrow_mut().insert(name, room.clone());
        Ok(room)
    }

    fn sweep(&self) {
        for room in self.rooms.borrow().values() {
            room.sweep();
        }
        let mut scratch = self.scratch.borrow_mut();
        if scratch.capacity() > 64 * 1024 {
            *scratch = Vec::new();
        }
    }
}
