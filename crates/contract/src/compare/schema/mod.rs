//! Payloads: which values were right under one version of an event and are not under the other.

mod conj;
mod declared;
mod disjoint;
mod lists;
mod logic;
mod numbers;
mod objects;
mod pattern;
mod reason;
mod same;
mod sample;
mod scalars;
mod side;
mod subset;
mod told;
mod types;

use super::{
    finding::{Version, Who},
    findings::{Findings, Spot},
};
use crate::{
    compile::schema::{Documents, Part},
    event::Event,
};
use conj::Conj;
use reason::Reason;
use serde_json::Value;
use side::{At, Side};
use std::sync::Arc;

/// Who is on which end of an event.
pub(super) struct Ends {
    /// Those who send it as it was; nobody, if the server does.
    pub send: Vec<Who>,
    /// Those who get it and know it as it was; nobody, if it is published as something else.
    pub receive: Vec<Who>,
}

/// What a comparison of two payloads is about.
pub(super) struct Payload<'p> {
    /// The event's key in each of the two contracts.
    pub names: (&'p str, &'p str),
    pub old: &'p Event,
    pub new: &'p Event,
    pub ends: Ends,
}

impl Payload<'_> {
    /// Where a place of a schema is; what has no schema, is where the event is.
    fn spot(&self, findings: &Findings<'_>, version: Version, at: &At) -> Spot {
        if !at.file.is_empty() {
            return Spot { version, file: at.file.to_string(), pointer: at.pointer.clone() };
        }
        let event = |name: &str| format!("/events/{}/data", name.replace('~', "~0").replace('/', "~1"));
        findings.at(&event(self.names.0), &event(self.names.1))
    }
}

fn side(event: &Event) -> Side {
    match &event.schema {
        Some(schema) => Side::new(Arc::clone(&schema.documents), &schema.root),
        None => Side::new(Arc::new(Documents::from([(String::new(), Value::Bool(true))])), ""),
    }
}

/// Whether the two surely are the same: the same files.
fn is_unchanged(old: &Event, new: &Event) -> bool {
    match (&old.schema, &new.schema) {
        (None, None) => true,
        (Some(old), Some(new)) => old.root == new.root && old.documents == new.documents,
        _ => false,
    }
}

/// Tells what became of an event's payload.
pub(super) fn payload(findings: &mut Findings<'_>, payload: &Payload<'_>) {
    if is_unchanged(payload.old, payload.new) {
        return;
    }
    let (old, new) = (side(payload.old), side(payload.new));
    if same::same(&old, old.root(), &new, new.root()) {
        return;
    }
    for reason in subset::against(&old, &new, &payload.old.examples.iter().collect::<Vec<_>>()) {
        told::sent(findings, payload, &reason);
    }
    let reasons = subset::against(&new, &old, &payload.new.examples.iter().collect::<Vec<_>>());
    for reason in &reasons {
        told::received(findings, payload, &old, reason);
    }
    if payload.ends.receive.is_empty() {
        return;
    }
    declared::fields(findings, payload, (&Conj::of(&old, old.root()), &Conj::of(&new, new.root())), &reasons);
}

/// What is known of two schemas: for those who test it.
#[doc(hidden)]
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// Every value that the first allows, the second allows.
    Yes,
    /// Not this one.
    No(Value),
    Unknown,
}

/// Whether a value is a schema that the compiler of contracts takes.
#[doc(hidden)]
pub fn is_schema(value: &Value) -> bool {
    let documents: Arc<Documents> = Arc::new(Documents::from([("a".to_owned(), value.clone())]));
    Part::is_schema(value) && Part::new(&documents, "a", "").is_some()
}

/// Whether every value of the schema `a` is one of `b`; both may refer to `schemas/other.json`-like files of their own.
#[doc(hidden)]
pub fn is_within(a: &[(&str, Value)], b: &[(&str, Value)]) -> Answer {
    let side = |files: &[(&str, Value)]| {
        let documents: Documents = files.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Side::new(Arc::new(documents), files.first().map_or("", |(name, _)| name))
    };
    let reasons: Vec<Reason> = subset::against(&side(a), &side(b), &[]);
    match reasons.iter().find_map(|reason| reason.witness.clone()) {
        _ if reasons.is_empty() => Answer::Yes,
        Some(witness) => Answer::No(witness),
        None => Answer::Unknown,
    }
}
