//! The wire view: endpoints, and the frames that go over them as they are.

use super::{
    EXTENSION, parts,
    parts::reference,
    schemas::{AT, KEPT, Shelf},
};
use crate::{
    frame::{self, Frame, Role},
    name::{plain, unique},
    schema::below,
};
use serde_json::{Map, Value, json};
use tidewire_contract::{Contract, Endpoint, EndpointKind, Event, OptionRole, ServerFrame};

pub fn document(contract: &Contract, shelf: &Shelf<'_>) -> Value {
    let mut made = parts::head(contract);
    let mut view = Wire::new(contract, shelf);
    for endpoint in &contract.endpoints {
        view.endpoint(endpoint);
    }
    made.insert("servers".to_owned(), Value::Object(parts::servers(contract)));
    made.insert("channels".to_owned(), Value::Object(view.channels));
    made.insert("operations".to_owned(), Value::Object(view.operations));
    made.insert("components".to_owned(), json!({ "messages": view.messages, "schemas": {}, "securitySchemes": parts::security(contract) }));
    Value::Object(made)
}

/// A frame's message: its key, and what it is.
struct Message<'c> {
    key: String,
    role: Role<'c>,
}

struct Wire<'c> {
    contract: &'c Contract,
    events: Vec<Message<'c>>,
    client: Vec<Message<'c>>,
    server: Vec<Message<'c>>,
    messages: Map<String, Value>,
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    /// The key of the message of a page, once an endpoint answers pages.
    page: Option<String>,
    taken: Vec<String>,
}

