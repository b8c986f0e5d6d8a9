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
    frames::constant,
    wire::{ClientFrame, Protocol, Wire},
};
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

/// Keys of `auth` that say where a token is.
const PLACES: [&str; 5] = ["token", "websocket", "sse", "poll", "history"];

/// A client has to be able to show its token wherever it connects. Those of the Pusher protocol show a signature, so a
/// contract with none but them needs no place for tokens.
pub(crate) fn tokens(report: &Reporter, entry: &Entry, auth: &Auth, protocol: Protocol, endpoints: &[(Endpoint, Range<usize>)]) {
    let nowhere = [&auth.websocket, &auth.sse, &auth.poll, &auth.history].iter().all(|places| places.is_empty());
    let Kind::Map(entries) = &entry.value.kind else { return };
    // A place that could not be read has been told of.
    if nowhere && entries.iter().any(|e| PLACES.contains(&e.key.as_str())) {
        return;
    }
    if nowhere && protocol == Protocol::Templates {
        let help = Some("write `token: [bearer header]`".to_owned());
        report.add("missing-key", entry.key_span.clone(), "auth does not say where a client puts its token", help);
        return;
    }
    for (endpoint, span) in endpoints {
        let (lacking, key) = match endpoint.kind {
            // Under the Pusher protocol it is not one that can be here.
            EndpointKind::WebSocket => (auth.websocket.is_empty() && protocol == Protocol::Templates, "websocket"),
            EndpointKind::Sse => (auth.sse.is_empty(), "sse"),
            EndpointKind::Poll => (auth.poll.is_empty(), "poll"),
            EndpointKind::History => (auth.history.is_empty(), "history"),
            // The server's own route takes a token wherever any other endpoint does.
            EndpointKind::Replay => (nowhere, "history"),
            // Who shows a signature has no need of a token, and who signs is told of `devices`.
            EndpointKind::Pusher | EndpointKind::Authorize | EndpointKind::SignIn => continue,
        };
        if lacking {
            let help = Some(format!("write `{key}:` or `token:` in `auth`, e.g. `[bearer header]`"));
            report.add("no-token", span.clone(), "`auth` does not say where a client puts its token here", help);
        }
    }
}

/// Keys of `limits` that are no frames.
const LIMIT_WORDS: [&str; 4] = ["messages", "total", "per", "connections"];

/// A rate is for a frame that there is.
pub(crate) fn limits(report: &Reporter, entry: &Entry, wire: &Wire, events: &[Event]) {
    let Kind::Map(entries) = &entry.value.kind else { return };
    let mut types: Vec<&str> = wire.client.iter().filter_map(|(_, template)| constant(template)).collect();
    let sent = || events.iter().filter(|e| e.from == Publisher::Client);
    types.extend(sent().map(|e| e.name.as_str()));
    for e in entries.iter().filter(|e| !LIMIT_WORDS.contains(&e.key.as_str())) {
        if !types.contains(&e.key.as_str()) && !sent().any(|event| event.matches(&e.key)) {
            let words = LIMIT_WORDS.into_iter().chain(types.iter().copied());
            let help = suggest(&e.key, words, "the keys here, and the types of clients' frames, are");
            report.add("unknown-frame", e.key_span.clone(), format!("no client sends a frame `{}`", short(&e.key)), help);
        }
    }
}

/// Events of clients, and a frame to send them in.
pub(crate) fn sending(report: &Reporter, events: &Entry, wire: &Wire, compiled: &[Event]) {
    if wire.client(ClientFrame::Send).is_some() {
        return;
    }
    let Kind::Map(entries) = &events.value.kind else { return };
    if wire.protocol == Protocol::Pusher {
        for event in compiled.iter().filter(|e| e.from == Publisher::Client && !e.name.starts_with("client-")) {
            if let Some(entry) = entries.iter().find(|e| e.key == event.name) {
                let help = Some(format!("call it `client-{}`", event.name));
                report.add("bad-name", entry.key_span.clone(), "under `protocol: pusher` what clients send begins with `client-`", help);
            }
        }
        return;
    }
    for event in compiled.iter().filter(|e| e.from == Publisher::Client) {
        if let Some(entry) = entries.iter().find(|e| e.key == event.name) {
            let help = Some("write `send:` in `wire.client`, e.g. `{ type: $type, data: $data }`".to_owned());
            report.add("no-frame", entry.key_span.clone(), "a client has no frame to send this event in", help);
        }
    }
}
