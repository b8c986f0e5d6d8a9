//! The contract document: the template, filled in.

mod support;

use std::collections::BTreeMap;
use support::{contract, expect, shipped};
use tidewire_contract::{Contract, Publisher, compile_source, render_all};
use tidewire_generate::markdown;

/// The parts of the template, in its order.
const PARTS: [&str; 11] = [
    "## Overview",
    "### Transport",
    "## Client → Server Events",
    "## Server → Client Events",
    "## System Events",
    "## Rooms / Channels",
    "## Event Flow Diagrams",
    "## Reconnection Strategy",
    "## Rate Limits",
    "## TypeScript Definitions",
    "## Checklist",
];

fn compiled(yaml: &str, schemas: &BTreeMap<&str, &str>) -> Contract {
    let read = |path: &str| schemas.get(path).map(|text| (*text).to_owned());
    compile_source("contract.yaml", yaml, &read).unwrap_or_else(|problems| panic!("{}", render_all(&problems)))
}

/// What stands between a heading and the next one of its level.
fn section<'d>(document: &'d str, heading: &str) -> &'d str {
    let start = document.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}:\n{document}"));
    let level = heading.split(' ').next().unwrap();
    let rest = &document[start + heading.len() + 2..];
    let end = ["\n# ", "\n## ", "\n### "].iter().filter(|next| next.trim().len() <= level.len()).filter_map(|next| rest.find(next)).min();
    &rest[..end.unwrap_or(rest.len())]
}

// C-1, C-13: every part of the template is there, in its order, for every contract that is shipped.
#[test]
fn every_part_of_the_template_is_there() {
    for contract in shipped() {
        let document = markdown::document(&contract);
        let mut from = 0;
        for part in PARTS {
            let at = document[from..]
                .find(&format!("\n{part}\n"))
                .unwrap_or_else(|| panic!("{}: {part} is not there, or not in its place", contract.name));
            from += at + 1;
        }
        assert!(document.starts_with(&format!("# Events Contract: {}\n", contract.title)));
        for event in &contract.events {
            assert!(document.contains(&format!("\n### Event: `{}`\n", event.name)), "{} {}", contract.name, event.name);
        }
        for channel in contract.channels.iter().filter(|c| !c.closed) {
            let room = section(&document, &format!("### Room: `{}`", channel.id));
            assert!(room.contains(&format!("> **Pattern**: `{}`", channel.address.source)), "{room}");
            for part in ["**Join**", "**Leave**", "**Events Received**: "] {
                assert!(room.contains(part), "{} {part}: {room}", contract.name);
            }
        }
        for error in &contract.errors {
            assert!(section(&document, "## System Events").contains(&format!("| `{}` | {} | {} |", error.code, error.means, error.action)));
        }
        assert_eq!(document, markdown::document(&contract), "{}: not the same twice", contract.name);
    }
}

// C-13: it is Markdown that renders: fences close, JSON is JSON, the rows of a table have its columns.
#[test]
fn it_renders() {
    for contract in shipped() {
        let document = markdown::document(&contract);
        let (mut fence, mut block, mut columns, mut blocks): (Option<String>, String, usize, usize) = (None, String::new(), 0, 0);
        for line in document.lines() {
            match &fence {
                None if line.starts_with("```") => {
                    let ticks: String = line.chars().take_while(|c| *c == '`').collect();
                    block = line[ticks.len()..].to_owned() + "\n";
                    fence = Some(ticks);
                }
                None => {
                    let bars = line.replace("\\|", "").matches('|').count();
                    if line.starts_with('|') {
                        assert!(columns == 0 || bars == columns, "{}: {line}", contract.name);
                        columns = bars;
                    } else {
                        columns = 0;
                    }
                }
                Some(ticks) if line == ticks => {
                    let (language, text) = block.split_once('\n').unwrap();
                    assert!(["json", "text", "mermaid", "typescript"].contains(&language), "{language}");
                    if language == "json" {
                        serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|e| panic!("{}: {e}: {text}", contract.name));
                    }
                    fence = None;
                    blocks += 1;
                }
                Some(_) => block += &format!("{line}\n"),
            }
        }
        assert_eq!(fence, None, "{}", contract.name);
        assert!(blocks > contract.events.len(), "{}", contract.name);
    }
}

const ROOMS: &str = r#"
tidewire: 1
name: rooms
version: "1"
feature: { branch: 007-rooms, date: 2026-01-31, spec: docs/spec.md }
auth: { websocket: [bearer query.token], sse: [bearer header], principal: { id: $claims.sub } }
limits: { total: 100/minute, room.join: 5/minute }
keepalive: { ping: 30s, timeout: 60s }
reconnect: { clean: 0s, network: 2s..1m, auth: ask for another token, restart: resync }
errors: { CONFLICT: { action: Merge it } }
channels:
  room: { address: "room:{room}", history: { keep: 7d, count: 100 } }
  own: { address: "user:{user}", join: user == principal.id }
