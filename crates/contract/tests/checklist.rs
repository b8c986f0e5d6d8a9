//! The checklist of an events contract (C-12): it passes on what is shipped, and every item of it can fail.

use std::{collections::BTreeMap, fs, path::Path};
use tidewire_contract::{Contract, checklist, checklist::ITEMS, compile_source, load_all};

fn contracts() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts")
}

// C-12
#[test]
fn what_is_shipped_passes_and_says_what_it_does_otherwise() {
    let mut otherwise: BTreeMap<String, usize> = BTreeMap::new();
    for contract in load_all(&contracts()).unwrap() {
        let outcomes = checklist(&contract);
        assert_eq!(outcomes.len(), ITEMS.len());
        for outcome in outcomes {
            let told = tidewire_contract::render_all(&outcome.problems);
            assert!(outcome.problems.is_empty(), "{} fails `{}`:\n{told}", contract.name, outcome.item.title);
            *otherwise.entry(contract.name.clone()).or_default() += outcome.otherwise.len();
        }
    }
    assert_eq!(otherwise["conversation"], 0, "the template itself has no exceptions");
    assert!(otherwise["world"] > 0 && otherwise["store"] > 0, "the documents' own ways are told: {otherwise:?}");
}

const CHAT: &str = r#"tidewire: 1
name: chat
version: 1.0.0
auth: { token: bearer header, principal: { id: $claims.sub } }
channels:
  room: { address: "room:{room}" }
wire:
  event: { type: $type, payload: $data, at: $at }
  client:
    ping: { type: ping }
    send: { type: $type, payload: $data }
  server:
    ack: { type: $type.ack, payload: $reply }
    refused: { type: $type.error, code: $code, message: $message }
    pong: { type: pong }
endpoints:
  - websocket: /{room}
    subscribes: room:{room}
backends:
  desk: { sends: [message.updated, message.deleted, message.created] }
errors:
  NOT_YOURS: { means: Somebody else wrote it, action: Hide the button }
events:
  message.send: { from: client, publishes: message.created, data: message.created.json, example: { id: m1, data: {} } }
  message.edit: { from: client, to: desk, on: room, data: message.edit.json, example: { id: m1 } }
  message.created: { on: room, data: message.created.json, example: { id: m1, data: {} } }
  message.updated: { on: room, data: message.updated.json, example: { id: m1, changes: {}, version: 2 } }
  message.deleted: { on: room, data: message.deleted.json, example: { id: m1 } }
conventions:
  names: resource.action
"#;

