//! The paths that every server has.

use super::parts::{page_headers, refusals, schema};
use serde_json::{Map, Value, json};

/// Paths and their operations.
pub fn paths() -> Map<String, Value> {
    let mut paths = Map::new();
    let receipts = json!({ "oneOf": [schema("Receipt"), { "type": "array", "items": schema("Receipt") }] });
    let mut publish = operation("publish", "backends", "Publish one event, or several at once: all of them or none");
    publish["parameters"] = json!([{
        "name": "X-Correlation-Id", "in": "header", "required": false,
        "description": "The trace of events that carry none",
        "schema": { "type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[!-~]+$" },
    }]);
    publish["requestBody"] = body(&json!({ "oneOf": [schema("Event"), { "type": "array", "items": schema("Event")}] }));
    publish["responses"] = answers(
        "Published, as durable as the channel promises",
        &receipts,
        &["400", "401", "403", "404", "408", "409", "413", "415", "422", "500", "503"],
    );
    publish["responses"]["200"]["headers"] = json!({ "Tidewire-Position": { "$ref": "#/components/headers/Tidewire-Position" } });
    paths.insert("/v1/events".into(), json!({ "post": publish }));

    let mut since =
        operation("since", "backends", "What was missed on one channel: for its backend all of it, for a client what it may see");
    since["parameters"] = json!([
        query("channel", true, "The channel's name", json!({ "type": "string", "minLength": 1 })),
        query(
            "seq",
            false,
            "Behind this place; `after` wins where both are given",
            json!({ "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64 })
        ),
        query(
            "after",
            false,
            "Behind an event's id, a seq, a position, or a time; without both, from the oldest event that is kept",
            place()
        ),
        query("types", false, "Type patterns, separated by semicolons; `*` stands last", json!({ "type": "string", "pattern": PATTERNS })),
        query("limit", false, "Most events of the page", json!({ "type": "integer", "minimum": 1, "maximum": 1000 })),
        query("wait", false, "How long to wait where there is nothing yet: seconds, or with a unit", json!({ "type": "string" })),
    ]);
    since["responses"] = answers("A page", &schema("Replay"), &["400", "401", "403", "404", "500", "503"]);
    since["responses"]["200"]["headers"] = page_headers();
    paths.insert("/v1/events/since".into(), json!({ "get": since }));

    let mut list = operation("channels", "backends", "Channels to which something was published, by name");
    list["parameters"] = json!([
        query("prefix", false, "How their names begin", json!({ "type": "string" })),
        query("after", false, "Behind this name", json!({ "type": "string" })),
        query("limit", false, "Most channels of the page", json!({ "type": "integer", "minimum": 1, "maximum": 1000 })),
    ]);
    list["responses"] = answers("A page", &schema("Channels"), &["400", "401", "500", "503"]);
    list["responses"]["200"]["headers"] = json!({ "Link": { "$ref": "#/components/headers/Link" } });
    paths.insert("/v1/channels".into(), json!({ "get": list }));

    let named = json!([{ "name": "channel", "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }]);
    let mut one = operation("channel", "backends", "Where one channel stands");
    one["responses"] = answers("The channel", &schema("Channel"), &["400", "401", "404", "500", "503"]);
    one["responses"]["200"]["headers"] = json!({ "Tidewire-Position": { "$ref": "#/components/headers/Tidewire-Position" } });
    paths.insert("/v1/channels/{channel}".into(), json!({ "parameters": named, "get": one }));
    let mut presence = operation("presence", "backends", "Who is on the channel, where its contract says `presence`");
    presence["responses"] = answers("The members", &schema("Presence"), &["400", "401", "404", "500", "503"]);
    paths.insert("/v1/channels/{channel}/presence".into(), json!({ "parameters": named, "get": presence }));

    let count = |name: &str| json!({ "type": "object", "required": [name], "properties": { name: { "type": "integer", "minimum": 0 } } });
    let refusals = ["400", "401", "404", "408", "413", "415", "422"];
    let mut disconnect = operation("disconnect", "backends", "Close the connections that fit all that is given");
    disconnect["requestBody"] = body(&schema("Disconnect"));
    disconnect["responses"] = answers("How many were closed", &count("closed"), &refusals);
    paths.insert("/v1/disconnect".into(), json!({ "post": disconnect }));
    let mut unsubscribe = operation("unsubscribe", "backends", "Take clients off a channel; their connections live on");
    unsubscribe["requestBody"] = body(&schema("Unsubscribe"));
    unsubscribe["responses"] = answers("How many were taken off", &count("unsubscribed"), &refusals);
    paths.insert("/v1/unsubscribe".into(), json!({ "post": unsubscribe }));

    let bridges = json!({
        "type": "object", "required": ["bridges"],
        "properties": { "bridges": { "type": "array", "items": {
            "type": "object", "required": ["name", "exchange", "connected", "lag", "confirmed", "failures", "aside"],
            "properties": {
                "name": { "type": "string" },
                "exchange": { "type": "string" },
                "connected": { "type": "boolean" },
                "lag": { "type": "object", "properties": { "events": { "type": "integer" }, "seconds": { "type": "number" } } },
                "confirmed": { "type": "integer" },
                "failures": { "type": "integer" },
                "aside": { "type": "array", "description": "Messages that the broker refused for themselves", "items": { "type": "object" } },
            },
        } } },
    });
    let mut list = operation("bridges", "bridges", "How the bridges of the key's contract are doing, and what they have set aside");
    list["responses"] = answers("The bridges", &bridges, &["401", "500", "503"]);
    paths.insert("/v1/bridges".into(), json!({ "get": list }));
    let bridge = json!([{ "name": "bridge", "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }]);
    let mut retry = operation("retryBridge", "bridges", "Try again what a bridge has set aside");
    retry["responses"] = answers("How many messages that are", &count("retrying"), &["401", "404", "500", "503"]);
    paths.insert("/v1/bridges/{bridge}/retry".into(), json!({ "parameters": bridge, "post": retry }));

    for (path, id, summary) in
        [("/", "welcome", "Name, version and contracts of this server"), ("/openapi.json", "openapi", "This document")]
    {
        let mut get = operation(id, "server", summary);
        get["security"] = json!([]);
        get["responses"] = answers(summary, &json!({ "type": "object" }), &[]);
        paths.insert(path.into(), json!({ "get": get }));
    }
    let mut asyncapi = operation("asyncapi", "server", "A contract as AsyncAPI 3.0");
    asyncapi["security"] = json!([]);
    let views = json!({ "type": "string", "enum": ["logical", "wire"], "default": "logical" });
    asyncapi["parameters"] = json!([query("view", false, "Channels and events, or endpoints and frames", views)]);
    asyncapi["responses"] = answers("The document", &json!({ "type": "object" }), &["400", "404"]);
    let named = json!([{ "name": "contract", "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }]);
    paths.insert("/asyncapi/{contract}.json".into(), json!({ "parameters": named, "get": asyncapi }));
    paths
}

/// What `Filter::parse` takes.
pub const PATTERNS: &str = r"^[A-Za-z0-9._:-]*(\*|[A-Za-z0-9._:-])(;[A-Za-z0-9._:-]*(\*|[A-Za-z0-9._:-])){0,63}$";

/// What `Resume::parse` takes.
pub fn place() -> Value {
    json!({ "anyOf": [
        { "type": "string", "pattern": "^[0-9]{1,19}$", "description": "a seq" },
        { "type": "string", "pattern": "^[0-9a-f]{1,15}:[0-9]{1,19}$", "description": "a position" },
        { "type": "string", "pattern": "^([A-Za-z]+_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "description": "an event's id" },
        { "type": "string", "format": "date-time", "description": "a time" },
    ] })
}

/// An operation of backends.
pub fn operation(id: &str, tag: &str, summary: &str) -> Value {
    json!({ "operationId": id, "tags": [tag], "summary": summary, "security": [{ "backend": [] }] })
}

/// A query parameter.
pub fn query(name: &str, required: bool, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "required": required, "description": description, "schema": schema })
}

/// A JSON body of this schema.
pub fn body(schema: &Value) -> Value {
    json!({ "required": true, "content": { "application/json": { "schema": schema } } })
}

/// The answer 200 with this body, and refusals.
pub fn answers(description: &str, schema: &Value, refused: &[&str]) -> Value {
    let mut answers = Map::new();
    answers.insert("200".into(), json!({ "description": description, "content": { "application/json": { "schema": schema } } }));
    refusals(refused, &mut answers);
    answers.into()
}
