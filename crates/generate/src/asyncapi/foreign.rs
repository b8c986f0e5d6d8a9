//! An AsyncAPI document that never was a contract: as much of one as can be made, and what is missing.

use super::{
    back::{Restored, ordered},
    object, schemas, understand,
    understand::followed,
};
use crate::name::{plain, unique};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Formats of schemas that are JSON Schema, or its superset in AsyncAPI.
const FORMATS: [&str; 4] = ["application/vnd.aai.asyncapi", "application/schema+json", "application/schema+yaml", "application/json"];

pub fn contract(document: &Value) -> Restored {
    let mut made = understand::root(document);
    let mut work = Work { document, notes: Vec::new(), files: BTreeMap::new(), paths: BTreeMap::new(), events: Map::new() };
    let title = made.get("title").and_then(Value::as_str).unwrap_or("contract").to_owned();
    let name = made.get("name").and_then(Value::as_str).map_or_else(|| slug(&title), str::to_owned);
    made.insert("name".to_owned(), name.clone().into());
    made.entry("version").or_insert_with(|| "0.1.0".into());
    work.components();
    let channels = work.channels();
    work.operations(&channels);
    made.insert("auth".to_owned(), work.auth());
    made.insert(
        "channels".to_owned(),
        channels.iter().map(|c| (c.id.clone(), json!({ "address": c.address }))).collect::<Map<_, _>>().into(),
    );
    let sends = work.events.values().any(|event| event.get("from").is_some());
    made.insert("wire".to_owned(), work.wire(sends));
    made.insert("endpoints".to_owned(), work.endpoints(&name));
    let Work { notes, files, events, .. } = work;
    made.insert("events".to_owned(), Value::Object(events));
    Restored { name, document: ordered(made), schemas: files, notes }
}

/// A contract's name, made of a title.
fn slug(title: &str) -> String {
    let mut name: String = title.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    while name.contains("--") {
        name = name.replace("--", "-");
    }
    let name = name.trim_matches(|c: char| c == '-' || c.is_ascii_digit()).chars().take(63).collect::<String>();
    if name.is_empty() { "contract".to_owned() } else { name.trim_end_matches('-').to_owned() }
}

struct Channel<'d> {
    key: &'d str,
    id: String,
    address: String,
}

struct Work<'d> {
    document: &'d Value,
    notes: Vec<String>,
    files: BTreeMap<String, Value>,
    /// Component → path of its file.
    paths: BTreeMap<String, String>,
    events: Map<String, Value>,
}

impl<'d> Work<'d> {
    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The document's schemas, a file each.
    fn components(&mut self) {
        let components = object(self.document.pointer("/components/schemas"));
        let mut usable = Map::new();
        for (name, schema) in components {
            match self.json_schema(schema, &format!("the schema `{name}`")) {
                Some(schema) => usable.insert(name.clone(), schema.clone()),
                None => usable.insert(name.clone(), Value::Bool(true)),
            };
        }
        self.paths = usable.keys().map(|name| (name.clone(), schemas::path_of(&plain(name)))).collect();
        self.files = schemas::back(&usable, &self.paths);
    }

