//! What a document says in AsyncAPI's own words, in the contract's.

use super::{EXTENSION, object, residue::complete, schemas};
use crate::schema::resolve;
use serde_json::{Map, Value, json};

/// A channel, an event or an endpoint, as far as AsyncAPI says it.
pub struct One {
    /// Its key in the contract; of an endpoint, its place.
    pub name: String,
    /// Where in the document the rest of it is; `None` where that is nowhere.
    pub at: Option<String>,
    pub said: Map<String, Value>,
}

/// `urn:tidewire:contract:` and the contract's name is a document's `id`.
pub const ID: &str = "urn:tidewire:contract:";

/// `name`, `version`, `title`, `description`.
pub fn root(document: &Value) -> Map<String, Value> {
    let text = |path: &str| document.pointer(path).and_then(Value::as_str);
    let mut said = Map::from_iter([("tidewire".to_owned(), json!(1))]);
    if let Some(name) = text("/id").and_then(|id| id.strip_prefix(ID)) {
        said.insert("name".to_owned(), name.into());
    }
    for key in ["version", "title", "description"] {
        if let Some(text) = text(&format!("/info/{key}")) {
            said.insert(key.to_owned(), text.into());
        }
    }
    said
}

/// Where tokens are, by what the servers ask for.
pub fn auth(document: &Value) -> Map<String, Value> {
    let mut by_kind: Vec<(&str, Value)> = Vec::new();
    for kind in ["websocket", "sse", "poll", "history"] {
        let Some(security) = document.pointer(&format!("/servers/{kind}/security")).and_then(Value::as_array) else { continue };
        let places: Vec<Value> = security.iter().filter_map(|scheme| place(followed(document, scheme))).map(Value::String).collect();
        by_kind.push((kind, places.into()));
    }
    match by_kind.as_slice() {
        [] => Map::new(),
        [(_, first), rest @ ..] if rest.iter().all(|(_, places)| places == first) => Map::from_iter([("token".to_owned(), first.clone())]),
        several => several.iter().map(|(kind, places)| ((*kind).to_owned(), places.clone())).collect(),
    }
}

/// A security scheme as a contract writes it: `bearer header`.
pub fn place(scheme: &Value) -> Option<String> {
    let word = |key: &str| scheme.get(key).and_then(Value::as_str);
    match (word("type")?, word("scheme"), word("in"), word("name")) {
        ("http", Some("bearer"), ..) | ("oauth2" | "openIdConnect", ..) => Some("bearer header".to_owned()),
        ("httpApiKey", _, Some("query"), Some(name)) => Some(format!("bearer query.{name}")),
        ("httpApiKey", _, Some("cookie"), Some(name)) => Some(format!("cookie {name}")),
        _ => None,
    }
}