impl<'c> Wire<'c> {
    fn new(contract: &'c Contract, shelf: &Shelf<'_>) -> Wire<'c> {
        let mut wire = Wire {
            contract,
            events: Vec::new(),
            client: Vec::new(),
            server: Vec::new(),
            messages: Map::new(),
            channels: Map::new(),
            operations: Map::new(),
            page: None,
            taken: Vec::new(),
        };
        let written = contract.source.document.get("events");
        let payload = |event: &Event| {
            let path = written.and_then(|all| all.get(&event.name)).and_then(|e| e.get("data")).and_then(Value::as_str);
            path.and_then(|path| shelf.name(path)).map_or_else(|| json!({}), |name| reference(&format!("{AT}{name}")))
        };
        let (mut events, mut client) = (frame::events(contract, &payload), frame::client(contract, &payload));
        // In the contract's order, whoever sends them: what comes back has it too.
        for event in &contract.events {
            if let Some(at) = events.iter().position(|f| is_of(f, event)) {
                let one = events.remove(at);
                let key = wire.message(&one, Some(event));
                wire.events.push(Message { key, role: one.role });
                // Sent and received alike: one event, and one message each way where the frames differ.
                if let Some(at) = client.iter().position(|f| is_of(f, event)) {
                    let mut one = client.remove(at);
                    one.name = format!("{}.sent", one.name);
                    let key = wire.message(&one, None);
                    wire.client.push(Message { key, role: one.role });
                }
            } else if let Some(at) = client.iter().position(|f| is_of(f, event)) {
                let one = client.remove(at);
                let key = wire.message(&one, Some(event));
                wire.client.push(Message { key, role: one.role });
            }
        }
        for one in client {
            let key = wire.message(&one, None);
            wire.client.push(Message { key, role: one.role });
        }
        for one in frame::server(contract, &payload) {
            let key = wire.message(&one, None);
            wire.server.push(Message { key, role: one.role });
        }
        wire
    }

    /// Adds the message of a frame; its key. `of`: the event that it stands for in the contract.
    fn message(&mut self, frame: &Frame<'_>, of: Option<&Event>) -> String {
        let key = unique(plain(&frame.name), &mut self.taken);
        let mut made = json!({ "name": frame.name });
        let summary = match frame.role {
            Role::Pusher(notice) => Some(notice.trigger.to_owned()),
            Role::Server(ServerFrame::Ack, Some(event)) => Some(format!("`{}` was accepted", event.name)),
            Role::Server(ServerFrame::Refused, Some(event)) => Some(format!("`{}` was refused", event.name)),
            Role::Event(event) | Role::Client(_, Some(event)) => event.trigger.clone(),
            _ => None,
        };
        if let Some(summary) = summary {
            made["summary"] = summary.into();
        }
        made["payload"] = draft7(&frame.schema);
        match of {
            Some(event) => {
                if !event.examples.is_empty() {
                    made["examples"] = examples(self.contract, frame, event);
                }
            }
            None => {
                made["examples"] = json!([{ "payload": frame.example }]);
                made[EXTENSION] = json!({ "frame": word(frame.role) });
            }
        }
        self.messages.insert(key.clone(), made);
        key
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        let mut taken: Vec<String> = self.channels.keys().cloned().collect();
        let path = endpoint.path.source.trim_matches('/').replace(['/', '{', '}'], "_");
        let key = unique(plain(&format!("{}.{path}", endpoint.kind.as_str())), &mut taken);
        let mut channel = json!({
            "address": endpoint.path.source,
            "servers": [reference(&format!("#/servers/{}", endpoint.kind.as_str()))],
        });
        let parameters: Map<String, Value> =
            endpoint.path.variables().map(|name| (name.to_owned(), json!({ "description": format!("`{name}` of the path") }))).collect();
        if !parameters.is_empty() {
            channel["parameters"] = Value::Object(parameters);
        }
        let query = query(endpoint);
        let is_socket = matches!(endpoint.kind, EndpointKind::WebSocket | EndpointKind::Pusher);
        if is_socket {
            let mut binding = json!({ "method": "GET", "bindingVersion": "0.1.0" });
            if let Some(query) = &query {
                binding["query"] = query.clone();
            }
            channel["bindings"] = json!({ "ws": binding });
        }
        let binding = |method: &str| {
            let mut binding = json!({ "method": method, "bindingVersion": "0.3.0" });
            if let Some(query) = &query {
                binding["query"] = query.clone();
            }
            json!({ "http": binding })
        };
        match endpoint.kind {
            EndpointKind::WebSocket | EndpointKind::Pusher => self.socket(&key, channel),
            EndpointKind::Sse => {
                let told = self.server.iter().filter(|m| is_told(m.role)).chain(&self.events).map(|m| m.key.clone()).collect::<Vec<_>>();
                self.answering(&key, channel, &told, binding("GET"));
            }
            EndpointKind::Poll | EndpointKind::History | EndpointKind::Replay => {
                let page = self.page();
                self.answering(&key, channel, &[page], binding("GET"));
            }
            EndpointKind::Authorize | EndpointKind::SignIn => self.signing(&key, channel, endpoint.kind, binding("POST")),
        }
    }

    fn add(&mut self, key: &str, mut channel: Value, messages: impl IntoIterator<Item = String>) {
        let messages: Map<String, Value> =
            messages.into_iter().map(|name| (name.clone(), reference(&format!("#/components/messages/{name}")))).collect();
        channel["messages"] = Value::Object(messages);
        self.channels.insert(key.to_owned(), channel);
    }

    /// Frames in both directions.
    fn socket(&mut self, key: &str, channel: Value) {
        let all: Vec<String> = self.events.iter().chain(&self.client).chain(&self.server).map(|m| m.key.clone()).collect();
        self.add(key, channel, all);
        let on = |name: &str| reference(&format!("#/channels/{key}/messages/{name}"));
        let answers = |m: &&Message<'_>| matches!(m.role, Role::Server(ServerFrame::Ack | ServerFrame::Refused, Some(_)));
        let sent: Vec<Value> = self.events.iter().chain(self.server.iter().filter(|m| !answers(m))).map(|m| on(&m.key)).collect();
        if !sent.is_empty() {
            let operation = json!({ "action": "send", "channel": reference(&format!("#/channels/{key}")), "messages": sent });
            self.operations.insert(format!("send.{key}"), operation);
        }
        for message in &self.client {
            let mut operation =
                json!({ "action": "receive", "channel": reference(&format!("#/channels/{key}")), "messages": [on(&message.key)] });
            if let Role::Client(_, Some(event)) = message.role {
                let is_its = |m: &&Message<'_>| matches!(m.role, Role::Server(_, Some(of)) if of.name == event.name);
                let replies: Vec<Value> = self.server.iter().filter(is_its).map(|m| on(&m.key)).collect();
                if !replies.is_empty() {
                    operation["reply"] = json!({ "channel": reference(&format!("#/channels/{key}")), "messages": replies });
                }
            }
            self.operations.insert(format!("receive.{key}.{}", message.key), operation);
        }
    }

    /// What is answered to a GET.
    fn answering(&mut self, key: &str, channel: Value, messages: &[String], bindings: Value) {
        self.add(key, channel, messages.iter().cloned());
        let messages: Vec<Value> = messages.iter().map(|name| reference(&format!("#/channels/{key}/messages/{name}"))).collect();
        let operation = json!({
            "action": "send",
            "channel": reference(&format!("#/channels/{key}")),
            "messages": messages,
            "bindings": bindings,
        });
        self.operations.insert(format!("send.{key}"), operation);
    }

    /// The message of a page: events in their envelopes, and what is told of a gap.
    fn page(&mut self) -> String {
        const NAME: &str = "page";
        if let Some(key) = &self.page {
            return key.clone();
        }
        let key = unique(NAME.to_owned(), &mut self.taken);
        self.page = Some(key.clone());
        let is_pusher = frame::is_pusher(self.contract);
        let any: Vec<Value> = (self.events.iter())
            .map(|m| {
                let payload = format!("#/components/messages/{}/payload", m.key);
                // In a frame of the Pusher protocol the envelope is a text; in a page it is not.
                if is_pusher { reference(&format!("{payload}/properties/data/{KEPT}/contentSchema")) } else { reference(&payload) }
            })
            .chain(
                self.server
                    .iter()
                    .filter(|m| matches!(m.role, Role::Server(ServerFrame::Gap, _)))
                    .map(|m| reference(&format!("#/components/messages/{}/payload", m.key))),
            )
            .collect();
        let items = if any.is_empty() { json!({}) } else { json!({ "anyOf": any }) };
        let mut message =
            json!({ "name": NAME, "summary": "The events since a point, in order", "payload": { "type": "array", "items": items } });
        message[EXTENSION] = json!({ "frame": NAME });
        self.messages.insert(key.clone(), message);
        key
    }

    /// A POST that is answered by a signature.
    fn signing(&mut self, key: &str, channel: Value, kind: EndpointKind, bindings: Value) {
        let word = kind.as_str();
        let asked = if kind == EndpointKind::Authorize { json!(["socket_id", "channel_name"]) } else { json!(["socket_id"]) };
        let text = json!({ "type": "string" });
        let request = json!({
            "name": word,
            "contentType": "application/x-www-form-urlencoded",
            "payload": { "type": "object", "required": asked, "properties": { "socket_id": text, "channel_name": text } },
            (EXTENSION): { "frame": word },
        });
        let answer = json!({
            "name": format!("{word}.answer"),
            "payload": { "type": "object", "required": ["auth"], "properties": { "auth": text, "channel_data": text, "user_data": text } },
            (EXTENSION): { "frame": word },
        });
        let keys = [unique(word.to_owned(), &mut self.taken), unique(format!("{word}.answer"), &mut self.taken)];
        for (key, message) in keys.iter().zip([request, answer]) {
            self.messages.insert(key.clone(), message);
        }
        self.add(key, channel, keys.iter().cloned());
        let on = |name: &str| reference(&format!("#/channels/{key}/messages/{name}"));
        let operation = json!({
            "action": "receive",
            "channel": reference(&format!("#/channels/{key}")),
            "messages": [on(&keys[0])],
            "bindings": bindings,
            "reply": { "channel": reference(&format!("#/channels/{key}")), "messages": [on(&keys[1])] },
        });
        self.operations.insert(format!("receive.{key}"), operation);
    }
}

