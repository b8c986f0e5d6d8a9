//! Events: their payloads, who may send them, who they are for.

use crate::{
    audience::{AudienceRequest, Clause},
    compile::{rule::Rule, schema::Schema},
    limits::Rate,
    principal::Principal,
    template::Template,
};
use serde_json::Value;
use std::sync::Arc;

#[derive(Debug)]
pub struct Event {
    /// The type, or a pattern that ends in `*`.
    pub name: String,
    /// Indices into [`crate::Contract::channels`].
    pub on: Vec<usize>,
    pub from: Publisher,
    /// For a client event: the backend that decides what becomes of it, by its place in [`crate::Contract::backends`].
    pub to: Option<usize>,
    /// For a client event: the channel that it goes to, where its frame names none; over `$data.…` and `$principal.…`.
    pub channel: Option<Template>,
    /// For a client event: the type it is published as, if it is another one.
    pub publishes: Option<String>,
    /// For a client event: the payload it is published with, if it is another one; over `$id`, `$data.…` and `$principal.…`.
    pub published: Option<Template>,
    pub trigger: Option<String>,
    pub story: Option<String>,
    pub examples: Vec<Value>,
    pub limit: Option<Rate>,
    /// What deduplicates it, e.g. `$data.vote_id/$principal.id`.
    pub key: Option<Template>,
    /// Path into `data` of a version by which clients keep the newest; documentation and types only.
    pub newest: Option<Vec<String>>,
    /// `version:`: of one resource no event is accepted whose version is not higher than the last (`CONFLICT`).
    pub version: Option<Version>,
    /// Also kept in the contract's audit trail.
    pub audit: bool,
    pub(crate) schema: Option<Arc<Schema>>,
    pub(crate) audience: Vec<Clause>,
    pub(crate) rules: Option<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publisher {
    Backend,
    Client,
    /// The server itself, when somebody comes or goes ([`crate::Presence`]).
    Presence,
}

/// Optimistic locking (C-3): paths into `data`.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// What has versions: `["id"]`.
    pub of: Vec<String>,
    /// A whole number: `["version"]`.
    pub is: Vec<String>,
}

/// One thing wrong with a payload.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Violation {
    /// JSON pointer into the payload; empty for the whole of it.
    pub pointer: String,
    /// The schema keyword that failed, e.g. `maxLength`.
    pub rule: String,
    /// The JSON type of the value that was found there.
    pub found: &'static str,
    pub message: String,
}

/// The JSON type of a value, by its name in JSON Schema; whole numbers are numbers.
pub fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl Event {
    /// Whether the name stands for several types.
    pub fn is_pattern(&self) -> bool {
        self.name.ends_with('*')
    }

    /// Whether events of this type are seen on their channels: not handed to a backend, and not published as another type.
    pub fn is_shown(&self) -> bool {
        self.to.is_none() && self.publishes.is_none()
    }

    /// Whether this is the event kind of `event_type`.
    pub fn matches(&self, event_type: &str) -> bool {
        type_matches(&self.name, event_type)
    }

    /// Everything that is wrong with a payload (the first 50); empty if it is valid.
    pub fn validate(&self, data: &Value) -> Vec<Violation> {
        self.schema.as_ref().map_or_else(Vec::new, |schema| schema.validate(data))
    }

    /// The payload's schema, with its references bundled into it.
    pub fn schema(&self) -> Option<&Value> {
        self.schema.as_ref().map(|schema| schema.bundled())
    }

    /// Whether everybody on the channel gets it, as far as the contract says.
    pub fn is_for_everybody(&self) -> bool {
        self.audience.is_empty()
    }

    /// Whether the principal may send it (`rules:`); backends always may.
    pub fn may_send(&self, principal: &Principal, data: &Value) -> bool {
        self.rules.as_ref().is_none_or(|rule| rule.holds(principal, &Vec::new(), Some(data)))
    }

    /// Who it is for, by the contract. See [`crate::audience`] for what is read out of the payload.
    pub fn audience(&self, data: &Value) -> AudienceRequest {
        crate::audience::request(&self.audience, data)
    }

    /// The channel that a client's event goes to (`in:`), if the contract says so and the payload has what it takes.
    pub fn destination(&self, data: &Value, principal: &Principal) -> Option<String> {
        let mut whole = true;
        let name = self.channel.as_ref()?.fill(&mut |path| {
            let value = looked_up(path, data, Some(principal)).filter(|v| as_name(v).is_some_and(|name| !name.is_empty()));
            whole &= value.is_some();
            value
        });
        as_name(&name).filter(|_| whole)
    }

    /// The payload that a client's event is published with on `channel`, where that is another one (`publishes.data`). `key`
    /// is what deduplicates it there: the same key is the same `$id`.
    pub fn published(&self, data: &Value, principal: &Principal, channel: &str, key: &str) -> Option<Value> {
        let payload = self.published.as_ref()?.fill(&mut |path| match path.first().map(String::as_str) {
            Some("id") => Some(id_of(&self.name, channel, key).into()),
            Some("channel") => Some(channel.into()),
            _ => looked_up(path, data, Some(principal)),
        });
        Some(payload)
    }

    /// What deduplicates it, if the contract says so and the payload has it.
    pub fn dedup_key(&self, data: &Value, principal: Option<&Principal>) -> Option<String> {
        let mut complete = true;
        let key = self.key.as_ref()?.fill(&mut |path| {
            let value = looked_up(path, data, principal).filter(|v| matches!(v, Value::String(_) | Value::Number(_) | Value::Bool(_)));
            complete &= value.is_some();
            value
        });
        match key {
            Value::String(key) if complete && !key.is_empty() => Some(key),
            Value::Number(key) if complete => Some(key.to_string()),
            _ => None,
        }
    }
}

/// The value of `$data.…` or `$principal.…`.
fn looked_up(path: &[String], data: &Value, principal: Option<&Principal>) -> Option<Value> {
    match path.split_first()? {
        (root, rest) if root == "data" => at_path(data, rest).cloned(),
        (root, rest) if root == "principal" => principal?.attributes.at(rest),
        _ => None,
    }
}

/// A UUID (RFC 9562, version 5) made of what makes a client's event the only one of its kind.
fn id_of(event_type: &str, channel: &str, key: &str) -> String {
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, format!("tidewire:{event_type}\0{channel}\0{key}").as_bytes()).to_string()
}

/// Whether a type is `name`, or matches it if it ends in `*`.
pub(crate) fn type_matches(name: &str, event_type: &str) -> bool {
    match name.strip_suffix('*') {
        Some(prefix) => event_type.len() > prefix.len() && event_type.starts_with(prefix),
        None => name == event_type,
    }
}

/// The value at a path into a payload.
pub(crate) fn at_path<'d>(data: &'d Value, path: &[String]) -> Option<&'d Value> {
    path.iter().try_fold(data, |value, part| value.get(part))
}

/// A value that names somebody or something: text, or a number as text.
pub(crate) fn as_name(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}