/// What a reference leads to, or the value itself.
pub fn followed<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let mut at = value;
    for _ in 0..16 {
        match at.get("$ref").and_then(Value::as_str).and_then(|reference| resolve(document, reference)) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

/// Whether a channel is one of the contract's: in the wire view they are endpoints, and some are only for replies.
fn is_channel(document: &Value, channel: &Value) -> bool {
    !is_wire(document) && channel.get("address").is_some_and(Value::is_string)
}

pub fn is_wire(document: &Value) -> bool {
    document.get(EXTENSION).and_then(|own| own.get("view")).is_some_and(|view| view == "wire")
}

pub fn channels(document: &Value) -> Vec<One> {
    let all = object(document.get("channels")).iter();
    all.filter(|(_, channel)| is_channel(document, channel))
        .map(|(key, channel)| {
            let said = Map::from_iter([("address".to_owned(), channel["address"].clone())]);
            One { name: key.clone(), at: Some(format!("/channels/{}", pointed(key))), said }
        })
        .collect()
}

fn pointed(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The events: the messages that are somebody's, in their order.
pub fn events(document: &Value) -> Vec<One> {
    let mut all = Vec::new();
    for (key, message) in object(document.pointer("/components/messages")) {
        if message.get(EXTENSION).is_some_and(|own| own.get("frame").is_some()) {
            continue;
        }
        let name = message.get("name").and_then(Value::as_str).unwrap_or(key);
        all.push(One {
            name: name.to_owned(),
            at: Some(format!("/components/messages/{}", pointed(key))),
            said: event(document, key, message),
        });
    }
    all
}

fn event(document: &Value, key: &str, message: &Value) -> Map<String, Value> {
    let mut said = Map::new();
    let reference = format!("#/components/messages/{key}");
    let (mut on, mut is_received) = (Vec::new(), false);
    for operation in object(document.get("operations")).values() {
        let Some(channel) = operation.pointer("/channel/$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/channels/")) else {
            continue;
        };
        let carries = operation.get("messages").and_then(Value::as_array).into_iter().flatten().any(|m| {
            let found = m.get("$ref").and_then(Value::as_str).and_then(|r| resolve(document, r));
            found.and_then(|m| m.get("$ref")).is_some_and(|target| *target == reference)
        });
        // A mirror's events are those of the channel that it shows.
        if !carries || operation.get(EXTENSION).is_some_and(|own| own.get("mirror").is_some()) {
            continue;
        }
        is_received |= operation.get("action").is_some_and(|action| action == "receive");
        let is_one = document.pointer(&format!("/channels/{channel}")).is_some_and(|c| is_channel(document, c));
        if is_one && !on.contains(&Value::from(channel)) {
            on.push(channel.into());
        }
    }
    match on.len() {
        0 => {}
        1 => {
            said.insert("on".to_owned(), on.remove(0));
        }
        _ => {
            said.insert("on".to_owned(), on.into());
        }
    }
    if is_received {
        said.insert("from".to_owned(), "client".into());
    }
    if let Some(summary) = message.get("summary") {
        said.insert("trigger".to_owned(), summary.clone());
    }
    let way = Way::of(document, is_received);
    if let Some(path) = way.payload(document, message) {
        said.insert("data".to_owned(), path.into());
    }
    let (mut first, mut more) = (None, Vec::new());
    for example in message.get("examples").and_then(Value::as_array).into_iter().flatten() {
        let Some(payload) = example.get("payload").and_then(|payload| way.example(payload)) else { continue };
        // A contract has one that stands for all, and further ones.
        if example.get("name").is_some_and(|name| name == EXAMPLE) && first.is_none() {
            first = Some(payload);
        } else {
            more.push(payload);
        }
    }
    said.extend(first.map(|payload| ("example".to_owned(), payload)));
    if !more.is_empty() {
        said.insert("examples".to_owned(), more.into());
    }
    said
}

/// The name of the example that a contract calls so.
pub const EXAMPLE: &str = "example";

/// How a payload lies in a message: as it is in the logical view; on the wire in an envelope, which the Pusher protocol makes a text.
struct Way {
    /// The envelope is JSON within this member's text.
    text: Option<&'static str>,
    within: Vec<String>,
}

impl Way {
    fn of(document: &Value, is_received: bool) -> Way {
        let wire = document.get(EXTENSION).and_then(|own| own.get("wire")).filter(|_| is_wire(document));
        let Some(wire) = wire else { return Way { text: None, within: Vec::new() } };
        let template = if is_received { wire.get("client").and_then(|client| client.get("send")) } else { wire.get("event") };
        let within = template.and_then(|template| find(template, "$data")).unwrap_or_default();
        match (wire.get("protocol").is_some_and(|protocol| protocol == "pusher"), is_received) {
            (true, true) => Way { text: None, within: vec!["data".to_owned()] },
            (true, false) => Way { text: Some("data"), within },
            (false, _) => Way { text: None, within },
        }
    }

    /// The path of the schema file that the payload is.
    fn payload(&self, document: &Value, message: &Value) -> Option<String> {
        let mut frame = message.get("payload")?;
        if let Some(member) = self.text {
            frame = frame.get("properties")?.get(member)?.get(EXTENSION)?.get("contentSchema")?;
        }
        let payload = self.within.iter().try_fold(frame, |schema, part| schema.get("properties")?.get(part))?;
        let name = payload.get("$ref")?.as_str()?.strip_prefix(schemas::AT)?;
        let component = document.pointer(&format!("/components/schemas/{}", pointed(name)))?;
        let said = component.get(EXTENSION).and_then(|own| own.get("file")).and_then(Value::as_str);
        Some(said.map_or_else(|| schemas::path_of(name), str::to_owned))
    }

    /// The payload of an example.
    fn example(&self, frame: &Value) -> Option<Value> {
        let envelope = match self.text {
            Some(member) => serde_json::from_str(frame.get(member)?.as_str()?).ok()?,
            None => frame.clone(),
        };
        self.within.iter().try_fold(&envelope, |value, part| value.get(part)).cloned()
    }
}

fn find(template: &Value, name: &str) -> Option<Vec<String>> {
    match template {
        Value::String(text) => (text == name).then(Vec::new),
        Value::Object(members) => members.iter().find_map(|(key, inner)| {
            let mut path = find(inner, name)?;
            path.insert(0, key.clone());
            Some(path)
        }),
        _ => None,
    }
}

/// The endpoints: the channels of the wire view, in their order.
pub fn endpoints(document: &Value) -> Vec<One> {
    if !is_wire(document) {
        return Vec::new();
    }
    let mut all = Vec::new();
    for (key, channel) in object(document.get("channels")) {
        let Some(address) = channel.get("address").and_then(Value::as_str) else { continue };
        let server = channel.pointer("/servers/0/$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/servers/"));
        let Some(kind) = server else { continue };
        let query = query(document, key, channel);
        let path = if query.is_empty() { address.to_owned() } else { format!("{address}?{}", query.join("&")) };
        let said = Map::from_iter([(kind.to_owned(), path.into())]);
        all.push(One { name: all.len().to_string(), at: Some(format!("/channels/{}", pointed(key))), said });
    }
    all
}

