//! Many clients in one task loop: they read, count, and check the order.

use crate::{
    latency::Latency,
    order::{Order, Step},
};
use std::{
    cell::{Cell, RefCell},
    io,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    sync::Notify,
};

/// What all clients of a run have seen.
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
    buffer: RefCell<Vec<u8>>,
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

    /// Waits until so many have been delivered in all; false where it takes too long.
    pub async fn until(&self, target: u64) -> bool {
        self.target.set(target);
        let reached = async {
            while self.delivered.get() < target {
                self.reached.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), reached).await.is_ok()
    }
}

/// µs since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

/// Connects; every 20,000 clients come from another address of the loopback range.
pub async fn connect(address: SocketAddr, index: usize) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // Ports of the last run may still be taken: another run, another address.
    let run = std::process::id();
    socket.bind(SocketAddr::from(([127, (run >> 8) as u8, run as u8, 2 + (index / 20_000) as u8], 0)))?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A client of the server: asks for the path, and reads the answer's head.
pub async fn open(address: SocketAddr, index: usize, path: &str, websocket: bool) -> io::Result<(TcpStream, Vec<u8>)> {
    let mut stream = connect(address, index).await?;
    let upgrade =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let more = if websocket { upgrade } else { "Accept: text/event-stream\r\n" };
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{more}\r\n").as_bytes()).await?;
    let mut head = Vec::new();
    loop {
        stream.readable().await?;
        let mut chunk = [0; 4096];
        match stream.try_read(&mut chunk) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => head.extend_from_slice(&chunk[..n]),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        if let Some(end) = memchr::memmem::find(&head, b"\r\n\r\n") {
            let ok = head.starts_with(b"HTTP/1.1 101") || head.starts_with(b"HTTP/1.1 200");
            if !ok {
                return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
            }
            return Ok((stream, head.split_off(end + 4)));
        }
    }
}

/// Reads frames until the connection ends, in a task of its own. `last`: the `seq` of the last event it had; `None` takes the
/// first as it comes.
pub fn follow(stream: TcpStream, leftover: Vec<u8>, last: Option<u64>, seen: Rc<Seen>) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_local(async move {
        let mut order = Order::after(last);
        // What came with the answer's head may be all that comes.
        let mut rest = leftover;
        let used = frames(&rest, &mut order, now(), &seen, &stream);
        rest.drain(..used);
        loop {
            if seen.delivered.get() >= seen.target.get() {
                seen.reached.notify_one();
            }
            if stream.readable().await.is_err() {
                break;
            }
            let mut buffer = seen.buffer.borrow_mut();
            let n = match stream.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            };
            seen.bytes.set(seen.bytes.get() + n as u64);
            let at = now();
            if rest.is_empty() {
                let used = frames(&buffer[..n], &mut order, at, &seen, &stream);
                rest.extend_from_slice(&buffer[used..n]);
            } else {
                rest.extend_from_slice(&buffer[..n]);
                let used = frames(&rest, &mut order, at, &seen, &stream);
                rest.drain(..used);
            }
        }
        seen.ended.set(seen.ended.get() + 1);
    })
}

/// Takes whole frames off the front; how many bytes they were.
fn frames(bytes: &[u8], order: &mut Order, now: u64, seen: &Seen, stream: &TcpStream) -> usize {
    let mut used = 0;
    loop {
        let rest = &bytes[used..];
        let (head, length) = match rest {
            [_, n @ 0..=125, ..] => (2, usize::from(*n)),
            [_, 126, a, b, ..] => (4, usize::from(u16::from_be_bytes([*a, *b]))),
            _ => return used,
        };
        let Some(payload) = rest.get(head..head + length) else { return used };
        used += head + length;
        match rest[0] {
            0x81 => event(payload, order, now, seen),
            0x89 => pong(payload, stream),
            _ => {}
        }
    }
}

fn event(payload: &[u8], order: &mut Order, now: u64, seen: &Seen) {
    let add = |cell: &Cell<u64>, n: u64| cell.set(cell.get() + n);
    match order.take(number(payload, b"\"seq\":")) {
        Step::Next => {}
        Step::Gap(missing) => add(&seen.lost, missing),
        Step::Late => {
            seen.lost.set(seen.lost.get().saturating_sub(1));
            add(&seen.reordered, 1);
        }
        // It is no delivery: it must not stand in for one that is missing.
        Step::Again => return add(&seen.repeated, 1),
    }
    add(&seen.delivered, 1);
    seen.latency.borrow_mut().record(now.saturating_sub(number(payload, b"\"at\":")));
}

/// Answers a ping, so that the server keeps the connection. The mask is zero: the payload stays as it is.
fn pong(payload: &[u8], stream: &TcpStream) {
    let frame = [&[0x8a, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat();
    // A full socket means that the server is not idle with this client: the next ping will do.
    let _ = stream.try_write(&frame);
}

fn number(payload: &[u8], name: &[u8]) -> u64 {
    let Some(at) = memchr::memmem::find(payload, name) else { return 0 };
    payload[at + name.len()..].iter().take_while(|b| b.is_ascii_digit()).fold(0, |n, b| n * 10 + u64::from(b - b'0'))
}

/// How long something took, in seconds.
pub fn since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64()
}
