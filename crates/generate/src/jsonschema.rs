//! JSON Schemas of what a contract says: payloads by themselves, and the frames that carry them.

use crate::{
    files::{File, Files},
    frame::{self, Frame, Role},
    name::{plain, unique},
    schema::{DRAFT, relocated},
};
use serde_json::{Map, Value, json};
use tidewire_contract::{Contract, Event, ServerFrame};

/// A file for each schema, below a folder of the contract's name: `events/TYPE.json` is a payload, `frames/TYPE.json` the event as
/// subscribers get it, `client.json` any frame that a client may send, `server.json` any frame that the server sends, `page.json` what a
/// poll or a page of the history answers. Each stands by itself.
pub fn files(contract: &Contract) -> Files {
    let file = |(path, schema): (String, Value)| File { path: format!("{}/{path}.json", contract.name), text: text(&schema) };
    Files { files: schemas(contract).into_iter().map(file).collect(), notes: Vec::new() }
}

/// All of them in one document: a compound schema document of JSON Schema 2020-12, each under `$defs` with an `$id` of its own.
pub fn bundle(contract: &Contract) -> Files {
    let definitions: Map<String, Value> = schemas(contract)
        .into_iter()
        .map(|(path, mut schema)| {
            if let Some(schema) = schema.as_object_mut() {
                schema.shift_remove("$schema");
            }
            (path, schema)
        })
        .collect();
    let server = id(contract, "server");
    let whole = json!({
        "$schema": DRAFT,
        "$id": id(contract, "all"),
        "title": format!("{} {}", contract.title, contract.version),
        "description": "What the server sends over a WebSocket; the other schemas of the contract are below",
        "$ref": server,
        "$defs": definitions,
    });
    Files::one(format!("{}.schema.json", contract.name), text(&whole))
}

fn text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

/// `urn:tidewire:contract:NAME:VERSION:PATH`.
pub fn id(contract: &Contract, path: &str) -> String {
    let version = contract.version.replace(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)), "_");
    format!("urn:tidewire:contract:{}:{version}:{path}", contract.name)
}

/// Every schema with its path.
fn schemas(contract: &Contract) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for event in &contract.events {
        let path = format!("events/{}", plain(&event.name));
        let mut schema = head(contract, &path, &event.name, event.trigger.as_deref());
        match event.schema().cloned() {
            Some(Value::Object(own)) => {
                // What the schema says of itself goes before what is said of it here.
                schema.extend(own.into_iter().filter(|(keyword, _)| keyword != "$schema" && keyword != "$id"));
            }
            Some(other) => {
                schema.insert("allOf".to_owned(), json!([other]));
            }
            None => {}
        }
        if !event.examples.is_empty() && !schema.contains_key("examples") {
            schema.insert("examples".to_owned(), event.examples.clone().into());
        }
        all.push((path, Value::Object(schema)));
    }
    let events = frame::events(contract, &payload);
    for one in &events {
        let path = format!("frames/{}", plain(&one.name));
        let mut schema = head(contract, &path, &format!("{} on the wire", one.name), None);
        schema.extend(one.schema.as_object().cloned().unwrap_or_default());
        schema.insert("examples".to_owned(), json!([one.example]));
        define(contract, &mut schema, std::slice::from_ref(one));
        all.push((path, Value::Object(schema)));
    }
    let client = frame::client(contract, &payload);
    let mut server = events;
    server.extend(frame::server(contract, &payload));
    all.push(("client".to_owned(), union(contract, "client", "What a client may send over a WebSocket", &client)));
    all.push(("server".to_owned(), union(contract, "server", "What the server sends over a WebSocket or an event stream", &server)));
    all.push(("page".to_owned(), page(contract)));
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn head(contract: &Contract, path: &str, title: &str, description: Option<&str>) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), DRAFT.into());
    schema.insert("$id".to_owned(), id(contract, path).into());
    schema.insert("title".to_owned(), title.into());
    if let Some(description) = description {
        schema.insert("description".to_owned(), description.into());
    }
    schema
}

/// Any of the frames.
fn union(contract: &Contract, path: &str, title: &str, frames: &[Frame<'_>]) -> Value {
    let mut schema = head(contract, path, title, None);
    let (mut taken, mut any, mut definitions) = (Vec::new(), Vec::new(), Map::new());
    for one in frames {
        let name = unique(format!("frame.{}", plain(&one.name)), &mut taken);
        any.push(json!({ "$ref": format!("#/$defs/{name}") }));
        let mut inner = json!({ "title": one.name });
        if let (Some(inner), Some(own)) = (inner.as_object_mut(), one.schema.as_object()) {
            inner.extend(own.clone());
        }
        definitions.insert(name, inner);
    }
    // With no frame at all, nothing is one.
    if any.is_empty() {
        schema.insert("not".to_owned(), json!({}));
    } else {
        schema.insert("anyOf".to_owned(), any.into());
    }
    schema.insert("$defs".to_owned(), Value::Object(definitions));
    define(contract, &mut schema, frames);
    Value::Object(schema)
}

/// What a poll or a page answers: events in their envelopes, and what is told of a gap.
fn page(contract: &Contract) -> Value {
    let mut schema = head(contract, "page", "What a poll, a page of the history or a replay answers", None);
    let mut frames: Vec<Frame<'_>> =
        contract.events.iter().filter(|e| frame::is_published(e)).map(|e| frame::envelope(contract, e, &payload)).collect();
    let is_gap = |f: &Frame<'_>| matches!(f.role, Role::Server(ServerFrame::Gap, _)) || f.name == "tidewire:gap";
    frames.extend(frame::server(contract, &payload).into_iter().filter(is_gap));
    let Value::Object(any) = union(contract, "page", "", &frames) else { return Value::Object(schema) };
    let items: Map<String, Value> =
        any.iter().filter(|(keyword, _)| ["anyOf", "not"].contains(&keyword.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect();
    schema.insert("type".to_owned(), "array".into());
    schema.insert("items".to_owned(), Value::Object(items));
    schema.insert("$defs".to_owned(), any.get("$defs").cloned().unwrap_or_default());
    Value::Object(schema)
}

/// Adds the payloads that the frames refer to.
fn define(contract: &Contract, schema: &mut Map<String, Value>, frames: &[Frame<'_>]) {
    let mut definitions = match schema.shift_remove("$defs") {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    let said = json!([frames.iter().map(|f| &f.schema).collect::<Vec<_>>(), schema]).to_string();
    for event in &contract.events {
        let name = definition(event);
        // Only those that some frame carries.
        if said.contains(&format!("\"#/$defs/{name}\"")) && !definitions.contains_key(&name) {
            let own = event.schema().cloned().unwrap_or(Value::Bool(true));
            definitions.insert(name.clone(), relocated(&own, &format!("#/$defs/{name}")));
        }
    }
    if !definitions.is_empty() {
        schema.insert("$defs".to_owned(), Value::Object(definitions));
    }
}

/// Where a payload is within a document of frames.
fn definition(event: &Event) -> String {
    format!("payload.{}", plain(&event.name))
}

fn payload(event: &Event) -> Value {
    json!({ "$ref": format!("#/$defs/{}", definition(event)) })
}
