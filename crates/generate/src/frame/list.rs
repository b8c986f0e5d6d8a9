//! The frames of a contract.

use super::{Examples, Frame, Payload, Role, constant, is_published, is_pusher, is_sent, pusher, spelled, type_of, value::Names};
use serde_json::{Value, json};
use tidewire_contract::{ClientFrame, Contract, Event, ServerFrame, Template};

/// The events as subscribers get them, in the contract's order.
pub fn events<'c>(contract: &'c Contract, payload: Payload<'_>) -> Vec<Frame<'c>> {
    let published = contract.events.iter().filter(|event| is_published(event));
    if is_pusher(contract) {
        return published.map(|event| pusher::event(contract, event, payload)).collect();
    }
    published.map(|event| frame(contract, Role::Event(event), &contract.wire.event, payload, event.name.clone())).collect()
}

/// The event's envelope alone, without what a protocol puts around it: what is in pages and polls.
pub fn envelope<'c>(contract: &'c Contract, event: &'c Event, payload: Payload<'_>) -> Frame<'c> {
    frame(contract, Role::Event(event), &contract.wire.event, payload, event.name.clone())
}

/// What a client may send over a WebSocket: each of its events by itself.
pub fn client<'c>(contract: &'c Contract, payload: Payload<'_>) -> Vec<Frame<'c>> {
    if is_pusher(contract) {
        return pusher::client(contract, payload);
    }
    let mut frames = Vec::new();
    for (kind, template) in &contract.wire.client {
        if *kind == ClientFrame::Send {
            for event in contract.events.iter().filter(|event| is_sent(event)) {
                frames.push(frame(contract, Role::Client(*kind, Some(event)), template, payload, event.name.clone()));
            }
        } else {
            frames.push(frame(contract, Role::Client(*kind, None), template, payload, kind.as_str().to_owned()));
        }
    }
    frames
}

/// What the server sends beside events, over a WebSocket or wherever it can be told: answers to each client event by themselves.
pub fn server<'c>(contract: &'c Contract, payload: Payload<'_>) -> Vec<Frame<'c>> {
    if is_pusher(contract) {
        return pusher::server();
    }
    let wire = &contract.wire;
    let sends = wire.client(ClientFrame::Send).is_some();
    let mut frames = Vec::new();
    let mut add = |kind: ServerFrame, template: &Template, event: Option<&'c Event>| {
        frames.push(frame(contract, Role::Server(kind, event), template, payload, kind.as_str().to_owned()));
    };
    let error = wire.server(ServerFrame::Error).cloned().unwrap_or_else(plain_error);
    for (kind, template) in &wire.server {
        match kind {
            ServerFrame::Ack | ServerFrame::Refused => {}
            _ => add(*kind, template, None),
        }
    }
    if wire.server(ServerFrame::Error).is_none() {
        add(ServerFrame::Error, &error, None);
    }
    if wire.server(ServerFrame::Gap).is_none() {
        add(ServerFrame::Gap, &plain_gap(), None);
    }
    for event in contract.events.iter().filter(|event| sends && is_sent(event)) {
        if let Some(ack) = wire.server(ServerFrame::Ack) {
            add(ServerFrame::Ack, ack, Some(event));
        }
        add(ServerFrame::Refused, wire.server(ServerFrame::Refused).unwrap_or(&error), Some(event));
    }
    frames
}

fn frame<'c>(contract: &'c Contract, role: Role<'c>, template: &Template, payload: Payload<'_>, word: String) -> Frame<'c> {
    let examples = Examples::of(contract);
    let names = Names { contract, role, payload };
    let schema = match role {
        Role::Client(..) => spelled::read(template, &names),
        _ => spelled::written(template, &names),
    };
    let example = template.fill(&mut |path| examples.value(role, path));
    let name = match role {
        // A pattern is no type.
        Role::Event(event) | Role::Client(ClientFrame::Send, Some(event)) => event.name.clone(),
        // It may be told in the words of another frame, or of an event.
        Role::Server(ServerFrame::Gap, _) => {
            let spelled = type_of(contract, template, &example);
            let error = contract.wire.server(ServerFrame::Error).and_then(constant);
            spelled.filter(|name| contract.event(name).is_none() && error.as_ref() != Some(name)).unwrap_or(word)
        }
        Role::Pusher(_) => word,
        _ => type_of(contract, template, &example).unwrap_or(word),
    };
    Frame { name, role, schema, example }
}

/// What is said of an error where the contract has no template for it.
fn plain_error() -> Template {
    template(&json!({ "type": "error", "code": "$code", "message": "$message", "action": "$action" }))
}

fn plain_gap() -> Template {
    let names = ["channel", "from", "to", "reason", "action", "position"];
    let mut plain = json!({ "type": "gap" });
    for name in names {
        plain[name] = format!("${name}").into();
    }
    template(&plain)
}

/// An object of constants and of names that stand alone.
fn template(value: &Value) -> Template {
    let member = |value: &Value| match value.as_str().and_then(|text| text.strip_prefix('$')) {
        Some(name) => Template::Name(vec![name.to_owned()]),
        None => Template::Value(value.clone()),
    };
    Template::Object(value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), member(value))).collect())
}
