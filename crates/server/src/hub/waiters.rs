//! Those who wait for something new in a log without a session: long polls.

use super::Watchers;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tidewire_engine::LogHandle;
use tokio::sync::Notify;

/// Wakes who waits for a log. Costs a publish one atomic load while nobody waits.
#[derive(Debug, Default)]
pub struct Waiters {
    by_log: Mutex<HashMap<Arc<str>, Vec<Arc<Notify>>>>,
    by_prefix: Mutex<Vec<(Arc<str>, Arc<Notify>)>>,
    count: AtomicUsize,
    closed: AtomicBool,
}

/// One who waits; nobody wakes it once it is dropped.
#[derive(Debug)]
pub struct Waiter {
    waiters: Arc<Waiters>,
    logs: Vec<Arc<str>>,
    bell: Arc<Notify>,
}

impl Waiters {
    /// Waits for any of `logs` from now on. Ask whether there is something new after this, not before.
    pub fn wait_for(self: &Arc<Waiters>, logs: Vec<Arc<str>>) -> Waiter {
        let bell = Arc::new(Notify::new());
        let mut by_log = self.by_log.lock().unwrap_or_else(PoisonError::into_inner);
        for log in &logs {
            by_log.entry(log.clone()).or_default().push(bell.clone());
        }
        self.count.fetch_add(1, Ordering::SeqCst);
        Waiter { waiters: self.clone(), logs, bell }
    }

    /// Waits for every log whose name begins so, whether it is there yet or not.
    pub fn wait_for_all(self: &Arc<Waiters>, prefix: &str) -> Waiter {
        let bell = Arc::new(Notify::new());
        self.by_prefix.lock().unwrap_or_else(PoisonError::into_inner).push((prefix.into(), bell.clone()));
        self.count.fetch_add(1, Ordering::SeqCst);
        Waiter { waiters: self.clone(), logs: Vec::new(), bell }
    }

    /// The server stops: wakes everybody, and nobody waits any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for bell in self.by_log.lock().unwrap_or_else(PoisonError::into_inner).values().flatten() {
            bell.notify_one();
        }
        for (_, bell) in self.by_prefix.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            bell.notify_one();
        }
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Watchers for Waiters {
    fn moved(&self, logs: &[Arc<LogHandle>]) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let by_log = self.by_log.lock().unwrap_or_else(PoisonError::into_inner);
        for bell in logs.iter().filter_map(|log| by_log.get(&log.name)).flatten() {
            bell.notify_one();
        }
        drop(by_log);
        for (prefix, bell) in self.by_prefix.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if logs.iter().any(|log| log.name.starts_with(&**prefix)) {
                bell.notify_one();
            }
        }
    }
}

impl Waiter {
    /// Returns when one of the logs has moved since the last time, or the server stops.
    pub async fn moved(&self) {
        if !self.waiters.is_closed() {
            self.bell.notified().await;
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut by_log = self.waiters.by_log.lock().unwrap_or_else(PoisonError::into_inner);
        for log in &self.logs {
            if let Some(bells) = by_log.get_mut(log) {
                bells.retain(|bell| !Arc::ptr_eq(bell, &self.bell));
                if bells.is_empty() {
                    by_log.remove(log);
                }
            }
        }
        drop(by_log);
        let mut by_prefix = self.waiters.by_prefix.lock().unwrap_or_else(PoisonError::into_inner);
        by_prefix.retain(|(_, bell)| !Arc::ptr_eq(bell, &self.bell));
        self.waiters.count.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Tells both.
pub(super) struct Both(pub Arc<dyn Watchers>, pub Arc<Waiters>);

impl Watchers for Both {
    fn moved(&self, logs: &[Arc<LogHandle>]) {
        self.0.moved(logs);
        self.1.moved(logs);
    }
}
