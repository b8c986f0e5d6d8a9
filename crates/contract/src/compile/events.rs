//! `events:`.

use super::{
    audience::clause,
    backends::Backends,
    channels::Channels,
    examples::examples,
    fields::{Fields, list_or_one, mapping, rate, short, switch, text, text_of, word},
    language::EVENT,
    names::{Names, data_path, text_template},
    payloads::{Schemas, Wanted},
    publishes,
    rule::{self, Rule, Scope},
    source::{Reporter, suggest},
    types::Type,
    version::version,
    yaml::Entry,
};
use crate::{
    event::{Event, Publisher},
    template::{Path, Segment, Template},
};
use std::cell::Cell;

/// What events refer to.
pub(crate) struct Context<'a> {
    pub report: &'a Reporter,
    pub attributes: &'a [String],
    pub relations: &'a [String],
    pub channels: &'a Channels,
    pub backends: &'a Backends,
    pub schemas: &'a Schemas,
}

pub(crate) fn events(context: &Context<'_>, entry: &Entry) -> Vec<Event> {
    let report = context.report;
    let Some(entries) = mapping(report, &entry.value, &entry.key_span, "events") else { return Vec::new() };
    let unknown = Cell::new(false);
    let mut events: Vec<Event> = entries.iter().filter_map(|e| event(context, e, &unknown)).collect();
    publishes::check(context, entry, &mut events);
    for (at, channel) in context.channels.list.iter().enumerate() {
        let mirrors = context.channels.mirroring.contains(&channel.id);
        let used = mirrors || channel.presence.is_some() || events.iter().any(|e| e.on.contains(&at) && e.to.is_none());
        if !used && events.len() == entries.len() && !unknown.get() {
            let help = Some(format!("write `on: {}` at an event, or remove the channel", channel.id));
            let message = format!("nothing is published to the channel `{}`", channel.id);
            report.add("silent-channel", context.channels.spans[at].clone(), message, help);
        }
    }
    events
}

fn event(context: &Context<'_>, entry: &Entry, unknown: &Cell<bool>) -> Option<Event> {
    let Context { report, channels, schemas, .. } = *context;
    let name = entry.key.clone();
    check_type(report, entry);
    let fields = Fields::read(report, &entry.value, &entry.key_span, &EVENT, false)?;
    let from = fields.get("from").and_then(|e| word(report, &e.value, &e.key_span, "from", PUBLISHERS)).unwrap_or(Publisher::Backend);
    let mut on = Vec::new();
    if let Some(e) = fields.get("on") {
        for node in list_or_one(&e.value) {
            let channel = text_of(report, node, &e.key_span, "on").and_then(|name| channels.find(report, node, name));
            let Some(channel) = channel else {
                unknown.set(true);
                continue;
            };
            let name = &channels.list[channel].id;
            if let Some(of) = channels.list[channel].mirrors {
                let help = Some(format!("write `{}`, which it mirrors", channels.list[of].id));
                report.add("bad-mirror", node.span.clone(), format!("`{name}` is a mirror: nothing is published to it"), help);
            } else if on.contains(&channel) {
                report.add("duplicate-key", node.span.clone(), format!("`{name}` is here twice"), None);
            } else {
                on.push(channel);
            }
        }
    }
    let published = fields.get("publishes").and_then(|e| publishes::publishes(context, &name, e));
    let to = fields.get("to").and_then(|e| backend(context, e));
    let of_clients: &[&str] = &["publishes", "to", "in", "limit", "rules"];
    for e in of_clients.iter().filter_map(|key| fields.get(key)).filter(|_| from != Publisher::Client) {
        let help = Some("write `from: client` too, or remove it".to_owned());
        report.add("not-a-client-event", e.key_span.clone(), format!("`{}` is for what a client sends", e.key), help);
    }
    if let (Some(e), Some(_)) = (fields.get("publishes"), fields.get("to")) {
        let help = Some("remove one of them: what a backend is handed, it publishes itself or not at all".to_owned());
        report.add("handed-over", e.key_span.clone(), "an event is published, or handed to a backend", help);
    }
    if let (Some(e), true) = (fields.get("version"), fields.get("to").or(fields.get("publishes")).is_some()) {
        let help = Some("write `version` at the event that clients get".to_owned());
        report.add("handed-over", e.key_span.clone(), "this event is on no channel itself, so it has no version there", help);
    }
    if fields.get("on").or(fields.get("publishes")).or(fields.get("to")).is_none() {
        let help = suggest("", channels.names.iter().map(String::as_str), "write `on:` and a channel; they are");
        report.add("missing-key", entry.key_span.clone(), "an event does not say on which channel it is", help);
    }
    let path = |key: &str| {
        let e = fields.get(key)?;
        let path = data_path(report, &e.value, &e.key_span, key)?;
        schemas.check_path(report, &name, &path, &e.value, Wanted::Number);
        Some(path)
    };
    let said = |key: &str| fields.get(key).and_then(|e| text(report, e)).map(str::to_owned);
    let schema = fields.get("data").and_then(|_| schemas.schema(&name).cloned());
    let event = Event {
        on,
        from,
        to,
        channel: fields.get("in").and_then(|e| publishes::channel(context, &name, e)),
        publishes: published.as_ref().map(|p| p.event_type.clone()),
        published: published.and_then(|p| p.data),
        version: fields.get("version").and_then(|e| version(report, schemas, &name, e)),
        trigger: said("trigger"),
        story: said("story"),
        examples: examples(report, &fields, schema.as_deref()),
        limit: fields.get("limit").and_then(|e| rate(report, e)),
        key: fields.get("key").and_then(|e| key(context, &name, from, e)),
        newest: path("newest"),
        audit: fields.get("audit").is_some_and(|e| switch(report, e)),
        audience: fields.get("audience").and_then(|e| clause(context, &name, &e.value, e, 0)).into_iter().collect(),
        rules: fields.get("rules").and_then(|e| rules(context, &name, e)),
        schema,
        name,
    };
    Some(event)
}

