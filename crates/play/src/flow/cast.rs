//! Who plays over which transport.

use crate::link::{Transport, route};
use std::collections::BTreeMap;
use tidewire_contract::{Action, ClientFrame, Contract, Flow, Publisher};

/// A flow's clients, each with its transport.
#[derive(Debug, Clone)]
pub struct Cast {
    pub transport: Transport,
    clients: BTreeMap<String, Transport>,
}

impl Cast {
    /// The cast for a play over `transport`; `None` where that cannot carry any of it.
    pub fn of(contract: &Contract, flow: &Flow, transport: Transport) -> Option<Cast> {
        let both_ways = Transport::both_ways(contract);
        if !contract.endpoints.iter().any(|e| e.kind == transport.kind()) {
            return None;
        }
        if transport.sends() && transport != both_ways {
            return None;
        }
        let names = clients(contract, flow);
        let mut over: BTreeMap<String, Transport> = BTreeMap::new();
        for name in names {
            let can = transport.sends() || only_receives(contract, flow, transport, &name);
            over.insert(name, if can { transport } else { both_ways });
        }
        // Who comes back goes on from where it was: where the transport has no way to say so, it cannot carry the flow.
        let lost = over.iter().any(|(name, t)| returns(flow, name) && !resumes(contract, flow, *t, name));
        (!lost && over.values().any(|t| *t == transport)).then_some(Cast { transport, clients: over })
    }

    pub fn is_client(&self, name: &str) -> bool {
        self.clients.contains_key(name)
    }

    pub fn clients(&self) -> impl Iterator<Item = (&str, Transport)> {
        self.clients.iter().map(|(name, transport)| (name.as_str(), *transport))
    }

    /// Who is on the transport that the play is about.
    pub fn over(&self) -> Vec<String> {
        self.clients().filter(|(_, t)| *t == self.transport).map(|(name, _)| name.to_owned()).collect()
    }
}

/// All names of a step.
pub(super) fn who(action: &Action) -> Vec<&str> {
    match action {
        Action::Join { who, .. }
        | Action::Leave { who, .. }
        | Action::Receive { who, .. }
        | Action::ReceiveNothing { who }
        | Action::Disconnect { who }
        | Action::Reconnect { who } => who.iter().map(String::as_str).collect(),
        Action::Send { who, .. } | Action::Answer { who, .. } => vec![who],
    }
}

fn returns(flow: &Flow, name: &str) -> bool {
    flow.steps.iter().any(|step| matches!(&step.action, Action::Reconnect { who } if who.iter().any(|w| w == name)))
}

/// Whether a client can say where it was on the channels that it joins: by the address, by the frame that joins, by one that asks for
/// the rest.
fn resumes(contract: &Contract, flow: &Flow, transport: Transport, name: &str) -> bool {
    if transport != Transport::WebSocket {
        return true;
    }
    let by_frame = contract.wire.client.iter().any(|(frame, template)| {
        let mut names = Vec::new();
        template.names(&mut names);
        *frame == ClientFrame::Sync || *frame == ClientFrame::Subscribe && names.contains(&"after")
    });
    let joined = flow.steps.iter().filter_map(|step| match &step.action {
        Action::Join { who, channel } if who.iter().any(|w| w == name) => Some(channel),
        _ => None,
    });
    joined
        .filter_map(|channel| route(contract, transport, channel, name))
        .all(|way| if way.joins { way.resume.is_some() } else { by_frame })
}

/// Whoever is no backend: one that the contract names so, or that nobody knows, never connects, and sends what backends publish.
fn clients(contract: &Contract, flow: &Flow) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in flow.steps.iter().flat_map(|step| who(&step.action)) {
        if !found.iter().any(|known| known == name) && !is_backend(contract, flow, name) {
            found.push(name.to_owned());
        }
    }
    found
}

fn is_backend(contract: &Contract, flow: &Flow, name: &str) -> bool {
    if contract.backends.iter().any(|b| b.name == name) {
        return true;
    }
    let known = contract.actors.iter().any(|a| a.name == name);
    let connects = flow.steps.iter().any(|s| {
        let connecting = matches!(s.action, Action::Join { .. } | Action::Leave { .. } | Action::Reconnect { .. });
        connecting && who(&s.action).contains(&name)
    });
    let publishes = flow.steps.iter().any(|s| match &s.action {
        Action::Send { who, event_type, .. } => {
            who == name && contract.event(event_type).is_none_or(|event| event.from == Publisher::Backend)
        }
        _ => false,
    });
    !known && !connects && publishes
}

/// Whether a client needs no more than a transport by which nothing can be sent: it joins what that leads to, and hears events.
fn only_receives(contract: &Contract, flow: &Flow, transport: Transport, name: &str) -> bool {
    let mut joins = false;
    for step in flow.steps.iter().filter(|step| who(&step.action).contains(&name)) {
        let can = match &step.action {
            Action::Join { channel, .. } => {
                joins = true;
                route(contract, transport, channel, name).is_some()
            }
            Action::Receive { what, .. } => what.iter().all(|expected| contract.event(&expected.event_type).is_some()),
            Action::Leave { .. } | Action::ReceiveNothing { .. } | Action::Disconnect { .. } | Action::Reconnect { .. } => true,
            Action::Send { .. } | Action::Answer { .. } => false,
        };
        if !can {
            return false;
        }
    }
    joins
}
