//! The contract as a value: what a client needs at run time to speak it.

use serde_json::{Map, Value, json};
use std::time::Duration;
use tidewire_contract::{Contract, Event, OptionRole, Presence, Protocol, Publisher, Template, TokenPlace, template::Segment};

/// What `export const contract` is.
pub(super) fn describe(contract: &Contract) -> Value {
    let mut described = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            described.insert(name.to_owned(), value);
        }
    };
    put("name", contract.name.as_str().into());
    put("version", contract.version.as_str().into());
    put("endpoints", contract.endpoints.iter().map(|endpoint| self::endpoint(contract, endpoint)).collect());
    put("channels", super::channels(contract).into_iter().map(|kind| channel(contract, kind)).collect());
    put("events", super::received(contract).map(|event| self::event(contract, event)).collect());
    put("sends", super::sent(contract).map(|event| sending(contract, event)).collect());
    put("wire", wire(contract));
    put(
        "errors",
        contract.errors.iter().map(|error| (error.code.clone(), Value::from(error.action.as_str()))).collect::<Map<_, _>>().into(),
    );
    let reconnect = &contract.reconnect;
    put("reconnect", json!({ "clean": millis(reconnect.clean), "network": [millis(reconnect.network.0), millis(reconnect.network.1)] }));
    put("keepalive", json!({ "ping": millis(contract.keepalive.ping), "timeout": millis(contract.keepalive.timeout) }));
    described.into()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn endpoint(contract: &Contract, endpoint: &tidewire_contract::Endpoint) -> Value {
    let mut described =
        Map::from_iter([("kind".to_owned(), endpoint.kind.as_str().into()), ("path".to_owned(), endpoint.path.source.as_str().into())]);
    if !endpoint.query.is_empty() {
        let query: Map<String, Value> = endpoint.query.iter().map(|(name, variable)| (name.clone(), variable.as_str().into())).collect();
        described.insert("query".to_owned(), query.into());
    }
    if let Some(channel) = &endpoint.channel {
        described.insert("channel".to_owned(), channel.source.as_str().into());
    }
    if !endpoint.unless_asked.is_empty() {
        described.insert("unlessAsked".to_owned(), true.into());
    }
    for (name, role) in &endpoint.options {
        let role = match role {
            OptionRole::Filter => "filter",
            OptionRole::Resume => "resume",
            OptionRole::Page => "page",
            OptionRole::Subscribe => "subscribe",
        };
        described.insert(role.to_owned(), name.as_str().into());
    }
    let token: Vec<Value> = contract
        .auth
        .places(endpoint.kind)
        .iter()
        .map(|place| match place {
            TokenPlace::Header => json!({ "in": "header" }),
            TokenPlace::Query(name) => json!({ "in": "query", "name": name }),
            TokenPlace::Cookie(name) => json!({ "in": "cookie", "name": name }),
        })
        .collect();
    described.insert("token".to_owned(), token.into());
    described.into()
}

fn channel(contract: &Contract, kind: usize) -> Value {
    let channel = &contract.channels[kind];
    let mut described =
        Map::from_iter([("key".to_owned(), channel.id.as_str().into()), ("address".to_owned(), channel.address.source.as_str().into())]);
    if let Some(presence) = &channel.presence {
        described.insert("presence".to_owned(), self::presence(presence));
    }
    // Where everybody sees everything, a hole in `seq` is something missed.
    let mut events = contract.events.iter().filter(|event| event.on.contains(&channel.mirrors.unwrap_or(kind)));
    if events.all(|event| event.is_for_everybody()) {
        described.insert("whole".to_owned(), true.into());
    }
    described.into()
}

/// Where in `info`, and in what is published of those who come and go, a member's name stands.
fn presence(presence: &Presence) -> Value {
    let mut described = Map::new();
    if let Some(path) = place_of(&presence.info, &presence.member) {
        described.insert("member".to_owned(), path);
    }
    let member = Template::Name(vec!["member".to_owned()]);
    for (name, event) in [("joins", &presence.joins), ("leaves", &presence.leaves)] {
        if let Some(event) = event
            && let Some(path) = place_of(&event.data, &member).or_else(|| place_of(&event.data, &presence.member))
        {
            described.insert(name.to_owned(), json!({ "type": event.event_type, "member": path }));
        }
    }
    described.into()
}

