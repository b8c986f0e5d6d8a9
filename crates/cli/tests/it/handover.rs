//! Clients' events that a backend decides about, over real sockets and a real backend. // C-2, C-5, P-6, P-7

use crate::support::backend::{Asked, Backend, Say, say};
use crate::support::*;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::Notify;

const CONTRACT: &str = "tidewire: 1
name: party
version: '1'
title: Party
auth:
  token: [bearer header, bearer query.token]
  principal: { id: $claims.sub, parties: $claims.parties }
channels:
  party: { address: 'party:{id}', join: id in principal.parties }
backends:
  engine: { sends: [action.result], deadline: 2s }
errors:
  NOT_NOW: { means: The rules do not allow it, action: Wait for your turn }
wire:
  event: { type: $type, trace: $trace, data: $data }
  client:
    subscribe: { do: subscribe, channels: $channels }
    send: { type: $type, trace: $trace, data: $data }
  server:
    hello: { type: hello }
    subscribed: { did: subscribe }
    ack: { type: ack, of: $type, reply: $reply, trace: $trace }
    refused: { type: refused, of: $type, code: $code, message: $message, action: $action, errors: $errors, trace: $trace }
    error: { type: error, code: $code, message: $message, action: $action }
endpoints:
  - websocket: /ws
  - websocket: '/party/{id}/ws'
    subscribes: 'party:{id}'
events:
  action.request:
    from: client
    to: engine
    on: party
    key: $data.action_id
    audit: true
    rules: data.by == principal.id
    data: action.json
    example: { action_id: a1, by: ana }
  shout: { from: client, to: engine, on: party, example: {} }
  action.result:
    on: party
    data: result.json
    example: { action_id: a1 }
  item.changed:
    on: party
    data: item.json
    version: $data.version
    example: { id: i1, version: 1 }
";

fn contracts(folder: &Path) -> std::path::PathBuf {
    let contracts = folder.join("contracts");
    std::fs::create_dir_all(contracts.join("party")).unwrap();
    let of = |properties: Value| {
        let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
        json!({ "type": "object", "required": required, "properties": properties }).to_string()
    };
    let (text, whole) = (json!({ "type": "string", "maxLength": 40 }), json!({ "type": "integer" }));
    let files = [
        ("contract.yaml", CONTRACT.to_owned()),
        ("action.json", of(json!({ "action_id": text, "by": text }))),
        ("result.json", of(json!({ "action_id": text }))),
        ("item.json", of(json!({ "id": text, "version": whole }))),
    ];
    for (name, text) in files {
        std::fs::write(contracts.join("party").join(name), text).unwrap();
    }
    contracts
}

struct Played {
    server: Server,
    engine: Backend,
    contracts: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

async fn play() -> Played {
    let folder = tempfile::tempdir().unwrap();
    let contracts = contracts(folder.path());
    let engine = Backend::start().await;
    let server = Server::with_tail(&contracts, &backend::configured("party", "engine", engine.address));
    Played { server, engine, contracts, _folder: folder }
}

impl Played {
    async fn join(&self, who: &str) -> Socket {
        let token = token(json!({ "sub": who, "parties": ["p1"] }));
        let mut socket = self.server.websocket(&format!("/party/p1/ws?token={token}"), &[]).await.unwrap();
        assert_eq!(socket.next().await["type"], "hello");
        socket
    }

    async fn since(&self, channel: &str) -> Vec<Value> {
        let path = format!("/v1/events/since?channel={channel}");
        let (status, _, page) = self.server.call(Method::GET, &path, Some(&format!("{KEY}-party")), None).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page["events"].as_array().unwrap().clone()
    }

