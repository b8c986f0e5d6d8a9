//! Events, from clients and from the server: why, what, and what is wrong.

use super::{
    fields::{Field, fields, whole},
    said, said_text,
    words::{Page, code, codes, duration, listed, window},
};
use crate::frame::{self, Frame, Role, is_pusher, none};
use serde_json::Value;
use tidewire_contract::{ClientFrame, Contract, Event, Publisher, ServerFrame, Template};

pub fn from_clients(contract: &Contract, page: &mut Page) {
    page.heading(2, "Client → Server Events");
    let frames = frame::client(contract, &none);
    let sends = frames.iter().filter(|f| matches!(f.role, Role::Client(ClientFrame::Send, Some(_))));
    let mut any = false;
    for one in sends {
        any = true;
        from_client(contract, one, page);
    }
    if !any {
        page.paragraph("Clients send no events of their own; what else they may send is under System Events and Rooms.");
    }
}

fn from_client(contract: &Contract, frame: &Frame<'_>, page: &mut Page) {
    let Role::Client(_, Some(event)) = frame.role else { return };
    page.heading(3, &format!("Event: {}", code(&event.name)));
    let mut about = Vec::new();
    about.extend(event.trigger.clone().map(|text| ("Trigger", text)));
    about.extend(event.story.clone().map(|text| ("User Story", text)));
    about.push(("What becomes of it", becomes(contract, event)));
    page.quote(&about);
    page.paragraph("**Payload**:");
    let rows = match contract.wire.client(ClientFrame::Send) {
        Some(template) => envelope(template, event, ""),
        None => pusher_rows(contract, event),
    };
    let cells = |f: &Field| {
        let required = if f.required { "Yes" } else { "No" };
        vec![code(&f.path), f.kind.clone(), required.to_owned(), f.description.clone()]
    };
    page.table(&["Field", "Type", "Required", "Description"], &rows.iter().map(cells).collect::<Vec<_>>());
    example(frame, event, page);
    rules(contract, event, page);
    answers(contract, event, page);
}

fn becomes(contract: &Contract, event: &Event) -> String {
    if let Some(backend) = event.to.and_then(|to| contract.backends.get(to)) {
        let time = duration(backend.deadline);
        return format!("Handed to the backend {}, which decides and answers within {time}; nobody else sees it", code(&backend.name));
    }
    let examples = frame::Examples::of(contract);
    let channel = match &event.channel {
        Some(template) => code(&super::head::written(template)),
        None => contract.channels.get(examples.goes_to(event)).map_or_else(String::new, |c| code(&c.address.source)),
    };
    match &event.publishes {
        Some(published) if event.published.is_some() => {
            format!("Published as {}, with a payload made of this one, to {channel}", code(published))
        }
        Some(published) => format!("Published as {} to {channel}", code(published)),
        None => format!("Published as it is to {channel}"),
    }
}

/// The payload's rows of an event's frame under a protocol that spells frames itself.
fn pusher_rows(contract: &Contract, event: &Event) -> Vec<Field> {
    let mut rows = vec![
        row("event", "string", true, format!("Event type: {}", code(&format!("\"{}\"", event.name)))),
        row("channel", "string", true, "The channel that it is on".to_owned()),
    ];
    if event.from == Publisher::Client {
        rows.push(row("data", "any", false, "The payload".to_owned()));
        rows.extend(event.schema().map(|schema| fields(schema, "data")).unwrap_or_default());
    } else {
        rows.push(row("data", "string", true, "A JSON text; what is in it:".to_owned()));
        rows.extend(envelope(&contract.wire.event, event, "data"));
    }
    rows
}

fn row(path: &str, kind: &str, required: bool, description: String) -> Field {
    Field { path: path.to_owned(), kind: kind.to_owned(), required, description, rules: Vec::new() }
}

/// The rows of a frame: its members, and the payload's fields where the payload stands.
fn envelope(template: &Template, event: &Event, prefix: &str) -> Vec<Field> {
    match template {
        Template::Object(entries) => {
            let below = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            entries.iter().flat_map(|(name, inner)| envelope(inner, event, &below(name))).collect()
        }
        Template::Value(value) => vec![row(prefix, json_kind(value), true, format!("Always {}", code(&value.to_string())))],
        Template::Name(path) => named(path, event, prefix),
        Template::Text(_) => {
            let text = super::head::written(template);
            vec![row(prefix, "string", true, format!("{}: {}", code(&text), meaning(&text, event)))]
        }
        Template::Array(_) => vec![row(prefix, "array", true, code(&super::head::written(template)))],
    }
}

fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        _ => "string",
    }
}

