//! Clients of a contract: a connection of some transport to some channels, in the contract's own wire.

mod inbox;
mod poll;
mod pusher;
mod route;
mod sse;
mod websocket;

pub use inbox::{Arrived, Inbox};
pub use route::{Route, route};

use crate::{site::Site, wire::Frame};
use serde_json::Value;
use std::{fmt, sync::Arc};
use tidewire_contract::{Contract, EndpointKind, Protocol};
use tokio::sync::{mpsc, oneshot};

/// How a client connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    WebSocket,
    Sse,
    Poll,
    Pusher,
}

impl Transport {
    pub const ALL: [Transport; 4] = [Transport::WebSocket, Transport::Pusher, Transport::Sse, Transport::Poll];

    pub fn kind(self) -> EndpointKind {
        match self {
            Transport::WebSocket => EndpointKind::WebSocket,
            Transport::Sse => EndpointKind::Sse,
            Transport::Poll => EndpointKind::Poll,
            Transport::Pusher => EndpointKind::Pusher,
        }
    }

    /// The one over which a client can also send.
    pub fn both_ways(contract: &Contract) -> Transport {
        match contract.wire.protocol {
            Protocol::Pusher => Transport::Pusher,
            Protocol::Templates => Transport::WebSocket,
        }
    }

    /// Whether a client can send over it.
    pub fn sends(self) -> bool {
        matches!(self, Transport::WebSocket | Transport::Pusher)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::WebSocket => "websocket",
            Transport::Sse => "sse",
            Transport::Poll => "poll",
            Transport::Pusher => "pusher",
        })
    }
}

/// An open connection. What comes over it is in the inbox that it was opened with, under its number.
#[derive(Debug)]
pub struct Link {
    pub number: usize,
    pub transport: Transport,
    pub route: Route,
    /// Channels that were joined over it.
    pub channels: Vec<String>,
    orders: mpsc::UnboundedSender<Order>,
}

/// What a connection's task is told.
enum Order {
    /// A frame.
    Say(Value),
    /// To tell when all that the server had for the client before has come.
    Fence(oneshot::Sender<()>),
    /// To end it, in order; tells when it has ended.
    End(oneshot::Sender<()>),
}

/// Who opens a connection, and where it goes.
pub struct Opening<'a> {
    pub site: &'a Site,
    pub actor: &'a str,
    pub token: &'a str,
    pub route: Route,
    /// Where to go on from.
    pub after: Option<String>,
    pub inbox: &'a Arc<Inbox>,
    pub number: usize,
}

impl Link {
    /// Connects. A client that is not let in is told so by a frame.
    ///
    /// # Errors
    /// In words, when there is no server, or it does not speak HTTP.
    pub async fn open(transport: Transport, opening: Opening<'_>) -> Result<Result<Link, Frame>, String> {
        let (number, route) = (opening.number, opening.route.clone());
        let opened = match transport {
            Transport::WebSocket => websocket::open(opening).await?,
            Transport::Sse => sse::open(opening).await?,
            Transport::Poll => poll::open(opening).await?,
            Transport::Pusher => pusher::open(opening).await?,
        };
        Ok(opened.map(|orders| Link { number, transport, route, channels: Vec::new(), orders }))
    }

    /// Sends a frame; false if the connection has ended.
    pub fn say(&self, frame: Value) -> bool {
        self.orders.send(Order::Say(frame)).is_ok()
    }

    /// Waits until everything has come that the server had for the client when this was asked, and everything is processed that
    /// the client has said before. An ended connection has nothing more to come.
    ///
    /// Over a WebSocket it is a ping (RFC 6455): the server takes a client's frames in order, and before it answers a ping it
    /// writes what the client has not got yet of its channels. Over a poll it is one that does not wait. An event stream has
    /// no such means: see [`crate::flow`].
    pub async fn fence(&self) {
        let (told, done) = oneshot::channel();
        if self.orders.send(Order::Fence(told)).is_ok() {
            let _ = done.await;
        }
    }

    /// Ends it.
    pub async fn end(self) {
        let (told, done) = oneshot::channel();
        if self.orders.send(Order::End(told)).is_ok() {
            let _ = done.await;
        }
    }
}

/// Signs a subscription of the Pusher protocol, as its libraries do.
///
/// # Errors
/// The refusal, or in words that there was none.
pub use pusher::authorize;
