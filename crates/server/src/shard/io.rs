//! Where a session's bytes go, and where they come from.

use super::ready::{Plain, Ready};
use bytes::Bytes;
use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    net::TcpStream,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::mpsc,
};

/// A client's connection as it is handed to a shard.
pub enum Socket {
    /// A plain TCP socket, in non-blocking mode.
    Plain(TcpStream),
    /// Over TLS.
    Tls(Box<tokio_rustls::server::TlsStream<tokio::net::TcpStream>>),
    /// A stream of an HTTP/2 connection, or of an HTTP/1.1 connection that hyper owns: one page at a time.
    Body(mpsc::Sender<Bytes>),
}

/// The same, within the shard.
pub(super) enum Io {
    Plain(Plain),
    Tls(RefCell<Box<tokio_rustls::server::TlsStream<tokio::net::TcpStream>>>),
    Body(mpsc::Sender<Bytes>),
}

impl Io {
    pub(super) fn new(socket: Socket, ready: &Rc<Ready>, connection: u64) -> io::Result<Io> {
        Ok(match socket {
            Socket::Plain(stream) => {
                stream.set_nodelay(true)?;
                Io::Plain(Plain::new(stream, ready.clone(), connection)?)
            }
            Socket::Tls(stream) => Io::Tls(RefCell::new(stream)),
            Socket::Body(sender) => Io::Body(sender),
        })
    }

    /// Whether a task has to wait for what it has to say: only plain sockets are in the shard's queue.
    pub(super) fn wants_a_task(&self) -> bool {
        !matches!(self, Io::Plain(_))
    }

    /// Reads what is there; `WouldBlock` where nothing is. Only for who wants no task.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Io::Plain(socket) => socket.try_read(buffer),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Writes what the socket takes at once; `WouldBlock` where it takes nothing.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Io::Plain(socket) => socket.try_write(bytes),
            Io::Body(sender) => match sender.try_reserve() {
                Ok(permit) => {
                    permit.send(Bytes::copy_from_slice(bytes));
                    Ok(bytes.len())
                }
                Err(mpsc::error::TrySendError::Full(())) => Err(io::ErrorKind::WouldBlock.into()),
                Err(mpsc::error::TrySendError::Closed(())) => Err(io::ErrorKind::BrokenPipe.into()),
            },
            Io::Tls(_) => match self.poll_write(&mut Context::from_waker(Waker::noop()), bytes) {
                Poll::Ready(result) => result,
                Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            },
        }
    }

    /// Whether bytes that were taken may still wait inside (TLS): then somebody has to [`Io::flush`].
    pub(super) fn holds_back(&self) -> bool {
        match self {
            Io::Tls(stream) => stream.borrow().get_ref().1.wants_write(),
            _ => false,
        }
    }

    /// Waits until it takes bytes, and writes some.
    pub(super) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Io::Body(sender) => {
                let permit = sender.reserve().await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
                permit.send(Bytes::copy_from_slice(bytes));
                Ok(bytes.len())
            }
            _ => poll_fn(|cx| self.poll_write(cx, bytes)).await,
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Io::Plain(socket) => socket.poll_write(cx, bytes),
            Io::Tls(stream) => {
                let mut stream = stream.borrow_mut();
                let written = ready!(Pin::new(&mut **stream).poll_write(cx, bytes))?;
                // What does not go out now stays inside; `holds_back` tells.
                if let Poll::Ready(Err(e)) = Pin::new(&mut **stream).poll_flush(cx) {
                    return Poll::Ready(Err(e));
                }
                Poll::Ready(Ok(written))
            }
            Io::Body(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// Waits until nothing is held back.
    pub(super) async fn flush(&self) -> io::Result<()> {
        match self {
            Io::Tls(stream) => poll_fn(|cx| Pin::new(&mut **stream.borrow_mut()).poll_flush(cx)).await,
            _ => Ok(()),
        }
    }

    /// Waits for bytes and reads them into `buffer`, which is borrowed only while there is something to read. 0 is the end.
    pub(super) async fn read(&self, buffer: &RefCell<Box<[u8]>>) -> io::Result<usize> {
        match self {
            Io::Plain(socket) => poll_fn(|cx| socket.poll_read(cx, &mut buffer.borrow_mut())).await,
            Io::Tls(stream) => {
                poll_fn(|cx| {
                    let mut buffer = buffer.borrow_mut();
                    let mut read = ReadBuf::new(&mut buffer);
                    ready!(Pin::new(&mut **stream.borrow_mut()).poll_read(cx, &mut read))?;
                    Poll::Ready(Ok(read.filled().len()))
                })
                .await
            }
            Io::Body(sender) => {
                sender.closed().await;
                Ok(0)
            }
        }
    }

    /// Ends the writing side.
    pub(super) async fn shutdown(&self) {
        match self {
            Io::Plain(socket) => socket.shutdown(),
            Io::Tls(stream) => {
                let _ = poll_fn(|cx| Pin::new(&mut **stream.borrow_mut()).poll_shutdown(cx)).await;
            }
            Io::Body(_) => {}
        }
    }
}
