//! How shards hear that a log moved.

use crate::hub::Watchers;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{Ordering, fence},
    },
    time::Instant,
};
use tidewire_engine::LogHandle;
use tokio::sync::Notify;

/// One switch for each shard.
pub struct Switchboard {
    switches: Vec<Arc<Switch>>,
}

/// The logs that moved since a shard last looked, each with when it first did.
#[derive(Default)]
pub(super) struct Switch {
    index: usize,
    moved: Mutex<Vec<(Arc<LogHandle>, Instant)>>,
    pub(super) wake: Notify,
}

impl Switch {
    /// Whoever takes a log looks at its head after this, so that a move in between is either seen or told again.
    pub(super) fn take(&self) -> Vec<(Arc<LogHandle>, Instant)> {
        let moved = std::mem::take(&mut *self.moved.lock().unwrap_or_else(PoisonError::into_inner));
        for (log, _) in &moved {
            log.told.fetch_and(!(1 << self.index), Ordering::SeqCst);
        }
        moved
    }
}

impl Switchboard {
    /// For this many shards, 64 at most.
    pub fn new(shards: usize) -> Switchboard {
        let switches = (0..shards.clamp(1, 64)).map(|index| Arc::new(Switch { index, ..Switch::default() })).collect();
        Switchboard { switches }
    }

    pub(super) fn switches(&self) -> &[Arc<Switch>] {
        &self.switches
    }
}

impl Watchers for Switchboard {
    fn moved(&self, logs: &[Arc<LogHandle>]) {
        // Against a shard that puts its bit up and then looks at the head: one of the two sees the other.
        fence(Ordering::SeqCst);
        let now = Instant::now();
        for log in logs {
            let mut watchers = log.watchers.load(Ordering::SeqCst);
            while watchers != 0 {
                let index = watchers.trailing_zeros() as usize;
                watchers &= watchers - 1;
                let Some(switch) = self.switches.get(index) else { continue };
                if log.told.fetch_or(1 << index, Ordering::SeqCst) & 1 << index == 0 {
                    switch.moved.lock().unwrap_or_else(PoisonError::into_inner).push((log.clone(), now));
                    switch.wake.notify_one();
                }
            }
        }
    }
}
