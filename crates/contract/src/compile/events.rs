//! `events:`.

use super::{
    channels::Channels,
    fields::{Fields, list_or_one, mapping, rate, short, text, text_of, word},
    language::{AUDIENCE, EVENT},
    names::{Names, data_path, inside, text_template},
    rule::{self, Rule, Scope},
    schema::{self, Schema},
    source::{Files, Reporter, suggest},
    types::{Cursor, Type},
    yaml::{Entry, Kind, Node},
};
use crate::{
    audience::Clause,
    event::{Event, Publisher, type_matches},
    template::{Path, Segment, Template},
};
use std::{cell::Cell, collections::HashMap, sync::Arc};

/// The events' names and schemas, read before what refers to them.
pub(crate) struct Schemas {
    events: Vec<(String, Option<Arc<Schema>>)>,
}

impl Schemas {
    pub fn read(report: &Reporter, entry: Option<&Entry>, files: &Files) -> Schemas {
        let mut compiled: HashMap<String, Option<Arc<Schema>>> = HashMap::new();
        let mut events = Vec::new();
        let entries = match entry.map(|e| &e.value.kind) {
            Some(Kind::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        for event in entries {
            let data = match &event.value.kind {
                Kind::Map(fields) => fields.iter().find(|f| f.key == "data"),
                _ => None,
            };
            let schema = data.and_then(|data| {
                let path = text(report, data)?;
                if let Some(known) = compiled.get(path) {
                    return known.clone();
                }
                let schema = schema::compile(path, &data.value.span, files, report).map(Arc::new);
                compiled.insert(path.to_owned(), schema.clone());
                schema
            });
            events.push((event.key.clone(), schema));
        }
        Schemas { events }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(|(name, _)| name.as_str())
    }

    /// Whether there is such an event, by its name or by the pattern that covers it.
    pub fn has(&self, name: &str) -> bool {
        self.events.iter().any(|(n, _)| n == name || type_matches(n, name))
    }

    fn schema(&self, name: &str) -> Option<&Arc<Schema>> {
        let exact = self.events.iter().find(|(n, _)| n == name);
        exact.or_else(|| self.events.iter().find(|(n, _)| type_matches(n, name)))?.1.as_ref()
    }

    fn cursor(&self, name: &str) -> Option<Cursor> {
        self.schema(name).map(|schema| Cursor::root(schema))
    }

    /// Reports a path that the event's payload cannot have, or that leads to something else than `wanted`.
    pub fn check_path(&self, report: &Reporter, event: &str, path: &Path, node: &Node, wanted: Wanted) {
        let Some(cursor) = self.cursor(event) else { return };
        let text = if let Kind::Str(text) = &node.kind { text.as_str() } else { "" };
        let dotted = format!("$data.{}", path.join("."));
        let span = text.find(&dotted).map_or(node.span.clone(), |at| inside(report, node, text, at..at + dotted.len()));
        let end = match cursor.follow(path) {
            Ok(end) => end.map_or(Type::Any, |end| end.kind()),
            Err((part, names)) => {
                let help = suggest(&part, names.iter().map(String::as_str), "its schema has");
                report.add("unknown-field", span, format!("the payload of `{}` has no `{}`", short(event), short(&part)), help);
                return;
            }
        };
        let (fits, what) = match wanted {
            Wanted::Names => (!matches!(end, Type::Bool | Type::Map(_) | Type::Null), "text, a number or a list of them"),
            Wanted::Name => (!matches!(end, Type::Bool | Type::Map(_) | Type::Null | Type::List(_)), "text or a number"),
            Wanted::Number => (matches!(end, Type::Any | Type::Number), "a number"),
        };
        if !fits {
            report.add("wrong-field", span, format!("here {what} is needed, and the schema says {}", end.describe()), None);
        }
    }
}

/// What a path has to lead to.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    /// Somebody or something, or a list of them.
    Names,
    /// Somebody or something.
    Name,
    Number,
}

/// What events refer to.
pub(crate) struct Context<'a> {
    pub report: &'a Reporter,
    pub attributes: &'a [String],
    pub relations: &'a [String],
    pub channels: &'a Channels,
    pub schemas: &'a Schemas,
}

