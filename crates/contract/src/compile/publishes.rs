//! What becomes of a client's event: `in:`, the channel that it goes to, and `publishes:`, what it is published as.

use super::{
    events::Context,
    fields::{Fields, short, text, text_of},
    fits,
    language::PUBLISHES,
    names::{Names, template, text_template},
    payloads::Wanted,
    presence::find,
    source::suggest,
    types::Type,
    yaml::{Entry, Kind, Node},
};
use crate::{
    event::{Event, Publisher},
    template::{Segment, Template},
};

pub(super) struct Published {
    pub event_type: String,
    pub data: Option<Template>,
}

/// `publishes: message.created`, or `{ type: message.created, data: { id: $id, text: $data.text } }`.
pub(super) fn publishes(context: &Context<'_>, event: &str, entry: &Entry) -> Option<Published> {
    let (report, schemas) = (context.report, context.schemas);
    let (event_type, node, data) = match &entry.value.kind {
        Kind::Map(_) => {
            let fields = Fields::read(report, &entry.value, &entry.key_span, &PUBLISHES, false)?;
            let names = Names::plain(&["id", "channel"]).with_deep(&["data"]).with_attributes(context.attributes);
            let written = fields.get("data");
            let e = fields.get("type");
            let data = written.map(|e| template(report, &e.value, &names));
            if let (Some(written), Some(data)) = (written, &data) {
                paths(context, event, &written.value, data);
            }
            (text(report, e?)?, &e?.value, data)
        }
        _ => (text_of(report, &entry.value, &entry.key_span, "publishes")?, &entry.value, None),
    };
    if event_type.ends_with('*') || !schemas.has(event_type) {
        let help = suggest(event_type, schemas.names(), "the events are");
        report.add("unknown-event", node.span.clone(), format!("there is no event `{}`", short(event_type)), help);
    }
    Some(Published { event_type: event_type.to_owned(), data })
}

/// Whether the paths of a template over the event's payload lead somewhere.
fn paths(context: &Context<'_>, event: &str, node: &Node, template: &Template) {
    let Some(cursor) = context.schemas.cursor(event) else { return };
    match (template, &node.kind) {
        (Template::Object(fields), Kind::Map(entries)) => {
            fields.iter().zip(entries).for_each(|((_, t), e)| paths(context, event, &e.value, t));
        }
        (Template::Array(items), Kind::List(nodes)) => items.iter().zip(nodes).for_each(|(t, n)| paths(context, event, n, t)),
        _ => {
            let mut found = Vec::new();
            template.paths(&mut found);
            for path in found.into_iter().filter(|p| p[0] == "data" && p.len() > 1) {
                if let Err((part, names)) = cursor.follow(&path[1..]) {
                    let help = suggest(&part, names.iter().map(String::as_str), "its schema has");
                    let message = format!("the payload of `{}` has no `{}`", short(event), short(&part));
                    context.report.add("unknown-field", node.span.clone(), message, help);
                }
            }
        }
    }
}

/// `in: conversation:$data.conversation`.
pub(super) fn channel(context: &Context<'_>, event: &str, entry: &Entry) -> Option<Template> {
    let report = context.report;
    let written = text(report, entry)?;
    let names = Names::default().with_deep(&["data"]).with_attributes(context.attributes);
    let template = text_template(report, written, &entry.value, &names);
    let mut found = Vec::new();
    template.paths(&mut found);
    for path in found.into_iter().filter(|p| p[0] == "data") {
        context.schemas.check_path(report, event, &path[1..].to_vec(), &entry.value, Wanted::Name);
    }
    let sample: String = match &template {
        Template::Value(value) => value.as_str().unwrap_or_default().to_owned(),
        Template::Text(segments) => segments.iter().map(|s| if let Segment::Literal(text) = s { text } else { "x" }).collect(),
        _ => return Some(template),
    };
    let channels = context.channels;
    if channels.whole() && channels.list.iter().all(|c| c.address.parse(&sample).is_none()) {
        let help = suggest(written, channels.list.iter().map(|c| c.address.source.as_str()), "the channels' addresses are");
        report.add("unknown-channel", entry.value.span.clone(), format!("no channel has the address `{}`", short(written)), help);
    }
    Some(template)
}

