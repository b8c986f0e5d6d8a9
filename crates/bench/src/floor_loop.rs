//! The floor itself: an epoll loop with sockets that do not block, which writes prepared bytes, one write for each client.
//! Nothing can be cheaper that uses `write`.

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
    rc::Rc,
};

/// What a client says first: it listens to what is written from now on.
pub const LISTEN: u8 = b'S';
/// What a client says first: it wants the prepared bytes at once.
pub const CATCH_UP: u8 = b'R';

/// Commands on the connection that says [`Command::WORD`] first.
pub const WRITE: u8 = b'W';
pub const PREPARE: u8 = b'P';
pub const COUNT: u8 = b'N';

/// A command: a letter, how many bytes follow (32 bits, the least first), the bytes.
pub struct Command;

impl Command {
    pub const WORD: u8 = b'C';

    pub fn bytes(letter: u8, bytes: &[u8]) -> Vec<u8> {
        [&[letter][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
    }

    /// The command that comes first, its bytes, and how long it is; `None` while it is not whole.
    pub fn take(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
        let [letter, a, b, c, d, rest @ ..] = bytes else { return None };
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        Some((*letter, rest.get(..length)?, length + 5))
    }
}

struct Client {
    stream: TcpStream,
    /// It has said what it is.
    known: bool,
    /// What its socket did not take: bytes, and how many of them are written.
    pending: VecDeque<(Rc<[u8]>, usize)>,
    /// The loop is told when the socket takes more.
    waits: bool,
}

struct Loop {
    epoll: OwnedFd,
    listener: TcpListener,
    /// A client's id is its place here, and the ids that are none's before.
    clients: Vec<Option<Client>>,
    /// Those that listen, in the order in which they came.
    listening: Vec<u64>,
    prepared: Rc<[u8]>,
    control: Option<u64>,
    commands: Vec<u8>,
}

const STDIN: u64 = 0;
const LISTENER: u64 = 1;
const FIRST: u64 = 2;

/// Connections that wait to be accepted.
const QUEUE: i32 = 4096;

/// Serves until standard input ends or the commanding connection does.
pub fn serve() -> io::Result<()> {
    super::raise_open_files();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // Many come at once; the queue that it is given by default holds 128, and who finds no place in it tries again a second
    // later.
    rustix::net::listen(&listener, QUEUE)?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    // A file cannot be waited for: then the commanding connection's end is the only one.
    let _ = epoll::add(&epoll, io::stdin(), EventData::new_u64(STDIN), EventFlags::IN);
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut floor =
        Loop { epoll, listener, clients: Vec::new(), listening: Vec::new(), prepared: Rc::from([]), control: None, commands: Vec::new() };
    let mut events = Vec::with_capacity(1024);
    loop {
        events.clear();
        match epoll::wait(&floor.epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let (id, flags) = (event.data.u64(), event.flags);
            let goes_on = match id {
                STDIN => io::stdin().read(&mut [0; 64])? > 0,
                LISTENER => floor.accept().map(|()| true)?,
                id if Some(id) == floor.control => floor.obey(id)?,
                id => floor.client(id, flags).map(|()| true)?,
            };
            if !goes_on {
                return Ok(());
            }
        }
    }
}

impl Loop {
    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::ConnectionAborted => continue,
                Err(e) => return Err(e),
            };
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let id = FIRST + self.clients.len() as u64;
            epoll::add(&self.epoll, &stream, EventData::new_u64(id), EventFlags::IN)?;
            self.clients.push(Some(Client { stream, known: false, pending: VecDeque::new(), waits: false }));
        }
    }

    /// A client speaks, leaves, or its socket takes bytes again.
    fn client(&mut self, id: u64, flags: EventFlags) -> io::Result<()> {
        let Some(client) = at(&mut self.clients, id) else { return Ok(()) };
        if flags.contains(EventFlags::OUT) && !client.flush(&self.epoll, id)? {
            self.leave(id);
            return Ok(());
        }
        let mut said = [0; 64];
        match client.stream.read(&mut said) {
            Ok(n) if n > 0 && client.known => {}
            Ok(n) if n > 0 => {
                client.known = true;
                match said[0] {
                    Command::WORD => {
                        self.control = Some(id);
                        self.commands.extend_from_slice(&said[1..n]);
                        self.obey_all(id)?;
                    }
                    LISTEN => self.listening.push(id),
                    CATCH_UP => {
                        client.pending.push_back((self.prepared.clone(), 0));
                        if !client.flush(&self.epoll, id)? {
                            self.leave(id);
                        }
                    }
                    _ => self.leave(id),
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            _ => self.leave(id),
        }
        Ok(())
    }

    fn leave(&mut self, id: u64) {
        if let Some(place) = self.clients.get_mut((id - FIRST) as usize) {
            *place = None;
        }
        self.listening.retain(|listening| *listening != id);
    }

    /// Reads from the commanding connection; false where it ends.
    fn obey(&mut self, id: u64) -> io::Result<bool> {
        let mut chunk = [0; 64 * 1024];
        let Some(control) = at(&mut self.clients, id) else { return Ok(false) };
        match control.stream.read(&mut chunk) {
            Ok(0) => return Ok(false),
            Ok(n) => self.commands.extend_from_slice(&chunk[..n]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(e) => return Err(e),
        }
        self.obey_all(id)?;
        Ok(true)
    }

    /// Does what has been commanded in whole.
    fn obey_all(&mut self, control: u64) -> io::Result<()> {
        let commands = std::mem::take(&mut self.commands);
        let mut used = 0;
        while let Some((letter, bytes, length)) = Command::take(&commands[used..]) {
            used += length;
            match letter {
                WRITE => self.write(bytes)?,
                PREPARE => self.prepared = Rc::from(bytes),
                _ => {
                    let count = (self.listening.len() as u32).to_le_bytes();
                    if let Some(control_client) = at(&mut self.clients, control) {
                        control_client.send(&self.epoll, control, &count)?;
                    }
                }
            }
        }
        self.commands = commands;
        self.commands.drain(..used);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut gone = Vec::new();
        for id in &self.listening {
            if let Some(client) = at(&mut self.clients, *id)
                && !client.send(&self.epoll, *id, bytes)?
            {
                gone.push(*id);
            }
        }
        gone.into_iter().for_each(|id| self.leave(id));
        Ok(())
    }
}

fn at(clients: &mut [Option<Client>], id: u64) -> Option<&mut Client> {
    clients.get_mut((id - FIRST) as usize)?.as_mut()
}

impl Client {
    /// Writes these bytes behind what is pending; false where the client has gone.
    fn send(&mut self, epoll: &OwnedFd, id: u64, bytes: &[u8]) -> io::Result<bool> {
        let mut written = 0;
        while self.pending.is_empty() && written < bytes.len() {
            match self.stream.write(&bytes[written..]) {
                Ok(n) => written += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Ok(false),
            }
        }
        if written < bytes.len() {
            self.pending.push_back((Rc::from(&bytes[written..]), 0));
            self.wait(epoll, id)?;
        }
        Ok(true)
    }

    /// Writes what is pending, as much as the socket takes; false where the client has gone.
    fn flush(&mut self, epoll: &OwnedFd, id: u64) -> io::Result<bool> {
        while let Some((bytes, written)) = self.pending.front_mut() {
            if *written == bytes.len() {
                self.pending.pop_front();
                continue;
            }
            match self.stream.write(&bytes[*written..]) {
                Ok(n) => *written += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Ok(false),
            }
        }
        self.wait(epoll, id)?;
        Ok(true)
    }

    /// Has the loop told when the socket takes more, if there is more.
    fn wait(&mut self, epoll: &OwnedFd, id: u64) -> io::Result<()> {
        let waits = !self.pending.is_empty();
        if waits != self.waits {
            let flags = if waits { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            epoll::modify(epoll, &self.stream, EventData::new_u64(id), flags)?;
            self.waits = waits;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_command_is_taken() {
        let bytes = [Command::bytes(WRITE, b"abc"), Command::bytes(COUNT, b"")].concat();
        assert_eq!(Command::take(&bytes), Some((WRITE, &b"abc"[..], 8)));
        assert_eq!(Command::take(&bytes[8..]), Some((COUNT, &b""[..], 5)));
        assert_eq!(Command::take(&bytes[..7]), None);
        assert_eq!(Command::take(b"W\x01"), None);
    }
}
