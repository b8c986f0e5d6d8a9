//! Events: their payloads, who may send them, who they are for.

use crate::{
    audience::{AudienceRequest, Clause},
    compile::{rule::Rule, schema::Schema},
    limits::Rate,
    principal::Principal,
    template::Template,
};
use serde_json::Value;

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
    /// Path into `data` of a version that must grow: a stale one is a conflict.
    pub version: Option<Vec<String>>,
    /// Path into `data` of a version by which clients keep the newest; documentation and types only.
    pub newest: Option<Vec<String>>,
    pub(crate) schema: Option<Schema>,
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
    /// Whether this is the event kind of `event_type`.
    pub fn matches(&self, event_type: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(prefix) => event_type.len() > prefix.len() && event_type.starts_with(prefix),
            None => self.name == event_type,
        }
    }

    /// Everything that is wrong with a payload; empty if it is valid.
    pub fn validate(&self, data: &Value) -> Vec<Violation> {
        let _ = data;
        todo!()
    }

    /// The payload's schema, with its references bundled into it.
    pub fn schema(&self) -> Option<&Value> {
        todo!()
    }

    /// Whether the principal may send it (`rules:`); backends always may.
    pub fn may_send(&self, principal: &Principal, data: &Value) -> bool {
        self.rules.as_ref().is_none_or(|rule| rule.holds(principal, &Vec::new(), Some(data)))
    }

    /// Who it is for, by the contract.
    pub fn audience(&self, data: &Value) -> AudienceRequest {
        let _ = data;
        todo!()
    }

    /// What deduplicates it, if the contract says so.
    pub fn dedup_key(&self, data: &Value, principal: Option<&Principal>) -> Option<String> {
        let _ = (data, principal);
        todo!()
    }
}
