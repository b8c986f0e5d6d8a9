//! What goes over the wire, frame by frame, each with its schema and an example: what documents, schemas and types are made of.

mod example;
mod list;
mod pusher;
mod spelled;
mod value;

pub use example::{Examples, payload};
pub use list::{client, envelope, events, server};
pub use pusher::{Notice, is_pusher};

use serde_json::Value;
use tidewire_contract::{ClientFrame, Contract, Event, Publisher, ServerFrame, Template};

/// One kind of frame.
#[derive(Debug, Clone)]
pub struct Frame<'c> {
    /// The type that it carries as the wire spells it (`room.join`, `message.send.ack`); what it does, where it carries none.
    pub name: String,
    pub role: Role<'c>,
    pub schema: Value,
    pub example: Value,
}

/// What a frame is for.
#[derive(Debug, Clone, Copy)]
pub enum Role<'c> {
    /// An event, to those who may see it.
    Event(&'c Event),
    /// A client's; with its event, if it sends one.
    Client(ClientFrame, Option<&'c Event>),
    /// The server's; with the client's event that it answers.
    Server(ServerFrame, Option<&'c Event>),
    /// A frame of the Pusher protocol's own.
    Pusher(&'static Notice),
}

/// Where the schema of an event's payload is to be found: what stands in a frame's schema in its place.
pub type Payload<'p> = &'p dyn Fn(&Event) -> Value;

/// No payload's schema, for those who only want names and examples.
pub fn none(_: &Event) -> Value {
    Value::Object(serde_json::Map::new())
}

/// Whether subscribers get it: a backend's event, the server's own, or a client's that is published as it is.
pub fn is_published(event: &Event) -> bool {
    event.from != Publisher::Client || event.to.is_none() && event.publishes.is_none()
}

/// Whether clients send it.
pub fn is_sent(event: &Event) -> bool {
    event.from == Publisher::Client
}

/// The members that lead to a name in a template: of `{ payload: { room: $channel } }` and `channel`, `payload.room`.
pub fn place(template: &Template, name: &str) -> Option<Vec<String>> {
    match template {
        Template::Name(path) => (path.len() == 1 && path[0] == name).then(Vec::new),
        Template::Object(entries) => entries.iter().find_map(|(key, inner)| {
            let mut found = place(inner, name)?;
            found.insert(0, key.clone());
            Some(found)
        }),
        _ => None,
    }
}

/// The type that a frame carries, as the wire spells it: where events carry theirs, or else in its first constant.
pub(crate) fn type_of(contract: &Contract, template: &Template, example: &Value) -> Option<String> {
    let mut at = place(&contract.wire.event, "type");
    if at.is_none() {
        at = contract.wire.client.iter().find_map(|(_, send)| place(send, "type"));
    }
    let spelled = at.and_then(|path| path.iter().try_fold(example, |value, key| value.get(key))).and_then(Value::as_str);
    spelled.map(str::to_owned).or_else(|| constant(template))
}

/// The first text of a frame that is always the same: the same that tells the server which frame it is.
pub(crate) fn constant(template: &Template) -> Option<String> {
    let Template::Object(entries) = template else { return None };
    entries.iter().find_map(|(_, inner)| match inner {
        Template::Value(Value::String(text)) => Some(text.clone()),
        Template::Object(_) => constant(inner),
        _ => None,
    })
}
