//! What a `$name` stands for: its schema and an example, by the frame that it is in.

use super::{Payload, Role};
use crate::name::escaped;
use serde_json::{Map, Value, json};
use tidewire_contract::{Contract, Event, ServerFrame, address::Part, template::Segment};

/// The example's moment, as the server spells times.
pub const AT: &str = "2026-01-31T10:00:00.000000Z";
pub const ID: &str = "019c1344-7d00-7000-8000-000000000001";
pub const SEQ: u64 = 412;
pub const EPOCH: &str = "64b2f";

pub fn position() -> String {
    format!("{EPOCH}:{SEQ}")
}

/// What stands for names in one frame.
pub struct Names<'c, 's> {
    pub contract: &'c Contract,
    pub role: Role<'c>,
    pub payload: Payload<'s>,
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn place() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]+:[0-9]+$" })
}

fn or_null(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").cloned() {
        schema["type"] = json!([kind, "null"]);
    }
    schema
}

fn null() -> Value {
    json!({ "type": "null" })
}

/// The schema of an event's type, or of the types of a pattern.
pub fn type_schema(event: &Event) -> Value {
    match event.name.strip_suffix('*') {
        Some(prefix) => json!({ "type": "string", "pattern": format!("^{}.+$", escaped(prefix)) }),
        None => json!({ "const": event.name }),
    }
}

impl Names<'_, '_> {
    /// The schema of a name that stands alone.
    pub fn schema(&self, path: &[String]) -> Value {
        let Some((name, rest)) = path.split_first() else { return json!({}) };
        match self.role {
            Role::Event(event) => self.of_event(event, name, rest),
            Role::Client(_, event) => self.of_client(event, name),
            Role::Server(frame, event) => self.of_server(frame, event, name, rest),
            Role::Pusher(_) => json!({}),
        }
    }

    fn of_event(&self, event: &Event, name: &str, rest: &[String]) -> Value {
        match name {
            "data" if rest.is_empty() => (self.payload)(event),
            "data" | "fields" => json!({}),
            "type" => type_schema(event),
            "id" => json!({ "type": "string", "format": "uuid" }),
            "seq" => json!({ "type": "integer", "minimum": 1 }),
            "at" | "occurred_at" => time(),
            "replay" => json!({ "type": "boolean" }),
            "key" | "trace" => or_null(text()),
            "position" => place(),
            "epoch" => json!({ "type": "string", "pattern": "^[0-9a-f]+$" }),
            "channel" => self.channel(event),
            variable => self.variable(event, variable),
        }
    }

    /// Channels that the event may be on, by the patterns of their addresses.
    fn channel(&self, event: &Event) -> Value {
        if event.on.is_empty() {
            return text();
        }
        let patterns: Vec<String> = (self.contract.channels.iter().enumerate())
            .filter(|(kind, channel)| event.on.contains(kind) || channel.mirrors.is_some_and(|of| event.on.contains(&of)))
            .map(|(_, channel)| pattern(&channel.address.parts))
            .collect();
        // The channel of a signed-in user takes any event.
        if self.contract.users.is_some() { text() } else { json!({ "type": "string", "pattern": format!("^({})$", patterns.join("|")) }) }
    }

    /// A variable of the channel's address; null where the channel has none of that name.
    fn variable(&self, event: &Event, name: &str) -> Value {
        let everywhere = !event.on.is_empty()
            && event.on.iter().filter_map(|kind| self.contract.channels.get(*kind)).all(|c| c.address.variables().any(|v| v == name));
        if everywhere && self.contract.users.is_none() { text() } else { or_null(text()) }
    }

