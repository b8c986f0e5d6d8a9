//! What a contract adds: its endpoints, its events, where its clients carry their tokens.

use super::{
    envelope,
    interface::{PATTERNS, answers, place, query},
    parts::{page_headers, schema},
};
use serde_json::{Map, Value, json};
use tidewire_contract::{Contract, Endpoint, EndpointKind, Event, OptionRole, Publisher, TokenPlace, address::Part};

/// Adds the schemas of payloads, envelopes and of what a backend publishes; the latter's references go to `drafts`.
pub fn schemas(contract: &Contract, schemas: &mut Map<String, Value>, drafts: &mut Vec<Value>) {
    let mut envelopes = Vec::new();
    for event in &contract.events {
        let name = component(contract, event);
        let data = event.schema().map_or_else(|| json!({}), |schema| embedded(schema, &format!("{name}.data")));
        schemas.insert(format!("{name}.data"), data);
        schemas.insert(name.clone(), envelope::schema(&contract.wire.event, event, &format!("{name}.data")));
        envelopes.push(schema(&name));
        if event.from == Publisher::Backend {
            let draft = format!("{name}.draft");
            schemas.insert(draft.clone(), self::draft(contract, event, &format!("{name}.data")));
            drafts.push(schema(&draft));
        }
    }
    // A gap is spelled by the contract's own template.
    envelopes.push(json!({ "type": "object", "description": "What the history no longer has, in the contract's words" }));
    schemas.insert(format!("{}.events", contract.name), json!({ "type": "array", "items": { "anyOf": envelopes } }));
}

/// One event as a backend publishes it.
fn draft(contract: &Contract, event: &Event, data: &str) -> Value {
    let on = |kind: usize, _: &tidewire_contract::Channel| event.on.is_empty() || event.on.contains(&kind);
    let channels: Vec<Value> = contract
        .channels
        .iter()
        .enumerate()
        .filter(|(kind, channel)| channel.mirrors.is_none() && on(*kind, channel))
        .map(|(_, channel)| json!({ "type": "string", "maxLength": 256, "pattern": pattern(&channel.address.parts) }))
        .collect();
    let text = |description: &str| json!({ "type": ["string", "null"], "minLength": 1, "maxLength": 256, "pattern": "^[ -~]+$", "description": description });
    let names = contract.members.iter().map(|m| m.relation.as_str()).chain(contract.auth.principal.iter().map(|(a, _)| a.as_str()));
    let who = json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] });
    let audience: Map<String, Value> = names.map(|name| (name.to_owned(), who.clone())).collect();
    json!({
        "type": "object",
        "required": ["channel", "type", "data"],
        "additionalProperties": false,
        "properties": {
            "channel": { "anyOf": channels },
            "type": envelope::type_of(event),
            "data": schema(data),
            "key": text("Deduplicates: the same key again gets the first answer"),
            "trace": text("Trace or correlation id of the request that caused it"),
            "occurred_at": { "type": ["string", "null"], "format": "date-time", "description": "When it happened" },
            "fields": { "type": ["object", "null"], "description": "Further members for the envelope, `$fields`" },
            "audience": { "type": ["object", "null"], "additionalProperties": false, "properties": audience, "description": "Narrows whom it is for" },
        },
    })
}

/// Adds the places of tokens; returns alternatives of security requirements.
pub fn security(contract: &Contract, schemes: &mut Map<String, Value>) -> Vec<Value> {
    let auth = &contract.auth;
    let mut all = Vec::new();
    for place in auth.poll.iter().chain(&auth.history).chain(&auth.sse).chain(&auth.websocket) {
        let (name, scheme) = match place {
            TokenPlace::Header => ("header".to_owned(), json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" })),
            TokenPlace::Query(name) => (format!("query.{name}"), json!({ "type": "apiKey", "in": "query", "name": name })),
            TokenPlace::Cookie(name) => (format!("cookie.{name}"), json!({ "type": "apiKey", "in": "cookie", "name": name })),
        };
        let name = format!("{}.{name}", contract.name);
        if schemes.insert(name.clone(), scheme).is_none() {
            all.push(requirement(&name));
        }
    }
    all
}

fn requirement(name: &str) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), json!([]))]))
}

