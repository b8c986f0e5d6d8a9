//! Plain sockets without the runtime's reactor: a shard has one queue of the kernel's for all of them, so that a client that is
//! idle costs neither a task nor an entry there.
//!
//! The queue is edge-triggered: it tells once that something came, or that there is room again. So whoever wants to know first
//! tries, and waits only after the socket has refused.

use mio::{Interest, Poll, Registry, Token, event::Event, unix::SourceFd};
use std::{
    cell::RefCell,
    collections::HashMap,
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    os::fd::AsRawFd,
    rc::Rc,
    task::{self, Waker},
};
use tokio::io::{Interest as Of, unix::AsyncFd};

// A token is a connection's id.
const _: () = assert!(usize::BITS == u64::BITS, "a token of the queue has to hold a connection's id");

/// The queue, and the tasks that wait for one of its sockets: few, since only who has something to write or says goodbye does.
pub(super) struct Ready {
    registry: Registry,
    waiting: RefCell<HashMap<(u64, Way), Waker>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    In,
    Out,
}

/// What the queue told of a connection that can be read.
pub(super) struct Told {
    pub(super) connection: u64,
    /// There is an end to what it has to say: everything before it is there.
    pub(super) ends: bool,
}

/// The queue as something that the runtime waits for, and the way to put sockets into it. Within a runtime.
///
/// # Errors
/// What the system says.
pub(super) fn queue() -> io::Result<(AsyncFd<Poll>, Registry)> {
    let poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    // SAFETY: the descriptor is the queue's own: it is open as long as the queue is, which the answer owns.
    let poll = unsafe { AsyncFd::register_with_interest(poll, Of::READABLE)? };
    Ok((poll, registry))
}

impl Ready {
    pub(super) fn new(registry: Registry) -> Ready {
        Ready { registry, waiting: RefCell::default() }
    }

    /// Wakes who waits for the event's socket; what is to be read from, if that is what it tells.
    pub(super) fn take(&self, event: &Event) -> Option<Told> {
        let connection = event.token().0 as u64;
        let ends = event.is_read_closed() || event.is_error();
        if event.is_writable() || event.is_write_closed() || ends {
            self.wake((connection, Way::Out));
        }
        if !event.is_readable() && !ends {
            return None;
        }
        self.wake((connection, Way::In));
        Some(Told { connection, ends })
    }

    fn wake(&self, who: (u64, Way)) {
        let waker = self.waiting.borrow_mut().remove(&who);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A non-blocking socket in the queue, until it is dropped.
pub(super) struct Plain {
    socket: TcpStream,
    ready: Rc<Ready>,
    connection: u64,
}

impl Plain {
    pub(super) fn new(socket: TcpStream, ready: Rc<Ready>, connection: u64) -> io::Result<Plain> {
        let both = Interest::READABLE | Interest::WRITABLE;
        ready.registry.register(&mut SourceFd(&socket.as_raw_fd()), Token(connection as usize), both)?;
        Ok(Plain { socket, ready, connection })
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.socket).read(buffer)
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.socket).write(bytes)
    }

    pub(super) fn poll_read(&self, cx: &mut task::Context<'_>, buffer: &mut [u8]) -> task::Poll<io::Result<usize>> {
        self.or_wait(Way::In, cx, self.try_read(buffer))
    }

    pub(super) fn poll_write(&self, cx: &mut task::Context<'_>, bytes: &[u8]) -> task::Poll<io::Result<usize>> {
        self.or_wait(Way::Out, cx, self.try_write(bytes))
    }

    fn or_wait(&self, way: Way, cx: &mut task::Context<'_>, tried: io::Result<usize>) -> task::Poll<io::Result<usize>> {
        match tried {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                let _before = self.ready.waiting.borrow_mut().insert((self.connection, way), cx.waker().clone());
                task::Poll::Pending
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {
                cx.waker().wake_by_ref();
                task::Poll::Pending
            }
            result => task::Poll::Ready(result),
        }
    }

    /// Ends the writing side.
    pub(super) fn shutdown(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let _ = self.ready.registry.deregister(&mut SourceFd(&self.socket.as_raw_fd()));
        // What a waker drops may be in the queue, too: not while the table is borrowed.
        for way in [Way::In, Way::Out] {
            let _waker = self.ready.waiting.borrow_mut().remove(&(self.connection, way));
        }
    }
}
