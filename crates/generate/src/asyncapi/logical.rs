//! The logical view: channels and what is said on them, whatever it looks like on the wire.

use super::{
    EXTENSION, parts,
    parts::reference,
    schemas::{AT, Shelf},
};
use crate::{
    frame::{self, Examples, Role},
    name::{plain, unique},
};
use serde_json::{Map, Value, json};
use tidewire_contract::{Channel, Contract, Event, ServerFrame};

/// The channel of answers: of each client's own connection, so it has no address.
const ANSWERS: &str = "answers";

pub fn document(contract: &Contract, shelf: &Shelf<'_>) -> Value {
    let mut made = parts::head(contract);
    let mut view =
        Logical { contract, messages: Map::new(), keys: Vec::new(), channels: Map::new(), operations: Map::new(), taking: Vec::new() };
    view.events(shelf);
    view.channels();
    view.answers();
    made.insert("servers".to_owned(), Value::Object(parts::servers(contract)));
    made.insert("channels".to_owned(), Value::Object(view.channels));
    made.insert("operations".to_owned(), Value::Object(view.operations));
    made.insert("components".to_owned(), json!({ "messages": view.messages, "schemas": {}, "securitySchemes": parts::security(contract) }));
    Value::Object(made)
}

struct Logical<'c> {
    contract: &'c Contract,
    messages: Map<String, Value>,
    /// The key of each event's message.
    keys: Vec<String>,
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    /// The operations that take a client's event, with its place in the contract.
    taking: Vec<(String, usize)>,
}

impl Logical<'_> {
    fn events(&mut self, shelf: &Shelf<'_>) {
        for event in &self.contract.events {
            let key = unique(plain(&event.name), &mut self.keys);
            self.messages.insert(key, message(self.contract, shelf, event));
        }
    }

    /// The events on a channel, by their places in the contract: those that subscribers get, and those that clients send there.
    fn on(&self, kind: usize, channel: &Channel) -> (Vec<usize>, Vec<usize>) {
        let examples = Examples::of(self.contract);
        let log = channel.mirrors.unwrap_or(kind);
        let all = || self.contract.events.iter().enumerate();
        let sent = all().filter(|(_, e)| frame::is_published(e) && e.on.contains(&log)).map(|(at, _)| at).collect();
        let received = all()
            .filter(|(_, e)| frame::is_sent(e) && if e.on.is_empty() { examples.goes_to(e) == kind } else { e.on.contains(&kind) })
            .map(|(at, _)| at)
            .collect();
        (sent, received)
    }

    fn channels(&mut self) {
        let written = self.contract.source.document.get("channels");
        for (kind, channel) in self.contract.channels.iter().enumerate() {
            // Those that come by themselves are not in the contract.
            if written.is_some_and(|all| all.get(&channel.id).is_none()) {
                continue;
            }
            let key = plain(&channel.id);
            let (sent, received) = self.on(kind, channel);
            let messages: Map<String, Value> = sent
                .iter()
                .chain(&received)
                .map(|at| (self.keys[*at].clone(), reference(&format!("#/components/messages/{}", self.keys[*at]))))
                .collect();
            let mut made = json!({ "address": channel.address.source, "messages": messages });
            let parameters: Map<String, Value> = channel
                .address
                .variables()
                .map(|name| (name.to_owned(), json!({ "description": format!("`{name}` of the channel's name"), "examples": [Examples::of(self.contract).variable(Some(kind), name, None)] })))
                .collect();
            if !parameters.is_empty() {
                made["parameters"] = Value::Object(parameters);
            }
            self.channels.insert(key.clone(), made);
            // A mirror's events are those of the channel that it shows.
            for at in sent {
                self.operation("send", &key, at, channel.mirrors.is_some());
            }
            for at in received {
                self.operation("receive", &key, at, false);
            }
        }
    }

    fn operation(&mut self, action: &str, channel: &str, event: usize, is_mirror: bool) {
        let key = &self.keys[event];
        let mut made = json!({
            "action": action,
            "channel": reference(&format!("#/channels/{channel}")),
            "messages": [reference(&format!("#/channels/{channel}/messages/{key}"))],
        });
        if is_mirror {
            made[EXTENSION] = json!({ "mirror": true });
        }
        let name = format!("{action}.{channel}.{key}");
        if action == "receive" {
            self.taking.push((name.clone(), event));
        }
        self.operations.insert(name, made);
    }

    /// What a client is answered: a channel of its own, and the replies of its operations.
    fn answers(&mut self) {
        let mut messages = Map::new();
        let mut replies: Vec<(String, String)> = Vec::new();
        let mut taken = self.keys.clone();
        for one in frame::server(self.contract, &frame::none) {
            let Role::Server(kind @ (ServerFrame::Ack | ServerFrame::Refused), Some(event)) = one.role else { continue };
            let key = unique(plain(&one.name), &mut taken);
            let mut message = json!({
                "name": one.name,
                "summary": if kind == ServerFrame::Ack { format!("`{}` was accepted", event.name) } else { format!("`{}` was refused", event.name) },
                "payload": answer(kind, event),
            });
            message[EXTENSION] = json!({ "frame": kind.as_str() });
            messages.insert(key.clone(), reference(&format!("#/components/messages/{key}")));
            self.messages.insert(key.clone(), message);
            replies.push((event.name.clone(), key));
        }
        if messages.is_empty() {
            return;
        }
        let mut taken: Vec<String> = self.channels.keys().cloned().collect();
        let channel = unique(ANSWERS.to_owned(), &mut taken);
        let description = "What a client is answered, on its own connection alone";
        self.channels.insert(channel.clone(), json!({ "address": null, "description": description, "messages": messages }));
        for (name, at) in &self.taking {
            let of = self.contract.events.get(*at).map(|event| event.name.as_str());
            let messages: Vec<Value> = (replies.iter())
                .filter(|(event, _)| Some(event.as_str()) == of)
                .map(|(_, key)| reference(&format!("#/channels/{channel}/messages/{key}")))
                .collect();
            if let Some(operation) = self.operations.get_mut(name).filter(|_| !messages.is_empty()) {
                operation["reply"] = json!({ "channel": reference(&format!("#/channels/{channel}")), "messages": messages });
            }
        }
    }
}