/// The endpoints that answer and end: polls and history pages; event streams share a poll's path where they have the same.
pub fn paths(contract: &Contract) -> Vec<(String, Value)> {
    let mut paths: Vec<(String, Value)> = Vec::new();
    let plain = |e: &&Endpoint| matches!(e.kind, EndpointKind::Poll | EndpointKind::History | EndpointKind::Sse);
    for endpoint in contract.endpoints.iter().filter(plain) {
        let path = endpoint.path.source.clone();
        if let Some((_, item)) = paths.iter_mut().find(|(p, _)| *p == path) {
            let get = &mut item["get"];
            let known: Vec<Value> = get["parameters"].as_array().into_iter().flatten().map(|p| p["name"].clone()).collect();
            if let Some(all) = get["parameters"].as_array_mut() {
                all.extend(parameters(endpoint).into_iter().filter(|p| !known.contains(&p["name"])));
            }
            for (media, content) in content(contract, endpoint).as_object().into_iter().flatten() {
                get["responses"]["200"]["content"][media] = content.clone();
            }
            continue;
        }
        let statuses = ["400", "401", "403", "404", "405", "429", "500", "503"];
        let mut responses = answers("Events, in order", &json!({}), &statuses);
        responses["200"]["content"] = content(contract, endpoint);
        responses["200"]["headers"] = page_headers();
        let mut schemes = Map::new();
        let get = json!({
            "operationId": format!("{}.{}", contract.name, path.trim_matches('/').replace(['/', '{', '}'], "_")),
            "tags": [contract.name],
            "summary": format!("{}: what a client may see", contract.title),
            "parameters": parameters(endpoint),
            "security": security(contract, &mut schemes),
            "responses": responses,
        });
        paths.push((path, json!({ "get": get })));
    }
    paths
}

fn content(contract: &Contract, endpoint: &Endpoint) -> Value {
    match endpoint.kind {
        EndpointKind::Sse => json!({ "text/event-stream": { "schema": { "type": "string" } } }),
        _ => json!({ "application/json": { "schema": schema(&format!("{}.events", contract.name)) } }),
    }
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let variables = endpoint.path.parts.iter().filter_map(|part| match part {
        Part::Variable(name) => {
            Some(json!({ "name": **name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }))
        }
        Part::Literal(_) => None,
    });
    let required =
        endpoint.query.iter().map(|(name, _)| query(name, true, "Names the channel", json!({ "type": "string", "minLength": 1 })));
    let options = endpoint.options.iter().map(|(name, role)| match role {
        OptionRole::Filter => {
            query(name, false, "Type patterns, separated by semicolons; `*` stands last", json!({ "type": "string", "pattern": PATTERNS }))
        }
        OptionRole::Resume => query(name, false, "Behind an event's id, a seq, a position, or a time", place()),
        OptionRole::Page => query(name, false, "Most events of the page", json!({ "type": "integer", "minimum": 1, "maximum": 1000 })),
        OptionRole::Subscribe => query(name, false, "Channels, separated by commas", json!({ "type": "string" })),
    });
    let wait = (endpoint.kind == EndpointKind::Poll).then(|| {
        query("wait", false, "How long to wait for something new, in seconds", json!({ "type": "integer", "minimum": 0, "maximum": 55 }))
    });
    variables.chain(required).chain(options).chain(wait).collect()
}

/// `world.chat.message.any`
fn component(contract: &Contract, event: &Event) -> String {
    let name = event.name.strip_suffix('*').map_or_else(|| event.name.clone(), |prefix| format!("{prefix}any"));
    format!("{}.{}", contract.name, name.replace(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)), "_"))
}

/// The regular expression of an address.
fn pattern(parts: &[Part]) -> String {
    let part = |part: &Part| match part {
        Part::Literal(text) => envelope::escape(text),
        Part::Variable(_) => "[A-Za-z0-9_.-]+".to_owned(),
    };
    format!("^{}$", parts.iter().map(part).collect::<String>())
}

/// A schema that lies inside the document now: its own references begin at its new place.
fn embedded(schema: &Value, at: &str) -> Value {
    match schema {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "$schema")
            .map(|(name, value)| match (name.as_str(), value.as_str()) {
                ("$ref", Some(target)) if target.starts_with('#') => {
                    (name.clone(), format!("#/components/schemas/{at}{}", &target[1..]).into())
                }
                _ => (name.clone(), embedded(value, at)),
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(|item| embedded(item, at)).collect(),
        other => other.clone(),
    }
}
