//! The conversation contract: the template of an events contract, filled in.

use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tidewire_contract::{
    Action, ClientFrame, Contract, EndpointKind, OptionRole, Principal, Publisher, ServerFrame, Template, TokenPlace, compile,
};

fn conversation() -> Contract {
    compile(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/conversation"))
        .unwrap_or_else(|problems| panic!("{}", tidewire_contract::render_all(&problems)))
}

fn who(contract: &Contract, name: &str) -> Principal {
    contract.principal(&contract.actors.iter().find(|a| a.name == name).unwrap().claims).unwrap()
}

fn filled(template: &Template) -> Value {
    template.fill(&mut |path| Some(format!("<{}>", path.join(".")).into()))
}

// C-1
#[test]
fn it_is_served_on_websocket_and_sse_each_with_its_own_place_for_the_token() {
    let contract = conversation();
    assert_eq!(contract.auth.websocket, [TokenPlace::Query("token".to_owned())]);
    assert_eq!(contract.auth.sse, [TokenPlace::Header]);
    let paths: Vec<(EndpointKind, &str)> = contract.endpoints.iter().map(|e| (e.kind, e.path.source.as_str())).collect();
    assert_eq!(
        paths,
        [
            (EndpointKind::WebSocket, "/conversations/ws"),
            (EndpointKind::Sse, "/conversations/events"),
            (EndpointKind::History, "/conversations/{conversation_id}/messages")
        ]
    );
    assert_eq!(contract.endpoints[1].options, [("room".to_owned(), OptionRole::Subscribe)]);
    let feature = contract.feature.as_ref().unwrap();
    assert_eq!(feature.spec.as_deref(), Some("spec.md"));
    assert!(!contract.flows.is_empty());
}

// C-2
#[test]
fn what_a_client_sends_has_a_trigger_a_story_an_example_rules_and_two_answers() {
    let contract = conversation();
    let sent: Vec<_> = contract.events.iter().filter(|e| e.from == Publisher::Client).collect();
    assert_eq!(sent.len(), 5);
    let frames = contract.frame_types();
    for event in sent {
        assert!(event.trigger.is_some() && event.story.is_some() && event.examples.len() == 1 && event.limit.is_some(), "{}", event.name);
        for answer in ["ack", "error"] {
            let name = format!("{}.{answer}", event.name);
            assert!(frames.iter().any(|frame| frame.name == name), "{name}");
        }
    }
    let send = contract.event("message.send").unwrap();
    let message = |text: &str, kilobytes: Option<i64>| {
        let attachment = kilobytes.map(|k| json!({ "name": "a.png", "url": "https://example.org/a.png", "kilobytes": k }));
        json!({ "conversation": "c1", "text": text, "client_id": "c-1", "attachment": attachment })
    };
    let rule = |data: &Value| send.validate(data).iter().map(|v| (v.pointer.clone(), v.rule.clone())).collect::<Vec<_>>();
    assert_eq!(rule(&message(&"x".repeat(500), Some(1))), []);
    assert_eq!(rule(&message(&"x".repeat(501), None)), [("/text".to_owned(), "maxLength".to_owned())]);
    assert_eq!(rule(&message("", None)), [("/text".to_owned(), "minLength".to_owned())]);
    assert_eq!(rule(&message("x", Some(1000))), []);
    assert_eq!(rule(&message("x", Some(1001))), [("/attachment/kilobytes".to_owned(), "maximum".to_owned())]);
    assert_eq!(rule(&message("x", Some(0))), [("/attachment/kilobytes".to_owned(), "minimum".to_owned())]);
    assert_eq!(rule(&json!({ "conversation": "c1", "client_id": "c-1" })), [(String::new(), "required".to_owned())]);
    assert_eq!(rule(&json!({ "conversation": "c1", "text": "x", "client_id": "c", "author": "eve" })).len(), 1, "nobody signs as another");
}

// C-3
#[test]
fn created_carries_the_resource_updated_what_changed_deleted_the_id() {
    let contract = conversation();
    let send = contract.event("message.send").unwrap();
    let data = json!({ "conversation": "c1", "text": "Hello", "client_id": "c-1" });
    let ana = who(&contract, "ana");
    assert_eq!(send.destination(&data, &ana).as_deref(), Some("conversation:c1"));
    let key = send.dedup_key(&data, Some(&ana)).unwrap();
    assert_ne!(Some(&key), send.dedup_key(&data, Some(&who(&contract, "boris"))).as_ref(), "another's message is another message");
    let created = contract.event("message.created").unwrap();
    let published = send.published(&data, &ana, "conversation:c1", &key).unwrap();
    assert_eq!(created.validate(&published), vec![]);
    assert_eq!((&published["data"]["author"], &published["data"]["version"]), (&json!("ana"), &json!(1)));
    let path = |parts: &[&str]| parts.iter().map(|p| (*p).to_owned()).collect::<Vec<String>>();
    let version = created.version.as_ref().unwrap();
    assert_eq!((&version.of, &version.is), (&path(&["id"]), &path(&["data", "version"])));
    let updated = contract.event("message.updated").unwrap();
    let version = updated.version.as_ref().unwrap();
    assert_eq!((&version.of, &version.is), (&path(&["id"]), &path(&["version"])));
    let id = published["id"].clone();
    assert_eq!(updated.validate(&json!({ "id": id, "changes": { "text": "Hi" }, "version": 2 })), vec![]);
    for wrong in [
        json!({ "id": id, "changes": {}, "version": 2 }),
        json!({ "id": id, "changes": { "author": "eve" }, "version": 2 }),
        json!({ "id": id, "changes": { "text": "Hi" } }),
        json!({ "id": "1", "changes": { "text": "Hi" }, "version": 2 }),
    ] {
        assert!(!updated.validate(&wrong).is_empty(), "{wrong}");
    }
    let deleted = contract.event("message.deleted").unwrap();
    assert_eq!(deleted.validate(&json!({ "id": id })), vec![]);
    for name in ["message.edit", "message.delete"] {
        let event = contract.event(name).unwrap();
        assert_eq!(event.to.map(|at| contract.backends[at].name.as_str()), Some("conversations"), "{name}");
        assert!(!event.is_shown() && event.key.is_some());
    }
}

// C-3
#[test]
fn who_hears_of_it_are_the_members_of_the_room_or_one_user() {
    let contract = conversation();
    let may = |name: &str, channel: &str| {
        let named = contract.channel(channel).unwrap();
        contract.channels[named.kind].may_join(&who(&contract, name), &named.vars)
    };
    for room in ["conversation", "typing"] {
        assert!(may("ana", &format!("{room}:c1")) && may("boris", &format!("{room}:c1")));
        assert!(!may("boris", &format!("{room}:c2")) && !may("carla", &format!("{room}:c1")));
    }
    assert!(may("carla", "user:carla") && !may("carla", "user:ana"));
    let on = |name: &str| contract.event(name).unwrap().on.iter().map(|at| contract.channels[*at].id.as_str()).collect::<Vec<_>>();
    assert_eq!(on("notification.created"), ["user"]);
    assert_eq!(on("message.created"), ["conversation"]);
    assert_eq!(on("typing.start"), ["typing"]);
}

// C-4, C-5, C-6
#[test]
fn its_system_events_are_the_documents() {
    let contract = conversation();
    let server = |frame| filled(contract.wire.server(frame).unwrap());
    assert_eq!(
        server(ServerFrame::Hello),
        json!({ "type": "connection.established", "payload": { "connectionId": "<connection>", "serverTime": "<at>" } })
    );
    let error = server(ServerFrame::Error);
    assert_eq!(error["type"], "error");
    for member in ["code", "message", "originalEvent"] {
        assert!(error["payload"][member].is_string(), "{member}");
    }
    let action = |code: &str| contract.errors.iter().find(|e| e.code == code).map(|e| e.action.as_str());
    assert_eq!(action("INVALID_PAYLOAD"), Some("Fix and retry"));
    assert_eq!(action("UNAUTHORIZED"), Some("Re-authenticate"));
    assert_eq!(action("RATE_LIMITED"), Some("Back off, retry later"));
    assert_eq!(action("NOT_FOUND"), Some("Refresh state"));
    assert_eq!(action("CONFLICT"), Some("Fetch latest, merge"));
    assert_eq!((server(ServerFrame::Ping), server(ServerFrame::Pong)), (json!({ "type": "ping" }), json!({ "type": "pong" })));
    assert_eq!((contract.keepalive.ping, contract.keepalive.timeout), (Duration::from_secs(30), Duration::from_secs(60)));
}

// C-7, C-9
#[test]
fn rooms_are_joined_and_left_and_what_was_missed_is_asked_for_as_the_document_has_it() {
    let contract = conversation();
    let client = |frame| filled(&contract.wire.client.iter().find(|(f, _)| *f == frame).unwrap().1);
    assert_eq!(client(ClientFrame::Subscribe)["type"], "room.join");
    assert!(client(ClientFrame::Subscribe)["payload"]["room"].is_string());
    assert_eq!(client(ClientFrame::Unsubscribe), json!({ "type": "room.leave", "payload": { "room": "<channels>" } }));
    assert_eq!(client(ClientFrame::Sync), json!({ "type": "sync.request", "payload": { "since": "<since>" } }));
    let channel = contract.channel("conversation:550e8400-e29b-41d4-a716-446655440000").unwrap();
    assert_eq!(&*channel.vars[0].1, "550e8400-e29b-41d4-a716-446655440000");
    assert_eq!(filled(&contract.wire.event), json!({ "type": "<type>", "payload": "<data>", "timestamp": "<at>" }));
}

// C-8, C-10
#[test]
fn its_reconnection_and_its_limits_are_the_documents() {
    let contract = conversation();
    assert_eq!(contract.reconnect.clean, Duration::ZERO);
    assert_eq!(contract.reconnect.network, (Duration::from_secs(1), Duration::from_secs(30)));
    assert!(contract.reconnect.restart.contains("connection.established") && contract.reconnect.auth.contains("refresh the token"));
    let total = contract.limits.total.unwrap();
    assert_eq!((total.count, total.per), (100, Duration::from_secs(60)));
    let join = contract.limits.frames["room.join"];
    assert_eq!((join.count, join.per), (5, Duration::from_secs(60)));
    let send = contract.event("message.send").unwrap().limit.unwrap();
    assert_eq!((send.count, send.per), (10, Duration::from_secs(1)));
}

// C-13
#[test]
fn its_flows_use_every_event() {
    let contract = conversation();
    let mut told: Vec<&str> = Vec::new();
    for action in contract.flows.iter().flat_map(|f| &f.steps).map(|s| &s.action) {
        match action {
            Action::Send { event_type, .. } => told.push(event_type),
            Action::Receive { what, .. } => told.extend(what.iter().map(|e| e.event_type.as_str())),
            _ => {}
        }
    }
    for event in &contract.events {
        assert!(told.contains(&event.name.as_str()), "no flow tells of {}", event.name);
    }
}
