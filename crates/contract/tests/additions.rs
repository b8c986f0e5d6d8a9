//! What a contract says of backends, of those who come and go, of versions, of what is retained, and to those who read it.

use serde_json::json;
use std::time::Duration;
use tidewire_contract::{Contract, Publisher, compile_source};

const YAML: &str = r#"
tidewire: 1
name: party
version: 1.0.0
feature: { branch: 004-party, date: 2024-02-29, spec: spec.md }
reconnect: { clean: 0s, network: 500ms .. 8s, auth: log in again }
errors:
  CONFLICT: { action: Merge }
  NOT_YOUR_TURN: { means: Somebody else acts, action: Wait }
auth:
  token: bearer header
  principal: { id: $claims.sub, name: $claims.name, parties: $claims.parties }
channels:
  party:
    address: party:{party_id}
    join: party_id in principal.parties
    presence:
      member: $principal.id
      info: { name: $principal.name }
      joins: { publishes: party.join, data: { id: $member, name: $principal.name, party: $party_id } }
      leaves: { publishes: party.leave, data: { id: $member }, after: 0s }
    retain: { scene: scene.update }
wire:
  event: { type: $type, data: $data }
  client:
    send: { type: $type, data: $data }
  server:
    hello: { who: $presence, run: $run_id, scene: $retained.scene.number, at: $at }
    refused: { code: $code, action: $action }
endpoints:
  - websocket: /party/{party_id}?run={run_id}
    subscribes: party:{party_id}
backends:
  engine: { sends: [action.result, scene.*], deadline: 2s }
  archive: {}
events:
  party.join: { on: party, from: presence, data: schemas/member.json }
  party.leave: { on: party, from: presence }
  action.request: { from: client, to: engine, on: party, key: $data.action_id, data: schemas/action.json }
  action.result: { on: party, version: { of: $data.action_id, is: $data.version }, data: schemas/action.json }
  scene.update: { on: party, data: schemas/scene.json, version: $data.version }
  scene.say:
    from: client
    in: party:$data.party
    key: $data.ref/$principal.id
    publishes: { type: scene.said, data: { id: $id, by: $principal.id, text: $data.text } }
    data: schemas/say.json
  scene.said: { on: party, data: schemas/said.json }
actors:
  ana: { sub: ana, name: Ana, parties: [p1] }
"#;

fn schema(path: &str) -> Option<String> {
    let schema = match path {
        "schemas/member.json" => {
            json!({ "type": "object", "properties": { "id": { "type": "string" }, "name": { "type": "string" }, "party": { "type": "string" } },
                "required": ["id", "name"], "additionalProperties": false })
        }
        "schemas/action.json" => {
            json!({ "type": "object", "properties": { "action_id": { "$ref": "parts/id.json" }, "version": { "type": "integer" } } })
        }
        "schemas/parts/id.json" => json!({ "type": "string" }),
        "schemas/scene.json" => {
            json!({ "type": "object", "properties": { "id": { "type": "string" }, "number": { "type": "integer" }, "version": { "type": "integer" } } })
        }
        "schemas/say.json" => {
            json!({ "type": "object", "properties": { "party": { "type": "string" }, "text": { "type": "string" }, "ref": { "type": "string" } } })
        }
        "schemas/said.json" => json!({ "type": "object", "required": ["id", "by", "text"] }),
        _ => return None,
    };
    Some(schema.to_string())
}

fn contract() -> Contract {
    compile_source("contract.yaml", YAML, &schema).unwrap_or_else(|problems| panic!("{}", tidewire_contract::render_all(&problems)))
}

// P-2 P-5
#[test]
fn a_channel_says_what_is_published_of_those_who_come_and_go_and_what_it_retains() {
    let contract = contract();
    let channel = &contract.channels[0];
    let presence = channel.presence.as_ref().unwrap();
    let joins = presence.joins.as_ref().unwrap();
    assert_eq!(joins.event_type, "party.join");
    let filled = joins.data.fill(&mut |path| match path.join(".").as_str() {
        "member" => Some(json!("c1")),
        "principal.name" => Some(json!("Ana")),
        "party_id" => Some(json!("p1")),
        _ => None,
    });
    assert_eq!(filled, json!({ "id": "c1", "name": "Ana", "party": "p1" }));
    assert_eq!(presence.leaves.as_ref().unwrap().event_type, "party.leave");
    assert_eq!(presence.grace, Duration::ZERO);
    assert_eq!(channel.retain, [("scene".to_owned(), "scene.update".to_owned())]);
    assert_eq!(contract.event("party.join").unwrap().from, Publisher::Presence);
}

#[test]
fn without_after_a_member_may_be_away_for_ten_seconds() {
    let yaml = YAML.replace(", after: 0s", "");
    let contract = compile_source("contract.yaml", &yaml, &schema).unwrap();
    assert_eq!(contract.channels[0].presence.as_ref().unwrap().grace, Duration::from_secs(10));
}

