//! When a client is read from: raw sockets that say much at once, end in the middle, or do not read what they are answered.

use crate::support::*;
use serde_json::json;
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// A WebSocket of the world w1, frame by frame.
struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

const PONG: u8 = 0xa;

impl Raw {
    fn connect(server: &Server) -> Raw {
        let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let upgrade =
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        write!(stream, "GET /ws?world_id=w1&token={} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n", gamemaster()).unwrap();
        let mut raw = Raw { stream, read: Vec::new() };
        let end = loop {
            if let Some(at) = raw.read.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(raw.more().unwrap() > 0, "it ended in the head");
        };
        assert!(raw.read.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&raw.read));
        raw.read.drain(..end);
        raw
    }

    fn more(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        let n = self.stream.read(&mut chunk)?;
        self.read.extend_from_slice(&chunk[..n]);
        Ok(n)
    }

    /// The next frame's opcode and payload; `None` at the end.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let (head, length) = match self.read[..] {
                [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
                [_, length, ..] => (2, usize::from(length)),
                _ => (2, usize::MAX - 2),
            };
            if self.read.len() >= head + length {
                let opcode = self.read[0] & 0xf;
                return Some((opcode, self.read.drain(..head + length).skip(head).collect()));
            }
            match self.more() {
                Ok(0) => return None,
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
                Err(e) => panic!("{e}"),
            }
        }
    }

    /// The number in the next pong.
    fn pong(&mut self) -> Option<u32> {
        loop {
            let (opcode, payload) = self.frame()?;
            if opcode == PONG {
                return Some(u32::from_be_bytes(payload[..4].try_into().unwrap()));
            }
        }
    }
}

/// A masked ping with a number, and as much beside it as a ping may have.
fn ping(number: u32) -> Vec<u8> {
    let mut frame = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
    frame.extend_from_slice(&number.to_be_bytes());
    frame.resize(6 + 125, b'x');
    frame
}

// Much at once, and the end right behind it: everything is heard, and answered, before the connection ends.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_the_end_is_answered() {
    let server = Server::start();
    tokio::task::block_in_place(|| {
        for count in [1, 20, 3_000] {
            let mut raw = Raw::connect(&server);
            let mut writing = raw.stream.try_clone().unwrap();
            let writer = thread::spawn(move || {
                let all: Vec<u8> = (0..count).flat_map(ping).collect();
                writing.write_all(&all).unwrap();
                writing.shutdown(Shutdown::Write).unwrap();
            });
            for number in 0..count {
                assert_eq!(raw.pong(), Some(number), "of {count}");
            }
            assert_eq!(raw.frame(), None);
            writer.join().unwrap();
        }
    });
}

// G-4
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_its_answers_is_not_read_from_until_it_does() {
    const MOST: usize = 64 << 20;
    let server = Server::start();
    tokio::task::block_in_place(|| {
        let mut raw = Raw::connect(&server);
        let mut writing = raw.stream.try_clone().unwrap();
        writing.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        let (mut sent, mut begun) = (0, Vec::new());
        let stuck = 'stuck: loop {
            let frame = ping(sent);
            let mut written = 0;
            while written < frame.len() {
                match writing.write(&frame[written..]) {
                    Ok(n) => written += n,
                    Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        begun.extend_from_slice(&frame[written..]);
                        break 'stuck true;
                    }
                    Err(e) => panic!("{e}"),
                }
            }
            sent += 1;
            if sent as usize * frame.len() > MOST {
                break false;
            }
        };
        assert!(stuck, "the server took {MOST} bytes of somebody who reads nothing");
        // Whoever reads again is heard again, from where it was left.
        let writer = thread::spawn(move || {
            writing.set_write_timeout(None).unwrap();
            writing.write_all(&begun).unwrap();
            writing.write_all(&ping(sent + 1)).unwrap();
        });
        for number in 0..=sent + 1 {
            assert_eq!(raw.pong(), Some(number));
        }
        writer.join().unwrap();
    });
}

// G-4
#[tokio::test(flavor = "multi_thread")]
async fn those_who_talk_without_a_pause_hold_up_nobody() {
    let server = Server::start();
    let over = Arc::new(AtomicBool::new(false));
    let mut talkers = Vec::new();
    for _ in 0..12 {
        let (mut raw, over) = (Raw::connect(&server), over.clone());
        talkers.push(thread::spawn(move || {
            let (mut sent, mut answered) = (0, 0);
            while !over.load(Ordering::Relaxed) {
                let many: Vec<u8> = (sent..sent + 100).flat_map(ping).collect();
                raw.stream.write_all(&many).unwrap();
                sent += 100;
                while answered < sent {
                    assert_eq!(raw.pong(), Some(answered));
                    answered += 1;
                }
            }
            sent
        }));
    }
    let mut quiet = server.websocket(&format!("/ws?world_id=w1&token={}", gamemaster()), &[]).await.unwrap();
    for i in 0..100 {
        let data = json!({ "id": "w1", "name": format!("round {i}") });
        server.must("world", json!({ "channel": "world:w1", "type": "world.updated", "data": data })).await;
        assert_eq!(quiet.next().await["data"], data);
    }
    over.store(true, Ordering::Relaxed);
    for talker in talkers {
        assert!(talker.join().unwrap() > 0);
    }
}
