//! Whose turn it is to be read from: clients on plain sockets, one after the other, a little of each, so that none of them and
//! no publish has to wait long for the others.

use super::{
    client::{Client, STASH},
    reading,
    ready::Told,
    worker::Worker,
};
use mio::{Events, Poll};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    rc::Rc,
    time::Duration,
};
use tokio::{io::unix::AsyncFd, sync::Notify};

/// Events of the kernel's queue that are taken at once.
const EVENTS: usize = 256;
/// Clients that are read from, and bytes that they may come to, before the rest of the shard goes on.
const CLIENTS: usize = 64;
const BYTES: usize = 128 * 1024;

/// How it stands with the reading from a client. Of no use where a task does that ([`super::io::Io::wants_a_task`]).
#[derive(Default)]
pub(super) struct Turn {
    /// The socket may have something.
    pub(super) unread: Cell<bool>,
    /// It will have nothing new: it is read to its end.
    pub(super) ends: Cell<bool>,
    queued: Cell<bool>,
    /// What it asked for is being done; what it says meanwhile stays in the socket.
    pub(super) busy: Cell<bool>,
    /// A task says the last words.
    pub(super) ending: Cell<bool>,
}

/// The clients that are to be read from, in the order in which they had something.
#[derive(Default)]
pub(super) struct Turns {
    queue: RefCell<VecDeque<Rc<Client>>>,
    come: Notify,
}

impl Turns {
    /// Queues the client if it may be read from now. To be called whenever something of that has changed.
    pub(super) fn join(&self, client: &Rc<Client>) {
        let turn = &client.turn;
        if turn.unread.get() && may_read(client) && !turn.queued.replace(true) {
            self.queue.borrow_mut().push_back(client.clone());
            self.come.notify_one();
        }
    }

    fn next(&self) -> Option<Rc<Client>> {
        let client = self.queue.borrow_mut().pop_front()?;
        client.turn.queued.set(false);
        Some(client)
    }

    fn is_empty(&self) -> bool {
        self.queue.borrow().is_empty()
    }
}

/// Who does not read what it is answered is not read from.
fn may_read(client: &Client) -> bool {
    !client.turn.busy.get() && !client.closing.get() && client.waiting() <= STASH
}

/// Hears which sockets have something, and reads from them, as long as the shard is there.
pub(super) async fn run(worker: Rc<Worker>, mut poll: AsyncFd<Poll>) {
    let mut events = Events::with_capacity(EVENTS);
    loop {
        let waits = !worker.turns.is_empty();
        let taken = tokio::select! {
            guard = poll.readable_mut() => match guard {
                Ok(mut guard) => {
                    let taken = take(guard.get_inner_mut(), &mut events);
                    // Fewer than there is room for: those were all.
                    if taken.as_ref().is_ok_and(|n| *n < EVENTS) {
                        guard.clear_ready();
                    }
                    taken
                }
                Err(error) => Err(error),
            },
            // Others of the shard get their turn.
            () = tokio::task::yield_now(), if waits => Ok(0),
            () = worker.turns.come.notified(), if !waits => Ok(0),
        };
        let taken = match taken {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(shard = worker.index, %error, "cannot hear which clients have something to say");
                tokio::time::sleep(Duration::from_secs(1)).await;
                0
            }
        };
        for told in events.iter().take(taken).filter_map(|event| worker.ready.take(event)) {
            hear(&worker, &told);
        }
        read_some(&worker);
        if taken == EVENTS {
            tokio::task::yield_now().await;
        }
    }
}

fn take(poll: &mut Poll, events: &mut Events) -> io::Result<usize> {
    match poll.poll(events, Some(Duration::ZERO)) {
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(EVENTS),
        Err(e) => Err(e),
        Ok(()) => Ok(events.iter().count()),
    }
}

fn hear(worker: &Worker, told: &Told) {
    let client = worker.clients.borrow().get(&told.connection).cloned();
    let Some(client) = client else { return };
    client.turn.unread.set(true);
    if told.ends {
        client.turn.ends.set(true);
    }
    worker.turns.join(&client);
}

fn read_some(worker: &Rc<Worker>) {
    let mut bytes = 0;
    for _ in 0..CLIENTS {
        let Some(client) = worker.turns.next() else { return };
        // Since it was queued it may have come to wait for something.
        if !may_read(&client) {
            continue;
        }
        bytes += reading::read(worker, &client);
        worker.turns.join(&client);
        if bytes >= BYTES {
            return;
        }
    }
}
