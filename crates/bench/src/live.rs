//! A client that listens all the while, and how late its events come. It has a thread of its own: what the generator does
//! elsewhere must not look like the server's delay.

use crate::{
    clients::{self, Seen},
    publisher::Publisher,
};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

const QUIET: u8 = 0;
const BUSY: u8 = 1;
const OVER: u8 = 2;

pub struct Live {
    phase: Arc<AtomicU8>,
    thread: Option<JoinHandle<io::Result<Lateness>>>,
}

/// How late events came, in ms at the 99th percentile.
pub struct Lateness {
    pub before: f64,
    pub meanwhile: f64,
    /// Lost, repeated or out of order.
    pub faults: u64,
}

impl Live {
    /// An event every 5 ms, and somebody who waits for it.
    pub fn start(address: SocketAddr, token: String) -> Live {
        let phase = Arc::new(AtomicU8::new(QUIET));
        let thread = std::thread::spawn({
            let phase = phase.clone();
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                tokio::task::LocalSet::new().block_on(&runtime, listen(address, token, phase))
            }
        });
        Live { phase, thread: Some(thread) }
    }

    /// From here on it is measured what it is like meanwhile.
    pub fn busy(&self) {
        self.phase.store(BUSY, Ordering::Relaxed);
    }

    pub fn finish(mut self) -> io::Result<Lateness> {
        self.phase.store(OVER, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return Err(io::ErrorKind::NotFound.into()) };
        thread.join().map_err(|_| io::Error::other("the live client failed"))?
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.phase.store(OVER, Ordering::Relaxed);
    }
}

async fn listen(address: SocketAddr, token: String, phase: Arc<AtomicU8>) -> io::Result<Lateness> {
    let seen = Seen::new()?;
    let (stream, rest) = clients::open(address, 0, &format!("/ws/process/live?token={token}"), true).await?;
    clients::follow(stream, rest, Some(0), seen.clone());
    let mut publisher = Publisher::new(address).await?;
    let mut before = None;
    let mut published = 0;
    loop {
        match phase.load(Ordering::Relaxed) {
            BUSY if before.is_none() => {
                before = Some(seen.latency.borrow().quantile(0.99));
                seen.latency.borrow_mut().reset();
            }
            OVER => break,
            _ => {}
        }
        publisher.publish("process:live", 1).await?;
        published += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The last ones may be on their way.
    if !seen.until(published).await {
        return Err(io::Error::other(format!("only {} of {published} live events came", seen.delivered.get())));
    }
    let meanwhile = seen.latency.borrow().quantile(0.99);
    Ok(Lateness { before: before.unwrap_or(meanwhile), meanwhile, faults: seen.faults() })
}