fn is_of(frame: &Frame<'_>, event: &Event) -> bool {
    matches!(frame.role, Role::Event(of) | Role::Client(_, Some(of)) if of.name == event.name)
}

/// Whether it is told on event streams, too.
fn is_told(role: Role<'_>) -> bool {
    matches!(role, Role::Server(ServerFrame::Hello | ServerFrame::Gap | ServerFrame::Error, None))
}

fn word(role: Role<'_>) -> &'static str {
    match role {
        Role::Event(_) => "event",
        Role::Client(kind, _) => kind.as_str(),
        Role::Server(kind, _) => kind.as_str(),
        Role::Pusher(_) => "pusher",
    }
}

/// The event's examples in its frame: they differ in their payload alone.
fn examples(contract: &Contract, frame: &Frame<'_>, event: &Event) -> Value {
    let is_sent = matches!(frame.role, Role::Client(..));
    let is_pusher = frame::is_pusher(contract);
    let path = if is_sent {
        let own = contract.wire.client.iter().find_map(|(_, template)| frame::place(template, "data"));
        if is_pusher { Some(vec!["data".to_owned()]) } else { own }
    } else {
        frame::place(&contract.wire.event, "data")
    };
    let placed = |envelope: &mut Value, payload: &Value| {
        let place = path.as_ref().and_then(|path| path.iter().try_fold(envelope, |value, part| value.get_mut(part)));
        if let Some(place) = place {
            *place = payload.clone();
        }
    };
    let written = contract.source.document.get("events").and_then(|all| all.get(&event.name)).unwrap_or(&Value::Null);
    let whole = |payload: &Value| {
        let mut whole = frame.example.clone();
        match whole.get("data").and_then(Value::as_str).filter(|_| is_pusher && !is_sent).map(serde_json::from_str::<Value>) {
            Some(Ok(mut envelope)) => {
                placed(&mut envelope, payload);
                whole["data"] = envelope.to_string().into();
            }
            _ => placed(&mut whole, payload),
        }
        whole
    };
    event.examples.iter().enumerate().map(|(at, payload)| parts::example(written, at, whole(payload))).collect()
}

fn query(endpoint: &Endpoint) -> Option<Value> {
    let mut properties = Map::new();
    for (name, variable) in &endpoint.query {
        let mut property = json!({ "type": "string", "description": "Names the channel" });
        if name != variable {
            property[EXTENSION] = json!({ "variable": variable });
        }
        properties.insert(name.clone(), property);
    }
    for (name, role) in &endpoint.options {
        let (kind, does) = match role {
            OptionRole::Filter => ("string", "Types to be shown, separated by `;`; `*` stands for the rest"),
            OptionRole::Resume => ("string", "Go on behind an event's id, a seq, a position or a time"),
            OptionRole::Page => ("integer", "How many events a page has"),
            OptionRole::Subscribe => ("string", "Channels, separated by commas"),
        };
        properties.insert(name.clone(), json!({ "type": kind, "description": does }));
    }
    if properties.is_empty() {
        return None;
    }
    let mut query = json!({ "type": "object", "properties": properties });
    if !endpoint.query.is_empty() {
        query["required"] = endpoint.query.iter().map(|(name, _)| name.as_str()).collect();
    }
    Some(query)
}

/// A frame's schema in the words of draft 7.
fn draft7(schema: &Value) -> Value {
    let Some(members) = schema.as_object() else { return schema.clone() };
    let mut made = below(members, &mut draft7);
    if let Some(items) = made.shift_remove("prefixItems") {
        made.insert("items".to_owned(), items);
    }
    // What is within a text has no word there.
    if let Some(inner) = made.shift_remove("contentSchema") {
        made.insert(KEPT.to_owned(), json!({ "contentSchema": inner }));
    }
    Value::Object(made)
}
