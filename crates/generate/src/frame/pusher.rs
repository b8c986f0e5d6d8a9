//! The frames of the Pusher protocol, version 7, which no contract spells.
//!
//! Source: <https://pusher.com/docs/channels/library_auth_reference/pusher-websockets-protocol/>.

use super::{Examples, Frame, Payload, Role, example, is_sent, spelled, value};
use serde_json::{Value, json};
use tidewire_contract::{Contract, Event, Protocol};

/// Whether the contract's clients speak the Pusher protocol.
pub fn is_pusher(contract: &Contract) -> bool {
    contract.wire.protocol == Protocol::Pusher
}

/// A frame that the protocol has by itself.
#[derive(Debug)]
pub struct Notice {
    pub event: &'static str,
    /// What makes somebody send it.
    pub trigger: &'static str,
    /// Whether it names a channel.
    channel: bool,
    /// Whether its data is a JSON text, and not the JSON itself.
    text: bool,
    /// Schema and example of its data.
    data: fn() -> (Value, Value),
}

const SERVER: &[Notice] = &[
    Notice {
        event: "pusher:connection_established",
        trigger: "The connection stands",
        channel: false,
        text: true,
        data: || {
            let members = json!({ "socket_id": { "type": "string", "pattern": "^[0-9]+\\.[0-9]+$" }, "activity_timeout": { "type": "integer", "minimum": 1 } });
            (object(members, &["socket_id", "activity_timeout"]), json!({ "socket_id": "17.42", "activity_timeout": 120 }))
        },
    },
    Notice {
        event: "pusher_internal:subscription_succeeded",
        trigger: "A channel was joined; on a presence channel with those who are there",
        channel: true,
        text: true,
        data: || {
            let who = object(
                json!({ "count": { "type": "integer" }, "ids": { "type": "array", "items": { "type": "string" } }, "hash": { "type": "object" } }),
                &["count", "ids", "hash"],
            );
            (object(json!({ "presence": who }), &[]), json!({}))
        },
    },
    Notice {
        event: "pusher:subscription_error",
        trigger: "A channel may not be joined",
        channel: true,
        text: false,
        data: || {
            let members = json!({ "type": { "type": "string" }, "error": { "type": "string" }, "status": { "type": "integer" } });
            (
                object(members, &["type", "error", "status"]),
                json!({ "type": "AuthError", "error": "the signature is not this app's", "status": 401 }),
            )
        },
    },
    Notice {
        event: "pusher:error",
        trigger: "Something that a client did went wrong; the connection goes on",
        channel: false,
        text: false,
        data: || {
            let members = json!({ "message": { "type": "string" }, "code": { "type": ["integer", "null"] } });
            (object(members, &["message", "code"]), json!({ "message": "too many messages: at most 30 in 10 s", "code": 4301 }))
        },
    },
    Notice {
        event: "pusher_internal:member_added",
        trigger: "Somebody came to a presence channel",
        channel: true,
        text: true,
        data: || {
            (
                object(json!({ "user_id": { "type": "string" }, "user_info": {} }), &["user_id"]),
                json!({ "user_id": "42", "user_info": { "type": "KDS" } }),
            )
        },
    },
    Notice {
        event: "pusher_internal:member_removed",
        trigger: "Somebody left a presence channel",
        channel: true,
        text: true,
        data: || (object(json!({ "user_id": { "type": "string" } }), &["user_id"]), json!({ "user_id": "42" })),
    },
    Notice {
        event: "pusher_internal:subscription_count",
        trigger: "How many are on a channel has changed (`subscription_counts`)",
        channel: true,
        text: true,
        data: || {
            (object(json!({ "subscription_count": { "type": "integer" } }), &["subscription_count"]), json!({ "subscription_count": 3 }))
        },
    },
    Notice {
        event: "pusher:cache_miss",
        trigger: "A cache channel was joined that has no event yet",
        channel: true,
        text: true,
        data: || (json!({ "type": "object" }), json!({})),
    },
    Notice {
        event: "pusher:signin_success",
        trigger: "The client has signed in",
        channel: false,
        text: true,
        data: || (object(json!({ "user_data": { "type": "string" } }), &["user_data"]), json!({ "user_data": "{\"id\":\"42\"}" })),
    },
    Notice {
        event: "pusher_internal:watchlist_events",
        trigger: "Somebody of a user's watchlist came or went (`watchlist`)",
        channel: false,
        text: true,
        data: || {
            let event = object(
                json!({ "name": { "enum": ["online", "offline"] }, "user_ids": { "type": "array", "items": { "type": "string" } } }),
                &["name", "user_ids"],
            );
            let schema = object(json!({ "events": { "type": "array", "items": event } }), &["events"]);
            (schema, json!({ "events": [{ "name": "online", "user_ids": ["42"] }] }))
        },
    },
    Notice {
        event: "tidewire:gap",
        trigger: "The history no longer reaches back to where the client was",
        channel: true,
        text: true,
        data: || {
            let members = json!({
                "from": { "type": "string" }, "from_at": { "type": ["string", "null"], "format": "date-time" }, "to": { "type": "integer" },
                "position": { "type": "string" }, "reason": { "enum": ["expired", "reset", "unknown", "damaged"] }, "action": { "type": "string" },
            });
            let example = json!({
                "from": "12", "from_at": "2026-01-24T10:00:00.000000Z", "to": value::SEQ, "position": value::position(),
                "reason": "expired", "action": "refetch: take a fresh snapshot, then go on from its position",
            });
            (object(members, &["from", "from_at", "to", "position", "reason", "action"]), example)
        },
    },
    Notice {
        event: "pusher:ping",
        trigger: "Nothing was heard for a while",
        channel: false,
        text: false,
        data: || (json!({ "type": "object" }), json!({})),
    },
    Notice {
        event: "pusher:pong",
        trigger: "The answer to `pusher:ping`",
        channel: false,
        text: false,
        data: || (json!({ "type": "object" }), json!({})),
    },
];

