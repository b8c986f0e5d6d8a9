//! Versions over the public surface: a stale one is refused, over HTTP and to clients, and nothing changes. // C-3, C-5

use crate::support::*;
use http::StatusCode;
use serde_json::{Value, json};
use std::path::PathBuf;

const CONTRACT: &str = "tidewire: 1
name: notes
version: '1'
title: Notes
auth:
  token: [bearer header, bearer query.token]
  principal: { id: $claims.sub }
channels:
  room: { address: 'room:{id}' }
wire:
  event: { type: $type, data: $data }
  client:
    send: { type: $type, data: $data, key: $key }
  server:
    ack: { type: ack, reply: $reply }
    refused: { type: refused, code: $code, message: $message, action: $action, errors: $errors }
endpoints:
  - websocket: '/room/{id}/ws'
    subscribes: 'room:{id}'
events:
  note.updated:
    on: room
    data: note.json
    version: $data.version
    example: { id: n1, version: 1 }
  note.edit:
    from: client
    on: room
    publishes: note.updated
    data: note.json
    example: { id: n1, version: 1 }
  note.removed:
    on: room
    data: removed.json
    version: { of: $data.note.id, is: $data.at }
    example: { note: { id: n1 }, at: 2 }
";

fn serve() -> (Server, PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let contracts = folder.path().join("contracts");
    std::fs::create_dir_all(contracts.join("notes")).unwrap();
    let of = |required: Value, properties: Value| json!({ "type": "object", "required": required, "properties": properties }).to_string();
    let note = of(json!(["id", "version"]), json!({ "id": { "type": "string" }, "version": { "type": "integer" } }));
    let inner = json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "string" } } });
    let removed = of(json!(["note", "at"]), json!({ "note": inner, "at": { "type": "integer" } }));
    for (name, text) in [("contract.yaml", CONTRACT), ("note.json", &note), ("removed.json", &removed)] {
        std::fs::write(contracts.join("notes").join(name), text).unwrap();
    }
    (Server::with(&contracts, ""), contracts, folder)
}

fn note(id: &str, version: i64) -> Value {
    json!({ "channel": "room:1", "type": "note.updated", "data": { "id": id, "version": version } })
}

// C-3, C-5: 409 says what is there and what was given, and which of a batch it is; nothing of the batch is published. Also after
// kill -9, and however the history was let go.
#[tokio::test]
async fn a_stale_version_is_a_conflict() {
    let (mut server, contracts, _folder) = serve();
    server.must("notes", note("n1", 4)).await;
    let (status, told) = server.publish("notes", note("n1", 4)).await;
    assert_eq!((status, &told["type"]), (StatusCode::CONFLICT, &json!("urn:tidewire:problem:conflict")), "{told}");
    assert_eq!((&told["current"], &told["given"], &told["of"], &told["index"]), (&json!(4), &json!(4), &json!("n1"), &json!(0)));
    assert!(told["detail"].as_str().unwrap().contains("merge"), "{told}");
    let removed = json!({ "channel": "room:1", "type": "note.removed", "data": { "note": { "id": "n1" }, "at": 3 } });
    let (status, told) = server.publish("notes", json!([note("n2", 1), note("n2", 2), removed])).await;
    assert_eq!((status, &told["index"], &told["current"]), (StatusCode::CONFLICT, &json!(2), &json!(4)), "{told}");
    let (_, _, channel) = server.get("/v1/channels/room:1", &format!("{KEY}-notes")).await;
    assert_eq!(channel["seq"], 1, "nothing of the batch is there");
    server.kill_and_restart(&contracts);
    let (status, told) = server.publish("notes", note("n1", 4)).await;
    assert_eq!((status, &told["current"]), (StatusCode::CONFLICT, &json!(4)), "{told}");
    server.must("notes", note("n1", 5)).await;
    // Of another channel's log it is another resource.
    server.must("notes", json!({ "channel": "room:2", "type": "note.updated", "data": { "id": "n1", "version": 1 } })).await;
}

// C-5: a client gets CONFLICT, with what it can do; a repeat of what was accepted is no conflict (W-7).
#[tokio::test]
async fn a_client_is_told_of_the_conflict() {
    let (server, _, _folder) = serve();
    server.must("notes", note("n1", 4)).await;
    let mut ana = server.websocket(&format!("/room/1/ws?token={}", token(json!({ "sub": "ana" }))), &[]).await.unwrap();
    let edit = |version: i64, key: &str| json!({ "type": "note.edit", "data": { "id": "n1", "version": version }, "key": key });
    ana.send(edit(4, "k1")).await;
    let told = ana.next().await;
    assert_eq!((&told["type"], &told["code"]), (&json!("refused"), &json!("CONFLICT")), "{told}");
    assert_eq!(told["errors"], json!([{ "of": "n1", "current": 4, "given": 4 }]));
    assert!(told["action"].as_str().is_some_and(|action| action.contains("latest")), "{told}");
    for duplicate in [false, true] {
        ana.send(edit(5, "k2")).await;
        let ack = loop {
            let frame = ana.next().await;
            if frame["type"] == "ack" {
                break frame;
            }
        };
        assert_eq!(ack["reply"]["duplicate"], duplicate);
    }
}

// G-5: a payload without its version is refused like any other that does not fit.
#[tokio::test]
async fn a_version_that_cannot_be_read_is_a_fault() {
    let (server, _, _folder) = serve();
    for (data, pointer) in [(json!({ "id": "", "version": 1 }), "/data/id"), (json!({ "id": "n\u{1}", "version": 1 }), "/data/id")] {
        let (status, told) = server.publish("notes", json!({ "channel": "room:1", "type": "note.updated", "data": data })).await;
        assert_eq!((status, &told["errors"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(pointer)), "{told}");
    }
}