fn message(contract: &Contract, shelf: &Shelf<'_>, event: &Event) -> Value {
    let mut made = json!({ "name": event.name });
    if let Some(trigger) = &event.trigger {
        made["summary"] = trigger.clone().into();
    }
    let written = contract.source.document.get("events").and_then(|all| all.get(&event.name));
    if let Some(name) = written.and_then(|e| e.get("data")).and_then(Value::as_str).and_then(|path| shelf.name(path)) {
        made["payload"] = reference(&format!("{AT}{name}"));
    }
    if !event.examples.is_empty() {
        let written = written.unwrap_or(&Value::Null);
        made["examples"] = event.examples.iter().enumerate().map(|(at, example)| parts::example(written, at, example.clone())).collect();
    }
    made
}

/// What an answer says, whatever it looks like on the wire.
fn answer(kind: ServerFrame, event: &Event) -> Value {
    match (kind, event.to) {
        (ServerFrame::Ack, None) => json!({
            "type": "object",
            "required": ["id", "seq", "at", "duplicate"],
            "properties": {
                "id": { "type": "string" },
                "seq": { "type": "integer", "minimum": 1 },
                "at": { "type": "string", "format": "date-time" },
                "duplicate": { "type": "boolean", "description": "Whether it was there already" },
            },
        }),
        (ServerFrame::Ack, Some(_)) => json!({ "description": "What the backend answered" }),
        _ => json!({
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": { "type": "string" },
                "message": { "type": "string" },
                "errors": { "type": "array", "items": { "type": "object" } },
            },
        }),
    }
}
