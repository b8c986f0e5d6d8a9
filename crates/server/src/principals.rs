//! What a principal has over all its connections: its places, and its rates.

use crate::limits::meter::{Exceeded, Meters};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tidewire_contract::{Limits, Rate};

/// Contract and principal.
type Who = (String, String);

/// All principals of contracts that limit them as such.
#[derive(Debug, Default)]
pub struct Principals {
    /// Connections, oldest first.
    places: Mutex<HashMap<Who, VecDeque<u64>>>,
    meters: Mutex<HashMap<Who, Meters>>,
}

impl Principals {
    /// A connection takes a place; those are named that have to make room for it, oldest first.
    pub fn take_place(&self, contract: &str, principal: &str, connection: u64, at_most: usize) -> Vec<u64> {
        let mut places = lock(&self.places);
        let mine = places.entry((contract.to_owned(), principal.to_owned())).or_default();
        if mine.contains(&connection) {
            return Vec::new();
        }
        mine.push_back(connection);
        let too_many = mine.len().saturating_sub(at_most.max(1));
        mine.drain(..too_many).collect()
    }

    /// A connection takes a place if there is one; whether it has it.
    pub fn take_free_place(&self, contract: &str, principal: &str, connection: u64, at_most: usize) -> bool {
        let mut places = lock(&self.places);
        let mine = places.entry((contract.to_owned(), principal.to_owned())).or_default();
        let is_free = mine.contains(&connection) || mine.len() < at_most.max(1);
        if is_free && !mine.contains(&connection) {
            mine.push_back(connection);
        }
        is_free
    }

    /// The connection is gone.
    pub fn leave_place(&self, contract: &str, principal: &str, connection: u64) {
        let mut places = lock(&self.places);
        let key = (contract.to_owned(), principal.to_owned());
        if let Some(mine) = places.get_mut(&key) {
            mine.retain(|c| *c != connection);
            if mine.is_empty() {
                places.remove(&key);
            }
        }
    }

    /// Counts a frame of the principal, whichever connection it came through. `now` in µs.
    ///
    /// # Errors
    /// The limit that it exceeds.
    pub(crate) fn meter(
        &self,
        (contract, principal): (&str, &str),
        limits: &Limits,
        frame: Option<&str>,
        event: Option<Rate>,
        now: i64,
    ) -> Result<(), Exceeded> {
        lock(&self.meters).entry((contract.to_owned(), principal.to_owned())).or_default().take(limits, frame, event, now)
    }

    /// Forgets those who have used up nothing. `now` in µs.
    pub fn sweep(&self, now: i64) {
        lock(&self.meters).retain(|_, meters| !meters.is_unused(now));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