backends: { engine: { sends: [scene.update], deadline: 5s } }
wire:
  event: { type: $type, payload: $data, timestamp: $at }
  client:
    subscribe: { type: room.join, payload: { room: $channel } }
    unsubscribe: { type: room.leave, payload: { room: $channel } }
    sync: { type: sync.request, payload: { since: $since } }
    ping: { type: ping }
    send: { type: $type, payload: $data }
  server:
    hello: { type: connection.established, payload: { connectionId: $connection, serverTime: $at } }
    ack: { type: $type.ack, payload: $reply, timestamp: $at }
    refused: { type: $type.error, payload: { code: $code, message: $message, originalEvent: $type }, timestamp: $at }
    error: { type: error, payload: { code: $code, message: $message, originalEvent: $type }, timestamp: $at }
    ping: { type: ping }
    pong: { type: pong }
endpoints: [{ websocket: /ws }, { sse: /events, options: { room: subscribe } }]
events:
  note.write:
    from: client
    publishes: note.written
    trigger: The user presses Save
    story: US001
    limit: 10/second
    key: $data.id
    rules: data.by == principal.id
    data: note.json
    example: { id: n1, text: Hello, by: ana }
  note.written: { on: [room, own], data: note.json, version: { of: $data.id, is: $data.count } }
  act: { from: client, to: engine, on: room, data: act.json }
  scene.update: { on: room, audience: { when: has(data.to), id: $data.to } }
flows:
  somebody acts: |
    ana, boris join room:r1
    ana sends act { do: jump }
    engine receives act
    engine answers { outcome: accepted }
    ana receives act.ack
    engine sends scene.update { n: 2 } to room:r1
    ana, boris receive scene.update { n: 2 }
    boris disconnects
    boris reconnects
    boris receives nothing
"#;

const NOTE: &str = r##"{
  "type": "object", "required": ["id", "text", "by"], "additionalProperties": false,
  "properties": {
    "id": { "type": "string", "minLength": 1, "maxLength": 64, "description": "Made by the client" },
    "text": { "type": "string", "maxLength": 500 },
    "by": { "type": "string" },
    "count": { "type": "integer", "minimum": 1, "maximum": 1000 },
    "kind": { "enum": ["plain", "loud"] },
    "tags": { "type": "array", "maxItems": 3, "items": { "type": "string", "pattern": "^[a-z|]+$" } },
    "at": { "type": "string", "format": "date-time" },
    "place": { "$ref": "#/$defs/place" }
  },
  "$defs": { "place": { "type": "object", "properties": { "x": { "type": "number" }, "in": { "$ref": "#/$defs/place" } } } }
}"##;

const ACT: &str = r#"{ "type": "object", "properties": { "do": { "type": "string" } }, "required": ["do"] }"#;

fn rooms() -> String {
    markdown::document(&compiled(ROOMS, &BTreeMap::from([("note.json", NOTE), ("act.json", ACT)])))
}

// C-1: title, branch, date, spec; transports and how each authenticates.
#[test]
fn the_head_says_what_it_is_and_where() {
    let document = rooms();
    assert!(document.contains("**Branch**: `007-rooms` | **Date**: 2026-01-31 | **Spec**: [docs/spec.md](docs/spec.md)"), "{document}");
    let transport = section(&document, "### Transport");
    assert!(transport.contains("| WebSocket | `wss://api.example.com/ws` | Bearer token in query param `token` |"), "{transport}");
    assert!(transport.contains("| SSE | `https://api.example.com/events` | Bearer token in header |"), "{transport}");
}

// C-2: an event of a client: why, what, what is wrong, what is answered.
#[test]
fn a_clients_event_has_all_that_the_template_asks() {
    let document = rooms();
    let event = section(&document, "### Event: `note.write`");
    for said in [
        "> **Trigger**: The user presses Save",
        "> **User Story**: US001",
        "| `type` | string | Yes | Event type: `\"note.write\"` |",
        "| `payload.id` | string | Yes | Made by the client |",
        "| `payload.count` | integer | No |  |",
        "| `payload.at` | ISO8601 | No |  |",
        "| `payload.place.x` | number | No |  |",
        "- `text`: Max 500 characters",
        "- `id`: Not empty, max 64 characters",
        "- `count`: Range 1–1000",
        "- `kind`: One of `plain`, `loud`",
        "- `tags`: Max 3 items; Each: matches `^[a-z|]+$`",
        "- `at`: An ISO 8601 time with its zone",
        "- No other fields",
        "- Allowed if `data.by == principal.id` is true; otherwise `UNAUTHORIZED`",
        "- Counts once for each `$data.id`: sent again, it gets the first answer",
        "- At most 10 per second; beyond it `RATE_LIMITED`",
        "**Server Response**: `note.write.ack` or `note.write.error`",
        "\"text\": \"Hello\"",
        "Published as `note.written` to `room:{room}`",
    ] {
        assert!(event.contains(said), "{said}\n{event}");
    }
    let act = section(&document, "### Event: `act`");
    assert!(act.contains("Handed to the backend `engine`, which decides and answers within 5 seconds"), "{act}");
    // What the flow says that the backend answers.
    assert!(act.contains("\"outcome\": \"accepted\""), "{act}");
}

