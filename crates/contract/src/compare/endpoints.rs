//! Endpoints: where clients connect, and what they are on then.

use super::{
    finding::Who,
    findings::{Findings, Spot},
    rules::{Absent, rule},
    templates::written,
};
use crate::{
    address::{Address, Part},
    endpoint::{Endpoint, EndpointKind, OptionRole},
};

const CLIENTS: &[Who] = &[Who::OldClients];

pub(super) fn endpoints(findings: &mut Findings<'_>) {
    let (old, new) = (&findings.old.contract.endpoints, &findings.new.contract.endpoints);
    let mut taken = vec![false; new.len()];
    // What is the same to the letter goes before what has the path only.
    let mut pairs = vec![None; old.len()];
    for exact in [true, false] {
        for (at, endpoint) in old.iter().enumerate().filter(|(at, _)| pairs[*at].is_none()).collect::<Vec<_>>() {
            let fits = |other: &Endpoint| {
                other.kind == endpoint.kind
                    && shape(&other.path) == shape(&endpoint.path)
                    && (!exact || parameters(other) == parameters(endpoint))
            };
            if let Some(found) = (0..new.len()).find(|to| !taken[*to] && fits(&new[*to])) {
                taken[found] = true;
                pairs[at] = Some(found);
            }
        }
    }
    for (at, endpoint) in old.iter().enumerate() {
        match pairs[at] {
            Some(to) => one(findings, (endpoint, at), (&new[to], to)),
            None => {
                let spot = Spot::old(&format!("/endpoints/{at}/{}", endpoint.kind.as_str()));
                findings.add("endpoint-removed", spot, CLIENTS, format!("`{}: {}` is gone", endpoint.kind.as_str(), endpoint.path.source));
            }
        }
    }
    for (at, endpoint) in new.iter().enumerate().filter(|(at, _)| !taken[*at]) {
        let spot = Spot::new(&format!("/endpoints/{at}/{}", endpoint.kind.as_str()));
        findings.add("endpoint-added", spot, &[Who::NewClients], format!("`{}: {}` is new", endpoint.kind.as_str(), endpoint.path.source));
    }
}

fn one(findings: &mut Findings<'_>, (old, old_at): (&Endpoint, usize), (new, new_at): (&Endpoint, usize)) {
    let kind = new.kind.as_str();
    let at = |findings: &Findings<'_>, key: &str| findings.at(&format!("/endpoints/{old_at}/{key}"), &format!("/endpoints/{new_at}/{key}"));
    for parameter in parameters(new).iter().filter(|p| !parameters(old).contains(p)) {
        let spot = at(findings, kind);
        findings.add("endpoint-parameter-added", spot, CLIENTS, format!("`{parameter}` must be given at `{}`", new.path.source));
    }
    for parameter in parameters(old).iter().filter(|p| !parameters(new).contains(p)) {
        let spot = at(findings, kind);
        findings.add("endpoint-parameter-removed", spot, CLIENTS, format!("`{parameter}` says nothing any more at `{}`", new.path.source));
    }
    if channel(old) != channel(new) {
        let spot = at(findings, if new.kind == EndpointKind::History { "reads" } else { "subscribes" });
        let said = |endpoint: &Endpoint| endpoint.channel.as_ref().map_or("none".to_owned(), |channel| format!("`{}`", channel.source));
        let message = format!("`{}` leads to another channel: it was {}", new.path.source, said(old));
        findings.add("endpoint-channel-changed", spot, CLIENTS, message);
    }
    for template in old.unless_asked.iter().filter(|t| !new.unless_asked.contains(t)) {
        let spot = at(findings, "unless_asked");
        let message = format!("`{}` is not what a client of `{}` gets unasked any more", written(template), new.path.source);
        findings.add("default-channel-removed", spot, CLIENTS, message);
    }
    for template in new.unless_asked.iter().filter(|t| !old.unless_asked.contains(t)) {
        let spot = at(findings, "unless_asked");
        let message = format!("`{}` is what a client of `{}` gets unasked", written(template), new.path.source);
        findings.add("default-channel-added", spot, CLIENTS, message);
    }
    options(findings, (old, old_at), (new, new_at));
    let spot = at(findings, "allow");
    let what = format!("connect to `{}`", new.path.source);
    rule(findings, old.allow.as_ref(), new.allow.as_ref(), Absent::Everybody, spot, CLIENTS, &what);
}

fn options(findings: &mut Findings<'_>, (old, old_at): (&Endpoint, usize), (new, new_at): (&Endpoint, usize)) {
    for (name, role) in &old.options {
        match new.options.iter().find(|(n, _)| n == name) {
            None => {
                let spot = Spot::old(&format!("/endpoints/{old_at}/options/{name}"));
                findings.add("option-removed", spot, CLIENTS, format!("`{name}` does nothing any more at `{}`", new.path.source));
            }
            Some((_, now)) if now != role => {
                let spot = Spot::new(&format!("/endpoints/{new_at}/options/{name}"));
                findings.add(
                    "option-changed",
                    spot,
                    CLIENTS,
                    format!("`{name}` is `{}` now, and was `{}`", role_word(*now), role_word(*role)),
                );
            }
            Some(_) => {}
        }
    }
    for (name, role) in new.options.iter().filter(|(name, _)| old.options.iter().all(|(n, _)| n != name)) {
        let spot = Spot::new(&format!("/endpoints/{new_at}/options/{name}"));
        findings.add("option-added", spot, &[Who::NewClients], format!("`{name}` at `{}` is `{}`", new.path.source, role_word(*role)));
    }
}

fn parameters(endpoint: &Endpoint) -> Vec<&str> {
    let mut names: Vec<&str> = endpoint.query.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

/// An address without the names of its variables: they are not on the wire.
pub(super) fn shape(address: &Address) -> Vec<Option<&str>> {
    let parts = address.parts.iter().map(|part| match part {
        Part::Literal(text) => Some(text.as_str()),
        Part::Variable(_) => None,
    });
    parts.collect()
}

/// The channel of a connection, its variables told by where they come from.
fn channel(endpoint: &Endpoint) -> Option<Vec<String>> {
    let from = |name: &str| {
        let in_path = endpoint.path.variables().position(|variable| variable == name).map(|at| format!("{{path {at}}}"));
        let in_query =
            || endpoint.query.iter().find(|(_, variable)| variable == name).map(|(parameter, _)| format!("{{query {parameter}}}"));
        in_path.or_else(in_query).unwrap_or_else(|| format!("{{{name}}}"))
    };
    let address = endpoint.channel.as_ref()?;
    Some(
        address
            .parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text.clone(),
                Part::Variable(name) => from(name),
            })
            .collect(),
    )
}

fn role_word(role: OptionRole) -> &'static str {
    match role {
        OptionRole::Filter => "filter",
        OptionRole::Resume => "resume",
        OptionRole::Page => "page",
        OptionRole::Subscribe => "subscribe",
    }
}