const PUBLISHERS: &[(&str, Publisher)] =
    &[("client", Publisher::Client), ("backend", Publisher::Backend), ("presence", Publisher::Presence)];

/// The backend of `to:`.
fn backend(context: &Context<'_>, entry: &Entry) -> Option<usize> {
    let (report, backends) = (context.report, context.backends);
    let name = text(report, entry)?;
    let found = backends.list.iter().position(|b| b.name == name);
    if found.is_none() && !backends.names.iter().any(|n| n == name) {
        let none = Some(format!("write it down: `backends: {{ {name}: {{ deadline: 5s }} }}`"));
        let help = suggest(name, backends.names.iter().map(String::as_str), "the backends are").or(none);
        report.add("unknown-backend", entry.value.span.clone(), format!("there is no backend `{}`", short(name)), help);
    }
    found
}

fn check_type(report: &Reporter, entry: &Entry) {
    let stem = entry.key.strip_suffix('*').unwrap_or(&entry.key);
    if !stem.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c)) || entry.key.is_empty() {
        let help = Some("letters, digits, `.`, `_`, `-` and `:`; a `*` at the end stands for the rest".to_owned());
        report.add("bad-name", entry.key_span.clone(), format!("`{}` cannot be an event's type", short(&entry.key)), help);
    }
}

pub(super) fn payload_type(context: &Context<'_>, event: &str) -> Type {
    context.schemas.cursor(event).map_or(Type::Any, |cursor| match cursor.kind() {
        Type::Any => Type::Map(Some(cursor)),
        known => known,
    })
}

fn rules(context: &Context<'_>, event: &str, entry: &Entry) -> Option<Rule> {
    let data = Some(payload_type(context, event));
    let scope = Scope { attributes: context.attributes, vars: &[], data, absent_is_null: false };
    rule::compile(context.report, &entry.value, &entry.key_span, "rules", &scope)
}

/// `key: $data.vote_id/$principal.id`.
fn key(context: &Context<'_>, event: &str, from: Publisher, entry: &Entry) -> Option<Template> {
    let text = text(context.report, entry)?;
    let mut names = Names::default().with_deep(&["data"]);
    if from == Publisher::Client {
        names = names.with_attributes(context.attributes);
    }
    let template = text_template(context.report, text, &entry.value, &names);
    let paths: Vec<&Path> = match &template {
        Template::Name(path) => vec![path],
        Template::Text(segments) => segments.iter().filter_map(|s| if let Segment::Name(path) = s { Some(path) } else { None }).collect(),
        _ => {
            let help = Some("name what makes two events the same: `$data.id`".to_owned());
            context.report.add("bad-key", entry.value.span.clone(), "the key is the same for every event", help);
            return None;
        }
    };
    for path in paths.iter().filter(|p| p[0] == "data") {
        if path.len() == 1 {
            let help = Some("name a field: `$data.id`".to_owned());
            context.report.add("bad-key", entry.value.span.clone(), "the whole payload cannot be a key", help);
        }
        context.schemas.check_path(context.report, event, &path[1..].to_vec(), &entry.value, Wanted::Name);
    }
    Some(template)
}