// C-3: an event of the server: what makes it, who receives it, versions.
#[test]
fn a_servers_event_says_who_receives_it() {
    let document = rooms();
    let written = section(&document, "### Event: `note.written`");
    assert!(written.contains("> **Trigger**: `note.write` was accepted"), "{written}");
    assert!(written.contains("> **Subscribers**: Members of the room `room:{room}` and one user, on `user:{user}`"), "{written}");
    assert!(written.contains("- `count`: higher than the last of the same `id`; otherwise `CONFLICT`"), "{written}");
    let scene = section(&document, "### Event: `scene.update`");
    assert!(scene.contains("> **Trigger**: The backend `engine` publishes it"), "{scene}");
    assert!(
        scene.contains("Of members of the room `room:{room}`: those whose `id` is `$data.to` (if `has(data.to)`; else all)"),
        "{scene}"
    );
}

// C-4, C-5, C-6, C-7, C-8, C-9, C-10: the rest of the template.
#[test]
fn the_rest_is_filled_in() {
    let document = rooms();
    for (heading, said) in [
        ("### Event: `connection.established`", "\"connectionId\": \"17\""),
        ("### Event: `error`", "| `payload.originalEvent` | string \\| null | Event that caused the error |"),
        ("### Event: `error`", "| `CONFLICT` | Somebody changed it in between | Merge it |"),
        ("### Event: `ping` / `pong`", "**Interval**: Every 30 seconds"),
        ("### Event: `ping` / `pong`", "**Timeout**: 60 seconds without a sign of life = disconnect"),
        ("### Room: `room`", "\"type\": \"room.join\""),
        ("### Room: `room`", "\"room\": \"room:r1\""),
        ("### Room: `room`", "- History: kept for 7 days, at most 100 events"),
        ("### Room: `room`", "**Events Received**: `note.written` and `scene.update`"),
        ("## Reconnection Strategy", "| Clean disconnect | Reconnect immediately |"),
        ("## Reconnection Strategy", "| Network error | Exponential backoff (2s, 4s, 8s, max 60s) |"),
        ("## Reconnection Strategy", "| Auth error | Ask for another token |"),
        ("## Reconnection Strategy", "| Server restart | Wait for `connection.established`; resync |"),
        ("### State Resync on Reconnect", "send `sync.request` with the timestamp of the last known event"),
        ("## Rate Limits", "| `note.write` | 10 | per second |"),
        ("## Rate Limits", "| `room.join` | 5 | per minute |"),
        ("## Rate Limits", "| Total events | 100 | per minute |"),
    ] {
        let part = section(&document, heading);
        assert!(part.contains(said), "{said}\n{part}");
    }
}

// C-12, C-13: the checklist's result, item by item: what passes, what does not and where, what is otherwise on purpose.
#[test]
fn the_checklist_has_its_result() {
    for contract in shipped() {
        let list = markdown::document(&contract);
        let list = section(&list, "## Checklist").to_owned();
        for outcome in tidewire_contract::checklist(&contract) {
            let mut title = outcome.item.title.to_owned();
            title[..1].make_ascii_uppercase();
            let mark = if outcome.problems.is_empty() { 'x' } else { ' ' };
            assert!(list.contains(&format!("- [{mark}] {title}")), "{}: {title}\n{list}", contract.name);
            for (_, why) in &outcome.otherwise {
                assert!(list.contains(why.as_str()), "{}: {why}", contract.name);
            }
        }
    }
    let rooms = rooms();
    // This one has events without examples, and says so.
    assert!(section(&rooms, "## Checklist").contains("- [ ] Every event has an example to mock it by\n  - line "), "{rooms}");
}

// C-13: a flow is drawn for a terminal and for a renderer.
#[test]
fn flows_are_drawn() {
    let document = rooms();
    expect("markdown/flow.md", section(&document, "### Somebody acts"));
}

// C-13: the whole document of the conversation system.
#[test]
fn the_conversation_document_is_this() {
    let contract = contract("conversation");
    assert!(contract.events.iter().any(|e| e.from == Publisher::Client));
    let document = markdown::document(&contract);
    // Types have a test of their own.
    let start = document.find("## TypeScript Definitions").unwrap();
    let end = document.find("## Checklist").unwrap();
    expect("markdown/conversation.md", &format!("{}{}", &document[..start], &document[end..]));
}
