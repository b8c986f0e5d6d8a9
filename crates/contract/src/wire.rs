//! How it is spelled: the templates of `wire:`.

use crate::template::Template;

#[derive(Debug)]
pub struct Wire {
    pub event: Template,
    /// What a client may send, in the order of the contract; the first that matches a frame is it.
    pub client: Vec<(ClientFrame, Template)>,
    pub server: Vec<(ServerFrame, Template)>,
}

impl Wire {
    pub fn server(&self, frame: ServerFrame) -> Option<&Template> {
        self.server.iter().find(|(f, _)| *f == frame).map(|(_, t)| t)
    }
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
