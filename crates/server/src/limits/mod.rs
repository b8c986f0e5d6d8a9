//! How many there may be at once: of connections, by address, by principal, in all.

pub(crate) mod meter;

pub(crate) use meter::{Named, rates};

use crate::problem::Problem;
use http::StatusCode;
use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Counts by key; a key whose count is back at 0 costs nothing.
#[derive(Debug)]
pub struct Counts<K: Eq + Hash> {
    by_key: Mutex<HashMap<Arc<K>, usize>>,
}

impl<K: Eq + Hash> Default for Counts<K> {
    fn default() -> Self {
        Counts { by_key: Mutex::default() }
    }
}

impl<K: Eq + Hash> Counts<K> {
    /// One more of `key`, if there are fewer than `max`; one less again when the place is dropped.
    pub fn take(self: &Arc<Self>, key: K, max: usize) -> Option<Place<K>> {
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        // One key in memory, however many places it has.
        let (key, count) = match by_key.get_key_value(&key) {
            Some((known, count)) => (known.clone(), *count),
            None => (Arc::new(key), 0),
        };
        if count >= max {
            return None;
        }
        by_key.insert(key.clone(), count + 1);
        Some(Place { counts: self.clone(), key })
    }

    /// How many of `key` there are.
    pub fn count(&self, key: &K) -> usize {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or(0)
    }
}

/// A place that was taken; dropping it gives it back.
#[derive(Debug)]
pub struct Place<K: Eq + Hash> {
    counts: Arc<Counts<K>>,
    key: Arc<K>,
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut by_key = self.counts.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_key.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                by_key.remove(&self.key);
            }
        }
    }
}

/// The connections of a listener, counted where they are accepted.
#[derive(Debug)]
pub struct Gate {
    total: Arc<AtomicUsize>,
    total_max: usize,
    addresses: Arc<Counts<IpAddr>>,
    per_address_max: usize,
}

/// A connection's places; dropping it gives them back.
#[derive(Debug)]
pub struct Connected {
    total: Arc<AtomicUsize>,
    _address: Place<IpAddr>,
}

impl Gate {
    pub fn new(limits: &crate::config::Limits) -> Gate {
        Gate {
            total: Arc::default(),
            total_max: limits.connections_total,
            addresses: Arc::default(),
            per_address_max: limits.connections_per_address,
        }
    }

    /// Lets a connection in.
    ///
    /// # Errors
    /// 429 or 503, which names the limit that is reached.
    pub fn enter(&self, address: IpAddr) -> Result<Connected, Problem> {
        let address = address.to_canonical();
        let Some(place) = self.addresses.take(address, self.per_address_max) else {
            let detail = format!("there are already {} connections from this address", self.per_address_max);
            return Err(Problem::limit(StatusCode::TOO_MANY_REQUESTS, "connections_per_address", detail));
        };
        if self.total.fetch_add(1, Ordering::AcqRel) >= self.total_max {
            self.total.fetch_sub(1, Ordering::AcqRel);
            let detail = format!("this server already has {} connections", self.total_max);
            return Err(Problem::limit(StatusCode::SERVICE_UNAVAILABLE, "connections_total", detail));
        }
        Ok(Connected { total: self.total.clone(), _address: place })
    }

    /// How many are connected.
    pub fn connected(&self) -> usize {
        self.total.load(Ordering::Acquire)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.total.fetch_sub(1, Ordering::AcqRel);
    }
}
