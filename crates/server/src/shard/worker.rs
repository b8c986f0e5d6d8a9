//! One shard: a thread with its clients, the logs they read, and the loop that writes to them.

use super::{
    Order, ShardEnv, Switch,
    client::{Client, Track},
    counters::Counters,
    io::{Io, Socket},
    room::Room,
};
use crate::{
    served::Served,
    session::{SessionSpec, Transport},
};
use smallvec::smallvec;
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tidewire_contract::ChannelName;
use tidewire_engine::{Eye, LogHandle, Reader, Resume, feed, log::LogError};
use tidewire_wire::{
    Reply,
    websocket::{Bounds, Decoder},
};
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
    /// Read buffer of all clients: it is used only while one of them is being read.
    pub(super) input: RefCell<Box<[u8]>>,
    pub(super) scratch: RefCell<Vec<u8>>,
    pub(super) gathered: RefCell<Vec<u8>>,
    /// Pages that are read from the store at once.
    pub(super) catching_up: Semaphore,
    started: Instant,
    pub(super) draining: Cell<bool>,
}

const INPUT: usize = 64 * 1024;

impl Worker {
    pub(super) fn new(index: usize, env: Arc<ShardEnv>, counters: Arc<Counters>) -> Worker {
        Worker {
            index,
            reader: env.hub.reader().clone(),
            env,
            counters,
            rooms: RefCell::default(),
            clients: RefCell::default(),
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
                    for log in switch.take() {
                        self.moved(&log);
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
        let io = match Io::new(socket) {
            Ok(io) => io,
            Err(error) => return tracing::debug!(%error, "a client left before it was served"),
        };
        let decoder = match spec.transport {
            Transport::WebSocket(agreed) => Some(Decoder::new(agreed, Bounds { message: self.env.message_bytes })),
            Transport::Sse => None,
        };
        let joins = std::mem::take(&mut spec.joins);
        let client = Rc::new(Client::new(io, spec, decoder, self.seconds()));
        self.clients.borrow_mut().insert(client.id, client.clone());
        self.counters.opened();
        client.send(self, response);
        let hello = Reply::Hello { connection: client.id.to_string(), at: crate::hub::now(), vars: client.vars.clone() };
        client.reply(self, &hello);
        for join in joins {
            if let Err(error) = self.join(&client, join.channel, join.resume) {
                tracing::warn!(%error, "cannot join a channel");
                super::close::close(self, &client, 1011, "the store failed");
                break;
            }
        }
        client.flush(self);
        tokio::task::spawn_local(super::reading::serve(self.clone(), client, leftover));
    }

    /// Puts a cursor into the channel's log. The client is told what is missing, not yet written to.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn join(
        self: &Rc<Self>,
        client: &Rc<Client>,
        channel: ChannelName,
        resume: Option<Resume>,
    ) -> Result<tidewire_engine::Position, LogError> {
        let room = self.room(&client.served, &channel)?;
        let eye = Arc::new(Eye::new(&client.served.contract, &channel, &client.principal.borrow()));
        if let Some(track) = client.tracks.borrow_mut().iter_mut().find(|t| Rc::ptr_eq(&t.room, &room)) {
            if !track.names.contains(&channel.name) {
                track.names.push(channel.name.clone());
                if eye.oversees {
                    track.eye = eye.clone();
                }
            }
            if resume.is_none() {
                return Ok(room.log.position(track.after));
            }
        }
        let (after, missing) = feed::start(&self.reader, &room.log, resume)?;
        if let Some(missing) = missing {
            client.tell_missing(self, &room, &channel.name, missing);
        }
        let mut tracks = client.tracks.borrow_mut();
        match tracks.iter_mut().find(|t| Rc::ptr_eq(&t.room, &room)) {
            Some(track) => track.after = track.after.min(after),
            None => {
                let joined = room.join(client);
                if joined == 1 {
                    room.log.watchers.fetch_or(1 << self.index, Ordering::AcqRel);
                }
                self.counters.joined();
                // What came between the look at the head and the bit above is found by the flush that follows.
                tracks.push(Track { room: room.clone(), eye, after, names: smallvec![channel.name.clone()] });
                self.env.presence.enter(&client.served.contract, &channel, &client.principal.borrow());
            }
        }
        Ok(room.log.position(after))
    }

    /// Takes the client off a channel; whether it was on it.
    pub(super) fn leave(&self, client: &Rc<Client>, name: &str) -> bool {
        let mut tracks = client.tracks.borrow_mut();
        let Some(index) = tracks.iter().position(|t| t.names.iter().any(|n| **n == *name)) else { return false };
        tracks[index].names.retain(|n| **n != *name);
        if tracks[index].names.is_empty() {
            let track = tracks.remove(index);
            self.left(client, &track, name);
        }
        true
    }

    fn left(&self, client: &Rc<Client>, track: &Track, name: &str) {
        self.counters.left();
        if let Some(channel) = client.served.contract.channel(name) {
            self.env.presence.exit(&client.served.contract, &channel, &client.principal.borrow());
        }
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
            let name = track.names.first().cloned().unwrap_or_default();
            self.left(client, &track, &name);
        }
        self.counters.closed();
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
