//! How shards, and whoever waits for something new, hear that a log moved.

use crate::hub::Watchers;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{Ordering, fence},
    },
};
use tidewire_engine::LogHandle;
use tokio::sync::Notify;

/// One switch for each shard, and a bell for each log that somebody waits at.
pub struct Switchboard {
    switches: Vec<Arc<Switch>>,
    bells: Mutex<HashMap<Arc<str>, Arc<Notify>>>,
}

/// The logs that moved since a shard last looked.
#[derive(Default)]
pub(super) struct Switch {
    moved: Mutex<Vec<Arc<LogHandle>>>,
    pub(super) wake: Notify,
}

impl Switch {
    pub(super) fn take(&self) -> Vec<Arc<LogHandle>> {
        std::mem::take(&mut self.moved.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Switchboard {
    /// For this many shards, 64 at most.
    pub fn new(shards: usize) -> Switchboard {
        let switches = (0..shards.clamp(1, 64)).map(|_| Arc::default()).collect();
        Switchboard { switches, bells: Mutex::default() }
    }

    pub(super) fn switches(&self) -> &[Arc<Switch>] {
        &self.switches
    }

    /// Rings when the log moves. Ask for it, and get `notified()` enabled, before looking at the log.
    pub fn bell(&self, log: &Arc<str>) -> Arc<Notify> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.entry(log.clone()).or_default().clone()
    }
}

impl Watchers for Switchboard {
    fn moved(&self, logs: &[Arc<LogHandle>]) {
        // Against a shard that puts its bit up and then looks at the head: one of the two sees the other.
        fence(Ordering::SeqCst);
        for log in logs {
            let mut watchers = log.watchers.load(Ordering::SeqCst);
            while watchers != 0 {
                let index = watchers.trailing_zeros() as usize;
                watchers &= watchers - 1;
                let Some(switch) = self.switches.get(index) else { continue };
                let mut moved = switch.moved.lock().unwrap_or_else(PoisonError::into_inner);
                if !moved.iter().any(|m| Arc::ptr_eq(m, log)) {
                    moved.push(log.clone());
                }
                drop(moved);
                switch.wake.notify_one();
            }
        }
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if bells.is_empty() {
            return;
        }
        for log in logs {
            if let Some(bell) = bells.get(&log.name) {
                bell.notify_waiters();
                // Who still waits holds it; the last one to come finds a new one.
                if Arc::strong_count(bell) == 1 {
                    bells.remove(&log.name);
                }
            }
        }
    }
}
