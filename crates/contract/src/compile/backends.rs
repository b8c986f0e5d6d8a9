//! `backends:`: who takes clients' events and publishes others.

use super::{
    fields::{Fields, duration, list_or_one, mapping, short, text_of},
    language::BACKEND,
    payloads::Schemas,
    source::{Reporter, suggest},
    yaml::Entry,
};
use crate::{
    backend::Backend,
    event::{Event, Publisher, type_matches},
};
use std::time::Duration;

/// How long a client's event waits for its answer, where `deadline` does not say.
const DEADLINE: Duration = Duration::from_secs(5);

/// The backends that could be read, and the names of all that were written.
#[derive(Default)]
pub(crate) struct Backends {
    pub list: Vec<Backend>,
    pub names: Vec<String>,
}

/// What may be the name of a backend or of an actor: a word of a flow.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        && name.len() <= 64
}

pub(crate) fn backends(report: &Reporter, entry: &Entry, schemas: &Schemas) -> Backends {
    let mut backends = Backends::default();
    let Some(entries) = mapping(report, &entry.value, &entry.key_span, "backends") else { return backends };
    for entry in entries {
        backends.names.push(entry.key.clone());
        if !is_name(&entry.key) {
            let help = Some("letters, digits, - and _".to_owned());
            report.add("bad-name", entry.key_span.clone(), format!("`{}` cannot be a backend's name", short(&entry.key)), help);
        }
        backends.list.extend(backend(report, entry, schemas));
    }
    backends
}

fn backend(report: &Reporter, entry: &Entry, schemas: &Schemas) -> Option<Backend> {
    let fields = Fields::read(report, &entry.value, &entry.key_span, &BACKEND, false)?;
    let mut sends: Vec<String> = Vec::new();
    if let Some(e) = fields.get("sends") {
        for node in list_or_one(&e.value) {
            let Some(name) = text_of(report, node, &e.key_span, "sends") else { continue };
            if !schemas.has(name) && !schemas.names().any(|n| type_matches(name, n)) {
                let help = suggest(name, schemas.names(), "the events are");
                report.add("unknown-event", node.span.clone(), format!("there is no event `{}`", short(name)), help);
            } else if sends.iter().any(|s| s == name) {
                report.add("duplicate-key", node.span.clone(), format!("`{}` is here twice", short(name)), None);
            } else {
                sends.push(name.to_owned());
            }
        }
    }
    let deadline = fields.get("deadline").and_then(|e| duration(report, e)).unwrap_or(DEADLINE);
    Some(Backend { name: entry.key.clone(), sends, deadline })
}

/// A backend sends what backends may send.
pub(crate) fn check(report: &Reporter, entry: &Entry, backends: &Backends, events: &[Event]) {
    for backend in &backends.list {
        let Some(written) = entry.value.entry(&backend.name).and_then(|e| e.value.entry("sends")) else { continue };
        for node in list_or_one(&written.value) {
            let Some(event) = text_of(report, node, &written.key_span, "sends").and_then(|name| events.iter().find(|e| e.name == name))
            else {
                continue;
            };
            let who = match event.from {
                Publisher::Backend => continue,
                Publisher::Client => "clients",
                Publisher::Presence => "the server itself",
            };
            let message = format!("`{}` is sent by {who}, not by backends", short(&event.name));
            let help = Some("name what the backend publishes; what it takes says `to:`".to_owned());
            report.add("not-a-backend-event", node.span.clone(), message, help);
        }
    }
}
