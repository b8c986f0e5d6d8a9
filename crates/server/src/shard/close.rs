//! How a session ends.

use super::{client::Client, framing::Framing, worker::Worker};
use std::rc::Rc;
use tidewire_wire::{sse, websocket};

/// The token expired; a new one opens a new connection.
pub(super) const EXPIRED: u16 = 4401;
/// Nothing was heard for too long.
pub(super) const SILENT: u16 = 4408;

/// Says goodbye with a code of RFC 6455 or of the application's range; the client has a moment to answer.
pub(super) fn close(worker: &Rc<Worker>, client: &Rc<Client>, code: u16, reason: &str) {
    if client.closing.get() {
        return;
    }
    let mut bytes = Vec::new();
    match client.framing {
        Framing::WebSocket | Framing::Deflate => websocket::close(code, reason, &mut bytes),
        Framing::Sse => {
            let told = serde_json::json!({ "code": code, "reason": reason });
            sse::frame(Some("close"), None, told.to_string().as_bytes(), &mut bytes);
        }
    }
    client.send(worker, &bytes);
    client.closing.set(true);
    client.over.notify_one();
}