    async fn metric(&self, name: &str) -> f64 {
        let text = self.server.operations("/metrics").await;
        let line = text.lines().find(|line| line.starts_with(&format!("{name}{{"))).unwrap_or_else(|| panic!("no {name}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

fn action(id: &str, by: &str) -> Value {
    json!({ "type": "action.request", "trace": format!("trace-{id}"), "data": { "action_id": id, "by": by } })
}

fn result(id: &str, outcome: &str) -> Value {
    json!({ "channel": "party:p1", "type": "action.result", "data": { "action_id": id, "outcome": outcome } })
}

fn accepted(id: &str, outcome: &str) -> Say {
    say(200, json!({ "reply": { "outcome": outcome }, "events": [result(id, outcome)] }))
}

// P-6, K-17: the event goes to the backend, signed and whole; what it answers is the client's ack and everybody's events.
#[tokio::test]
async fn a_backend_decides() {
    let game = play().await;
    let (mut ana, mut boris) = (game.join("ana").await, game.join("boris").await);
    game.engine.then([accepted("a1", "success")]);
    ana.send(action("a1", "ana")).await;
    let asked = game.engine.asked_times(1).await.remove(0);
    assert!(asked.is_signed && asked.id.starts_with("msg_"), "{asked:?}");
    assert_eq!(asked.correlation.as_deref(), Some("trace-a1"));
    let Asked { mut body, .. } = asked;
    let body = body.as_object_mut().unwrap();
    let (connection, at) = (body.remove("connection").unwrap(), body.remove("at").unwrap());
    assert!(connection.as_str().unwrap().parse::<u64>().is_ok() && at.as_str().unwrap().ends_with('Z'));
    assert_eq!(
        Value::Object(body.clone()),
        json!({ "contract": "party", "backend": "engine", "type": "action.request", "channel": "party:p1", "key": "a1",
            "data": { "action_id": "a1", "by": "ana" }, "principal": { "id": "ana", "parties": ["p1"] }, "trace": "trace-a1" })
    );
    // The action itself is shown to nobody; its result has the client's trace.
    let told = json!({ "type": "action.result", "trace": "trace-a1", "data": { "action_id": "a1", "outcome": "success" } });
    assert_eq!(boris.next().await, told);
    let mut hers = [ana.next().await, ana.next().await];
    hers.sort_by_key(|frame| frame["type"].to_string());
    assert_eq!(hers[0], json!({ "type": "ack", "of": "action.request", "reply": { "outcome": "success" }, "trace": "trace-a1" }));
    assert_eq!(hers[1], told);
    assert_eq!(game.since("party:p1").await.len(), 1);
    assert_eq!(game.metric("tidewire_handover_accepted_total").await, 1.0);
    // A critical action is in the audit trail, with what was said (K-17).
    let trail = game.since("audit").await;
    assert_eq!(trail[0]["data"]["data"]["data"], json!({ "action_id": "a1", "by": "ana" }), "{trail:?}");
    // Nothing of the secret is in the log.
    assert!(!game.server.log().iter().any(|line| line.contains(SECRET)));
}

// P-6: a connection serves one hand-over after another; what is answered does not pay for a new one each time.
#[tokio::test]
async fn connections_to_a_backend_are_kept() {
    let game = play().await;
    let mut ana = game.join("ana").await;
    for n in 0..20 {
        ana.send(action(&format!("a{n}"), "ana")).await;
        assert_eq!(ana.next().await["type"], "ack");
    }
    assert_eq!(game.engine.asked().len(), 20);
    let opened = game.engine.connections();
    assert!(opened < 10, "{opened} connections for 20 hand-overs, one after the other");
}

// C-2: nothing is asked about what the contract refuses.
#[tokio::test]
async fn what_the_contract_refuses_reaches_no_backend() {
    let game = play().await;
    let mut ana = game.join("ana").await;
    let refused = [
        (json!({ "type": "action.request", "data": { "action_id": "a1" } }), "INVALID_PAYLOAD"),
        (action("a1", "boris"), "UNAUTHORIZED"),
        (json!({ "type": "action.result", "data": { "action_id": "a1" } }), "UNAUTHORIZED"),
    ];
    for (frame, code) in refused {
        ana.send(frame).await;
        let told = ana.next().await;
        assert_eq!((&told["type"], &told["code"]), (&json!("refused"), &json!(code)), "{told}");
        assert!(told["action"].as_str().is_some_and(|action| !action.is_empty()), "{told}");
    }
    assert_eq!(game.engine.asked().len(), 0);
}

// C-5: the backend's code, message and details are the client's error, with what it can do.
#[tokio::test]
async fn a_backend_refuses() {
    let game = play().await;
    let mut ana = game.join("ana").await;
    let errors = json!([{ "pointer": "/by", "message": "not yours" }]);
    game.engine.then([
        say(422, json!({ "code": "NOT_NOW", "message": "it is not your turn", "errors": errors })),
        say(404, json!({ "type": "about:blank", "title": "Not found", "detail": "no such door" })),
        say(409, Value::Null),
        say(400, json!({ "code": "STRANGE", "message": "no contract has this" })),
    ]);
    let mut told = Vec::new();
    for id in ["a1", "a2", "a3", "a4"] {
        ana.send(action(id, "ana")).await;
        told.push(ana.next().await);
    }
    let part = |at: usize, name: &str| told[at][name].clone();
    assert_eq!((part(0, "code"), part(0, "message"), part(0, "errors")), (json!("NOT_NOW"), json!("it is not your turn"), errors));
    assert_eq!(part(0, "action"), "Wait for your turn");
    assert_eq!((part(1, "code"), part(1, "message")), (json!("NOT_FOUND"), json!("no such door")));
    assert_eq!(part(2, "code"), "CONFLICT");
    assert_eq!((part(3, "code"), part(3, "action").is_string()), (json!("STRANGE"), true));
    assert_eq!(game.since("party:p1").await.len(), 0);
}

// P-7: the same key again is answered as the first time, whoever sends it, also after kill -9; the backend is asked once.
#[tokio::test]
async fn the_same_key_is_applied_once() {
    let mut game = play().await;
    let (mut ana, mut also) = (game.join("ana").await, game.join("ana").await);
    game.engine.then([accepted("a1", "success"), say(422, json!({ "code": "NOT_NOW", "message": "no" }))]);
    ana.send(action("a1", "ana")).await;
    let of = |frames: [Value; 2]| frames.into_iter().find(|f| f["type"] == "ack").unwrap();
    let first = of([ana.next().await, ana.next().await]);
    assert_eq!(also.next().await["type"], "action.result");
    also.send(action("a1", "ana")).await;
    assert_eq!(also.next().await, first);
    ana.send(action("a2", "ana")).await;
    let refused = ana.next().await;
    assert_eq!(refused["code"], "NOT_NOW");
    let contracts = game.contracts.clone();
    game.server.kill_and_restart(&contracts);
    let mut ana = game.join("ana").await;
    ana.send(action("a1", "ana")).await;
    assert_eq!(ana.next().await, first);
    ana.send(action("a2", "ana")).await;
    assert_eq!(ana.next().await, refused);
    assert_eq!(game.engine.asked().len(), 2);
    assert_eq!(game.since("party:p1").await.len(), 1);
    assert_eq!(game.metric("tidewire_handover_repeated_total").await, 2.0);
}

// P-7: who sends the same while it is under way waits for the one answer.
#[tokio::test]
async fn the_same_key_at_the_same_time_has_one_answer() {
    let game = play().await;
    let hold = Arc::new(Notify::new());
    game.engine.then([Say { hold: Some(hold.clone()), ..say(200, json!({ "reply": 7 })) }]);
    let mut all = Vec::new();
    for _ in 0..4 {
        let mut socket = game.join("ana").await;
        socket.send(action("a1", "ana")).await;
        all.push(socket);
    }
    game.engine.asked_times(1).await;
    hold.notify_one();
    for socket in &mut all {
        assert_eq!(socket.next().await["reply"], 7);
    }
    assert_eq!(game.engine.asked().len(), 1);
}

// P-7: a server that is killed while the backend decides asks again after the restart, with the same id; it is applied once.
#[tokio::test]
async fn a_kill_while_the_backend_decides() {
    let mut game = play().await;
    let mut ana = game.join("ana").await;
    game.engine.then([Say { hold: Some(Arc::new(Notify::new())), ..accepted("a1", "lost") }]);
    ana.send(action("a1", "ana")).await;
    game.engine.asked_times(1).await;
    let contracts = game.contracts.clone();
    game.server.kill_and_restart(&contracts);
    game.engine.otherwise(|_| accepted("a1", "success"));
    // Until the first try is certainly over, nobody knows whether somebody else still waits for its answer.
    let mut ana = game.join("ana").await;
    let reply = loop {
        ana.send(action("a1", "ana")).await;
        let answer = loop {
            let frame = ana.next().await;
            if frame["type"] != "action.result" {
                break frame;
            }
        };
        match answer["type"].as_str() {
            Some("ack") => break answer["reply"].clone(),
            _ => assert_eq!(answer["code"], "UNAVAILABLE", "{answer}"),
        }
    };
    assert_eq!(reply, json!({ "outcome": "success" }));
    let asked = game.engine.asked();
    assert!(asked.len() >= 2 && asked.iter().all(|a| a.id == asked[0].id), "{asked:?}");
    assert_eq!(game.since("party:p1").await.len(), 1);
}

// P-7: without a key in the contract each is its own.
#[tokio::test]
async fn without_a_key_each_is_its_own() {
    let game = play().await;
    let mut ana = game.join("ana").await;
    for _ in 0..2 {
        ana.send(json!({ "type": "shout", "data": {} })).await;
        assert_eq!(ana.next().await["type"], "ack");
    }
    let asked = game.engine.asked();
    assert_ne!(asked[0].id, asked[1].id);
    assert_eq!(asked[0].body["key"], Value::Null);
}

// A backend that fails for a moment is asked again; the client sees one answer.
#[tokio::test]
async fn a_backend_that_fails_for_a_moment() {
    let game = play().await;
    let mut ana = game.join("ana").await;
    let later = Say { headers: vec![("retry-after", "1".into())], ..say(429, Value::Null) };
    game.engine.then([say(500, json!({ "code": "NOT_NOW" })), later, say(200, json!({ "reply": "done" }))]);
    ana.send(action("a1", "ana")).await;
    assert_eq!(ana.next().await["reply"], "done");
    let asked = game.engine.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|a| a.id == asked[0].id && a.is_signed));
}

// C-5: no answer by the deadline is UNAVAILABLE; the connection lives on, and a repeat may succeed.
#[tokio::test]
async fn a_backend_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let contracts = contracts(folder.path());
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let server = Server::with_tail(&contracts, &backend::configured("party", "engine", address));
    let game = Played { server, engine: Backend::start().await, contracts, _folder: folder };
    let mut ana = game.join("ana").await;
    ana.send(action("a1", "ana")).await;
    let told = ana.next().await;
    assert_eq!((&told["type"], &told["code"]), (&json!("refused"), &json!("UNAVAILABLE")), "{told}");
    assert!(!told["message"].as_str().unwrap().contains(&address.to_string()), "where backends are is nobody's business: {told}");
    assert_eq!(game.metric("tidewire_handover_unanswered_total").await, 1.0);
    let back = Backend::on(address).await;
    back.then([accepted("a1", "success")]);
    ana.send(action("a1", "ana")).await;
    let frames = [ana.next().await, ana.next().await];
    assert!(frames.iter().any(|f| f["type"] == "ack"), "{frames:?}");
}

// What a backend answers with goes through the same door: stale versions and payloads that do not fit publish nothing.
#[tokio::test]
async fn the_events_of_an_answer_are_checked() {
    let game = play().await;
    let mut ana = game.join("ana").await;
    let item = |version: i64| json!({ "channel": "party:p1", "type": "item.changed", "data": { "id": "i1", "version": version } });
    game.server.must("party", item(3)).await;
    assert_eq!(ana.next().await["type"], "item.changed");
    game.engine.then([
        say(200, json!({ "events": [result("a1", "success"), item(3)] })),
        say(200, json!({ "events": [result("a2", "success"), { "channel": "party:p1", "type": "item.changed", "data": {} }] })),
        say(200, json!({ "events": "none" })),
        accepted("a4", "success"),
    ]);
    ana.send(action("a1", "ana")).await;
    let stale = ana.next().await;
    assert_eq!((&stale["code"], &stale["errors"]), (&json!("CONFLICT"), &json!([{ "of": "i1", "current": 3, "given": 3 }])), "{stale}");
    for id in ["a2", "a3"] {
        ana.send(action(id, "ana")).await;
        assert_eq!(ana.next().await["code"], "UNAVAILABLE");
    }
    assert_eq!(game.since("party:p1").await.len(), 1);
    ana.send(action("a4", "ana")).await;
    let frames = [ana.next().await, ana.next().await];
    assert!(frames.iter().any(|f| f["type"] == "ack"), "{frames:?}");
}

// One connection's events are decided in order, and events go out meanwhile (G-2).
#[tokio::test]
async fn a_connection_is_answered_in_order() {
    let game = play().await;
    let mut ana = game.join("ana").await;
    let hold = Arc::new(Notify::new());
    game.engine.then([Say { hold: Some(hold.clone()), ..say(200, json!({ "reply": 1 })) }, say(200, json!({ "reply": 2 }))]);
    ana.send(action("a1", "ana")).await;
    ana.send(action("a2", "ana")).await;
    game.engine.asked_times(1).await;
    game.server.must("party", result("other", "success")).await;
    assert_eq!(ana.next().await["data"]["action_id"], "other");
    assert_eq!(game.engine.asked().len(), 1, "the second waits for the first");
    hold.notify_one();
    assert_eq!((ana.next().await["reply"].clone(), ana.next().await["reply"].clone()), (json!(1), json!(2)));
}

// What is too much for a backend is said at once.
#[tokio::test]
async fn more_than_may_wait_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let contracts = contracts(folder.path());
    let engine = Backend::start().await;
    let tail = backend::configured("party", "engine", engine.address) + "at_once = 1\nwaiting = 2\n";
    let game = Played { server: Server::with_tail(&contracts, &tail), engine, contracts, _folder: folder };
    let hold = Arc::new(Notify::new());
    let held = hold.clone();
    game.engine.otherwise(move |_| Say { hold: Some(held.clone()), ..say(204, Value::Null) });
    let mut first = game.join("ana").await;
    first.send(json!({ "type": "shout", "data": {} })).await;
    game.engine.asked_times(1).await;
    let mut second = game.join("ana").await;
    second.send(json!({ "type": "shout", "data": {} })).await;
    for _ in 0..500 {
        if game.metric("tidewire_handover_waiting").await == 2.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut third = game.join("ana").await;
    third.send(json!({ "type": "shout", "data": {} })).await;
    assert_eq!(third.next().await["code"], "RATE_LIMITED");
    hold.notify_one();
    assert_eq!(first.next().await["type"], "ack");
    game.engine.asked_times(2).await;
    hold.notify_one();
    assert_eq!(second.next().await["type"], "ack");
}

// Nobody publishes to the server's own log of hand-overs, and no client reads it.
#[tokio::test]
async fn the_log_of_hand_overs_is_the_servers() {
    let game = play().await;
    let (status, told) =
        game.server.publish("party", json!({ "channel": "#to-engine", "type": "action.result", "data": { "action_id": "a" } })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
    let token = token(json!({ "sub": "ana", "parties": ["p1"] }));
    let mut ana = game.server.websocket(&format!("/ws?token={token}"), &[]).await.unwrap();
    ana.next().await;
    ana.send(json!({ "do": "subscribe", "channels": ["#to-engine"] })).await;
    assert_eq!(ana.next().await["code"], "UNAUTHORIZED");
}

// A client sends nothing to a channel that it may not be on.
#[tokio::test]
async fn nothing_is_sent_to_a_foreign_channel() {
    let game = play().await;
    let token = token(json!({ "sub": "eve", "parties": [] }));
    let refused = game.server.websocket(&format!("/party/p1/ws?token={token}"), &[]).await;
    assert_eq!(refused.err().map(|r| r.status), Some(403));
}

// No backend, no start: the error says which, and what to write.
#[tokio::test]
async fn a_backend_that_is_not_configured_is_no_start() {
    let folder = tempfile::tempdir().unwrap();
    let contracts = contracts(folder.path());
    let config = folder.path().join("tidewire.toml");
    let run = |tail: &str| {
        let text = format!(
            "[contracts.party]\nbackend_keys = [\"sha256:{}\"]\n[[contracts.party.auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n{tail}",
            "0".repeat(64)
        );
        std::fs::write(&config, text).unwrap();
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_tidewire"))
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .arg("--contracts")
            .arg(&contracts)
            .arg("--data")
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(!out.status.success());
        String::from_utf8(out.stderr).unwrap()
    };
    let told = run("");
    assert!(told.contains("contracts.party.backends.engine") && told.contains("TIDEWIRE_CONTRACTS_PARTY_BACKENDS_ENGINE_URL"), "{told}");
    let told = run("[contracts.party.backends.engine]\nurl = \"http://127.0.0.1:1\"\n");
    assert!(told.contains("no secret"), "{told}");
    let told = run("[contracts.party.backends.engine]\nurl = \"http://127.0.0.1:1\"\nsecret = \"too-short-to-say\"\n");
    assert!(told.contains("24 bytes") && !told.contains("too-short-to-say"), "{told}");
    let told = run("[contracts.party.backends.engin]\nurl = \"http://127.0.0.1:1\"\n");
    assert!(told.contains("did you mean `engine`"), "{told}");
}
