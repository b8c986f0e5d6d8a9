//! An event's frame.

use crate::{dialect::EventView, template::Pieces};
use tidewire_contract::Template;

pub(super) struct Encoder {
    data: Pieces,
}

/// The member of a record's fields that names the user who sent a client event on a presence channel.
pub const USER_ID: &str = "user_id";

impl Encoder {
    pub(super) fn new(data: &Template) -> Encoder {
        Encoder { data: Pieces::compile(data) }
    }

    /// `{"event":…,"channel":…,"data":…}`. A server's event has a text as data, whatever it is; a client's stays as it was sent.
    pub(super) fn write(&self, event: &EventView<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"event\":");
        text(&event.record.event_type, out);
        out.extend_from_slice(b",\"channel\":");
        text(event.channel, out);
        out.extend_from_slice(b",\"data\":");
        let start = out.len();
        self.data.write(event, out);
        if is_client_event(&event.record.event_type) {
            if let Some(user) = event.record.fields.as_deref().and_then(user_id) {
                out.extend_from_slice(b",\"user_id\":");
                text(&user, out);
            }
        } else if out.get(start) != Some(&b'"') {
            quote(out, start);
        }
        out.push(b'}');
    }
}

pub(super) fn is_client_event(name: &str) -> bool {
    name.starts_with("client-")
}

fn user_id(fields: &[u8]) -> Option<String> {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(fields).ok()?;
    fields.get(USER_ID)?.as_str().map(str::to_owned)
}

pub(super) fn text(value: &str, out: &mut Vec<u8>) {
    // Writing to a Vec does not fail.
    let _ = serde_json::to_writer(out, value);
}

/// Makes the JSON that begins at `start` a JSON text: quotes around it, and a backslash before every quote and backslash.
///
/// It is minified JSON, so it has no control characters.
fn quote(out: &mut Vec<u8>, start: usize) {
    let escapes = out[start..].iter().filter(|b| matches!(b, b'"' | b'\\')).count();
    let len = out.len();
    out.resize(len + escapes + 2, b'"');
    let mut to = out.len() - 1;
    for from in (start..len).rev() {
        to -= 1;
        let byte = out[from];
        out[to] = byte;
        if matches!(byte, b'"' | b'\\') {
            to -= 1;
            out[to] = b'\\';
        }
    }
    out[start] = b'"';
}