fn schema(path: &str) -> Option<String> {
    let properties = match path {
        "message.created.json" => {
            r#""id": { "type": "string" }, "data": { "type": "object", "properties": { "at": { "type": "string", "format": "date-time" } } }"#
        }
        "message.edit.json" => r#""id": { "type": "string" }"#,
        "message.updated.json" => r#""id": { "type": "string" }, "changes": { "type": "object" }, "version": { "type": "integer" }"#,
        "message.deleted.json" => r#""id": { "type": "string" }"#,
        "bare.json" => r#""id": { "type": "string" }"#,
        "number.json" => r#""id": { "type": "integer" }, "text": { "type": "string" }"#,
        "loose.json" => {
            r#""id": { "type": "string" }, "log": { "type": "array", "items": { "properties": { "createdAt": { "anyOf": [{ "type": "null" }, { "type": "string" }] }, "data": true } } }"#
        }
        "nameless.json" => r#""text": { "type": "string" }"#,
        _ => return None,
    };
    Some(
        format!(r#"{{ "type": "object", "properties": {{ {properties} }}, "required": ["id"] }}"#)
            .replace(r#""required": ["id"]"#, r#""title": "x""#),
    )
}

fn chat(changes: &[(&str, &str)]) -> Contract {
    let mut yaml = CHAT.to_owned();
    for (from, to) in changes {
        assert!(yaml.contains(from), "{from}");
        yaml = yaml.replacen(from, to, 1);
    }
    compile_source("contract.yaml", &yaml, &schema).unwrap_or_else(|problems| panic!("{}", tidewire_contract::render_all(&problems)))
}

/// What fails: item, code, and the text at the place.
fn failing(contract: &Contract) -> Vec<(&'static str, &'static str, String)> {
    let mut found = Vec::new();
    for outcome in checklist(contract) {
        for problem in outcome.problems {
            assert!(problem.help.is_some() && problem.line >= 1, "{problem}");
            found.push((outcome.item.id, problem.code, contract.source.text[problem.span.clone()].to_owned()));
        }
    }
    found
}

// C-12
#[test]
fn every_item_can_fail_and_tells_where() {
    assert_eq!(failing(&chat(&[])), []);
    for (what, changes, item, code, place) in [
        ("a ping without a pong", vec![("    pong: { type: pong }\n", "")], "answers", "no-answer", "ping"),
        ("no ack", vec![("    ack: { type: $type.ack, payload: $reply }\n", "")], "answers", "no-answer", "send"),
        ("an ack of anything", vec![("type: $type.ack", "type: ack")], "answers", "no-answer", "ack"),
        ("no refusal", vec![("    refused: { type: $type.error, code: $code, message: $message }\n", "")], "answers", "no-answer", "wire"),
        (
            "a backend that says nothing",
            vec![("sends: [message.updated, message.deleted, message.created]", "")],
            "reach",
            "unreached",
            "to",
        ),
        (
            "what no backend sends",
            vec![("sends: [message.updated, message.deleted, message.created]", "sends: [message.updated]")],
            "reach",
            "unsent",
            "message.deleted",
        ),
        (
            "a channel that nobody gets to",
            vec![("channels:\n", "channels:\n  attic: { address: attic, presence: { member: $principal.id } }\n")],
            "reach",
            "unreached",
            "attic",
        ),
        ("a refusal without a code", vec![("code: $code, ", "")], "errors", "no-code", "refused"),
        ("a refusal without words", vec![(", message: $message", "")], "errors", "no-code", "refused"),
        (
            "another name",
            vec![("  message.deleted: { on", "  MessageGone: { on"), ("message.deleted, ", "MessageGone, ")],
            "names",
            "name",
            "MessageGone",
        ),
        (
            "created without the resource",
            vec![(
                "message.created: { on: room, data: message.created.json, example: { id: m1, data: {} }",
                "message.created: { on: room, data: bare.json, example: { id: m1 }",
            )],
            "payloads",
            "payload",
            "data",
        ),
        (
            "updated without a version",
            vec![("data: message.updated.json, example: { id: m1, changes: {}, version: 2 }", "data: number.json, example: { text: x }")],
            "payloads",
            "payload",
            "data",
        ),
        (
            "deleted without an id",
            vec![("data: message.deleted.json, example: { id: m1 }", "data: nameless.json, example: {}")],
            "payloads",
            "payload",
            "data",
        ),
        (
            "deleted, and nobody knows what",
            vec![("data: message.deleted.json, example: { id: m1 }", "example: {}")],
            "payloads",
            "payload",
            "message.deleted",
        ),
        (
            "an id that is a number",
            vec![("data: message.edit.json, example: { id: m1 }", "data: number.json, example: { id: 1 }")],
            "fields",
            "field-type",
            "data",
        ),
        ("a loose moment", vec![("data: message.deleted.json", "data: loose.json")], "timestamps", "timestamp", "data"),
        ("an envelope without a moment", vec![(", at: $at", "")], "timestamps", "timestamp", "event"),
        (
            "no example and no schema",
            vec![(
                "  message.edit: { from: client, to: desk, on: room, data: message.edit.json, example: { id: m1 } }",
                "  message.edit: { from: client, to: desk, on: room }",
            )],
            "alone",
            "not-alone",
            "message.edit",
        ),
        (
            "no example",
            vec![(", data: message.edit.json, example: { id: m1 }", ", data: message.edit.json")],
            "examples",
            "no-example",
            "message.edit",
        ),
        (
            "a needless exception",
            vec![("names: resource.action", "otherwise: { fields: because }")],
            "fields",
            "needless-exception",
            "fields",
        ),
        (
            "a needless exception of one event",
            vec![("names: resource.action", "otherwise: { payloads: { message.deleted: because } }")],
            "payloads",
            "needless-exception",
            "message.deleted",
        ),
    ] {
        let found = failing(&chat(&changes));
        assert!(found.iter().any(|(i, c, p)| (*i, *c, p.as_str()) == (item, code, place)), "{what}: {found:?}");
    }
}

#[test]
fn an_exception_is_told_with_its_reason_and_holds_for_what_it_names_alone() {
    let two = [
        ("data: message.deleted.json, example: { id: m1 }", "example: {}"),
        ("data: message.updated.json, example: { id: m1, changes: {}, version: 2 }", "example: {}"),
    ];
    let all = chat(&[two[0], two[1], ("names: resource.action", "otherwise: { payloads: they are nobody's }")]);
    let payloads = |contract: &Contract| checklist(contract).into_iter().find(|o| o.item.id == "payloads").unwrap();
    let outcome = payloads(&all);
    assert_eq!((outcome.problems.len(), outcome.otherwise), (0, vec![(None, "they are nobody's".to_owned())]));
    let one = chat(&[two[0], two[1], ("names: resource.action", "otherwise: { payloads: { message.updated: no matter } }")]);
    let outcome = payloads(&one);
    assert_eq!(outcome.otherwise, [(Some("message.updated".to_owned()), "no matter".to_owned())]);
    assert_eq!(outcome.problems.len(), 1);
    assert!(outcome.problems[0].message.contains("message.deleted"), "{}", outcome.problems[0]);
}

#[test]
fn conventions_of_names_are_those_that_the_contract_says() {
    for (style, right, wrong) in [
        (
            "resource.action",
            ["message.created", "chat.message.rolled_back", "board.refreshHint"],
            ["created", "Message.created", "message."],
        ),
        ("PascalCase", ["MessageCreated", "Message", "M2"], ["messageCreated", "Message_Created", "Message.Created"]),
        ("camelCase", ["messageCreated", "message", "m2"], ["MessageCreated", "message_created", "message.created"]),
        ("snake_case", ["message_created", "message", "m_2"], ["messageCreated", "message__created", "message-created"]),
        ("kebab-case", ["message-created", "message", "m-2"], ["message_created", "-message", "Message"]),
    ] {
        for (name, good) in right.iter().map(|n| (*n, true)).chain(wrong.iter().map(|n| (*n, false))) {
            let yaml = format!(
                "tidewire: 1\nname: x\nversion: '1'\nauth: {{ token: bearer header, principal: {{ id: $claims.sub }} }}\nchannels: {{ a: {{ address: a }} }}\n\
                 wire: {{ event: {{ type: $type, at: $at }} }}\nendpoints: [{{ websocket: /a, subscribes: a }}]\nconventions: {{ names: {style} }}\n\
                 events: {{ {name}: {{ on: a, example: 1 }} }}\n"
            );
            let contract = compile_source("contract.yaml", &yaml, &|_| None).unwrap();
            let passes = checklist(&contract).iter().find(|o| o.item.id == "names").unwrap().problems.is_empty();
            assert_eq!(passes, good, "{name} by {style}");
        }
    }
    assert!(fs::read_to_string(contracts().join("store/contract.yaml")).unwrap().contains("names: PascalCase"));
}