    fn of_client(&self, event: Option<&Event>, name: &str) -> Value {
        match (name, event) {
            ("type", Some(event)) => type_schema(event),
            ("data", Some(event)) => (self.payload)(event),
            ("data", None) => json!({}),
            ("channels", _) => json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }),
            ("channel", _) if event.is_some() => or_null(text()),
            ("after", _) => json!({ "type": ["string", "integer", "null"], "description": "An event's id, a seq, a position or a time" }),
            ("since", _) => json!({ "type": ["string", "integer"], "description": "A time, an event's id, a seq or a position" }),
            ("key" | "trace", _) => json!({}),
            _ => text(),
        }
    }

    fn of_server(&self, frame: ServerFrame, event: Option<&Event>, name: &str, rest: &[String]) -> Value {
        use ServerFrame as F;
        let answers = !matches!(frame, F::Hello | F::Ping | F::Gap);
        match (name, frame) {
            ("at", _) => time(),
            ("key" | "trace", _) => {
                if answers {
                    json!({})
                } else {
                    null()
                }
            }
            ("connection", F::Hello) => text(),
            ("channel", F::Hello) => or_null(text()),
            ("position", F::Hello) => or_null(place()),
            ("seq", F::Hello) => json!({ "type": ["integer", "null"], "minimum": 0 }),
            ("presence", F::Hello) => json!({ "type": ["array", "null"] }),
            ("retained", F::Hello) => self.retained(rest),
            ("channel", F::Subscribed | F::Unsubscribed | F::Gap) => text(),
            ("channel", F::Error) => or_null(text()),
            ("channels", F::Subscribed | F::Unsubscribed) => json!({ "type": "array", "items": { "type": "string" } }),
            ("position", F::Subscribed | F::Gap) | ("to", F::Gap) => place(),
            ("seq", F::Subscribed) => json!({ "type": "integer", "minimum": 0 }),
            ("type", F::Ack | F::Refused) => event.map_or_else(text, type_schema),
            ("type", F::Subscribed | F::Unsubscribed | F::Error) => or_null(text()),
            ("reply" | "data", F::Ack) => self.reply(event, rest),
            (_, F::Ack) if self.reply_members(event).is_some_and(|m| m.contains_key(name)) => self.reply(event, &[name.to_owned()]),
            (_, F::Ack) if event.is_some_and(|e| e.to.is_some()) => json!({}),
            ("code" | "message", F::Refused | F::Error) => text(),
            ("action", F::Refused | F::Error) => text(),
            ("errors", F::Refused) => errors(),
            ("expires", F::Refreshed) => or_null(time()),
            ("from", F::Gap) => text(),
            ("from_at", F::Gap) => or_null(time()),
            ("reason", F::Gap) => json!({ "enum": ["expired", "reset", "unknown", "damaged"] }),
            ("action", F::Gap) => text(),
            _ if self.is_variable(name) => or_null(text()),
            _ => null(),
        }
    }

    /// The newest event that a channel retains under a name; null where there is none yet.
    fn retained(&self, rest: &[String]) -> Value {
        let [name] = rest else { return json!({}) };
        let kept = self.contract.channels.iter().flat_map(|c| &c.retain).find(|(kept, _)| kept == name);
        match kept.and_then(|(_, event_type)| self.contract.event(event_type)) {
            Some(event) => json!({ "anyOf": [(self.payload)(event), { "type": "null" }] }),
            None => null(),
        }
    }

    /// What an accepted event became; what a backend answers, if it was handed to one.
    fn reply(&self, event: Option<&Event>, rest: &[String]) -> Value {
        let Some(members) = self.reply_members(event) else { return json!({}) };
        match rest {
            [] => json!({ "type": "object", "required": members.keys().collect::<Vec<_>>(), "properties": members }),
            [one] => members.get(one).cloned().unwrap_or_else(null),
            _ => null(),
        }
    }

    fn reply_members(&self, event: Option<&Event>) -> Option<Map<String, Value>> {
        if event.is_none_or(|e| e.to.is_some()) {
            return None;
        }
        let members = json!({
            "id": text(),
            "seq": { "type": "integer", "minimum": 1 },
            "at": time(),
            "duplicate": { "type": "boolean" },
        });
        members.as_object().cloned()
    }

    fn is_variable(&self, name: &str) -> bool {
        self.contract.endpoints.iter().any(|e| e.path.variables().any(|v| v == name) || e.query.iter().any(|(_, v)| v == name))
            || self.contract.channels.iter().any(|c| c.address.variables().any(|v| v == name))
    }

    /// The regular expression of a text with names in it.
    pub fn pattern(&self, segments: &[Segment]) -> Value {
        let mut constant = Some(String::new());
        let mut pattern = String::from("^");
        for segment in segments {
            match segment {
                Segment::Literal(literal) => {
                    pattern += &escaped(literal);
                    constant = constant.map(|c| c + literal);
                }
                Segment::Name(path) => {
                    let schema = self.schema(path);
                    if let Some(text) = schema.get("const").and_then(Value::as_str) {
                        pattern += &escaped(text);
                        constant = constant.map(|c| c + text);
                        continue;
                    }
                    constant = None;
                    pattern += match schema.get("format").and_then(Value::as_str) {
                        Some("uuid") => "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                        _ => ".*",
                    };
                }
            }
        }
        match constant {
            Some(text) => json!({ "const": text }),
            None => json!({ "type": "string", "pattern": format!("{pattern}$") }),
        }
    }
}

fn errors() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["pointer", "rule", "found", "message"],
            "properties": {
                "pointer": { "type": "string", "description": "Where in the payload, as a JSON pointer" },
                "rule": { "type": "string", "description": "The keyword of the schema that failed" },
                "found": { "type": "string", "description": "The JSON type of what is there" },
                "message": { "type": "string" },
            },
        },
    })
}

/// The regular expression of an address, without anchors.
pub fn pattern(parts: &[Part]) -> String {
    let part = |part: &Part| match part {
        Part::Literal(text) => escaped(text),
        Part::Variable(_) => ".+".to_owned(),
    };
    parts.iter().map(part).collect()
}