fn named(path: &[String], event: &Event, prefix: &str) -> Vec<Field> {
    let is_sent = event.from == Publisher::Client;
    match path {
        [name] if name == "data" => match event.schema() {
            Some(schema) => {
                let inner = fields(schema, prefix);
                if inner.is_empty() { vec![row(prefix, "any", true, "The payload".to_owned())] } else { inner }
            }
            None => vec![row(prefix, "any", true, "The payload; the contract says nothing of it".to_owned())],
        },
        [name] => {
            let (kind, required) = match name.as_str() {
                "id" => ("UUID", true),
                "at" | "occurred_at" => ("ISO8601", true),
                "seq" => ("number", true),
                "replay" => ("boolean", true),
                "type" => ("string", true),
                // What a client may leave out of its frames.
                "key" | "trace" | "channel" if is_sent => ("string", false),
                "key" | "trace" => ("string | null", true),
                _ => ("string", true),
            };
            vec![row(prefix, kind, required, meaning(&format!("${name}"), event))]
        }
        _ => vec![row(prefix, "any", true, meaning(&format!("${}", path.join(".")), event))],
    }
}

/// What a name of an envelope means.
fn meaning(name: &str, event: &Event) -> String {
    let is_sent = event.from == Publisher::Client;
    let root = name.trim_start_matches(|c| c != '$');
    let end = root[1..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(root.len(), |at| at + 1);
    match &root[1..end] {
        "type" => match event.name.strip_suffix('*') {
            Some(prefix) => format!("Event type, beginning with {}", code(&format!("\"{prefix}\""))),
            None => format!("Event type: {}", code(&format!("\"{}\"", event.name))),
        },
        "id" => "The event's id".to_owned(),
        "at" => "When the event was put in order".to_owned(),
        "occurred_at" => "When it happened, as its publisher says; else when it was put in order".to_owned(),
        "seq" => "Its place in its channel: one more than the last".to_owned(),
        "epoch" => "Which log the place is of".to_owned(),
        "position" => "Where to go on from".to_owned(),
        "key" if is_sent => "The same key again gets the first answer, and does nothing".to_owned(),
        "key" => "What makes it the same as one that was sent again".to_owned(),
        "trace" => "The trace or correlation id of what caused it".to_owned(),
        "channel" => "The channel that it is on".to_owned(),
        "replay" => "Whether it was missed, and is told now".to_owned(),
        "fields" => "What its publisher adds to the envelope".to_owned(),
        "data" => "Of the payload".to_owned(),
        variable => format!("The {} of the channel", code(variable)),
    }
}

fn example(frame: &Frame<'_>, event: &Event, page: &mut Page) {
    if frame::payload(event).is_none() && event.schema().is_some() {
        page.paragraph("**Example**: the contract has none, and its schema alone does not give one.");
        return;
    }
    page.paragraph("**Example**:");
    page.json(&frame.example);
    // JSON within a text is no pleasure to read.
    if let Some(Ok(within)) = frame.example.get("data").and_then(Value::as_str).map(serde_json::from_str::<Value>) {
        page.paragraph("Its `data`:");
        page.json(&within);
    }
    for more in event.examples.iter().skip(1) {
        page.paragraph("Another payload:");
        page.json(more);
    }
}

/// What a payload has to be, and when it may be sent.
fn rules(contract: &Contract, event: &Event, page: &mut Page) {
    let mut items = payload_rules(event);
    if let Some(rule) = said_text(contract, &["events", &event.name, "rules"]) {
        items.push(format!("Allowed if {} is true; otherwise `UNAUTHORIZED`", code(rule)));
    }
    if let Some(key) = said_text(contract, &["events", &event.name, "key"]) {
        items.push(format!("Counts once for each {}: sent again, it gets the first answer", code(key)));
    }
    items.extend(version(event));
    if let Some(rate) = event.limit {
        items.push(format!("At most {} {}; beyond it `RATE_LIMITED`", rate.count, window(rate)));
    }
    page.paragraph("**Validation Rules**:");
    if items.is_empty() {
        items.push("None: any payload is taken".to_owned());
    }
    page.list(&items);
}

fn payload_rules(event: &Event) -> Vec<String> {
    let Some(schema) = event.schema() else { return Vec::new() };
    let mut items: Vec<String> = fields(schema, "")
        .into_iter()
        .filter(|field| !field.rules.is_empty())
        .map(|field| format!("{}: {}", code(&field.path), field.rules.join("; ")))
        .collect();
    items.extend(whole(schema));
    items
}

fn version(event: &Event) -> Option<String> {
    let version = event.version.as_ref()?;
    let (of, is) = (version.of.join("."), version.is.join("."));
    Some(format!("{}: higher than the last of the same {}; otherwise `CONFLICT`", code(&is), code(&of)))
}

/// What the server answers.
fn answers(contract: &Contract, event: &Event, page: &mut Page) {
    let frames = frame::server(contract, &none);
    let of = |wanted: ServerFrame| {
        frames.iter().find(|f| matches!(f.role, Role::Server(kind, Some(answered)) if kind == wanted && answered.name == event.name))
    };
    match (of(ServerFrame::Ack), of(ServerFrame::Refused)) {
        (Some(ack), Some(refused)) => {
            page.paragraph(&format!("**Server Response**: {} or {}", code(&ack.name), code(&refused.name)));
            let example = match event.to.and_then(|to| contract.backends.get(to)) {
                Some(backend) => {
                    answered(contract, event, &backend.name).map_or_else(|| ack.example.clone(), |reply| refilled(contract, event, reply))
                }
                None => ack.example.clone(),
            };
            page.json(&example);
            page.json(&refused.example);
        }
        (None, Some(refused)) => {
            page.paragraph(&format!("**Server Response**: nothing, or {}", code(&refused.name)));
            page.json(&refused.example);
        }
        _ if is_pusher(contract) => page.paragraph("**Server Response**: nothing, or `pusher:error`"),
        _ => page.paragraph("**Server Response**: none"),
    }
}

/// What a flow says that the backend answers to this event.
fn answered(contract: &Contract, event: &Event, backend: &str) -> Option<Value> {
    use tidewire_contract::Action;
    contract.flows.iter().find_map(|flow| {
        let at = flow.steps.iter().position(|s| matches!(&s.action, Action::Receive { who, what } if who.iter().any(|w| w == backend) && what.iter().any(|w| w.event_type == event.name)))?;
        flow.steps[at..].iter().find_map(|step| match &step.action {
            Action::Answer { who, data } if who == backend && data.get("code").is_none() => Some(valued(data, event)),
            _ => None,
        })
    })
}

/// With a value for what stands for one in the flow (`$message`): the payload's own, or the name.
fn valued(data: &Value, event: &Event) -> Value {
    let Value::Object(members) = data else { return data.clone() };
    let sent = frame::payload(event);
    let value = |name: &str, value: &Value| match value.as_str().and_then(|text| text.strip_prefix('$')) {
        Some(stands_for) => sent.as_ref().and_then(|sent| sent.get(name)).cloned().unwrap_or_else(|| stands_for.into()),
        None => value.clone(),
    };
    Value::Object(members.iter().map(|(name, v)| (name.clone(), value(name, v))).collect())
}

fn refilled(contract: &Contract, event: &Event, reply: Value) -> Value {
    let Some(template) = contract.wire.server(ServerFrame::Ack) else { return reply };
    let examples = frame::Examples::of(contract);
    let role = Role::Server(ServerFrame::Ack, Some(event));
    template.fill(&mut |path| match path.split_first() {
        Some((root, rest)) if root == "reply" || root == "data" => {
            rest.iter().try_fold(reply.clone(), |value, part| value.get(part).cloned())
        }
        _ => examples.value(role, path),
    })
}

pub fn from_server(contract: &Contract, page: &mut Page) {
    page.heading(2, "Server → Client Events");
    for one in frame::events(contract, &none) {
        let Role::Event(event) = one.role else { continue };
        page.heading(3, &format!("Event: {}", code(&event.name)));
        let mut about = Vec::new();
        let trigger = event.trigger.clone().unwrap_or_else(|| published(contract, event));
        about.push(("Trigger", trigger));
        about.extend(event.story.clone().map(|text| ("User Story", text)));
        about.push(("Subscribers", subscribers(contract, event)));
        page.quote(&about);
        page.paragraph("**Payload**:");
        let rows = if is_pusher(contract) { pusher_rows(contract, event) } else { envelope(&contract.wire.event, event, "") };
        let cells = |f: &Field| {
            let mut description = f.description.clone();
            for rule in &f.rules {
                description.truncate(description.trim_end_matches('.').len());
                description += if description.is_empty() { "" } else { ". " };
                description += rule;
            }
            let kind = if f.required { f.kind.clone() } else { format!("{} (optional)", f.kind) };
            vec![code(&f.path), kind, description]
        };
        page.table(&["Field", "Type", "Description"], &rows.iter().map(cells).collect::<Vec<_>>());
        example(&one, event, page);
        notes(contract, event, page);
    }
}

/// What makes it happen, where the contract does not say so in words.
fn published(contract: &Contract, event: &Event) -> String {
    let sources: Vec<&str> =
        contract.events.iter().filter(|e| e.publishes.as_deref() == Some(&event.name)).map(|e| e.name.as_str()).collect();
    if !sources.is_empty() {
        return format!("{} was accepted", codes(sources, "or"));
    }
    match event.from {
        Publisher::Backend => {
            let backends: Vec<&str> = contract.backends.iter().filter(|b| b.sends.contains(&event.name)).map(|b| b.name.as_str()).collect();
            if backends.is_empty() {
                "A backend publishes it".to_owned()
            } else {
                format!("The backend {} publishes it", codes(backends, "or"))
            }
        }
        Publisher::Client => "A client sends it".to_owned(),
        Publisher::Presence => presence(contract, event),
    }
}

fn presence(contract: &Contract, event: &Event) -> String {
    for channel in &contract.channels {
        let Some(presence) = &channel.presence else { continue };
        if presence.joins.as_ref().is_some_and(|joins| joins.event_type == event.name) {
            return format!("Somebody comes to {}", code(&channel.address.source));
        }
        if presence.leaves.as_ref().is_some_and(|leaves| leaves.event_type == event.name) {
            let grace =
                if presence.grace.is_zero() { String::new() } else { format!(" and is not back within {}", duration(presence.grace)) };
            return format!("Somebody leaves {}{grace}", code(&channel.address.source));
        }
    }
    "Somebody comes or goes".to_owned()
}

/// Who receives it: everybody on its channels, one user, or those whom its audience names.
fn subscribers(contract: &Contract, event: &Event) -> String {
    let audience = said(contract, &["events", &event.name, "audience"]);
    let mut all = Vec::new();
    for (kind, channel) in contract.channels.iter().enumerate() {
        let is_on = event.on.contains(&kind) || channel.mirrors.is_some_and(|of| event.on.contains(&of));
        if !is_on || channel.closed {
            continue;
        }
        let address = code(&channel.address.source);
        let join = said_text(contract, &["channels", &channel.id, "join"]).unwrap_or_default();
        let own = channel
            .address
            .variables()
            .any(|v| [format!("{v} == principal.id"), format!("principal.id == {v}")].iter().any(|rule| join.contains(rule.as_str())));
        all.push(if own {
            format!("one user, on {address}")
        } else if channel.address.variables().next().is_none() {
            format!("all on {address}")
        } else {
            format!("members of the room {address}")
        });
    }
    if all.is_empty() {
        all.push("all on the channel that its publisher names".to_owned());
    }
    let mut text = listed(&all, "and");
    if let Some(audience) = audience {
        text = format!("of {text}: {}", named_by(audience));
        let oversee = contract
            .channels
            .iter()
            .enumerate()
            .any(|(kind, c)| event.on.contains(&kind) && said(contract, &["channels", &c.id, "oversees"]).is_some());
        if oversee {
            text += "; and those who oversee the channel";
        }
    }
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// An audience in words.
fn named_by(audience: &Value) -> String {
    let Some(parts) = audience.as_object() else { return code(&audience.to_string()) };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut who = Vec::new();
    for (by, paths) in parts.iter().filter(|(key, _)| !["when", "unless", "any"].contains(&key.as_str())) {
        let paths: Vec<String> = match paths {
            Value::Array(paths) => paths.iter().map(text).collect(),
            one => vec![text(one)],
        };
        who.push(format!("whose {} is {}", code(by), codes(paths.iter().map(String::as_str), "or")));
    }
    for clause in parts.get("any").and_then(Value::as_array).into_iter().flatten() {
        who.push(named_by(clause));
    }
    let mut words =
        if who.is_empty() { "nobody else".to_owned() } else { format!("those {}", who.join(", or ").replace("those whose", "whose")) };
    let rule = |key: &str| parts.get(key).and_then(Value::as_str);
    if let Some(when) = rule("when") {
        words += &format!(" (if {}; else all)", code(when));
    }
    if let Some(unless) = rule("unless") {
        words += &format!(" (unless {}: then all)", code(unless));
    }
    words
}

/// What else a client should know.
fn notes(contract: &Contract, event: &Event, page: &mut Page) {
    let mut items = Vec::new();
    items.extend(version(event));
    if let Some(newest) = &event.newest {
        items.push(format!("A client keeps the one with the higher {}", code(&newest.join("."))));
    }
    for channel in &contract.channels {
        for (name, _) in channel.retain.iter().filter(|(_, event_type)| *event_type == event.name) {
            items.push(format!("The latest on {} is kept as {}, for those who come later", code(&channel.address.source), code(name)));
        }
    }
    if event.audit {
        items.push("Also kept in the audit trail".to_owned());
    }
    if !items.is_empty() {
        page.list(&items);
    }
}