fn place_of(within: &Template, what: &Template) -> Option<Value> {
    let Template::Object(entries) = within else { return None };
    entries.iter().find_map(|(name, template)| {
        if template == what {
            return Some(name.as_str().into());
        }
        place_of(template, what).and_then(|rest| Some(format!("{name}.{}", rest.as_str()?).into()))
    })
}

fn keys(contract: &Contract, on: &[usize]) -> Value {
    let mirrors = contract.channels.iter().filter(|channel| channel.mirrors.is_some_and(|of| on.contains(&of)));
    let own = on.iter().filter_map(|kind| contract.channels.get(*kind));
    own.chain(mirrors).map(|channel| Value::from(channel.id.as_str())).collect()
}

fn event(contract: &Contract, event: &Event) -> Value {
    let mut described = Map::from_iter([("type".to_owned(), event.name.as_str().into()), ("on".to_owned(), keys(contract, &event.on))]);
    if let Some((of, is)) = newest(event) {
        described.insert("newest".to_owned(), json!({ "of": of, "is": is }));
    }
    described.into()
}

/// What has versions, and where its version stands: as `version:` says, or what is called `id` beside `newest:`.
fn newest(event: &Event) -> Option<(String, String)> {
    if let Some(version) = &event.version {
        return Some((version.of.join("."), version.is.join(".")));
    }
    let is = event.newest.as_ref()?;
    let beside = &is[..is.len().checked_sub(1)?];
    let schema = beside
        .iter()
        .try_fold(event.schema()?, |schema, name| schema.pointer(&format!("/properties/{}", name.replace('~', "~0").replace('/', "~1"))))?;
    schema.pointer("/properties/id")?;
    let of: Vec<&str> = beside.iter().map(String::as_str).chain(["id"]).collect();
    Some((of.join("."), is.join(".")))
}

fn sending(contract: &Contract, event: &Event) -> Value {
    let on = if event.on.is_empty() {
        event.publishes.as_ref().and_then(|name| contract.event(name)).map(|e| e.on.as_slice())
    } else {
        Some(&event.on[..])
    };
    let mut described =
        Map::from_iter([("type".to_owned(), event.name.as_str().into()), ("on".to_owned(), keys(contract, on.unwrap_or_default()))]);
    if let Some(key) = &event.key {
        described.insert("key".to_owned(), template(key));
    }
    described.into()
}

fn wire(contract: &Contract) -> Value {
    let wire = &contract.wire;
    let client: Map<String, Value> = wire.client.iter().map(|(frame, of)| (frame.as_str().to_owned(), template(of))).collect();
    let server: Map<String, Value> = wire.server.iter().map(|(frame, of)| (frame.as_str().to_owned(), template(of))).collect();
    match wire.protocol {
        Protocol::Pusher => json!({ "protocol": "pusher", "event": template(&wire.event) }),
        Protocol::Templates => json!({ "event": template(&wire.event), "client": client, "server": server }),
    }
}

/// A template as text with `${names}` in it; one that is nothing else stands for the value itself, `${}` is a dollar.
fn template(of: &Template) -> Value {
    match of {
        Template::Value(Value::String(text)) => text.replace('$', "${}").into(),
        Template::Value(value) => value.clone(),
        Template::Name(path) => format!("${{{}}}", path.join(".")).into(),
        Template::Text(segments) => segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => text.replace('$', "${}"),
                Segment::Name(path) => format!("${{{}}}", path.join(".")),
            })
            .collect::<String>()
            .into(),
        Template::Array(items) => items.iter().map(template).collect(),
        Template::Object(entries) => entries.iter().map(|(name, of)| (name.clone(), template(of))).collect::<Map<_, _>>().into(),
    }
}

/// Whether clients of the contract get this event.
pub(super) fn is_received(event: &Event) -> bool {
    match event.from {
        Publisher::Client => event.to.is_none() && event.publishes.is_none() && !event.on.is_empty(),
        _ => !event.on.is_empty(),
    }
}
