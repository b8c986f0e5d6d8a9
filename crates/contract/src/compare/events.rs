//! Events: which there are, who sends them, where they are.

use super::{
    audience::audience,
    channels::same_channel,
    finding::Who,
    findings::{Findings, Spot},
    limits::lowered,
    rules::{Absent, rule},
    schema::{Ends, Payload, payload},
    templates::{Change, changes, field, written},
};
use crate::{
    Contract,
    channel::Channel,
    event::{Event, Publisher},
};

const CLIENTS: &[Who] = &[Who::OldClients];

pub(super) fn events(findings: &mut Findings<'_>) {
    let (old, new) = (findings.old.contract, findings.new.contract);
    for event in &old.events {
        // A type that has no entry of its own any more may be one of a pattern.
        let now = new.events.iter().find(|e| e.name == event.name).or_else(|| new.event(&event.name).filter(|_| !event.is_pattern()));
        match now {
            Some(now) => one(findings, event, now),
            None => {
                let message = format!("`{}` is gone", event.name);
                findings.add("event-removed", Spot::old(&at(&event.name, "")), who(event), message);
            }
        }
    }
    for event in new.events.iter().filter(|event| old.events.iter().all(|e| e.name != event.name)) {
        // What a pattern stood for was there; that it has an entry of its own now, may be something else.
        match old.event(&event.name).filter(|_| !event.is_pattern()) {
            Some(before) => one(findings, before, event),
            None => findings.add("event-added", Spot::new(&at(&event.name, "")), &[], format!("`{}` is new", event.name)),
        }
    }
}

fn at(event: &str, key: &str) -> String {
    format!("/events/{}{key}", event.replace('~', "~0").replace('/', "~1"))
}

fn who(event: &Event) -> &'static [Who] {
    match event.from {
        Publisher::Backend => &[Who::OldClients, Who::OldBackends],
        Publisher::Client | Publisher::Presence => CLIENTS,
    }
}

fn one(findings: &mut Findings<'_>, old: &Event, new: &Event) {
    let name = &new.name;
    let here = |findings: &Findings<'_>, key: &str| findings.at(&at(&old.name, key), &at(name, key));
    if old.from != new.from {
        let word = |publisher| match publisher {
            Publisher::Backend => "backends",
            Publisher::Client => "clients",
            Publisher::Presence => "the server itself",
        };
        let spot = here(findings, "/from");
        let message = format!("`{name}` is sent by {} now, and was by {}", word(new.from), word(old.from));
        return findings.add("event-from-changed", spot, who(old), message);
    }
    places(findings, old, new);
    if old.publishes != new.publishes {
        let said = |publishes: &Option<String>| publishes.clone().unwrap_or_else(|| name.clone());
        let spot = here(findings, if findings.new.says(&at(name, "/publishes/type")) { "/publishes/type" } else { "/publishes" });
        let message = format!("`{name}` is published as `{}` now, and was as `{}`", said(&new.publishes), said(&old.publishes));
        findings.add("event-publishes-changed", spot, CLIENTS, message);
    }
    if let (Some(before), Some(now)) = (&old.published, &new.published) {
        published(findings, name, (&at(&old.name, "/publishes/data"), &at(name, "/publishes/data")), changes(before, now));
    }
    if old.channel != new.channel && old.channel.is_some() {
        let spot = here(findings, "/in");
        findings.add("event-moved", spot, CLIENTS, format!("`{name}` goes to another channel, where its frame names none"));
    }
    let backend =
        |contract: &Contract, event: &Event| event.to.and_then(|to| contract.backends.get(to)).map(|backend| backend.name.clone());
    let (before, now) = (backend(findings.old.contract, old), backend(findings.new.contract, new));
    if before != now {
        let said = |to: &Option<String>| to.as_ref().map_or("nobody".to_owned(), |to| format!("`{to}`"));
        let spot = here(findings, "/to");
        let message = format!("`{name}` is handed to {} now, and was to {}", said(&now), said(&before));
        findings.add("event-backend-changed", spot, &[Who::OldClients, Who::OldBackends], message);
    }
    audience(findings, name, &old.audience, &new.audience, (&at(&old.name, ""), &at(name, "")));
    if old.key != new.key {
        let said = |event: &Event| event.key.as_ref().map_or("nothing".to_owned(), written);
        let spot = here(findings, "/key");
        let message = format!("`{name}` is the same as another by {} now, and was by {}", said(new), said(old));
        findings.add("key-changed", spot, who(old), message);
    }
    if old.newest != new.newest && old.newest.is_some() {
        let spot = here(findings, "/newest");
        findings.add("newest-changed", spot, CLIENTS, format!("the newest `{name}` is told by something else"));
    }
    if old.version != new.version {
        let said = match (&old.version, &new.version) {
            (None, _) => "has a version now: one that is not higher than the last is refused",
            (_, None) => "has no version any more: an old one is accepted after a new one",
            _ => "has another version",
        };
        let spot = here(findings, "/version");
        findings.add("version-changed", spot, who(old), format!("`{name}` {said}"));
    }
    if old.audit && !new.audit {
        let spot = here(findings, "/audit");
        findings.add("audit-removed", spot, &[Who::OldBackends], format!("`{name}` is not in the audit trail any more"));
    }
    let spot = here(findings, "/limit");
    lowered(findings, old.limit, new.limit, spot, &format!("`{name}`"));
    let spot = here(findings, "/rules");
    rule(findings, old.rules.as_ref(), new.rules.as_ref(), Absent::Everybody, spot, CLIENTS, &format!("send `{name}`"));
    payload(findings, &Payload { names: (&old.name, name), old, new, ends: ends(new) });
}

