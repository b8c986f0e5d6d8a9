//! What many clients have seen together.

use crate::latency::Latency;
use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Notify;

/// How long missing events are waited for.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Seen {
    pub delivered: Cell<u64>,
    pub bytes: Cell<u64>,
    pub lost: Cell<u64>,
    pub repeated: Cell<u64>,
    pub reordered: Cell<u64>,
    /// Connections that ended while they were followed.
    pub ended: Cell<u64>,
    pub latency: RefCell<Latency>,
    target: Cell<u64>,
    reached: Notify,
    pub(crate) buffer: RefCell<Vec<u8>>,
}

impl Seen {
    pub fn new() -> io::Result<Rc<Seen>> {
        Ok(Rc::new(Seen {
            delivered: Cell::new(0),
            bytes: Cell::new(0),
            lost: Cell::new(0),
            repeated: Cell::new(0),
            reordered: Cell::new(0),
            ended: Cell::new(0),
            latency: RefCell::new(Latency::new()?),
            target: Cell::new(u64::MAX),
            reached: Notify::new(),
            buffer: RefCell::new(vec![0; 256 * 1024]),
        }))
    }

    pub fn faults(&self) -> u64 {
        self.lost.get() + self.repeated.get() + self.reordered.get()
    }

    /// Waits until so many have been delivered in all.
    ///
    /// # Errors
    /// `TimedOut` where it takes too long; it says whose deliveries are missing.
    pub async fn until(&self, target: u64, whose: &str) -> io::Result<()> {
        self.target.set(target);
        let reached = async {
            while self.delivered.get() < target {
                self.reached.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.map_err(|_| {
            let text = format!("{whose}: {} of {target} deliveries came within {} s", self.delivered.get(), PATIENCE.as_secs());
            io::Error::new(io::ErrorKind::TimedOut, text)
        })
    }

    /// Wakes whoever waits, once everything is there.
    pub(crate) fn tell(&self) {
        if self.delivered.get() >= self.target.get() {
            self.reached.notify_one();
        }
    }
}

/// µs since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

/// How long something took, in seconds.
pub fn since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64()
}
