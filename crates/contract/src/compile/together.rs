//! What only shows when the sections are seen together.

use super::{
    channels::Channels,
    fields::short,
    source::{Reporter, suggest},
    wire::{EVENT_NAMES, EVENT_NAMES_DEEP},
    yaml::{Entry, Kind},
};
use crate::{
    auth::Auth,
    endpoint::{Endpoint, EndpointKind},
    event::{Event, Publisher},
    template::Template,
    wire::{ClientFrame, Wire},
};
use serde_json::Value;
use std::ops::Range;

/// A variable that the template of an event names has to be known of every event, whatever channel it is on.
pub(crate) fn event_template(report: &Reporter, entry: &Entry, wire: &Wire, events: &[Event], channels: &Channels) {
    let (mut names, variables) = (Vec::new(), channels.variables());
    wire.event.names(&mut names);
    let own = |n: &str| EVENT_NAMES.contains(&n) || EVENT_NAMES_DEEP.contains(&n);
    for name in names.iter().filter(|n| !own(n) && variables.iter().any(|v| v == **n)) {
        let lacking = events.iter().flat_map(|e| &e.on).find(|at| channels.list[**at].address.variables().all(|v| v != *name));
        if let Some(at) = lacking {
            let message =
                format!("`wire.event` names `${name}`, and the address of the channel `{}` has no `{{{name}}}`", channels.list[*at].id);
            report.add("unknown-name", entry.key_span.clone(), message, Some("name only what every channel with events has".to_owned()));
        }
    }
}

/// A client has to be able to show its token wherever it connects.
pub(crate) fn tokens(report: &Reporter, auth: &Auth, endpoints: &[(Endpoint, Range<usize>)]) {
    for (endpoint, span) in endpoints {
        let (places, key) = match endpoint.kind {
            EndpointKind::WebSocket => (&auth.websocket, "websocket"),
            EndpointKind::Sse => (&auth.sse, "sse"),
            EndpointKind::Poll => (&auth.poll, "poll"),
            EndpointKind::History => (&auth.history, "history"),
        };
        if places.is_empty() {
            let help = Some(format!("write `{key}:` or `token:` in `auth`, e.g. `[bearer header]`"));
            report.add("no-token", span.clone(), "`auth` does not say where a client puts its token here", help);
        }
    }
}

/// A rate is for a frame that there is.
pub(crate) fn limits(report: &Reporter, entry: &Entry, wire: &Wire, events: &[Event]) {
    let Kind::Map(entries) = &entry.value.kind else { return };
    let mut types: Vec<&str> = wire.client.iter().filter_map(|(_, template)| frame_type(template)).collect();
    let sent = || events.iter().filter(|e| e.from == Publisher::Client);
    types.extend(sent().map(|e| e.name.as_str()));
    for e in entries.iter().filter(|e| !["total", "connections"].contains(&e.key.as_str())) {
        if !types.contains(&e.key.as_str()) && !sent().any(|event| event.matches(&e.key)) {
            let words = ["total", "connections"].into_iter().chain(types.iter().copied());
            let help = suggest(&e.key, words, "the keys here, and the types of clients' frames, are");
            report.add("unknown-frame", e.key_span.clone(), format!("no client sends a frame `{}`", short(&e.key)), help);
        }
    }
}

/// What tells a frame's type: its first constant, those of the outer level before those within.
fn frame_type(template: &Template) -> Option<&str> {
    let Template::Object(entries) = template else { return None };
    let constant = entries.iter().find_map(|(_, t)| match t {
        Template::Value(Value::String(text)) => Some(text.as_str()),
        _ => None,
    });
    constant.or_else(|| entries.iter().find_map(|(_, t)| frame_type(t)))
}

/// Events of clients, and a frame to send them in.
pub(crate) fn sending(report: &Reporter, events: &Entry, wire: &Wire, compiled: &[Event]) {
    if wire.client.iter().any(|(frame, _)| *frame == ClientFrame::Send) {
        return;
    }
    let Kind::Map(entries) = &events.value.kind else { return };
    for event in compiled.iter().filter(|e| e.from == Publisher::Client) {
        if let Some(entry) = entries.iter().find(|e| e.key == event.name) {
            let help = Some("write `send:` in `wire.client`, e.g. `{ type: $type, data: $data }`".to_owned());
            report.add("no-frame", entry.key_span.clone(), "a client has no frame to send this event in", help);
        }
    }
}