// P-6
#[test]
fn an_event_names_the_backend_that_it_is_handed_to() {
    let contract = contract();
    let names: Vec<&str> = contract.backends.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["engine", "archive"]);
    assert_eq!(contract.backends[0].sends, ["action.result", "scene.*"]);
    let deadlines: Vec<u64> = contract.backends.iter().map(|b| b.deadline.as_secs()).collect();
    assert_eq!(deadlines, [2, 5]);
    let request = contract.event("action.request").unwrap();
    assert_eq!((request.to, request.on.as_slice(), request.is_shown()), (Some(0), &[0][..], false));
    assert_eq!(contract.event("scene.update").unwrap().to, None);
}

// C-3
#[test]
fn a_version_is_of_something() {
    let contract = contract();
    let of = |name: &str| {
        let version = contract.event(name).unwrap().version.clone().unwrap();
        (version.of.join("."), version.is.join("."))
    };
    assert_eq!(of("scene.update"), ("id".to_owned(), "version".to_owned()));
    assert_eq!(of("action.result"), ("action_id".to_owned(), "version".to_owned()));
}

// C-2
#[test]
fn a_clients_event_says_where_it_goes_and_what_it_becomes() {
    let contract = contract();
    let say = contract.event("scene.say").unwrap();
    assert_eq!(say.publishes.as_deref(), Some("scene.said"));
    assert_eq!(say.on, [0], "the channel of what it is published as");
    let data = json!({ "party": "p1", "text": "Hello", "ref": "r1" });
    let principal = contract.principal(json!({ "sub": "ana" }).as_object().unwrap()).unwrap();
    assert_eq!(say.destination(&data, &principal).as_deref(), Some("party:p1"));
    assert_eq!(say.destination(&json!({ "party": null }), &principal), None, "half a name is none");
    let published = |key: &str| say.published(&data, &principal, "party:p1", key).unwrap();
    let (first, again, other) = (published("r1/ana"), published("r1/ana"), published("r2/ana"));
    assert_eq!(first, again, "the same key is the same id");
    assert_ne!(first["id"], other["id"]);
    assert_ne!(first["id"], say.published(&data, &principal, "party:p2", "r1/ana").unwrap()["id"], "of another channel");
    assert_eq!((&first["by"], &first["text"]), (&json!("ana"), &json!("Hello")));
    assert_eq!(first["id"].as_str().unwrap().len(), 36);
    let same = contract.event("scene.update").unwrap();
    assert_eq!((same.destination(&data, &principal), same.published(&data, &principal, "party:p1", "k")), (None, None));
}

// C-1 C-5 C-8
#[test]
fn what_is_said_to_readers_is_there_for_generators() {
    let contract = contract();
    let feature = contract.feature.as_ref().unwrap();
    assert_eq!((feature.branch.as_deref(), feature.date.as_deref()), (Some("004-party"), Some("2024-02-29")));
    assert_eq!(contract.reconnect.network, (Duration::from_millis(500), Duration::from_secs(8)));
    assert_eq!((contract.reconnect.clean, contract.reconnect.auth.as_str()), (Duration::ZERO, "log in again"));
    assert_eq!(contract.reconnect.restart, tidewire_contract::Reconnect::default().restart);
    for code in ["INVALID_PAYLOAD", "UNAUTHORIZED", "RATE_LIMITED", "NOT_FOUND", "CONFLICT", "UNAVAILABLE", "RESTARTING", "TOO_DEEP"] {
        let error = contract.errors.iter().find(|e| e.code == code).unwrap();
        assert!(!error.means.is_empty() && !error.action.is_empty(), "{code}");
    }
    let of = |code: &str| contract.errors.iter().find(|e| e.code == code).map(|e| (e.means.as_str(), e.action.as_str()));
    assert_eq!(of("CONFLICT"), Some(("Somebody changed it in between", "Merge")));
    assert_eq!(of("NOT_YOUR_TURN"), Some(("Somebody else acts", "Wait")));
    assert_eq!(of("INVALID_JSON"), None, "a code of the Pusher protocol");
    assert_eq!(contract.actors[0].name, "ana");
    assert_eq!(contract.actors[0].claims["parties"], json!(["p1"]));
}

#[test]
fn the_source_of_a_contract_comes_with_the_lines_of_its_parts() {
    let contract = contract();
    let source = &contract.source;
    let keys: Vec<&str> = source.document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys[..4], ["tidewire", "name", "version", "feature"], "in the order of the file");
    assert_eq!(source.document.pointer("/backends/engine/deadline"), Some(&json!("2s")));
    let line = |pointer: &str| YAML.lines().nth(source.lines[pointer] - 1).unwrap();
    assert!(line("/events/scene.update").starts_with("  scene.update:"));
    assert!(line("/channels/party/presence/leaves").starts_with("      leaves:"));
    assert!(line("/endpoints/0").contains("websocket"));
    assert!(line("/wire/server/hello").contains("hello:"));
    let files: Vec<&str> = source.schemas.keys().map(String::as_str).collect();
    assert!(files.contains(&"schemas/parts/id.json"), "those that others refer to: {files:?}");
    assert_eq!(files.len(), 6);
}
