//! `actors:`: who plays in flows and mocks.

use super::{
    backends::{Backends, is_name},
    fields::{mapping, short},
    source::Reporter,
    yaml::{Entry, Node},
};
use crate::flow::Actor;
use serde_json::Value;

pub(crate) fn actors(report: &Reporter, entry: &Entry, backends: &Backends) -> Vec<Actor> {
    let Some(entries) = mapping(report, &entry.value, &entry.key_span, "actors") else { return Vec::new() };
    let mut actors = Vec::new();
    for entry in entries {
        if !is_name(&entry.key) {
            let help = Some("letters, digits, - and _".to_owned());
            report.add("bad-name", entry.key_span.clone(), format!("`{}` cannot be an actor's name", short(&entry.key)), help);
        }
        if backends.names.contains(&entry.key) {
            let help = Some("give one of them another name: flows would not know who is meant".to_owned());
            report.add("same-name", entry.key_span.clone(), format!("`{}` is a backend, too", short(&entry.key)), help);
        }
        if mapping(report, &entry.value, &entry.key_span, "an actor").is_none() {
            continue;
        }
        if let Value::Object(claims) = Node::to_json(&entry.value) {
            actors.push(Actor { name: entry.key.clone(), claims });
        }
    }
    actors
}