pub(crate) fn events(context: &Context<'_>, entry: &Entry) -> Vec<Event> {
    let report = context.report;
    let Some(entries) = mapping(report, &entry.value, &entry.key_span, "events") else { return Vec::new() };
    let unknown = Cell::new(false);
    let events: Vec<Event> = entries.iter().filter_map(|e| event(context, e, &unknown)).collect();
    for (at, channel) in context.channels.list.iter().enumerate() {
        let mirrors = context.channels.mirroring.contains(&channel.id);
        let used = mirrors || channel.presence.is_some() || events.iter().any(|e| e.on.contains(&at));
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
    let from = fields
        .get("from")
        .and_then(|e| word(report, &e.value, &e.key_span, "from", &[("client", Publisher::Client), ("backend", Publisher::Backend)]))
        .unwrap_or(Publisher::Backend);
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
    let publishes = fields.get("publishes").and_then(|e| {
        let name = text(report, e)?;
        if from != Publisher::Client {
            let help = Some("write `from: client` too, or remove it".to_owned());
            report.add("not-a-client-event", e.key_span.clone(), "only a client's event is published as another one", help);
        } else if !schemas.has(name) {
            let help = suggest(name, schemas.names(), "the events are");
            report.add("unknown-event", e.value.span.clone(), format!("there is no event `{}`", short(name)), help);
        }
        Some(name.to_owned())
    });
    if fields.get("on").is_none() && fields.get("publishes").is_none() {
        let help = suggest("", channels.names.iter().map(String::as_str), "write `on:` and a channel; they are");
        report.add("missing-key", entry.key_span.clone(), "an event does not say on which channel it is", help);
    }
    for key in ["limit", "rules"] {
        if let Some(e) = fields.get(key)
            && from != Publisher::Client
        {
            let help = Some("write `from: client` too, or remove it".to_owned());
            report.add("not-a-client-event", e.key_span.clone(), format!("`{key}` is for what a client sends"), help);
        }
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
        publishes,
        trigger: said("trigger"),
        story: said("story"),
        examples: examples(report, &fields, schema.as_deref()),
        limit: fields.get("limit").and_then(|e| rate(report, e)),
        key: fields.get("key").and_then(|e| key(context, &name, from, e)),
        newest: path("newest"),
        audience: fields.get("audience").and_then(|e| clause(context, &name, &e.value, e, 0)).into_iter().collect(),
        rules: fields.get("rules").and_then(|e| rules(context, &name, e)),
        schema,
        name,
    };
    Some(event)
}

fn check_type(report: &Reporter, entry: &Entry) {
    let stem = entry.key.strip_suffix('*').unwrap_or(&entry.key);
    if !stem.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c)) || entry.key.is_empty() {
        let help = Some("letters, digits, `.`, `_`, `-` and `:`; a `*` at the end stands for the rest".to_owned());
        report.add("bad-name", entry.key_span.clone(), format!("`{}` cannot be an event's type", short(&entry.key)), help);
    }
}

fn payload_type(context: &Context<'_>, event: &str) -> Type {
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

fn clause(context: &Context<'_>, event: &str, node: &Node, owner: &Entry, depth: usize) -> Option<Clause> {
    let report = context.report;
    let at = match &node.kind {
        Kind::Map(entries) if depth > 0 => entries.first().map_or(owner.key_span.clone(), |e| e.key_span.clone()),
        _ => owner.key_span.clone(),
    };
    let fields = Fields::read(report, node, &at, &AUDIENCE, true)?;
    let data = payload_type(context, event);
    let rule = |key: &str| {
        let e = fields.get(key)?;
        let scope = Scope { attributes: &[], vars: &[], data: Some(data.clone()), absent_is_null: true };
        rule::compile(report, &e.value, &e.key_span, key, &scope)
    };
    let (when, unless) = (rule("when"), rule("unless"));
    let mut named = Vec::new();
    for part in fields.others(&AUDIENCE) {
        let by = part.key.clone();
        if !context.attributes.contains(&by) && !context.relations.contains(&by) {
            let words = context.relations.iter().chain(context.attributes).map(String::as_str).chain(AUDIENCE.keys.iter().map(|k| k.name));
            let help = suggest(&by, words, "an audience is made of");
            let message = format!("`{}` is neither an attribute of principals nor a relation of `members`", short(&by));
            report.add("unknown-audience", part.key_span.clone(), message, help);
        }
        let paths = list_or_one(&part.value).iter().filter_map(|node| {
            let path = data_path(report, node, &part.key_span, &part.key)?;
            context.schemas.check_path(report, event, &path, node, Wanted::Names);
            Some(path)
        });
        named.push((by, paths.collect()));
    }
    let any = match fields.get("any") {
        Some(e) if depth > 0 => {
            report.add(
                "bad-audience",
                e.key_span.clone(),
                "`any` within `any` says nothing more",
                Some("write its clauses one level up".to_owned()),
            );
            Vec::new()
        }
        Some(e) => list_or_one(&e.value).iter().filter_map(|node| clause(context, event, node, e, 1)).collect(),
        None => Vec::new(),
    };
    if fields.others(&AUDIENCE).next().is_none() && fields.get("any").is_none() {
        let words = context.relations.iter().chain(context.attributes).map(String::as_str);
        report.add("bad-audience", at, "an audience names nobody", suggest("", words, "name them by"));
    }
    Some(Clause { when, unless, named, any })
}

fn examples(report: &Reporter, fields: &Fields<'_>, schema: Option<&Schema>) -> Vec<serde_json::Value> {
    let mut nodes: Vec<&Node> = Vec::new();
    if let Some(e) = fields.get("example") {
        nodes.push(&e.value);
    }
    if let Some(e) = fields.get("examples") {
        match &e.value.kind {
            Kind::List(items) => nodes.extend(items),
            _ => report.add("wrong-type", e.key_span.clone(), "`examples` is a list", Some("write `example:` for one alone".to_owned())),
        }
    }
    let mut all = Vec::new();
    for node in nodes {
        let example = node.to_json();
        for violation in schema.map_or_else(Vec::new, |s| s.validate(&example)) {
            let span = place(node, &violation.pointer);
            let help = Some(format!("its `{}` says so, and the example has a value of type {} there", violation.rule, violation.found));
            report.add("bad-example", span, format!("the example does not match the schema: {}", violation.message), help);
        }
        all.push(example);
    }
    all
}

/// Where the value at a JSON pointer stands.
fn place(node: &Node, pointer: &str) -> std::ops::Range<usize> {
    let (mut node, mut span) = (node, node.span.clone());
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let next = match &node.kind {
            Kind::Map(entries) => entries.iter().find(|e| e.key == part).map(|e| (&e.value, e.key_span.start..e.value.span.end)),
            Kind::List(items) => part.parse::<usize>().ok().and_then(|at| items.get(at)).map(|n| (n, n.span.clone())),
            _ => None,
        };
        let Some((next, at)) = next else { break };
        (node, span) = (next, at);
    }
    span
}
