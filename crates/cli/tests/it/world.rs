//! The world's document, promise by promise, through the public interface of a running server.

use crate::support::*;
use http::{Method, StatusCode};
use serde_json::{Value, json};

fn event(event_type: &str, data: Value) -> Value {
    json!({ "channel": "world:w1", "type": event_type, "data": data })
}

fn chat(id: &str, from: &str, to: Option<&str>) -> Value {
    let mut message =
        json!({ "id": id, "from_character_id": from, "content": "psst", "edited": false, "deleted": false, "at": "2026-01-31T10:00:00Z" });
    if let Some(to) = to {
        message["to"] = to.into();
    }
    event("chat.message.created", json!({ "chat_id": "main", "message": message }))
}

fn sound(targets: Value) -> Value {
    event("sound.play", json!({ "url": "/bell.ogg", "volume": 0.5, "by_user_id": "gm", "targets": targets }))
}

fn walk(character: &str, place: &str) -> Value {
    event("character.updated", json!({ "id": character, "current_place_id": place }))
}

fn ws(token: &str) -> String {
    format!("/ws?world_id=w1&token={token}")
}

// W-1, W-2
#[tokio::test]
async fn the_same_envelope_over_websocket_and_event_stream() {
    let server = Server::start();
    let mut socket = server.websocket(&ws(&player("c1")), &[]).await.unwrap();
    let mut stream = server.sse("/sse?world_id=w1", &[("authorization", format!("Bearer {}", player("c1")))]).await;
    let mut request = event("world.updated", json!({ "id": "w1", "name": "Night" }));
    request["key"] = "req_1".into();
    let receipt = server.must("world", request).await;
    let over_socket = socket.next().await;
    let over_stream = stream.next().await;
    assert_eq!(over_socket, over_stream.data);
    assert_eq!(over_socket["id"], receipt["id"]);
    assert!(over_socket["id"].as_str().unwrap().starts_with("evt_"));
    assert!(over_socket["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(over_socket["at"], receipt["at"]);
    assert_eq!(over_socket["request_id"], "req_1");
    assert_eq!(over_socket["world_id"], "w1");
    server.must("world", event("world.unfreeze", json!({}))).await;
    assert_eq!(socket.next().await["request_id"], Value::Null);
}

// W-3
#[tokio::test]
async fn every_type_of_the_catalogue_has_a_schema_of_its_own() {
    let server = Server::start();
    let types = [
        "world.updated",
        "world.rolled_back",
        "world.freeze",
        "world.unfreeze",
        "place.updated",
        "character.updated",
        "group.updated",
        "item.transferred",
        "container.opened",
        "chat.message.created",
        "chat.message.updated",
        "chat.message.deleted",
        "history.entry.created",
        "notification.broadcast",
        "sound.play",
    ];
    for event_type in types {
        let (status, problem) = server.publish("world", event(event_type, json!({ "id": 7, "surprise": true }))).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{event_type}: {problem}");
        assert!(problem["errors"][0]["pointer"].is_string(), "{problem}");
    }
    let (status, problem) = server.publish("world", event("world.update", json!({}))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(problem.to_string().contains("world.updated"), "the nearest name is told: {problem}");
}

/// Everything that a principal can see by any way that there is.
async fn seen_by(server: &Server, token: &str) -> Vec<Vec<String>> {
    let ids = |events: &Value| events.as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let (_, _, history) = server.get("/worlds/w1/history", token).await;
    let (_, _, filtered) = server.get("/worlds/w1/history?types=*", token).await;
    let (_, _, since) = server.get("/v1/events/since?channel=world:w1&seq=0", token).await;
    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let (_, headers, page) = server.get(&format!("/worlds/w1/history?limit=1{after}"), token).await;
        paged.extend(ids(&page));
        let Some(position) = headers.get("tidewire-position") else { break };
        let next = format!("&after={}", position.to_str().unwrap());
        if headers.get("link").is_none() || next == after {
            break;
        }
        after = next;
    }
    let mut by_socket = Vec::new();
    let mut socket = server.websocket(&format!("{}&after=0", ws(token)), &[]).await.unwrap();
    let mut by_stream = Vec::new();
    let mut stream = server.sse("/sse?world_id=w1", &[("authorization", format!("Bearer {token}")), ("last-event-id", "0".into())]).await;
    for _ in 0..ids(&history).len() {
        by_socket.push(socket.next().await["id"].as_str().unwrap().to_owned());
        by_stream.push(stream.next().await.data["id"].as_str().unwrap().to_owned());
    }
    assert!(socket.is_quiet().await, "a socket shows more than the history");
    assert!(stream.is_quiet().await, "a stream shows more than the history");
    vec![ids(&history), ids(&filtered), ids(&since["events"]), paged, by_socket, by_stream]
}

// W-4, W-8
#[tokio::test]
async fn nobody_sees_what_is_not_for_them_by_any_way() {
    let server = Server::start();
    let mut live: Vec<(String, Socket)> = Vec::new();
    for token in [player("c1"), player("c2"), player("c3"), gamemaster()] {
        let socket = server.websocket(&ws(&token), &[]).await.unwrap();
        live.push((token, socket));
    }
    let give = |visibility: &str, to: Value| {
        event(
            "item.transferred",
            json!({ "item_id": "i1", "from": { "type": "character", "id": "c1" }, "to": to, "visibility_after": visibility }),
        )
    };
    // The event, and who of c1, c2, c3 is to see it; the gamemaster sees all.
    let script: Vec<(Value, [bool; 3])> = vec![
        (walk("c1", "p1"), [true, true, true]),
        (walk("c2", "p1"), [true, true, true]),
        (walk("c3", "p2"), [true, true, true]),
        (sound(json!({ "place_id": "p1" })), [true, true, false]),
        (sound(json!({ "character_ids": ["c3"] })), [false, false, true]),
        (sound(json!({ "character_ids": [] })), [false, false, false]),
        (sound(json!({ "broadcast": true, "place_id": "p1" })), [true, true, true]),
        (sound(json!({ "group_id": "g1" })), [false, false, false]),
        (event("group.updated", json!({ "id": "g1", "members_added": ["c2", "c3"] })), [true, true, true]),
        (sound(json!({ "group_id": "g1" })), [false, true, true]),
        (chat("m1", "c1", Some("c2")), [true, true, false]),
        (chat("m2", "c1", None), [true, true, true]),
        (walk("c2", "p2"), [true, true, true]),
        // The audience follows at once.
        (sound(json!({ "place_id": "p1" })), [true, false, false]),
        (sound(json!({ "place_id": "p2" })), [false, true, true]),
        (give("private", json!({ "type": "character", "id": "c2" })), [true, true, false]),
        // An id of another kind of thing names nobody.
        (give("private", json!({ "type": "container", "id": "c3" })), [true, false, false]),
        (give("public", json!({ "type": "container", "id": "c3" })), [true, true, true]),
        (event("notification.broadcast", json!({ "scope": { "place_id": "p2" }, "message": "fire" })), [false, true, true]),
        (event("notification.broadcast", json!({ "scope": {}, "message": "you", "actors": ["c1"] })), [true, false, false]),
        (event("notification.broadcast", json!({ "scope": {}, "message": "all" })), [true, true, true]),
        (event("group.updated", json!({ "id": "g1", "members_removed": ["c3"] })), [true, true, true]),
        (sound(json!({ "group_id": "g1" })), [false, true, false]),
    ];
    let mut expected: Vec<Vec<String>> = vec![Vec::new(); 4];
    for (request, sees) in script {
        let id = server.must("world", request).await["id"].as_str().unwrap().to_owned();
        for (who, list) in expected.iter_mut().enumerate() {
            if sees.get(who).copied().unwrap_or(true) {
                list.push(id.clone());
            }
        }
    }
    for ((token, socket), expected) in live.iter_mut().zip(&expected) {
        for id in expected {
            assert_eq!(socket.next().await["id"], id.as_str());
        }
        assert!(socket.is_quiet().await);
        for way in seen_by(&server, token).await {
            assert_eq!(&way, expected);
        }
    }
}

// W-5
#[tokio::test]
async fn a_filter_is_kept_and_a_malformed_one_is_refused() {
    let server = Server::start();
    let token = player("c1");
    let mut socket = server.websocket(&format!("{}&types=chat.*;world.updated", ws(&token)), &[]).await.unwrap();
    server.must("world", event("place.updated", json!({ "id": "p1" }))).await;
    server.must("world", chat("m1", "c1", None)).await;
    server.must("world", event("world.updated", json!({ "id": "w1" }))).await;
    assert_eq!(socket.next().await["type"], "chat.message.created");
    assert_eq!(socket.next().await["type"], "world.updated");
    let (_, _, page) = server.get("/worlds/w1/history?types=place.*", &token).await;
    assert_eq!(page.as_array().unwrap().len(), 1);
    for bad in ["chat.*,item.*", "ch*t", "chat.;;", "a b", ""] {
        let bad = bad.replace(' ', "%20");
        let refused =
            server.websocket(&format!("{}&types={bad}", ws(&token)), &[]).await.err().unwrap_or_else(|| panic!("'{bad}' was taken"));
        assert_eq!(refused.status, 400, "{bad}: {}", refused.body);
        let (status, _, _) = server.get(&format!("/worlds/w1/history?types={bad}"), &token).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

// W-6, W-7
#[tokio::test]
async fn one_order_and_a_repeated_request_is_answered_as_the_first_time() {
    let server = Server::start();
    let mut request = event("world.updated", json!({ "id": "w1", "name": "Once" }));
    request["key"] = "req_7".into();
    let first = server.must("world", request.clone()).await;
    assert_eq!(first["duplicate"], false);
    request["data"]["name"] = "Twice".into();
    let second = server.must("world", request).await;
    assert_eq!(second["duplicate"], true);
    assert_eq!((&first["id"], &first["seq"], &first["at"]), (&second["id"], &second["seq"], &second["at"]));
    let publishes = (0..40).map(|i| server.must("world", event("place.updated", json!({ "id": format!("p{i}") }))));
    futures_util::future::join_all(publishes).await;
    let (_, _, page) = server.get("/worlds/w1/history", &gamemaster()).await;
    let times: Vec<&str> = page.as_array().unwrap().iter().map(|e| e["at"].as_str().unwrap()).collect();
    assert_eq!(times.len(), 41);
    assert!(times.windows(2).all(|w| w[0] < w[1]), "{times:?}");
    assert_eq!(page[0]["data"]["name"], "Once");
}

// W-8, G-3
#[tokio::test]
async fn what_was_missed_comes_after_an_id_a_seq_a_position_or_a_time_and_then_live() {
    let server = Server::start();
    let token = gamemaster();
    let mut receipts = Vec::new();
    for i in 0..10 {
        receipts.push(server.must("world", event("place.updated", json!({ "id": format!("p{i}") }))).await);
    }
    let at = &receipts[3];
    let text = |name: &str| at[name].as_str().unwrap().to_owned();
    for after in [text("id"), at["seq"].to_string(), text("position"), text("at")] {
        let (_, _, page) = server.get(&format!("/worlds/w1/history?after={after}"), &token).await;
        assert_eq!(page[0]["data"]["id"], "p4", "after {after}");
        let mut socket = server.websocket(&format!("{}&after={after}", ws(&token)), &[]).await.unwrap();
        let mut stream =
            server.sse("/sse?world_id=w1", &[("authorization", format!("Bearer {token}")), ("last-event-id", after.clone())]).await;
        let mut last = String::new();
        for i in 4..10 {
            assert_eq!(socket.next().await["data"]["id"], format!("p{i}"), "after {after}");
            let sent = stream.next().await;
            assert_eq!(sent.data["data"]["id"], format!("p{i}"));
            last = sent.id.unwrap();
        }
        let live = server.must("world", event("world.updated", json!({ "id": "w1" }))).await;
        while socket.next().await["id"] != live["id"] {}
        while stream.next().await.data["id"] != live["id"] {}
        // The stream's own id leads on, too.
        let mut again = server.sse("/sse?world_id=w1", &[("authorization", format!("Bearer {token}")), ("last-event-id", last)]).await;
        let mut ids = vec![again.next().await.data["id"].clone()];
        while ids.last() != Some(&live["id"]) {
            ids.push(again.next().await.data["id"].clone());
        }
    }
    let (status, _, problem) = server.get("/worlds/w1/history?after=yesterday", &token).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
}

// W-9
#[tokio::test]
async fn who_may_not_is_refused_before_the_upgrade() {
    let server = Server::start();
    let elsewhere = token(json!({ "sub": "eve", "worlds": ["w9"], "role": "player" }));
    let expired = token(json!({ "sub": "ana", "worlds": ["w1"], "exp": 1_600_000_000 }));
    let forged = player("c1").rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    for (token, status) in [(elsewhere.as_str(), 403), (expired.as_str(), 401), (forged.as_str(), 401), ("", 401), ("junk", 401)] {
        let refused = server.websocket(&ws(token), &[]).await.err().unwrap();
        assert_eq!(refused.status, status, "{}", refused.body);
        assert!(refused.body["detail"].as_str().or(refused.body["title"].as_str()).is_some(), "{}", refused.body);
        let (by_page, _, _) = server.get("/worlds/w1/history", token).await;
        assert_eq!(by_page.as_u16(), status);
        let (by_since, _, _) = server.get("/v1/events/since?channel=world:w1&seq=0", token).await;
        assert_eq!(by_since.as_u16(), status);
    }
    let refused = server.websocket("/ws?world_id=w1", &[]).await.err().unwrap();
    assert_eq!(refused.status, 401);
    let (status, _, _) = server.call(Method::POST, "/v1/events", Some("not a key"), Some(&chat("m", "c1", None))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    // A client's token is no backend's key.
    let (status, _, _) = server.call(Method::POST, "/v1/events", Some(&gamemaster()), Some(&chat("m", "c1", None))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}
