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
    /// For a client event: the type it is published as, if it is another one.
    pub publishes: Option<String>,
    pub trigger: Option<String>,
    pub story: Option<String>,
    pub examples: Vec<Value>,
    pub limit: Option<Rate>,
    /// What deduplicates it, e.g. `$data.vote_id/$principal.id`.
    pub key: Option<Template>,
    /// Path into `data` of a version by which clients keep the newest; documentation and types only.
    pub newest: Option<Vec<String>>,
    pub(crate) schema: Option<Arc<Schema>>,
    pub(crate) audience: Vec<Clause>,
    pub(crate) rules: Option<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publisher {
    Backend,
    Client,
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

impl Event {
    /// Whether the name stands for several types.
    pub fn is_pattern(&self) -> bool {
        self.name.ends_with('*')
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

    /// Whether the principal may send it (`rules:`); backends always may.
    pub fn may_send(&self, principal: &Principal, data: &Value) -> bool {
        self.rules.as_ref().is_none_or(|rule| rule.holds(principal, &Vec::new(), Some(data)))
    }

    /// Who it is for, by the contract. See [`crate::audience`] for what is read out of the payload.
    pub fn audience(&self, data: &Value) -> AudienceRequest {
        crate::audience::request(&self.audience, data)
    }

    /// What deduplicates it, if the contract says so and the payload has it.
    pub fn dedup_key(&self, data: &Value, principal: Option<&Principal>) -> Option<String> {
        let mut complete = true;
        let key = self.key.as_ref()?.fill(&mut |path| {
            let value = match path.split_first() {
                Some((root, rest)) if root == "data" => at_path(data, rest),
                Some((root, [attribute])) if root == "principal" => principal.and_then(|p| p.attributes.get(attribute)),
                _ => None,
            };
            let value = value.filter(|v| matches!(v, Value::String(_) | Value::Number(_) | Value::Bool(_)));
            complete &= value.is_some();
            value.cloned()
        });
        match key {
            Value::String(key) if complete && !key.is_empty() => Some(key),
            Value::Number(key) if complete => Some(key.to_string()),
            _ => None,
        }
    }
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
