//! Backends, bridges, members, and what the contract says to those who read it.

use super::{
    finding::Who,
    findings::{Findings, Spot},
    limits::duration,
    templates::written,
};
use crate::{Contract, document::Reconnect};

const CLIENTS: &[Who] = &[Who::OldClients];

pub(super) fn others(findings: &mut Findings<'_>) {
    let (old, new) = (findings.old.contract, findings.new.contract);
    members(findings, old, new);
    backends(findings, old, new);
    bridges(findings, old, new);
    errors(findings, old, new);
    reconnect(findings, &old.reconnect, &new.reconnect);
}

fn reconnect(findings: &mut Findings<'_>, old: &Reconnect, new: &Reconnect) {
    let causes = [
        ("clean", "a clean end", old.clean != new.clean),
        ("network", "a network error", old.network != new.network),
        ("auth", "an authentication error", old.auth != new.auth),
        ("restart", "a restart of the server", old.restart != new.restart),
    ];
    for (key, after, _) in causes.iter().filter(|(_, _, changed)| *changed) {
        let spot = findings.here(&format!("/reconnect/{key}"));
        findings.add("reconnect-changed", spot, CLIENTS, format!("what clients do after {after} changed"));
    }
}

fn members(findings: &mut Findings<'_>, old: &Contract, new: &Contract) {
    for relation in &old.members {
        let same =
            new.members.iter().find(|m| m.relation == relation.relation).is_some_and(|now| format!("{now:?}") == format!("{relation:?}"));
        if !same {
            let spot = findings.here(&format!("/members/{}", relation.relation));
            findings.add("members-changed", spot, CLIENTS, format!("who is in a `{}` is read off the events otherwise", relation.relation));
        }
    }
}

fn backends(findings: &mut Findings<'_>, old: &Contract, new: &Contract) {
    let who: &[Who] = &[Who::OldBackends];
    for backend in &old.backends {
        let (name, at) = (&backend.name, format!("/backends/{}", backend.name));
        match new.backends.iter().find(|b| b.name == *name) {
            None => findings.add("backend-removed", Spot::old(&at), who, format!("`{name}` is not asked any more")),
            Some(now) if now.deadline < backend.deadline => {
                let message = format!("`{name}` has {}, and had {}", duration(now.deadline), duration(backend.deadline));
                let spot = findings.here(&format!("{at}/deadline"));
                findings.add("backend-deadline-shortened", spot, who, message);
            }
            Some(_) => {}
        }
    }
}

fn bridges(findings: &mut Findings<'_>, old: &Contract, new: &Contract) {
    let who: &[Who] = &[Who::BridgeReaders];
    for bridge in &old.bridges {
        let (name, at) = (&bridge.name, format!("/bridges/{}", bridge.name));
        let Some(now) = new.bridges.iter().find(|b| b.name == *name) else {
            findings.add("bridge-removed", Spot::old(&at), who, format!("`{name}` is gone"));
            continue;
        };
        if now.exchange != bridge.exchange {
            let spot = findings.here(&format!("{at}/amqp"));
            findings.add("bridge-changed", spot, who, format!("`{name}` leaves by `{}`, and left by `{}`", now.exchange, bridge.exchange));
        }
        if now.routing_key != bridge.routing_key {
            let spot = findings.here(&format!("{at}/routing_key"));
            let message = format!("the routing key of `{name}` is {}, and was {}", written(&now.routing_key), written(&bridge.routing_key));
            findings.add("bridge-changed", spot, who, message);
        }
        let ids = |contract: &Contract, of: &[usize]| {
            of.iter().filter_map(|at| contract.channels.get(*at)).map(|c| c.id.clone()).collect::<Vec<_>>()
        };
        let now = ids(new, &now.of);
        for channel in ids(old, &bridge.of).iter().filter(|channel| !now.contains(channel)) {
            let spot = findings.here(&format!("{at}/of"));
            findings.add("bridge-changed", spot, who, format!("`{name}` has no events of `{channel}` any more"));
        }
    }
}

fn errors(findings: &mut Findings<'_>, old: &Contract, new: &Contract) {
    for error in &old.errors {
        let (code, at) = (&error.code, format!("/errors/{}", error.code));
        match new.errors.iter().find(|e| e.code == *code) {
            None => findings.add("error-code-removed", Spot::old(&at), CLIENTS, format!("`{code}` is not told any more")),
            Some(now) if now.action != error.action => {
                let spot = findings.here(&format!("{at}/action"));
                findings.add(
                    "error-action-changed",
                    spot,
                    CLIENTS,
                    format!("about `{code}` a client should: {}; it was: {}", now.action, error.action),
                );
            }
            Some(_) => {}
        }
    }
    for error in new.errors.iter().filter(|error| old.errors.iter().all(|e| e.code != error.code)) {
        findings.add("error-code-added", Spot::new(&format!("/errors/{}", error.code)), CLIENTS, format!("`{}` is new", error.code));
    }
}
