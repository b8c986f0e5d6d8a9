//! Many clients in one task loop: they read, count, and check the order.

use crate::{
    connect::{self, Kind, masked, take},
    order::{Order, Step},
    seen::{Seen, now},
    server::Server,
};
use std::{cell::Cell, io, net::SocketAddr, rc::Rc};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

/// Clients that listen. They leave when it is dropped.
pub struct Crowd {
    pub seen: Rc<Seen>,
    tasks: JoinSet<()>,
    count: usize,
}

/// How an event says its number and when it was sent.
#[derive(Clone, Copy)]
struct Marks {
    seq: &'static [u8],
    at: &'static [u8],
}

const JSON: Marks = Marks { seq: b"\"seq\":", at: b"\"at\":" };
/// The data is a text there.
const PUSHER: Marks = Marks { seq: br#"\"seq\":"#, at: br#"\"at\":"# };

impl Crowd {
    pub fn new() -> io::Result<Crowd> {
        Ok(Crowd { seen: Seen::new()?, tasks: JoinSet::new(), count: 0 })
    }

    pub fn len(&self) -> u64 {
        self.count as u64
    }

    /// One more client on the JSON wire; it expects all events behind `last`.
    pub async fn json(&mut self, address: SocketAddr, path: &str, last: u64) -> io::Result<()> {
        let (stream, rest) = connect::open(address, path, Kind::WebSocket).await?;
        self.follow(stream, rest, last, JSON);
        Ok(())
    }

    /// One more client on the Pusher wire.
    pub async fn pusher(&mut self, server: &Server, channel: &str) -> io::Result<()> {
        let (stream, rest) = connect::subscribe(server, channel).await?;
        self.follow(stream, rest, 0, PUSHER);
        Ok(())
    }

    /// One more client of the floor. `word`: what it says of itself.
    pub async fn floor(&mut self, address: SocketAddr, word: u8) -> io::Result<()> {
        let mut stream = connect::connect(address).await?;
        stream.write_all(&[word]).await?;
        self.follow(stream, Vec::new(), 0, JSON);
        Ok(())
    }

    /// A connection that somebody else has opened.
    pub fn take_in(&mut self, stream: TcpStream, rest: Vec<u8>) {
        self.follow(stream, rest, 0, JSON);
    }

    fn follow(&mut self, stream: TcpStream, leftover: Vec<u8>, last: u64, marks: Marks) {
        self.count += 1;
        self.tasks.spawn_local(follow(stream, leftover, last, marks, self.seen.clone()));
    }
}

/// Reads frames until the connection ends. `last`: the `seq` of the last event the client had.
async fn follow(stream: TcpStream, leftover: Vec<u8>, last: u64, marks: Marks, seen: Rc<Seen>) {
    let mut order = Order::after(Some(last));
    // What came with the answer's head may be all that comes.
    let mut rest = leftover;
    let used = frames(&rest, &mut order, now(), marks, &seen, &stream);
    rest.drain(..used);
    loop {
        seen.tell();
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
            let used = frames(&buffer[..n], &mut order, at, marks, &seen, &stream);
            rest.extend_from_slice(&buffer[used..n]);
        } else {
            rest.extend_from_slice(&buffer[..n]);
            let used = frames(&rest, &mut order, at, marks, &seen, &stream);
            rest.drain(..used);
        }
    }
    seen.ended.set(seen.ended.get() + 1);
}

/// Takes whole frames off the front; how many bytes they were.
fn frames(bytes: &[u8], order: &mut Order, now: u64, marks: Marks, seen: &Seen, stream: &TcpStream) -> usize {
    let mut used = 0;
    while let Some((payload, length)) = take(&bytes[used..]) {
        // A full socket means that the server is not idle with this client: its next ping will do.
        let answer = |frame: &[u8]| drop(stream.try_write(frame));
        match bytes[used] {
            0x81 if payload.starts_with(br#"{"event":"pusher:ping""#) => {
                answer(&masked(0x81, br#"{"event":"pusher:pong","data":{}}"#));
            }
            0x81 if payload.starts_with(br#"{"event":"pusher"#) => {}
            0x81 => event(payload, order, now, marks, seen),
            // So that the server keeps the connection.
            0x89 => answer(&masked(0x8a, payload)),
            _ => {}
        }
        used += length;
    }
    used
}

fn event(payload: &[u8], order: &mut Order, now: u64, marks: Marks, seen: &Seen) {
    let add = |cell: &Cell<u64>, n: u64| cell.set(cell.get() + n);
    match order.take(number(payload, marks.seq)) {
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
    seen.latency.borrow_mut().record(now.saturating_sub(number(payload, marks.at)));
}

fn number(payload: &[u8], name: &[u8]) -> u64 {
    let Some(at) = memchr::memmem::find(payload, name) else { return 0 };
    payload[at + name.len()..].iter().take_while(|b| b.is_ascii_digit()).fold(0, |n, b| n * 10 + u64::from(b - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_wires_say_the_number_and_the_time() {
        let json = br#"{"seq":12,"data":{"at":345,"pad":"x"}}"#;
        assert_eq!((number(json, JSON.seq), number(json, JSON.at)), (12, 345));
        let pusher = br#"{"event":"tick","channel":"c","data":"{\"seq\":12,\"at\":345,\"pad\":\"x\"}"}"#;
        assert_eq!((number(pusher, PUSHER.seq), number(pusher, PUSHER.at)), (12, 345));
        assert_eq!(number(b"{}", JSON.seq), 0);
    }
}
