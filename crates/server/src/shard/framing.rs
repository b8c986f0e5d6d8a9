//! The bytes around a message, by transport.

use crate::{served::Served, session::Transport};
use tidewire_engine::log::Marks;
use tidewire_wire::{
    Dialect, EventView, Reply, sse,
    websocket::{self, Agreed},
};

/// How messages are framed; clients with the same framing and dialect get the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Framing {
    WebSocket,
    Deflate,
    Sse,
    Pusher,
    PusherDeflate,
}

pub(super) const FRAMINGS: usize = 5;

impl Framing {
    pub(super) fn of(transport: Transport) -> Framing {
        match transport {
            Transport::WebSocket(agreed) if agreed.deflate => Framing::Deflate,
            Transport::WebSocket(_) => Framing::WebSocket,
            Transport::Sse => Framing::Sse,
            Transport::Pusher(agreed) if agreed.deflate => Framing::PusherDeflate,
            Transport::Pusher(_) => Framing::Pusher,
        }
    }

    /// What was agreed on with a WebSocket.
    pub(super) fn agreed(self) -> Option<Agreed> {
        match self {
            Framing::WebSocket | Framing::Pusher => Some(Agreed { deflate: false }),
            Framing::Deflate | Framing::PusherDeflate => Some(Agreed { deflate: true }),
            Framing::Sse => None,
        }
    }

    pub(super) fn is_pusher(self) -> bool {
        matches!(self, Framing::Pusher | Framing::PusherDeflate)
    }

    /// How messages are spelled.
    pub(super) fn dialect(self, served: &Served) -> &dyn Dialect {
        match &served.pusher {
            Some(app) if self.is_pusher() => &app.frames,
            _ => &*served.dialect,
        }
    }

    /// Appends an event's frame. `scratch` is overwritten.
    pub(super) fn event(self, served: &Served, event: &EventView<'_>, marks: Marks, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        scratch.clear();
        self.dialect(served).event(event, scratch);
        match self {
            Framing::WebSocket | Framing::Pusher => websocket::frame(websocket::Opcode::Text, scratch, out),
            Framing::Deflate | Framing::PusherDeflate => websocket::frame_deflated(scratch, out),
            Framing::Sse => sse::frame(None, Some(&place(marks, event.record.at)), scratch, out),
        }
    }

    /// Appends a reply's frame; false where the protocol has no word for it.
    pub(super) fn reply(self, served: &Served, reply: &Reply, out: &mut Vec<u8>) -> bool {
        let mut json = Vec::new();
        if !self.dialect(served).reply(reply, &mut json) {
            return false;
        }
        match self {
            Framing::WebSocket | Framing::Deflate | Framing::Pusher | Framing::PusherDeflate => {
                websocket::frame(websocket::Opcode::Text, &json, out);
            }
            Framing::Sse => {
                let event = match reply {
                    // Where the protocol has an event of its own for it, whoever handles events handles it.
                    Reply::Gap(_) if is_an_event(served, &json) => None,
                    Reply::Gap(_) => Some("gap"),
                    Reply::Error { .. } | Reply::Refused { .. } => Some("refused"),
                    _ => None,
                };
                sse::frame(event, None, &json, out);
            }
        }
        true
    }
}

/// The id of an event stream: a time is a cursor in every log that the stream shows.
pub(super) fn place(marks: Marks, at: i64) -> String {
    format!("{:x}@{at}", marks.made)
}

/// Whether the frame's `type` is one of the contract's events.
fn is_an_event(served: &Served, json: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Typed {
        r#type: String,
    }
    serde_json::from_slice::<Typed>(json).is_ok_and(|typed| served.contract.event(&typed.r#type).is_some())
}