/// What a client's event is published with; that it fits the type's schema, is asked in any case.
fn published(findings: &mut Findings<'_>, name: &str, (old, new): (&str, &str), changes: Vec<Change<'_>>) {
    for change in changes {
        let (spot, message) = match &change {
            Change::Added { .. } => continue,
            Change::Removed { path, .. } => {
                (Spot::old(&format!("{old}{path}")), format!("`{name}` is published without `{}`", field(path)))
            }
            Change::Renamed { path, to } => (
                Spot::new(&format!("{new}{to}")),
                format!("`{}` of what `{name}` is published with is called `{}`", field(path), field(to)),
            ),
            Change::Changed { path, old, new: now } => {
                let message =
                    format!("`{}` of what `{name}` is published with is {} now, and was {}", field(path), written(now), written(old));
                (Spot::new(&format!("{new}{path}")), message)
            }
        };
        findings.add("event-publishes-changed", spot, CLIENTS, message);
    }
}

/// The channels that it is on.
fn places(findings: &mut Findings<'_>, old: &Event, new: &Event) {
    let (before, now) = (findings.old.contract, findings.new.contract);
    let name = &new.name;
    let spot = |findings: &Findings<'_>| findings.at(&at(&old.name, "/on"), &at(name, "/on"));
    // Without `on` it may be on any.
    match (old.on.is_empty(), new.on.is_empty()) {
        (true, true) | (false, true) => return,
        (true, false) => {
            let spot = spot(findings);
            return findings.add("event-moved", spot, who(old), format!("`{name}` was on any channel, and is on some now"));
        }
        (false, false) => {}
    }
    let was: Vec<&Channel> = old.on.iter().filter_map(|at| before.channels.get(*at)).collect();
    let is: Vec<&Channel> = new.on.iter().filter_map(|at| now.channels.get(*at)).collect();
    let mut kept = Vec::new();
    for channel in was {
        match same_channel(before, channel, now) {
            Some(same) if is.iter().any(|channel| channel.id == same.id) => kept.push(same.id.clone()),
            // That the channel itself is gone, is told there.
            None => {}
            Some(_) => {
                let spot = spot(findings);
                findings.add("event-moved", spot, who(old), format!("`{name}` is not on `{}` any more", channel.id));
            }
        }
    }
    for channel in is.into_iter().filter(|channel| !kept.contains(&channel.id)) {
        let spot = spot(findings);
        findings.add("event-also-on", spot, &[], format!("`{name}` is on `{}`, too", channel.id));
    }
}

/// Who sends it and who gets it. What a client sends is passed on as it came, to the channel or to the backend; what it is
/// published as, if that is another type, has a schema of its own.
fn ends(event: &Event) -> Ends {
    match (event.from, event.to) {
        (Publisher::Client, None) if event.publishes.is_some() => Ends { send: vec![Who::OldClients], receive: Vec::new() },
        (Publisher::Backend, _) => Ends { send: vec![Who::OldBackends, Who::NewClients], receive: vec![Who::OldClients, Who::NewBackends] },
        (Publisher::Client, None) => Ends { send: vec![Who::OldClients], receive: vec![Who::OldClients, Who::NewClients] },
        (Publisher::Client, Some(_)) => Ends { send: vec![Who::OldClients], receive: vec![Who::OldBackends, Who::NewClients] },
        (Publisher::Presence, _) => Ends { send: Vec::new(), receive: vec![Who::OldClients] },
    }
}
