//! Limits on the connections of a principal, over all nodes.

use super::Across;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tidewire_redis::{Company, Leaving, Places, Taken, WhenFull};

/// The places of this node's connections.
pub struct Seats {
    places: Arc<Places>,
    /// Somebody is writing down what could not be written down before.
    mending: AtomicBool,
}

/// A place that a connection has; dropping it gives it back.
pub struct Seat {
    across: Arc<Across>,
    connection: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.across.seats().leave(&self.across, self.connection);
    }
}

/// Whose place is meant.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    pub contract: &'a str,
    pub principal: &'a str,
    pub connection: u64,
    pub at_most: usize,
}

/// How long to wait before what failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How often another node is told to end a connection; after that, with the next that its principal opens.
const TRIES: usize = 30;

impl Seats {
    pub(super) fn new(company: Arc<Company>) -> Seats {
        Seats { places: Arc::new(Places::new(company)), mending: AtomicBool::new(false) }
    }

    /// A connection that is not let in yet asks for a place; `None` if all are taken. While Redis is away it is let in.
    pub async fn ask(&self, across: &Arc<Across>, wish: Wish<'_>) -> Option<Seat> {
        self.want(wish, WhenFull::NewestIsRefused);
        let seat = Seat { across: across.clone(), connection: wish.connection };
        match self.places.take(wish.connection).await {
            Ok(Taken::No) => None,
            Ok(Taken::Yes(_)) => Some(seat),
            Err(failure) => {
                tracing::warn!(%failure, "connections of a principal are counted on this node alone");
                self.mend(across);
                Some(seat)
            }
        }
    }

    /// A connection that is let in takes a place. Who has to leave for it ends, on whatever node; or it does itself, where the newest
    /// is refused.
    pub fn take(&self, across: &Arc<Across>, wish: Wish<'_>, full: WhenFull) {
        self.want(wish, full);
        let (this, connection) = (across.clone(), wish.connection);
        across.runtime().spawn(async move {
            match this.seats().places.take(connection).await {
                Ok(Taken::Yes(leaving)) => end(&this, leaving).await,
                Ok(Taken::No) => {
                    if let Some(here) = this.here() {
                        here.switches.turn_away(connection);
                    }
                }
                Err(failure) => {
                    tracing::warn!(%failure, "connections of a principal are counted on this node alone");
                    for other in this.seats().places.too_many_here(connection) {
                        if let Some(here) = this.here() {
                            here.switches.evict(other);
                        }
                    }
                    this.seats().mend(&this);
                }
            }
        });
    }

    /// The connection is gone.
    pub fn leave(&self, across: &Arc<Across>, connection: u64) {
        // Before anything else: what is being written down meanwhile is given back by whoever writes it.
        if let Some(giving_back) = self.places.forget(connection) {
            across.runtime().spawn(giving_back);
        }
    }

    /// What was written down of this node may be gone: it is written down again.
    pub(super) fn doubt(&self, across: &Arc<Across>) {
        self.places.doubt();
        self.mend(across);
    }

    fn want(&self, wish: Wish<'_>, full: WhenFull) {
        self.places.want(wish.contract, wish.principal, wish.connection, wish.at_most, full);
    }

    fn mend(&self, across: &Arc<Across>) {
        if self.mending.swap(true, Ordering::AcqRel) {
            return;
        }
        let runtime = across.runtime().clone();
        let across = Arc::downgrade(across);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(AGAIN).await;
                let Some(across) = across.upgrade() else { return };
                let seats = across.seats();
                match seats.places.again().await {
                    Ok(leaving) => end(&across, leaving).await,
                    Err(failure) => {
                        tracing::debug!(%failure, "places of connections cannot be written down");
                        continue;
                    }
                }
                seats.mending.store(false, Ordering::Release);
                if !seats.places.is_in_doubt() || seats.mending.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
    }
}

/// Ends connections whose place is another's now.
async fn end(across: &Arc<Across>, leaving: Vec<Leaving>) {
    for Leaving { contract, node, connection } in leaving {
        if node == across.node() {
            if let Some(here) = across.here() {
                here.switches.evict(connection);
            }
            continue;
        }
        for _ in 0..TRIES {
            match across.evict_there(&contract, connection).await {
                Ok(()) => break,
                Err(failure) => tracing::warn!(%failure, "a connection of another node must leave and could not be told"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}