/// What only shows when all events are there: whether what is published can be, and where. An event that does not say its
/// channel is on that of what it is published as.
pub(super) fn check(context: &Context<'_>, entry: &Entry, events: &mut [Event]) {
    let report = context.report;
    let mut inherited = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let Some(name) = &event.publishes else { continue };
        let Some(written) = entry.value.entry(&event.name) else { continue };
        let Some(publishes) = written.value.entry("publishes") else { continue };
        let Some(other) = find(events, name) else { continue };
        let place = publishes.value.entry("type").map_or(&publishes.value, |e| &e.value);
        if !other.is_shown() {
            let help = Some("name the event that clients get".to_owned());
            report.add("not-on-channel", place.span.clone(), format!("`{}` is on no channel itself", short(name)), help);
        }
        if other.from == Publisher::Presence {
            let help = Some("name an event of backends or clients".to_owned());
            report.add("not-on-channel", place.span.clone(), format!("`{}` is published by the server alone", short(name)), help);
        }
        if event.on.is_empty() && written.value.entry("on").is_none() {
            inherited.push((at, other.on.clone()));
        } else if let Some(lacking) = event.on.iter().find(|on| !other.on.is_empty() && !other.on.contains(on)) {
            let channel = &context.channels.list[*lacking].id;
            let help = Some(format!("write `on: {channel}` at `{}`", other.name));
            report.add("not-on-channel", place.span.clone(), format!("`{}` is not on the channel `{channel}`", short(name)), help);
        }
        payload(context, event, name, publishes);
    }
    for (at, on) in inherited {
        events[at].on = on;
    }
}

fn payload(context: &Context<'_>, event: &Event, name: &str, publishes: &Entry) {
    let (report, schemas) = (context.report, context.schemas);
    if let (Some(template), Some(data)) = (&event.published, publishes.value.entry("data")) {
        let mut paths = Vec::new();
        template.paths(&mut paths);
        if paths.iter().any(|p| p[0] == "id") && event.key.is_none() {
            let help = Some("write `key:`, e.g. `key: $data.client_id`: the same key is the same id".to_owned());
            report.add("bad-key", data.value.span.clone(), "`$id` is made of the event's key, and there is none", help);
        }
        let Some(cursor) = schemas.cursor(name) else { return };
        let own = schemas.cursor(&event.name);
        let known = |path: &[String]| match path.first().map(String::as_str) {
            Some("id" | "channel") => vec!["string".to_owned()],
            Some("data") => {
                let end = own.as_ref().and_then(|own| own.follow(&path[1..]).ok().flatten());
                end.as_ref().and_then(|end| end.types()).map_or_else(Vec::new, |types| types.into_iter().map(str::to_owned).collect())
            }
            _ => Vec::new(),
        };
        fits::check(report, &data.value, template, &cursor, name, &known);
        return;
    }
    // The payload goes on as it is: what the one schema accepts, the other must not refuse.
    let (Some(own), Some(other)) = (schemas.schema(&event.name), schemas.schema(name)) else { return };
    if own.root == other.root {
        return;
    }
    if let Type::Map(Some(cursor)) = super::types::Cursor::root(other).kind() {
        let there = super::types::Cursor::root(own);
        let required = there.required();
        for field in cursor.required().into_iter().filter(|field| !required.contains(field)) {
            let help = Some(format!("write `data:` beside `type:`, or make `{field}` required in the schema of `{}`", event.name));
            let message = format!("the payload of `{}` needs `{field}`, which `{}` need not have", short(name), event.name);
            report.add("missing-field", publishes.value.span.clone(), message, help);
        }
    }
    for violation in event.examples.iter().flat_map(|example| other.validate(example)) {
        let help = Some("write `data:` beside `type:`: what it is made of".to_owned());
        let message = format!("the example of `{}` does not match the schema of `{}`: {}", event.name, short(name), violation.message);
        report.add("bad-example", publishes.value.span.clone(), message, help);
    }
}
