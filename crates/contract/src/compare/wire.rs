//! The wire: envelope, and the frames of both sides.

use super::{
    finding::Who,
    findings::{Findings, Spot},
    templates::{Change, changes, field, written},
};
use crate::{
    template::Template,
    wire::{ClientFrame, ServerFrame},
};

const CLIENTS: &[Who] = &[Who::OldClients];
/// Names that a client may leave out of a frame.
const OPTIONAL: [&str; 4] = ["after", "trace", "key", "channel"];

pub(super) fn wire(findings: &mut Findings<'_>) {
    let (old, new) = (&findings.old.contract.wire, &findings.new.contract.wire);
    if old.protocol != new.protocol {
        let spot = findings.here("/wire/protocol");
        return findings.add("protocol-changed", spot, CLIENTS, "the frames are those of another protocol");
    }
    for change in changes(&old.event, &new.event) {
        envelope(findings, &change);
    }
    for (frame, template) in &old.server {
        let at = format!("/wire/server/{}", frame.as_str());
        match new.server(*frame) {
            Some(now) => changes(template, now).iter().for_each(|change| server(findings, &at, frame.as_str(), change)),
            None => findings.add("server-frame-removed", Spot::old(&at), CLIENTS, format!("`{}` is not sent any more", frame.as_str())),
        }
    }
    for (frame, _) in new.server.iter().filter(|(frame, _)| old.server(*frame).is_none()) {
        let (word, spot) = (frame.as_str(), Spot::new(&format!("/wire/server/{}", frame.as_str())));
        match frame {
            // They are told in any case, in a form of the server's own.
            ServerFrame::Error | ServerFrame::Gap => findings.add(
                "server-frame-changed",
                spot,
                CLIENTS,
                format!("`{word}` was told in the plain form, and has one of its own now"),
            ),
            ServerFrame::Refused => {
                findings.add("server-frame-changed", spot, CLIENTS, "`refused` was spelled as `error`, and has a form of its own now")
            }
            _ => findings.add("server-frame-added", spot, CLIENTS, format!("`{word}` is sent, and was not")),
        }
    }
    clients(findings, &old.client, &new.client);
}

fn envelope(findings: &mut Findings<'_>, change: &Change<'_>) {
    let at = |path: &str| format!("/wire/event{path}");
    match change {
        Change::Removed { path, .. } => {
            findings.add("envelope-field-removed", Spot::old(&at(path)), CLIENTS, format!("events have no `{}` any more", field(path)));
        }
        Change::Renamed { path, to } => {
            let message = format!("`{}` of events is called `{}`", field(path), field(to));
            findings.add("envelope-field-renamed", Spot::new(&at(to)), CLIENTS, message);
        }
        Change::Changed { path, old, new } => {
            let message = format!("{} is {} now, and was {}", envelope_field(path), written(new), written(old));
            findings.add("envelope-field-changed", Spot::new(&at(path)), CLIENTS, message);
        }
        Change::Added { path, .. } => {
            findings.add("envelope-field-added", Spot::new(&at(path)), &[], format!("events have `{}`", field(path)))
        }
    }
}

fn envelope_field(path: &str) -> String {
    if path.is_empty() { "an event".to_owned() } else { format!("`{}` of events", field(path)) }
}

fn server(findings: &mut Findings<'_>, at: &str, frame: &str, change: &Change<'_>) {
    let id = "server-frame-changed";
    match change {
        Change::Removed { path, .. } => {
            findings.add(id, Spot::old(&format!("{at}{path}")), CLIENTS, format!("`{frame}` has no `{}` any more", field(path)))
        }
        Change::Renamed { path, to } => {
            let message = format!("`{}` of `{frame}` is called `{}`", field(path), field(to));
            findings.add(id, Spot::new(&format!("{at}{to}")), CLIENTS, message);
        }
        Change::Changed { path, old, new } => {
            let what = if path.is_empty() { format!("`{frame}`") } else { format!("`{}` of `{frame}`", field(path)) };
            let message = format!("{what} is {} now, and was {}", written(new), written(old));
            findings.add(id, Spot::new(&format!("{at}{path}")), CLIENTS, message);
        }
        Change::Added { path, .. } => {
            let spot = Spot::new(&format!("{at}{path}"));
            findings.add("server-frame-field-added", spot, &[], format!("`{frame}` has `{}`", field(path)));
        }
    }
}

fn clients(findings: &mut Findings<'_>, old: &[(ClientFrame, Template)], new: &[(ClientFrame, Template)]) {
    let find = |frames: &[(ClientFrame, Template)], frame: ClientFrame| frames.iter().position(|(f, _)| *f == frame);
    let mut places = Vec::new();
    for (frame, template) in old {
        let (word, at) = (frame.as_str(), format!("/wire/client/{}", frame.as_str()));
        match find(new, *frame) {
            Some(place) => {
                places.push(place);
                changes(template, &new[place].1).iter().for_each(|change| client(findings, &at, word, change));
            }
            None => findings.add("client-frame-removed", Spot::old(&at), CLIENTS, format!("`{word}` is not understood any more")),
        }
    }
    // The first that went before one that it came after.
    if let Some(moved) = places.windows(2).find(|pair| pair[1] < pair[0]).and_then(|pair| new.get(pair[1])) {
        let word = moved.0.as_str();
        let spot = Spot::new(&format!("/wire/client/{word}"));
        findings.add("client-frame-order", spot, CLIENTS, format!("`{word}` is looked at in another order"));
    }
    for (frame, _) in new.iter().filter(|(frame, _)| find(old, *frame).is_none()) {
        let word = frame.as_str();
        findings.add("client-frame-added", Spot::new(&format!("/wire/client/{word}")), &[Who::NewClients], format!("`{word}` may be sent"));
    }
}

fn client(findings: &mut Findings<'_>, at: &str, frame: &str, change: &Change<'_>) {
    let id = "client-frame-changed";
    match change {
        // A constant that is not asked for may be there.
        Change::Removed { old: Template::Value(_), .. } => {}
        Change::Removed { path, old } => {
            let message = format!("`{}` of `{frame}`, which was {}, says nothing any more", field(path), written(old));
            findings.add(id, Spot::old(&format!("{at}{path}")), CLIENTS, message);
        }
        Change::Renamed { path, to } => {
            let message = format!("`{}` of `{frame}` is called `{}`", field(path), field(to));
            findings.add(id, Spot::new(&format!("{at}{to}")), CLIENTS, message);
        }
        Change::Changed { path, old, new } => {
            let what = if path.is_empty() { format!("`{frame}`") } else { format!("`{}` of `{frame}`", field(path)) };
            findings.add(
                id,
                Spot::new(&format!("{at}{path}")),
                CLIENTS,
                format!("{what} is {} now, and was {}", written(new), written(old)),
            );
        }
        Change::Added { path, new } if optional(new) => {
            let spot = Spot::new(&format!("{at}{path}"));
            findings.add("client-frame-field-added", spot, &[Who::NewClients], format!("`{frame}` may have `{}`", field(path)));
        }
        Change::Added { path, .. } => {
            findings.add(id, Spot::new(&format!("{at}{path}")), CLIENTS, format!("`{frame}` must have `{}`", field(path)));
        }
    }
}

fn optional(template: &Template) -> bool {
    match template {
        Template::Name(path) => path.first().is_some_and(|name| OPTIONAL.contains(&name.as_str())),
        Template::Object(fields) => fields.iter().all(|(_, t)| matches!(t, Template::Name(_)) && optional(t)),
        _ => false,
    }
}
