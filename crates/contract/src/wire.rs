//! How it is spelled: the templates of `wire:`.

use crate::template::Template;

#[derive(Debug)]
pub struct Wire {
    pub protocol: Protocol,
    /// The event; under [`Protocol::Pusher`] what stands in its `data`.
    pub event: Template,
    /// What a client may send, in the order of the contract; the first that matches a frame is it.
    pub client: Vec<(ClientFrame, Template)>,
    pub server: Vec<(ServerFrame, Template)>,
}

impl Wire {
    pub fn client(&self, frame: ClientFrame) -> Option<&Template> {
        self.client.iter().find(|(f, _)| *f == frame).map(|(_, t)| t)
    }

    pub fn server(&self, frame: ServerFrame) -> Option<&Template> {
        self.server.iter().find(|(f, _)| *f == frame).map(|(_, t)| t)
    }
}

/// Whose frames these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// The contract's own: the templates of `client` and `server`.
    #[default]
    Templates,
    /// `protocol: pusher`: handshake, frames, signatures and HTTP interface of the Pusher protocol, version 7.
    Pusher,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientFrame {
    /// `$channel` or `$channels`; `$after` to resume.
    Subscribe,
    Unsubscribe,
    /// `$since`: what was missed on all joined channels.
    Sync,
    Ping,
    Pong,
    /// `$type`, `$data`, `$trace`, `$channel`, `$key`.
    Send,
    /// `$token`: a new one, before the old one expires.
    Refresh,
}

impl ClientFrame {
    pub const ALL: [ClientFrame; 7] = {
        use ClientFrame::*;
        [Subscribe, Unsubscribe, Sync, Ping, Pong, Send, Refresh]
    };

    /// What a contract calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            ClientFrame::Subscribe => "subscribe",
            ClientFrame::Unsubscribe => "unsubscribe",
            ClientFrame::Sync => "sync",
            ClientFrame::Ping => "ping",
            ClientFrame::Pong => "pong",
            ClientFrame::Send => "send",
            ClientFrame::Refresh => "refresh",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServerFrame {
    /// First on every connection.
    Hello,
    Subscribed,
    Unsubscribed,
    Synced,
    /// The answer to an accepted client event.
    Ack,
    /// The answer to a refused client event.
    Refused,
    Error,
    Ping,
    Pong,
    Refreshed,
    /// The history no longer reaches back: `$channel $from $to $reason $action $position`.
    Gap,
}

impl ServerFrame {
    pub const ALL: [ServerFrame; 11] = {
        use ServerFrame::*;
        [Hello, Subscribed, Unsubscribed, Synced, Ack, Refused, Error, Ping, Pong, Refreshed, Gap]
    };

    /// What a contract calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            ServerFrame::Hello => "hello",
            ServerFrame::Subscribed => "subscribed",
            ServerFrame::Unsubscribed => "unsubscribed",
            ServerFrame::Synced => "synced",
            ServerFrame::Ack => "ack",
            ServerFrame::Refused => "refused",
            ServerFrame::Error => "error",
            ServerFrame::Ping => "ping",
            ServerFrame::Pong => "pong",
            ServerFrame::Refreshed => "refreshed",
            ServerFrame::Gap => "gap",
        }
    }
}
