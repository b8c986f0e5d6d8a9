//! A client that listens all the while, and how late its events come. It has a thread of its own: what the generator does
//! elsewhere must not look like the server's delay.

use crate::{crowd::Crowd, pace::Paced, server::Server};
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

/// Between two events; they are published on schedule, however late the ones before are.
const INTERVAL: Duration = Duration::from_millis(5);

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
    pub fn start(server: &Server) -> Live {
        let phase = Arc::new(AtomicU8::new(QUIET));
        let (address, name, token) = (server.address, server.fresh(), server.token.clone());
        let thread = std::thread::spawn({
            let phase = phase.clone();
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                tokio::task::LocalSet::new().block_on(&runtime, listen(address, name, token, phase))
            }
        });
        Live { phase, thread: Some(thread) }
    }

    /// From here on it is measured what it is like meanwhile.
    pub fn busy(&self) {
        self.phase.store(BUSY, Ordering::Relaxed);
    }

    pub async fn finish(mut self) -> io::Result<Lateness> {
        self.phase.store(OVER, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return Err(io::ErrorKind::NotFound.into()) };
        let joined = tokio::task::spawn_blocking(move || thread.join()).await.map_err(io::Error::other)?;
        joined.map_err(|_| io::Error::other("the live client failed"))?
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.phase.store(OVER, Ordering::Relaxed);
    }
}

async fn listen(address: SocketAddr, name: String, token: String, phase: Arc<AtomicU8>) -> io::Result<Lateness> {
    let mut crowd = Crowd::new()?;
    crowd.json(address, &format!("/ws/process/{name}?token={token}"), 0).await?;
    let seen = crowd.seen.clone();
    let paced = Paced::start(address, format!("process:{name}"), INTERVAL, u64::MAX);
    let mut before = None;
    loop {
        match phase.load(Ordering::Relaxed) {
            BUSY if before.is_none() => {
                before = Some(seen.latency.borrow().quantile(0.99));
                seen.latency.borrow_mut().reset();
            }
            OVER => break,
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    paced.stop();
    // The last ones may be on their way.
    seen.until(paced.finish().await?, "the live client").await?;
    let meanwhile = seen.latency.borrow().quantile(0.99);
    Ok(Lateness { before: before.unwrap_or(meanwhile), meanwhile, faults: seen.faults() })
}