const CLIENT: &[Notice] = &[
    Notice {
        event: "pusher:subscribe",
        trigger: "The client joins a channel; `auth` for private and presence channels",
        channel: false,
        text: false,
        data: || {
            let members = json!({ "channel": { "type": "string" }, "auth": { "type": ["string", "null"] }, "channel_data": { "type": ["string", "null"] } });
            (object(members, &["channel"]), json!({ "channel": "CHANNEL", "auth": "app-key:0a1b2c…" }))
        },
    },
    Notice {
        event: "pusher:unsubscribe",
        trigger: "The client leaves a channel",
        channel: false,
        text: false,
        data: || (object(json!({ "channel": { "type": "string" } }), &["channel"]), json!({ "channel": "CHANNEL" })),
    },
    Notice {
        event: "pusher:signin",
        trigger: "The client says who it is, with a signature",
        channel: false,
        text: false,
        data: || {
            let members = json!({ "auth": { "type": "string" }, "user_data": { "type": "string" } });
            (object(members, &["auth", "user_data"]), json!({ "auth": "app-key:0a1b2c…", "user_data": "{\"id\":\"42\"}" }))
        },
    },
    Notice {
        event: "pusher:ping",
        trigger: "The client heard nothing for a while",
        channel: false,
        text: false,
        data: || (json!({}), json!({})),
    },
    Notice { event: "pusher:pong", trigger: "The answer to `pusher:ping`", channel: false, text: false, data: || (json!({}), json!({})) },
];

fn object(members: Value, required: &[&str]) -> Value {
    let mut schema = json!({ "type": "object", "properties": members });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// JSON within a text.
fn within(schema: Value) -> Value {
    json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": schema })
}

/// A frame of the protocol's own that the server sends.
pub fn server<'c>() -> Vec<Frame<'c>> {
    SERVER.iter().map(|notice| of(notice, None)).collect()
}

/// What a client may send: the protocol's frames, then the contract's own events.
pub fn client<'c>(contract: &'c Contract, payload: Payload<'_>) -> Vec<Frame<'c>> {
    let examples = Examples::of(contract);
    let channel = examples.channel(0, None);
    let mut frames: Vec<Frame<'c>> = CLIENT.iter().map(|notice| of(notice, Some(&channel))).collect();
    for event in contract.events.iter().filter(|event| is_sent(event)) {
        let data = example::payload(event);
        let role = Role::Client(tidewire_contract::ClientFrame::Send, Some(event));
        let schema = object(
            json!({ "event": value::type_schema(event), "channel": { "type": "string" }, "data": payload(event) }),
            &["event", "channel"],
        );
        let channel = examples.sent_to(event);
        let sent = json!({ "event": example::type_text(event), "channel": channel, "data": data });
        frames.push(Frame { name: event.name.clone(), role, schema, example: sent });
    }
    frames
}

fn of<'c>(notice: &'static Notice, channel: Option<&str>) -> Frame<'c> {
    let (data, mut example) = (notice.data)();
    let is_client = channel.is_some();
    if let (Some(channel), Some(named)) = (channel, example.get_mut("channel")) {
        *named = channel.into();
    }
    let mut schema = json!({ "event": { "const": notice.event } });
    let mut frame = json!({ "event": notice.event });
    let mut required = vec!["event"];
    if notice.channel {
        schema["channel"] = json!({ "type": "string" });
        frame["channel"] = "presence-room".into();
        required.push("channel");
    }
    schema["data"] = match (is_client, notice.text) {
        (true, _) => json!({ "anyOf": [data, within(data.clone())] }),
        (false, true) => within(data),
        (false, false) => data,
    };
    frame["data"] = if notice.text { example.to_string().into() } else { example };
    if !is_client || !notice.event.ends_with("ing") && !notice.event.ends_with("ong") {
        required.push("data");
    }
    Frame { name: notice.event.to_owned(), role: Role::Pusher(notice), schema: object(schema, &required), example: frame }
}

/// `{"event":…,"channel":…,"data":…}`: a server's event has a text as data, a client's stays as it was sent.
pub fn event<'c>(contract: &'c Contract, event: &'c Event, payload: Payload<'_>) -> Frame<'c> {
    let examples = Examples::of(contract);
    let role = Role::Event(event);
    let names = value::Names { contract, role, payload };
    let inner = spelled::written(&contract.wire.event, &names);
    let within_it = contract.wire.event.fill(&mut |path| examples.value(role, path));
    let of_client = event.name.starts_with("client-");
    let channel = examples.channel(event.on.first().copied().unwrap_or(0), example::payload(event).as_ref());
    let data = if of_client { inner } else { within(inner) };
    let mut members = json!({ "event": value::type_schema(event), "channel": { "type": "string" }, "data": data });
    if of_client {
        members["user_id"] = json!({ "type": "string" });
    }
    let schema = object(members, &["event", "channel", "data"]);
    let data = if of_client { within_it } else { within_it.to_string().into() };
    let frame = json!({ "event": example::type_text(event), "channel": channel, "data": data });
    Frame { name: event.name.clone(), role, schema, example: frame }
}
