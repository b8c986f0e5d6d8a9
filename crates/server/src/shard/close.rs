//! How a session ends.

use super::{client::Client, framing::Framing, worker::Worker};
use std::rc::Rc;
use tidewire_wire::{pusher, sse, websocket};

/// A backend ended it, or it no longer may be here.
pub(super) const ENDED: u16 = 4403;
/// The server, or what it is let in by, is another one in a moment: to come back.
pub(super) const COME_BACK: u16 = 1012;
/// The token expired; a new one opens a new connection.
pub(super) const EXPIRED: u16 = 4401;
/// Nothing was heard for too long.
pub(super) const SILENT: u16 = 4408;
/// Another connection of the same principal took its place.
pub(super) const REPLACED: u16 = 4409;

/// The number under which clients of the Pusher protocol know what to do.
fn in_pusher(code: u16) -> u16 {
    match code {
        // Not to come back by itself.
        EXPIRED | REPLACED | ENDED => pusher::close::UNAUTHORIZED,
        SILENT => pusher::close::NO_PONG,
        code => code,
    }
}

/// Says goodbye with a code of RFC 6455 or of the application's range; the client has a moment to answer.
pub(super) fn close(worker: &Rc<Worker>, client: &Rc<Client>, code: u16, reason: &str) {
    if client.closing.get() {
        return;
    }
    // An empty reason answers the client's own close.
    if !reason.is_empty() {
        client.tally.ended(code);
    }
    let mut bytes = Vec::new();
    let code = if client.framing.is_pusher() { in_pusher(code) } else { code };
    match client.framing {
        Framing::WebSocket | Framing::Deflate | Framing::Pusher | Framing::PusherDeflate => websocket::close(code, reason, &mut bytes),
        Framing::Sse => {
            let told = serde_json::json!({ "code": code, "reason": reason });
            sse::frame(Some("close"), None, told.to_string().as_bytes(), &mut bytes);
        }
    }
    client.send(worker, &bytes);
    client.closing.set(true);
    client.over(worker);
}
