//! Who puts events into order: this node's own thread, or Redis, for several nodes at once.

use super::Job;
use std::{
    future::{Future, ready},
    pin::Pin,
    sync::{Arc, mpsc},
};
use tidewire_contract::Durability;
use tidewire_engine::{
    Draft, LogHandle, Reader,
    log::{LogError, Retention},
    sequencer::Answer,
};
use tokio::sync::oneshot;

/// What is awaited.
pub type Soon<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Puts drafts into order and keeps them. What is kept is shown through the [`Reader`], whoever asked for it.
pub trait Order: Send + Sync + 'static {
    /// Publishes all of them or none. `false`: nothing is taken any more.
    fn publish(&self, drafts: Vec<Draft>, answer: oneshot::Sender<Answer>) -> bool;
    /// Lets go of what the retention no longer keeps; some time soon.
    fn trim(&self, log: Arc<str>, durability: Durability, retention: Retention);
    /// Makes the log known to the reader, so that nobody has to wait for it any more.
    fn open<'a>(&'a self, log: &'a Arc<str>, durability: Durability) -> Soon<'a, Result<Arc<LogHandle>, LogError>>;
    /// Lets what was submitted finish; publishes after it are refused.
    fn stop(&self) -> Soon<'_, ()>;
}

/// The node's own thread.
pub(super) struct Thread {
    pub(super) submit: mpsc::Sender<Job>,
    pub(super) reader: Arc<Reader>,
}

impl Order for Thread {
    fn publish(&self, drafts: Vec<Draft>, answer: oneshot::Sender<Answer>) -> bool {
        self.submit.send(Job::Publish(drafts, answer)).is_ok()
    }

    fn trim(&self, log: Arc<str>, durability: Durability, retention: Retention) {
        let _ = self.submit.send(Job::Trim(log, durability, retention));
    }

    fn open<'a>(&'a self, log: &'a Arc<str>, durability: Durability) -> Soon<'a, Result<Arc<LogHandle>, LogError>> {
        Box::pin(ready(self.reader.log(log, durability)))
    }

    fn stop(&self) -> Soon<'_, ()> {
        let (done, stopped) = oneshot::channel();
        let told = self.submit.send(Job::Stop(done)).is_ok();
        Box::pin(async move {
            if told {
                let _ = stopped.await;
            }
        })
    }
}
