//! Flows: what their text says.

use serde_json::{Value, json};
use std::time::Instant;
use tidewire_contract::{Action, Contract, Expected, ServerFrame, compile_source};

const HEAD: &str = r#"tidewire: 1
name: party
version: 1.0.0
auth: { token: bearer header, principal: { id: $claims.sub } }
channels: { party: { address: "party:{party_id}" } }
wire:
  event: { kind: $type, payload: $data }
  client:
    subscribe: { kind: room.join, room: $channel }
    sync: { kind: sync, since: $since }
    send: { kind: $type, payload: $data }
  server:
    hello: { note: hello, kind: $connection }
    subscribed: { kind: $type.ack, payload: { room: $channel } }
    ack: { kind: $type.ack, payload: $reply }
    refused: { kind: $type, problem: { code: $code } }
    error: { kind: error, payload: { code: $code } }
    pong: [pong]
endpoints: [{ websocket: /ws }]
backends: { engine: {} }
events:
  action.request: { from: client, to: engine, on: party }
  action.result: { on: party }
"#;

fn contract(flows: &str) -> Contract {
    let yaml = format!("{HEAD}flows:\n{flows}");
    compile_source("contract.yaml", &yaml, &|_| None).unwrap_or_else(|problems| panic!("{}", tidewire_contract::render_all(&problems)))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

fn expected(event_type: &str, data: Option<Value>) -> Expected {
    Expected { event_type: event_type.to_owned(), data }
}

// C-13
#[test]
fn every_kind_of_step_is_read_as_it_is_written() {
    let contract = contract(
        r##"  the whole grammar: |
    # who comes

    ana,boris join party:p1        # both
    ana   sends action.request { id: a1, note: "not # a comment", tags: [x, { y: 1.5 }],
      text: ($ 5 characters),
        why: null }
    engine receives action.request { id: $id }
    engine answers { outcome: it's }
    engine sends action.result {} to party:p1
    engine sends action.result
    ana, boris receive action.result { id: $id }, error { code: NOT_FOUND },
      action.request.ack
    boris receives nothing
    ana leaves party:p1
    ana, boris disconnect
    boris reconnects
"##,
    );
    let flow = &contract.flows[0];
    assert_eq!(flow.title, "the whole grammar");
    let actions: Vec<Action> = flow.steps.iter().map(|s| s.action.clone()).collect();
    let id = || Some(json!({ "id": "$id" }));
    assert_eq!(
        actions,
        [
            Action::Join { who: names(&["ana", "boris"]), channel: "party:p1".into() },
            Action::Send {
                who: "ana".into(),
                event_type: "action.request".into(),
                data: Some(json!({ "id": "a1", "note": "not # a comment", "tags": ["x", { "y": 1.5 }], "text": "xxxxx", "why": null })),
                channel: None
            },
            Action::Receive { who: names(&["engine"]), what: vec![expected("action.request", id())] },
            Action::Answer { who: "engine".into(), data: json!({ "outcome": "it's" }) },
            Action::Send {
                who: "engine".into(),
                event_type: "action.result".into(),
                data: Some(json!({})),
                channel: Some("party:p1".into())
            },
            Action::Send { who: "engine".into(), event_type: "action.result".into(), data: None, channel: None },
            Action::Receive {
                who: names(&["ana", "boris"]),
                what: vec![
                    expected("action.result", id()),
                    expected("error", Some(json!({ "code": "NOT_FOUND" }))),
                    expected("action.request.ack", None)
                ]
            },
            Action::ReceiveNothing { who: names(&["boris"]) },
            Action::Leave { who: names(&["ana"]), channel: "party:p1".into() },
            Action::Disconnect { who: names(&["ana", "boris"]) },
            Action::Reconnect { who: names(&["boris"]) },
        ]
    );
    assert_eq!(flow.steps[0].text, "ana,boris join party:p1");
    assert!(flow.steps[1].text.ends_with("text: ($ 5 characters), why: null }"), "{}", flow.steps[1].text);
    let before = HEAD.lines().count();
    let lines: Vec<usize> = flow.steps.iter().map(|s| s.line - before).collect();
    assert_eq!(lines, [5, 6, 9, 10, 11, 12, 13, 15, 16, 17, 18]);
}

#[test]
fn a_line_is_found_again_although_another_is_like_it() {
    let contract = contract("  one: |\n    ana joins party:p1\n    ana joins party:p1\n  two: |\n    ana joins party:p1\n");
    let before = HEAD.lines().count();
    let lines: Vec<usize> = contract.flows.iter().flat_map(|f| &f.steps).map(|s| s.line - before).collect();
    assert_eq!(lines, [3, 4, 6]);
}

#[test]
fn frames_are_known_by_the_types_that_the_wire_gives_them() {
    let contract = contract("  one: |\n    ana joins party:p1\n");
    let types: Vec<(String, Option<ServerFrame>, Option<String>)> =
        contract.frame_types().into_iter().map(|f| (f.name, f.frame, f.answers)).collect();
    let of = |name: &str, frame, answers: Option<&str>| (name.to_owned(), Some(frame), answers.map(str::to_owned));
    assert_eq!(
        types,
        [
            of("hello", ServerFrame::Hello, None),
            of("room.join.ack", ServerFrame::Subscribed, Some("room.join")),
            of("action.request.ack", ServerFrame::Ack, Some("action.request")),
            of("action.request", ServerFrame::Refused, Some("action.request")),
            of("error", ServerFrame::Error, None),
        ]
    );
    let payload = |frame| contract.frame_payload(frame).unwrap().fill(&mut |path| Some(path.join(".").into()));
    assert_eq!(payload(ServerFrame::Subscribed), json!({ "room": "channel" }));
    assert_eq!(payload(ServerFrame::Ack), json!("reply"));
    assert_eq!(payload(ServerFrame::Refused), json!({ "kind": "type", "problem": { "code": "code" } }), "it has no payload: all of it");
}

// G-5
#[test]
fn hostile_flows_are_refused_soon() {
    for (what, steps) in [
        ("braces", "{".repeat(50_000)),
        ("a deep payload", format!("ana sends action.result {}", "{a: ".repeat(40_000))),
        ("a closed deep payload", format!("ana sends action.result {}{}", "{a: ".repeat(5_000), "}".repeat(5_000))),
        ("names", (0..20_000).map(|n| format!("n{n},")).collect()),
        ("one name", format!("ana, {}", "ana, ".repeat(20_000))),
        ("quotes", format!("ana sends action.request {{ a: {} }}", "'".repeat(10_001))),
        ("commas", ",".repeat(20_000)),
        ("controls", "ana\u{7}\u{85} joins \u{2028} party:p1\n\u{feff}".to_owned()),
        ("lengths", "ana sends action.request { a: ($ 999999 characters) }\n    ".repeat(2_000)),
        ("a length of nothing", "ana sends action.request { a: ($ -1 characters), b: ($ 18446744073709551616 characters) }".to_owned()),
        ("aliases", "ana sends action.request { a: &a [1], b: *a }".to_owned()),
        ("a long word", format!("ana {} party:p1", "joins".repeat(10_000))),
        ("wide characters", "ána joins party:p1\n    ana sends action.request { тест: [ }".to_owned()),
        ("no end", "ana sends action.request {\n      a: 1,\n      b".to_owned()),
    ] {
        let started = Instant::now();
        let yaml = format!("{HEAD}flows:\n  hostile: |\n    {steps}\n");
        let problems = compile_source("contract.yaml", &yaml, &|_| None).err().unwrap_or_else(|| panic!("{what} is a flow"));
        assert!(!tidewire_contract::render_all(&problems).is_empty());
        assert!(started.elapsed().as_secs() < 10, "{what} took {:?}", started.elapsed());
    }
}