/// What has to be in the query: `world_id={world_id}`.
fn query(document: &Value, key: &str, channel: &Value) -> Vec<String> {
    let of_operation = || {
        let is_its = |o: &&Value| o.pointer("/channel/$ref").is_some_and(|r| *r == format!("#/channels/{key}"));
        object(document.get("operations")).values().find(is_its).and_then(|o| o.pointer("/bindings/http/query"))
    };
    let Some(query) = channel.pointer("/bindings/ws/query").or_else(of_operation) else { return Vec::new() };
    let required = query.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    required
        .map(|name| {
            let variable = query.pointer(&format!("/properties/{}/{EXTENSION}/variable", pointed(name))).and_then(Value::as_str);
            format!("{name}={{{}}}", variable.unwrap_or(name))
        })
        .collect()
}

/// A section as it comes back: what is said, with what was kept.
pub fn section(document: &Value, section: &str) -> Value {
    let whole = document.get(EXTENSION).and_then(|own| own.get(section));
    let all = match section {
        "channels" => channels(document),
        "events" => events(document),
        _ => endpoints(document),
    };
    if let Some(whole) = whole {
        return whole.clone();
    }
    let completed = all.into_iter().map(|one| {
        let rest = one.at.as_ref().and_then(|at| document.pointer(at)).and_then(|place| place.get(EXTENSION));
        (one.name, Value::Object(complete(one.said, rest)))
    });
    if section == "endpoints" { completed.map(|(_, value)| value).collect() } else { Value::Object(completed.collect()) }
}

/// Whether nothing is missing, and the order is the same.
pub fn is_whole(section: &str, came_back: &Value, meant: Option<&Value>) -> bool {
    let Some(meant) = meant else { return section == "endpoints" || came_back.as_object().is_some_and(Map::is_empty) };
    let same_order = match (came_back, meant) {
        (Value::Object(a), Value::Object(b)) => a.keys().eq(b.keys()),
        _ => true,
    };
    same_order && came_back == meant
}
