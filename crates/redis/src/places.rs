//! How many connections a principal has at a time, over all nodes: each connection has a place in Redis.
//!
//! Each node remembers the places of its own connections. So what could not be written down, or was cleared away as others took the
//! node for dead, is written down later, with the time from which the connection has it.

use crate::{Company, Failure, company::hex, reply, scripts};
use redis::Value;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a principal's places are kept when nobody takes or leaves one.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// What becomes of one connection too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    OldestLeaves,
    NewestIsRefused,
}

/// A connection, and on which node it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    pub contract: String,
    pub node: u64,
    pub connection: u64,
}

/// What came of taking a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The connection has its place; these have to leave, oldest first.
    Yes(Vec<Leaving>),
    /// There is none left, and the newest is refused.
    No,
}

#[derive(Debug, Clone)]
struct Seat {
    contract: String,
    principal: String,
    at_most: usize,
    full: WhenFull,
    /// Since when (µs of Redis), once it was written down.
    since: Option<i64>,
    is_written: bool,
    /// It is connected, so it is too late to refuse it.
    is_in: bool,
}

/// The places of this node's connections, and the way to those of the others.
pub struct Places {
    company: Arc<Company>,
    mine: Mutex<HashMap<u64, Seat>>,
}

impl Places {
    pub fn new(company: Arc<Company>) -> Places {
        Places { company, mine: Mutex::default() }
    }

    /// The connection wants a place. Remembered until [`Self::forget`]; [`Self::take`] asks for it.
    pub fn want(&self, contract: &str, principal: &str, connection: u64, at_most: usize, full: WhenFull) {
        let (contract, principal) = (contract.to_owned(), principal.to_owned());
        let seat = Seat { contract, principal, at_most: at_most.max(1), full, since: None, is_written: false, is_in: false };
        self.mine().entry(connection).or_insert(seat);
    }

    /// Asks Redis for the place that the connection wants.
    ///
    /// # Errors
    /// [`Failure`]: nobody can say whether there is one. The connection may stay; [`Self::again`] writes down that it has.
    pub async fn take(&self, connection: u64) -> Result<Taken, Failure> {
        let Some(seat) = self.mine().get(&connection).filter(|seat| !seat.is_written).cloned() else {
            return Ok(Taken::Yes(Vec::new()));
        };
        let said = match self.write(connection, &seat).await {
            Ok(said) => said,
            Err(failure) => {
                if let Some(seat) = self.mine().get_mut(&connection) {
                    seat.is_in = true;
                }
                return Err(failure);
            }
        };
        let [_, since, leaving] = reply::list(&said) else {
            self.mine().remove(&connection);
            return Ok(Taken::No);
        };
        let is_here = match self.mine().get_mut(&connection) {
            // The connection may be another principal's since.
            Some(mine) if mine.principal == seat.principal => {
                (mine.since, mine.is_written, mine.is_in) = (reply::int(since), true, true);
                true
            }
            _ => false,
        };
        if !is_here {
            // It left meanwhile.
            self.give_back(connection, &seat).await?;
        }
        let split = |seat_name: String| {
            let (node, connection) = seat_name.split_once(':')?;
            let node = u64::from_str_radix(node, 16).ok()?;
            Some(Leaving { contract: seat.contract.clone(), node, connection: connection.parse().ok()? })
        };
        Ok(Taken::Yes(reply::list(leaving).iter().map(reply::text).filter_map(split).collect()))
    }

    /// Connections of this node that would have to leave for this one if there were no other nodes, oldest first.
    pub fn too_many_here(&self, connection: u64) -> Vec<u64> {
        let mine = self.mine();
        let Some(seat) = mine.get(&connection).filter(|seat| seat.full == WhenFull::OldestLeaves) else { return Vec::new() };
        let same = |other: &Seat| other.contract == seat.contract && other.principal == seat.principal;
        let mut theirs: Vec<u64> = mine.iter().filter(|(_, other)| same(other)).map(|(connection, _)| *connection).collect();
        // They are numbered as they come.
        theirs.sort_unstable();
        theirs.truncate(theirs.len().saturating_sub(seat.at_most));
        theirs
    }

    /// The connection is gone; what gives its place back, if it wanted one. Where that fails the place is taken until the node ends.
    pub fn forget(self: &Arc<Self>, connection: u64) -> Option<impl Future<Output = Result<(), Failure>> + use<>> {
        let seat = self.mine().remove(&connection)?;
        let this = self.clone();
        Some(async move { this.give_back(connection, &seat).await })
    }

    /// What was written down of this node may be gone.
    pub fn doubt(&self) {
        self.mine().values_mut().for_each(|seat| seat.is_written = false);
    }

    /// Whether there are places that are not written down.
    pub fn is_in_doubt(&self) -> bool {
        self.mine().values().any(|seat| !seat.is_written && seat.is_in)
    }

    /// Writes down what is not; who has to leave.
    ///
    /// # Errors
    /// [`Failure`]; the next call goes on.
    pub async fn again(&self) -> Result<Vec<Leaving>, Failure> {
        let mut unwritten: Vec<(Option<i64>, u64)> = {
            let mine = self.mine();
            mine.iter().filter(|(_, seat)| !seat.is_written && seat.is_in).map(|(connection, seat)| (seat.since, *connection)).collect()
        };
        unwritten.sort_unstable_by_key(|(since, connection)| (since.unwrap_or(i64::MAX), *connection));
        let mut all = Vec::new();
        for (_, connection) in unwritten {
            if let Taken::Yes(leaving) = self.take(connection).await? {
                all.extend(leaving);
            }
        }
        Ok(all)
    }

    async fn write(&self, connection: u64, seat: &Seat) -> Result<Value, Failure> {
        // Whoever sees the place must see that its node lives.
        self.company.appear().await?;
        let said = self.ask(connection, seat, self.company.alive(), "0").await?;
        match reply::list(&said).first().and_then(reply::int) {
            Some(-1) => self.ask(connection, seat, self.company.who_lives().await?, "1").await,
            _ => Ok(said),
        }
    }

    async fn ask(&self, connection: u64, seat: &Seat, alive: HashSet<u64>, is_fresh: &str) -> Result<Value, Failure> {
        let link = self.company.log().link(&seat.contract);
        let full = match seat.full {
            WhenFull::OldestLeaves => "oldest",
            WhenFull::NewestIsRefused if seat.is_in => "both",
            WhenFull::NewestIsRefused => "newest",
        };
        let since = seat.since.map(|at| at.to_string()).unwrap_or_default();
        let mut arguments = vec![self.name(connection), seat.at_most.to_string(), KEPT.as_millis().to_string(), since];
        arguments.extend([full.to_owned(), is_fresh.to_owned()]);
        arguments.extend(alive.into_iter().map(hex));
        link.run_on(&scripts::seat, &format!("{}:pl:{}", link.key(), seat.principal), &arguments).await
    }

    async fn give_back(&self, connection: u64, seat: &Seat) -> Result<(), Failure> {
        let link = self.company.log().link(&seat.contract);
        let mut command = redis::cmd("ZREM");
        command.arg(format!("{}:pl:{}", link.key(), seat.principal)).arg(self.name(connection));
        link.ask::<i64>(&command).await.map(drop)
    }

    fn name(&self, connection: u64) -> String {
        format!("{}:{connection}", hex(self.company.node()))
    }

    fn mine(&self) -> MutexGuard<'_, HashMap<u64, Seat>> {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
