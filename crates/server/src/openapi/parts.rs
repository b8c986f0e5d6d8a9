//! What paths refer to: problems, headers, the schemas of the interface itself.

use serde_json::{Map, Value, json};

const PROBLEMS: &[(&str, &str)] = &[
    ("400", "The request cannot be understood: a parameter, a header, or a body that is not JSON"),
    ("401", "No key or token, or one that is not good"),
    ("403", "It is not allowed to who asks"),
    ("404", "There is no such path, channel or event; `nearest` names what is near"),
    ("405", "The path has no such method; `Allow` lists those that it has"),
    ("408", "The body did not arrive in time"),
    ("409", "There is one already, or the version is not the newest: `current` names that"),
    ("413", "The body or the batch is too large"),
    ("415", "The body is not application/json"),
    ("422", "The body does not fit; `errors` lists everything that is wrong"),
    ("429", "A limit is reached; `limit` names it"),
    ("500", "The server failed, or stored bytes are damaged"),
    ("503", "The store is full or failing, or the server is stopping; try again after `Retry-After` seconds"),
];

/// References to the answers of these statuses.
pub fn refusals(statuses: &[&str], into: &mut Map<String, Value>) {
    for status in statuses {
        into.insert((*status).to_owned(), json!({ "$ref": format!("#/components/responses/{status}") }));
    }
}

/// One answer for each status that is a problem.
pub fn responses() -> Map<String, Value> {
    let schema = json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let one = |(status, description): &(&str, &str)| {
        let mut response = json!({ "description": description, "content": schema });
        match *status {
            "401" => response["headers"] = json!({ "WWW-Authenticate": { "schema": { "type": "string" } } }),
            "405" => response["headers"] = json!({ "Allow": { "schema": { "type": "string" } } }),
            "429" | "503" => response["headers"] = json!({ "Retry-After": { "schema": { "type": "integer", "minimum": 0 } } }),
            _ => {}
        }
        ((*status).to_owned(), response)
    };
    PROBLEMS.iter().map(one).collect()
}

/// Headers that say something about a page beside its events.
pub fn headers() -> Value {
    let header =
        |description: &str, example: &str| json!({ "description": description, "schema": { "type": "string" }, "example": example });
    json!({
        "Tidewire-Position": header("The place in the channel's log that was read to or given: epoch:seq. What is subscribed from there misses nothing", "64b2f0c1d2a3b:412"),
        "Tidewire-At": header("A time that is a valid next `since`", "2026-01-31T10:00:00.000001Z"),
        "Tidewire-Gap": header("What the history no longer has: the reason, then channel, from, to and action as parameters", "expired;channel=\"world:w1\";from=\"3\";to=\"64b2f0c1d2a3b:6\";action=\"refetch\""),
        "Link": header("The next page, if there is one", "</v1/events/since?channel=world:w1&after=64b2f0c1d2a3b:412>; rel=\"next\""),
    })
}

/// The headers of a page.
pub fn page_headers() -> Value {
    let names = ["Tidewire-Position", "Tidewire-At", "Tidewire-Gap", "Link"];
    names.iter().map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))).collect::<Map<_, _>>().into()
}

/// A reference to a schema.
pub fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The schemas that no contract changes.
pub fn schemas() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "minimum": 0 });
    let position = json!({ "type": "string", "pattern": "^[0-9a-f]+:[0-9]+$" });
    let durability = json!({ "type": "string", "enum": ["memory", "process", "disk"] });
    let time = json!({ "type": "string", "format": "date-time" });
    let connection = json!({
        "description": "As the hello frame names it",
        "anyOf": [{ "type": "string", "pattern": "^[0-9]{1,19}$" }, { "type": "integer", "minimum": 0, "maximum": u64::MAX }],
    });
    let selector = json!({
        "principal": { "type": "string", "description": "The principal's id" },
        "connection": connection,
        "channel": { "type": "string", "description": "A channel of the key's contract" },
    });
    let named = [
        (
            "Problem",
            json!({
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": { "type": "string", "format": "uri", "description": "urn:tidewire:problem: and the problem's name" },
                    "title": text, "status": { "type": "integer" }, "detail": text,
                    "errors": { "type": "array", "items": schema("Fault") },
                    "nearest": { "type": "string", "description": "What may have been meant" },
                },
            }),
        ),
        (
            "Fault",
            json!({
                "type": "object",
                "required": ["index", "pointer", "rule", "found", "message"],
                "properties": {
                    "index": { "type": "integer", "minimum": 0, "description": "The event's place in the batch" },
                    "pointer": { "type": "string", "description": "JSON pointer into the event" },
                    "rule": text,
                    "found": { "type": "string", "description": "The JSON type of what was found there" },
                    "message": text, "nearest": text,
                },
            }),
        ),
        (
            "Receipt",
            json!({
                "type": "object",
                "required": ["channel", "id", "seq", "at", "duplicate", "durability", "position"],
                "properties": {
                    "channel": text,
                    "id": { "type": "string", "description": "As clients see it in the envelope" },
                    "seq": { "type": "integer", "minimum": 1 },
                    "at": time,
                    "duplicate": { "type": "boolean", "description": "The key was known: this is the first event's answer" },
                    "durability": durability, "position": position,
                },
            }),
        ),
        (
            "Gap",
            json!({
                "type": "object",
                "required": ["channel", "from", "to", "reason", "action"],
                "properties": {
                    "channel": text, "from": text, "to": position,
                    "reason": { "type": "string", "enum": ["expired", "reset", "unknown", "damaged"] },
                    "action": text,
                },
            }),
        ),
        (
            "Replay",
            json!({
                "type": "object",
                "required": ["channel", "events", "position", "gap", "more"],
                "properties": {
                    "channel": text,
                    "events": { "type": "array", "description": "In the envelope of the channel's contract" },
                    "position": position,
                    "gap": { "anyOf": [{ "type": "null" }, schema("Gap")] },
                    "more": { "type": "boolean" },
                },
            }),
        ),
        (
            "Channel",
            json!({
                "type": "object",
                "required": ["channel", "seq", "first", "epoch", "position", "durability", "newest_at"],
                "properties": {
                    "channel": text,
                    "seq": { "type": "integer", "minimum": 0, "description": "Of the newest event; 0 where there is none" },
                    "first": { "type": "integer", "minimum": 1, "description": "seq of the oldest event that is kept" },
                    "epoch": text, "position": position, "durability": durability,
                    "newest_at": { "type": ["string", "null"], "format": "date-time" },
                    "subscribers": number,
                },
            }),
        ),
        (
            "Channels",
            json!({
                "type": "object",
                "required": ["channels", "more"],
                "properties": { "channels": { "type": "array", "items": schema("Channel") }, "more": { "type": "boolean" } },
            }),
        ),
        (
            "Presence",
            json!({
                "type": "object",
                "required": ["channel", "members"],
                "properties": {
                    "channel": text,
                    "members": { "type": "array", "items": {
                        "type": "object", "required": ["member", "info", "connections"],
                        "properties": { "member": {}, "info": {}, "connections": { "type": "integer", "minimum": 0, "description": "0 while it is away and has not left" } },
                    } },
                },
            }),
        ),
        ("Disconnect", json!({ "type": "object", "minProperties": 1, "additionalProperties": false, "properties": selector })),
        (
            "Unsubscribe",
            json!({ "type": "object", "required": ["channel"], "additionalProperties": false, "properties": {
                "principal": selector["principal"], "connection": selector["connection"], "channel": text,
            } }),
        ),
    ];
    named.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}
