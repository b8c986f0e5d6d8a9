//! Completeness: answers, those whom events reach, errors.

use super::Finding;
use crate::{
    Contract,
    address::Part,
    endpoint::{EndpointKind, OptionRole},
    event::{Event, Publisher},
    template::{Segment, Template},
    wire::{ClientFrame, Protocol, ServerFrame},
};

/// A client's frame, and the server's that answers it.
const ANSWERS: &[(ClientFrame, ServerFrame)] = &[
    (ClientFrame::Subscribe, ServerFrame::Subscribed),
    (ClientFrame::Unsubscribe, ServerFrame::Unsubscribed),
    (ClientFrame::Sync, ServerFrame::Synced),
    (ClientFrame::Ping, ServerFrame::Pong),
    (ClientFrame::Send, ServerFrame::Ack),
    (ClientFrame::Refresh, ServerFrame::Refreshed),
];

pub(super) fn answers(contract: &Contract) -> Vec<Finding> {
    let mut found = Vec::new();
    let sent: Vec<&Event> = contract.events.iter().map(AsRef::as_ref).filter(|e| e.from == Publisher::Client).collect();
    if contract.wire.protocol == Protocol::Pusher {
        for event in sent {
            let message = format!("the Pusher protocol acknowledges no `{}`", event.name);
            found.push(Finding::of(event, "", "no-answer", message, "let the backend publish what came of it"));
        }
        return found;
    }
    let server = |frame| contract.wire.server(frame);
    for (frame, answer) in ANSWERS {
        let (name, answered) = (frame.as_str(), answer.as_str());
        if contract.wire.client(*frame).is_some() && server(*answer).is_none() {
            let message = format!("a client that sends the frame `{name}` hears nothing of it");
            let help = format!("write `{answered}:` in `wire.server`");
            found.push(Finding::at(&format!("/wire/client/{name}"), "no-answer", message, help));
        }
    }
    if !contract.wire.client.is_empty() && server(ServerFrame::Refused).or(server(ServerFrame::Error)).is_none() {
        let help = "write `error: { type: error, code: $code, message: $message }` in `wire.server`";
        found.push(Finding::at("/wire", "no-answer", "a client hears of no refusal in the contract's own words", help));
    }
    for frame in [ServerFrame::Ack, ServerFrame::Refused] {
        let name = frame.as_str();
        let Some(template) = server(frame).filter(|_| sent.len() > 1) else { continue };
        if !["type", "key", "trace"].iter().any(|n| names(template, n)) {
            let message = format!("`{name}` does not say which of the client's events it answers");
            found.push(Finding::at(&format!("/wire/server/{name}"), "no-answer", message, "name `$type` or `$key` in it"));
        }
    }
    found
}

fn names(template: &Template, name: &str) -> bool {
    let mut found = Vec::new();
    template.names(&mut found);
    found.contains(&name)
}

pub(super) fn reach(contract: &Contract) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, channel) in contract.channels.iter().enumerate().filter(|(_, c)| !c.closed) {
        let shown =
            contract.channels.iter().enumerate().any(|(other, c)| (other == at || c.mirrors == Some(at)) && reached(contract, other));
        if !shown {
            let message = format!("no endpoint leads to the channel `{}`", channel.id);
            let help = "let an endpoint subscribe to it, or let clients ask for it: `subscribe:` in `wire.client`";
            found.push(Finding::at(&format!("/channels/{}", channel.id), "unreached", message, help));
        }
    }
    let says = contract.backends.iter().any(|b| !b.sends.is_empty());
    for event in &contract.events {
        if let Some(backend) = event.to.and_then(|at| contract.backends.get(at))
            && backend.sends.is_empty()
        {
            let message = format!("`{}` is handed to `{}`, which does not say what it publishes of it", event.name, backend.name);
            found.push(Finding::of(event, "to", "unreached", message, format!("write `sends:` at `{}`", backend.name)));
        }
        let published = contract.events.iter().any(|e| e.publishes.as_deref() == Some(&event.name));
        let sent = contract.backends.iter().flat_map(|b| &b.sends).any(|s| *s == event.name || crate::event::type_matches(s, &event.name));
        if says && event.from == Publisher::Backend && !published && !sent {
            let message = format!("no backend says that it sends `{}`", event.name);
            found.push(Finding::of(event, "", "unsent", message, "write it among what a backend `sends:`"));
        }
    }
    found
}

/// Whether some endpoint leads to a channel.
fn reached(contract: &Contract, at: usize) -> bool {
    let subscribes = contract.wire.client(ClientFrame::Subscribe).is_some();
    let is_it = |name: &str| contract.channel(name).is_some_and(|channel| channel.kind == at);
    contract.endpoints.iter().any(|endpoint| match endpoint.kind {
        EndpointKind::Pusher => true,
        EndpointKind::WebSocket if subscribes => true,
        _ if endpoint.options.iter().any(|(_, role)| *role == OptionRole::Subscribe) => endpoint.kind != EndpointKind::Replay,
        _ => {
            let own = endpoint.channel.iter().map(|address| {
                let part = |part: &Part| match part {
                    Part::Literal(text) => text.clone(),
                    Part::Variable(_) => "x".to_owned(),
                };
                address.parts.iter().map(part).collect::<String>()
            });
            let unasked = endpoint.unless_asked.iter().map(|template| match template {
                Template::Value(value) => value.as_str().unwrap_or_default().to_owned(),
                Template::Text(segments) => {
                    segments.iter().map(|s| if let Segment::Literal(text) = s { text.as_str() } else { "x" }).collect()
                }
                _ => "x".to_owned(),
            });
            own.chain(unasked).any(|name| is_it(&name))
        }
    })
}

pub(super) fn errors(contract: &Contract) -> Vec<Finding> {
    let mut found = Vec::new();
    for frame in [ServerFrame::Error, ServerFrame::Refused] {
        let name = frame.as_str();
        let Some(template) = contract.wire.server(frame) else { continue };
        for wanted in ["code", "message"].into_iter().filter(|wanted| !names(template, wanted)) {
            let message = format!("`{name}` does not carry the error's {wanted}");
            found.push(Finding::at(&format!("/wire/server/{name}"), "no-code", message, format!("name `${wanted}` in it")));
        }
    }
    for error in contract.errors.iter().filter(|e| e.means.trim().is_empty() || e.action.trim().is_empty()) {
        let message = format!("`{}` does not say what it means and what a client can do", error.code);
        found.push(Finding::at(&format!("/errors/{}", error.code), "no-code", message, "write `means:` and `action:`"));
    }
    found
}
