//! Whether what this node tells comes back to it through Redis.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tidewire_engine::log::LogError;

/// How long a probe may take to come back before publishes are refused.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Of one contract.
#[derive(Debug)]
pub(crate) struct Health {
    /// When the newest probe that came back was sent.
    echoed: Mutex<Option<Instant>>,
    /// What was told before the connection was made is caught up with.
    whole: AtomicBool,
    stopped: AtomicBool,
}

impl Health {
    pub(crate) fn new() -> Health {
        Health { echoed: Mutex::default(), whole: AtomicBool::new(false), stopped: AtomicBool::new(false) }
    }

    pub(crate) fn echoed(&self, sent: Instant) {
        let mut echoed = self.echoed.lock().unwrap_or_else(PoisonError::into_inner);
        *echoed = Some(echoed.map_or(sent, |before| before.max(sent)));
    }

    pub(crate) fn set_whole(&self, whole: bool) {
        self.whole.store(whole, Ordering::Release);
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.whole.load(Ordering::Acquire)
    }

    /// How long ago the newest probe that came back was sent.
    pub(crate) fn echo(&self) -> Option<Duration> {
        self.echoed.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }

    /// Whether nothing has come back for too long.
    pub(crate) fn is_silent(&self) -> bool {
        self.echoed.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|at| at.elapsed() > PATIENCE)
    }

    /// Nothing is taken any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Whether events would be taken.
    pub(crate) fn check(&self) -> Result<(), LogError> {
        let away = |why: &str| Err(LogError::Away(why.to_owned()));
        if self.stopped.load(Ordering::Acquire) {
            return away("the server stops");
        }
        if !self.whole.load(Ordering::Acquire) {
            return away("this node has not caught up with the others yet");
        }
        let echoed = *self.echoed.lock().unwrap_or_else(PoisonError::into_inner);
        match echoed {
            Some(at) if at.elapsed() < PATIENCE => Ok(()),
            Some(_) => away("what this node tells the others does not come back to it"),
            None => away("this node has not heard of the others yet"),
        }
    }
}
