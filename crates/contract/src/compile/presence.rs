//! `presence:`: who is on a channel, and what is published of those who come and go.

use super::{
    channels::Channels,
    fields::{Fields, short, text, wait},
    fits,
    language::{JOINS, LEAVES, PRESENCE, Section},
    names::{Names, template},
    payloads::Schemas,
    source::{Reporter, suggest},
    yaml::{Entry, Kind, Node},
};
use crate::{
    channel::{Presence, PresenceEvent},
    event::{Event, Publisher},
    template::Template,
};
use serde_json::{Map, Value};
use std::time::Duration;

/// How long a member may be away without leaving, where `after` does not say.
const GRACE: Duration = Duration::from_secs(10);

pub(crate) fn presence(report: &Reporter, entry: &Entry, attributes: &[String], vars: &[String]) -> Option<Presence> {
    let fields = Fields::read(report, &entry.value, &entry.key_span, &PRESENCE, false)?;
    let names = Names::default().with_attributes(attributes);
    let whose = Names::plain(&["member"]).with_attributes(attributes).with_vars(vars.iter().map(String::as_str));
    let joins = fields.get("joins").and_then(|e| event(report, e, &JOINS, &whose));
    let leaves = fields.get("leaves").and_then(|e| event(report, e, &LEAVES, &whose));
    let after = fields.get("leaves").and_then(|e| e.value.entry("after"));
    let info = fields.get("info").map_or(Template::Value(Value::Null), |e| template(report, &e.value, &names));
    let member = template(report, &fields.get("member")?.value, &names);
    Some(Presence { member, info, joins, leaves, grace: after.and_then(|e| wait(report, e)).unwrap_or(GRACE) })
}

fn event(report: &Reporter, entry: &Entry, section: &Section, names: &Names) -> Option<PresenceEvent> {
    let fields = Fields::read(report, &entry.value, &entry.key_span, section, false)?;
    let data = fields.get("data").map_or(Template::Value(Value::Object(Map::new())), |e| template(report, &e.value, names));
    let event_type = text(report, fields.get("publishes")?)?.to_owned();
    Some(PresenceEvent { event_type, data })
}

/// Whether there are such events, on that channel and by the server, and whether their payloads can be right. `whole`: all
/// events could be read.
pub(crate) fn check(report: &Reporter, entry: &Entry, channels: &Channels, events: &[Event], schemas: &Schemas, whole: bool) {
    for (at, channel) in channels.list.iter().enumerate() {
        let Some(written) = entry.value.entry(&channel.id).and_then(|e| e.value.entry("presence")) else { continue };
        let Some(presence) = &channel.presence else { continue };
        for (key, compiled) in [("joins", &presence.joins), ("leaves", &presence.leaves)] {
            let (Some(written), Some(compiled)) = (written.value.entry(key), compiled) else { continue };
            if channels.mirroring.contains(&channel.id) {
                let message = format!("a mirror has no `{key}`: nothing is published to it");
                report.add("bad-mirror", written.key_span.clone(), message, Some("write it at the channel that it mirrors".to_owned()));
                continue;
            }
            let Some(publishes) = written.value.entry("publishes") else { continue };
            published(report, &publishes.value, compiled, (at, &channel.id), events, schemas, whole);
            let Some(cursor) = schemas.cursor(&compiled.event_type) else { continue };
            let known = |path: &[String]| match path.first() {
                Some(name) if channel.address.variables().any(|var| var == name) => vec!["string".to_owned()],
                _ => Vec::new(),
            };
            match written.value.entry("data") {
                Some(data) => fits::check(report, &data.value, &compiled.data, &cursor, &compiled.event_type, &known),
                None => fits::lacking(report, publishes.value.span.clone(), &cursor, &[], &compiled.event_type),
            }
        }
    }
}

fn published(
    report: &Reporter,
    node: &Node,
    compiled: &PresenceEvent,
    (at, channel): (usize, &str),
    events: &[Event],
    schemas: &Schemas,
    whole: bool,
) {
    let name = compiled.event_type.as_str();
    if name.ends_with('*') || !schemas.has(name) {
        let help = suggest(name, schemas.names(), "the events are");
        return report.add("unknown-event", node.span.clone(), format!("there is no event `{}`", short(name)), help);
    }
    let Some(event) = find(events, name) else { return };
    if event.from != Publisher::Presence {
        let help = Some(format!("write `from: presence` at `{}`", event.name));
        report.add("not-a-presence-event", node.span.clone(), format!("`{}` is not the server's to publish", short(name)), help);
    }
    if whole && !event.on.contains(&at) {
        let help = Some(format!("write `on: {channel}` at `{}`", event.name));
        report.add("not-on-channel", node.span.clone(), format!("`{}` is not on the channel `{channel}`", short(name)), help);
    }
}

/// The event of a type: by its name, or by the longest pattern.
pub(crate) fn find<'e>(events: &'e [Event], name: &str) -> Option<&'e Event> {
    let exact = events.iter().find(|e| e.name == name);
    exact.or_else(|| events.iter().filter(|e| e.is_pattern() && e.matches(name)).max_by_key(|e| e.name.len()))
}

/// An event of the server's own has to be published by some channel.
pub(crate) fn unpublished(report: &Reporter, entry: &Entry, channels: &Channels, events: &[Event]) {
    let Kind::Map(entries) = &entry.value.kind else { return };
    for event in events.iter().filter(|e| e.from == Publisher::Presence) {
        let presences = channels.list.iter().filter_map(|c| c.presence.as_ref());
        let published = presences.flat_map(|p| [&p.joins, &p.leaves]).flatten().any(|p| event.matches(&p.event_type));
        if let Some(entry) = entries.iter().find(|e| e.key == event.name)
            && !published
        {
            let help = Some(format!("write `joins: {{ publishes: {} }}` or `leaves:` in the `presence` of a channel", event.name));
            report.add("unpublished", entry.key_span.clone(), "no channel publishes this event when somebody comes or goes", help);
        }
    }
}
