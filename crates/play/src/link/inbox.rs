//! What one client has been told, in the order in which it came.

use crate::wire::Frame;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Filled by connections, read by whoever plays the client.
#[derive(Debug, Default)]
pub struct Inbox {
    arrived: Mutex<Vec<Arrived>>,
    moved: Notify,
}

/// A frame, and what is known of it.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The connection's number.
    pub link: usize,
    pub frame: Frame,
    /// A step of the flow asked for it.
    pub taken: bool,
}

impl Inbox {
    pub fn put(&self, link: usize, frame: Frame) {
        self.lock().push(Arrived { link, frame, taken: false });
        self.moved.notify_waiters();
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks at all that came, and marks it.
    pub fn look<T>(&self, look: impl FnOnce(&mut Vec<Arrived>) -> T) -> T {
        look(&mut self.lock())
    }

    /// Waits until `find` finds something among what has come; it is asked again whenever something comes.
    pub async fn wait<T>(&self, mut find: impl FnMut(&mut Vec<Arrived>) -> Option<T>) -> T {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            // Before the look, so that nothing falls between the look and the wait.
            moved.as_mut().enable();
            if let Some(found) = find(&mut self.lock()) {
                return found;
            }
            moved.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arrived>> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
