//! The board contract.

use serde_json::json;
use std::path::Path;
use tidewire_contract::{ClientFrame, Contract, Durability, EndpointKind, Principal, ServerFrame, Template, TokenPlace, compile};

fn board() -> Contract {
    compile(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/board")).unwrap()
}

fn who(contract: &Contract, role: &str, worker: Option<&str>) -> Principal {
    contract.principal(json!({ "sub": "s", "role": role, "worker_id": worker }).as_object().unwrap()).unwrap()
}

// B-6
#[test]
fn its_four_events_carry_what_the_document_shows() {
    let contract = board();
    for name in ["task.updated", "task.removed", "board.refreshHint", "worker.statsUpdated"] {
        let event = contract.event(name).unwrap();
        assert_eq!(event.examples.len(), 1);
        assert!(!event.validate(&json!({})).is_empty(), "{name}");
    }
    let updated = contract.event("task.updated").unwrap();
    assert_eq!(updated.newest.as_deref(), Some(&["ticket".to_owned(), "version".to_owned()][..]));
    assert!(!updated.validate(&json!({ "ticket": { "id": "t", "version": -1 } })).is_empty());
    assert!(!updated.validate(&json!({ "ticket": { "id": "t" } })).is_empty());
    assert_eq!(
        updated.validate(&json!({ "ticket": { "id": "t", "version": 0, "checklist": [1, {}], "data": { "any": [] }, "more": 1 } })),
        vec![]
    );
    // B-7: a gap is told as the document's own hint.
    let hint = contract.event("board.refreshHint").unwrap();
    let gap = json!({ "channel": "board:zoo", "from": 1, "to": 9, "reason": "expired", "action": "refetch", "position": "1:9" });
    assert_eq!(hint.validate(&json!({ "since": "2025-12-05T10:00:00Z", "gap": gap })), vec![]);
    assert!(contract.wire.server(ServerFrame::Gap).is_some());
}

// B-1, B-2, B-3
#[test]
fn it_is_served_on_the_documents_paths_by_cookie() {
    let contract = board();
    let endpoints: Vec<(EndpointKind, &str)> = contract.endpoints.iter().map(|e| (e.kind, e.path.source.as_str())).collect();
    assert_eq!(
        endpoints,
        [(EndpointKind::WebSocket, "/api/realtime"), (EndpointKind::Sse, "/api/events"), (EndpointKind::Poll, "/api/events")]
    );
    let cookie = [TokenPlace::Cookie("session".into())];
    assert!([&contract.auth.websocket, &contract.auth.sse, &contract.auth.poll].iter().all(|places| places[..] == cookie));
    let frames: Vec<ClientFrame> = contract.wire.client.iter().map(|(frame, _)| *frame).collect();
    assert!(contract.wire.client.iter().all(|(_, frame)| matches!(frame, Template::Object(_))), "also a frame of constants alone");
    assert_eq!(frames, [ClientFrame::Subscribe, ClientFrame::Unsubscribe, ClientFrame::Ping, ClientFrame::Refresh]);
}

// B-4
#[test]
fn each_role_has_its_channels_and_the_readonly_one_shows_the_zoos() {
    let contract = board();
    let may = |who: &Principal, name: &str| {
        let channel = contract.channel(name).unwrap();
        contract.channels[channel.kind].may_join(who, &channel.vars)
    };
    let (keeper, boss, guest) =
        (who(&contract, "worker", Some("w1")), who(&contract, "zootechnician", None), who(&contract, "stakeholder", None));
    let names = ["worker:w1", "worker:w2", "board:zoo", "board:readonly"];
    assert_eq!(names.map(|n| may(&keeper, n)), [true, false, false, false]);
    assert_eq!(names.map(|n| may(&boss, n)), [true, true, true, true]);
    assert_eq!(names.map(|n| may(&guest, n)), [false, false, false, true]);
    let readonly = contract.channel("board:readonly").unwrap();
    assert_eq!((&*readonly.name, &*readonly.log, readonly.log_kind), ("board:readonly", "board:zoo", 1));
    assert!(contract.channels.iter().all(|c| c.durability == Durability::Process));
}