    /// A schema without what says its format; `None` if it is in none that a contract has.
    fn json_schema<'s>(&mut self, schema: &'s Value, what: &str) -> Option<&'s Value> {
        let Some(format) = schema.get("schemaFormat").and_then(Value::as_str) else { return Some(schema) };
        if FORMATS.iter().any(|known| format.starts_with(known)) {
            return schema.get("schema");
        }
        self.note(format!("{what} is written in {format}, and not in JSON Schema: any payload is taken. Write it in `schemas/`."));
        None
    }

    fn channels(&mut self) -> Vec<Channel<'d>> {
        let mut all: Vec<Channel<'d>> = Vec::new();
        let mut taken = Vec::new();
        for (key, channel) in object(self.document.get("channels")) {
            let channel = followed(self.document, channel);
            let Some(address) = channel.get("address").and_then(Value::as_str).filter(|address| !address.is_empty()) else {
                self.note(format!("the channel `{key}` has no address, and is left out"));
                continue;
            };
            if let Some(other) = all.iter().find(|c| pattern(&c.address) == pattern(address)) {
                let other = other.key;
                self.note(format!("the channels `{other}` and `{key}` have addresses of the same pattern: they are one here"));
                let (id, address) = all.iter().find(|c| c.key == other).map(|c| (c.id.clone(), c.address.clone())).unwrap_or_default();
                all.push(Channel { key, id, address });
                continue;
            }
            all.push(Channel { key, id: unique(identifier(key), &mut taken), address: address.to_owned() });
        }
        if all.is_empty() {
            self.note("the document has no channel with an address: one was made up".to_owned());
            all.push(Channel { key: "", id: "main".to_owned(), address: "main".to_owned() });
        }
        all
    }

    fn operations(&mut self, channels: &[Channel<'d>]) {
        let mut used = Vec::new();
        for (name, operation) in object(self.document.get("operations")) {
            let operation = followed(self.document, operation);
            let reference = operation.pointer("/channel/$ref").and_then(Value::as_str).unwrap_or_default();
            let Some(channel) = channels.iter().find(|c| reference.strip_prefix("#/channels/").is_some_and(|key| unpointed(key) == c.key))
            else {
                self.note(format!("the operation `{name}` is on no channel that is here, and is left out"));
                continue;
            };
            let is_received = operation.get("action").is_some_and(|action| action == "receive");
            let on_channel = || {
                let messages = self.document.get("channels").and_then(|all| all.get(channel.key)).map(|c| followed(self.document, c));
                object(messages.and_then(|c| c.get("messages"))).iter().map(|(key, message)| (key.as_str(), message)).collect::<Vec<_>>()
            };
            let messages: Vec<(&str, &Value)> = match operation.get("messages").and_then(Value::as_array) {
                Some(some) => some
                    .iter()
                    .map(|m| (m.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next()).unwrap_or(name), m))
                    .collect(),
                None => on_channel(),
            };
            for (key, message) in messages {
                let message = followed(self.document, message);
                self.event(key, message, channel, is_received, operation);
                used.push(channel.key);
            }
            if operation.get("reply").is_some() {
                self.note(format!("`{name}` has a reply: here every event of a client is answered by `wire.server.ack`, or by `refused`"));
            }
        }
        // A channel that nobody uses is told of what it carries.
        for channel in channels.iter().filter(|c| !used.contains(&c.key)) {
            let of = self.document.get("channels").and_then(|all| all.get(channel.key)).map(|c| followed(self.document, c));
            let messages: Vec<(&String, &Value)> = object(of.and_then(|c| c.get("messages"))).iter().collect();
            if messages.is_empty() {
                self.note(format!("nothing is said on the channel `{}`: an event was made up for it", channel.id));
                self.events.insert(format!("{}.event", channel.id), json!({ "on": channel.id }));
            }
            for (key, message) in messages {
                let message = followed(self.document, message);
                self.event(key, message, channel, false, &Value::Null);
            }
        }
    }

    fn event(&mut self, key: &str, message: &Value, channel: &Channel<'_>, is_received: bool, operation: &Value) {
        let mut name =
            message.get("name").and_then(Value::as_str).unwrap_or(key).replace(|c: char| c.is_whitespace() || c.is_control(), "_");
        if name.ends_with('*') {
            name.pop();
        }
        if let Some(known) = self.events.get_mut(&name) {
            let was_received = known.get("from").is_some();
            if was_received == is_received {
                add_channel(known, &channel.id);
                return;
            }
            // The same message both ways: what a client sends is published as it is.
            add_channel(known, &channel.id);
            known["from"] = "client".into();
            return;
        }
        let mut event = Map::from_iter([("on".to_owned(), channel.id.clone().into())]);
        if is_received {
            event.insert("from".to_owned(), "client".into());
        }
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let trigger = ["summary", "title", "description"].iter().find_map(|k| text(message, k)).or_else(|| text(operation, "summary"));
        if let Some(trigger) = trigger {
            event.insert("trigger".to_owned(), trigger.trim().to_owned().into());
        }
        if let Some(path) = self.payload(&name, message) {
            event.insert("data".to_owned(), path.into());
        }
        if message.get("headers").is_some() || message.get("traits").is_some() {
            self.note(format!("`{name}` has headers or traits: a contract has an envelope instead, `wire.event`"));
        }
        let examples: Vec<Value> =
            message.get("examples").and_then(Value::as_array).into_iter().flatten().filter_map(|e| e.get("payload").cloned()).collect();
        if !examples.is_empty() {
            event.insert("examples".to_owned(), examples.into());
        }
        self.events.insert(name, Value::Object(event));
    }

    /// The file of a message's payload: its component's, or one of its own.
    fn payload(&mut self, name: &str, message: &Value) -> Option<String> {
        let payload = message.get("payload")?;
        let payload = self.json_schema(payload, &format!("the payload of `{name}`"))?.clone();
        if let Some(component) = payload.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix(schemas::AT))
            && let Some(path) = self.paths.get(&unpointed(component))
        {
            return Some(path.clone());
        }
        let path = schemas::path_of(&plain(name));
        let path = if self.files.contains_key(&path) { schemas::path_of(&format!("{}.payload", plain(name))) } else { path };
        let schema = schemas::converted(&payload, &path, &self.paths, true);
        if self.leads_out(&schema) {
            self.note(format!("the payload of `{name}` refers out of the document: such parts take anything"));
        }
        self.files.insert(path.clone(), self.closed(&schema));
        Some(path)
    }

    fn leads_out(&self, schema: &Value) -> bool {
        match schema {
            Value::Object(members) => members.iter().any(|(key, value)| key == "$ref" && !self.is_here(value) || self.leads_out(value)),
            Value::Array(items) => items.iter().any(|item| self.leads_out(item)),
            _ => false,
        }
    }

    fn is_here(&self, reference: &Value) -> bool {
        let text = reference.as_str().unwrap_or_default();
        let file = text.split('#').next().unwrap_or_default();
        // Files of components stand in the same folder.
        text == "#"
            || text.starts_with("#/$defs/")
            || !file.is_empty() && self.paths.values().any(|path| path.ends_with(&format!("/{file}")))
    }

    /// Without references to what is not here.
    fn closed(&self, schema: &Value) -> Value {
        match schema {
            Value::Object(members) => members
                .iter()
                .filter(|(key, value)| *key != "$ref" || self.is_here(value))
                .map(|(key, value)| (key.clone(), self.closed(value)))
                .collect::<Map<_, _>>()
                .into(),
            Value::Array(items) => items.iter().map(|item| self.closed(item)).collect(),
            other => other.clone(),
        }
    }

    fn auth(&mut self) -> Value {
        let mut tokens: Vec<Value> = Vec::new();
        for server in object(self.document.get("servers")).values() {
            let server = followed(self.document, server);
            for scheme in server.get("security").and_then(Value::as_array).into_iter().flatten() {
                match understand::place(followed(self.document, scheme)) {
                    Some(place) if !tokens.contains(&place.as_str().into()) => tokens.push(place.into()),
                    Some(_) => {}
                    None => {
                        let kind = followed(self.document, scheme).get("type").cloned().unwrap_or_default();
                        self.note(format!("the security of type {kind} is none of a contract's: `auth` takes a bearer token or a cookie"));
                    }
                }
            }
        }
        if tokens.is_empty() {
            self.note("the document does not say where a client's token is: `auth.token` is assumed to be the bearer header".to_owned());
            tokens.push("bearer header".into());
        }
        self.note(
            "who a client is, `auth.principal`, is assumed to be the token's `sub`; who may join a channel is not said: everybody may"
                .to_owned(),
        );
        json!({ "token": tokens, "principal": { "id": "$claims.sub" } })
    }

    fn wire(&mut self, sends: bool) -> Value {
        self.note(
            "the frames on the wire, `wire`, are not in the document: an envelope `{ type, payload, timestamp }` is assumed".to_owned(),
        );
        let mut wire = json!({
            "event": { "type": "$type", "payload": "$data", "timestamp": "$at" },
            "client": {
                "subscribe": { "type": "subscribe", "payload": { "channel": "$channel" } },
                "unsubscribe": { "type": "unsubscribe", "payload": { "channel": "$channel" } },
                "ping": { "type": "ping" },
            },
            "server": {
                "subscribed": { "type": "subscribed", "payload": { "channel": "$channel" } },
                "error": { "type": "error", "payload": { "code": "$code", "message": "$message" } },
                "pong": { "type": "pong" },
            },
        });
        if sends {
            wire["client"]["send"] = json!({ "type": "$type", "payload": "$data", "channel": "$channel", "ref": "$key" });
            wire["server"]["ack"] = json!({ "type": "$type.ack", "payload": "$reply", "ref": "$key" });
            wire["server"]["refused"] =
                json!({ "type": "$type.error", "payload": { "code": "$code", "message": "$message", "errors": "$errors" }, "ref": "$key" });
        }
        wire
    }

    fn endpoints(&mut self, name: &str) -> Value {
        self.note(format!(
            "where clients connect, `endpoints`, is assumed: a WebSocket at /{name}/ws and an event stream at /{name}/events"
        ));
        json!([{ "websocket": format!("/{name}/ws") }, { "sse": format!("/{name}/events"), "options": { "channel": "subscribe" } }])
    }
}

fn add_channel(event: &mut Value, id: &str) {
    let on = match event.get("on").cloned() {
        Some(Value::Array(mut all)) => {
            if !all.contains(&id.into()) {
                all.push(id.into());
            }
            Value::Array(all)
        }
        Some(one) if one == id => one,
        Some(one) => json!([one, id]),
        None => id.into(),
    };
    event["on"] = on;
}

fn unpointed(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

/// A key of a contract's channel.
fn identifier(key: &str) -> String {
    let name: String = key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if name.is_empty() { "channel".to_owned() } else { name }
}

/// An address with all variables alike.
fn pattern(address: &str) -> String {
    let mut pattern = String::new();
    let mut inside = false;
    for c in address.chars() {
        match c {
            '{' => inside = true,
            '}' => {
                inside = false;
                pattern.push_str("{}");
            }
            c if !inside => pattern.push(c),
            _ => {}
        }
    }
    pattern
}
