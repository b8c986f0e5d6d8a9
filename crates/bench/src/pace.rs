//! Publishing on a fixed schedule, whether or not the last event has arrived. A generator that waits for the server leaves
//! out the very moments in which the server is slow; here a late event is late from when it was meant to be sent.

use crate::{
    publisher::{self, To},
    seen::now,
};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Connections that take turns, so that one answer that is late keeps no other request waiting.
const CONNECTIONS: usize = 8;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Calls `send` on schedule, with the time it is meant for in µs since 1970, until `go_on` says no. Where it is late it
/// catches up; the times stay as they were meant.
///
/// # Errors
/// What `send` says.
pub fn on_schedule(
    interval: Duration,
    mut go_on: impl FnMut(u64) -> bool,
    mut send: impl FnMut(u64, u64) -> io::Result<()>,
) -> io::Result<u64> {
    let (start, at) = (Instant::now(), now());
    for i in 0.. {
        let due = interval * i as u32;
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        if !go_on(i) {
            return Ok(i);
        }
        send(i, at + due.as_micros() as u64)?;
    }
    Ok(0)
}

/// A backend in a thread of its own that publishes on schedule.
pub struct Paced {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<u64>>>,
}

impl Paced {
    /// Publishes single events to a channel of the contract until it is told to stop, or so many.
    pub fn start(address: SocketAddr, channel: String, interval: Duration, most: u64) -> Paced {
        let over = Arc::new(AtomicBool::new(false));
        let told = over.clone();
        let thread = std::thread::spawn(move || publish(address, &channel, interval, |i| i < most && !told.load(Ordering::Relaxed)));
        Paced { over, thread: Some(thread) }
    }

    pub fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// How many events have been published; waits until all are acknowledged.
    ///
    /// # Errors
    /// A publish was refused, or its answer did not come.
    pub async fn finish(mut self) -> io::Result<u64> {
        let Some(thread) = self.thread.take() else { return Err(ErrorKind::NotFound.into()) };
        let joined = tokio::task::spawn_blocking(move || thread.join()).await.map_err(io::Error::other)?;
        joined.map_err(|_| io::Error::other("the paced backend failed"))?
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.stop();
    }
}

fn publish(address: SocketAddr, channel: &str, interval: Duration, go_on: impl FnMut(u64) -> bool) -> io::Result<u64> {
    let sent: Vec<Arc<AtomicU64>> = (0..CONNECTIONS).map(|_| Arc::default()).collect();
    let over = Arc::new(AtomicBool::new(false));
    let (mut streams, mut readers) = (Vec::new(), Vec::new());
    for sent in &sent {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let (reading, sent, over) = (stream.try_clone()?, sent.clone(), over.clone());
        readers.push(std::thread::spawn(move || answers(reading, &sent, &over)));
        streams.push(stream);
    }
    let count = on_schedule(interval, go_on, |i, at| {
        let turn = i as usize % CONNECTIONS;
        // Counted first: its answer may be there before `write_all` is back.
        sent[turn].fetch_add(1, Ordering::SeqCst);
        streams[turn].write_all(&publisher::request(To::Contract, &publisher::body([channel].into_iter(), at, None)))
    });
    over.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.join().map_err(|_| io::Error::other("a reader of answers failed"))??;
    }
    count
}

/// Reads the answers of one connection until all are there that there will be.
fn answers(mut stream: TcpStream, sent: &AtomicU64, over: &AtomicBool) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(20)))?;
    let (mut bytes, mut chunk, mut answered, mut last) = (Vec::new(), [0; 4096], 0, Instant::now());
    loop {
        // In this order: nothing is sent any more once it is over.
        if over.load(Ordering::SeqCst) && answered == sent.load(Ordering::SeqCst) {
            return Ok(());
        }
        match stream.read(&mut chunk) {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed a backend's connection")),
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if answered < sent.load(Ordering::SeqCst) && last.elapsed() > PATIENCE {
                    return Err(io::Error::new(ErrorKind::TimedOut, format!("a publish was not answered within {} s", PATIENCE.as_secs())));
                }
            }
            Err(e) => return Err(e),
        }
        while let Some(length) = publisher::answer(&bytes)? {
            bytes.drain(..length);
            answered += 1;
            last = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_schedule_even_when_sending_is_slow() {
        let interval = Duration::from_millis(2);
        let mut times = Vec::new();
        let count = on_schedule(
            interval,
            |i| i < 20,
            |i, at| {
                // Slower than the schedule for a while.
                if i < 4 {
                    std::thread::sleep(interval * 4);
                }
                times.push(at);
                Ok(())
            },
        );
        assert_eq!(count.expect("it goes well"), 20);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 2_000), "{times:?}");
    }

    #[test]
    fn what_cannot_be_sent_ends_it() {
        let error = on_schedule(Duration::ZERO, |_| true, |i, _| if i == 3 { Err(ErrorKind::BrokenPipe.into()) } else { Ok(()) });
        assert_eq!(error.expect_err("it does").kind(), ErrorKind::BrokenPipe);
    }
}
