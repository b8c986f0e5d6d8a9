//! The board's document, promise by promise, through the public interface of a running server.

use crate::support::*;
use http::{Method, StatusCode};
use serde_json::{Value, json};

fn cookie(claims: Value) -> (&'static str, String) {
    ("cookie", format!("theme=dark; session={}", token(claims)))
}

fn worker(id: &str) -> (&'static str, String) {
    cookie(json!({ "sub": id, "role": "worker", "worker_id": id }))
}

fn zootechnician() -> (&'static str, String) {
    cookie(json!({ "sub": "z1", "role": "zootechnician" }))
}

fn stakeholder() -> (&'static str, String) {
    cookie(json!({ "sub": "s1", "role": "stakeholder" }))
}

fn task(channel: &str, id: &str, version: u64) -> Value {
    json!({ "channel": channel, "type": "task.updated", "data": { "ticket": { "id": id, "version": version, "status": "in_progress" } } })
}

// B-1, B-5, B-6
#[tokio::test]
async fn one_handler_does_for_all_three_transports() {
    let server = Server::start();
    let mut socket = server.websocket("/api/realtime", &[zootechnician()]).await.unwrap();
    let mut stream = server.sse("/api/events?channels=board:zoo", &[zootechnician()]).await;
    let first = server.must("board", task("board:zoo", "t1", 7)).await;
    server.must("board", json!({ "channel": "board:zoo", "type": "task.removed", "data": { "ticketId": "t1" } })).await;
    server.must("board", json!({ "channel": "board:zoo", "type": "board.refreshHint", "data": { "since": "2025-12-05T10:00:00Z" } })).await;
    let stats = json!({ "workerId": "w123", "sprintId": "2025-48", "remainingStoryPoints": 12 });
    server.must("board", json!({ "channel": "board:zoo", "type": "worker.statsUpdated", "data": stats })).await;
    let (status, _, polled) =
        server.request(Method::GET, "/api/events?since=2020-01-01T00:00:00Z&channels=board:zoo", &[zootechnician()], None).await;
    assert_eq!(status, StatusCode::OK);
    let polled = polled.as_array().unwrap();
    assert_eq!(polled.len(), 4);
    for event in polled {
        assert_eq!(&socket.next().await, event);
        let sent = stream.next().await;
        assert_eq!(&sent.data, event);
        assert_eq!(sent.event, None, "onmessage handles it");
        let mut keys: Vec<&String> = event.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["payload", "timestamp", "type"]);
    }
    assert_eq!(polled[0]["timestamp"], first["at"]);
    assert_eq!(polled[0]["payload"]["ticket"]["version"], 7);
}

// B-2
#[tokio::test]
async fn the_upgrade_is_authenticated_by_the_cookie_and_by_where_the_page_is_from() {
    let server = Server::start();
    assert_eq!(server.websocket("/api/realtime", &[]).await.err().unwrap().status, 401);
    let forged = ("cookie", "session=eyJhbGciOiJub25lIn0.e30.".to_owned());
    assert_eq!(server.websocket("/api/realtime", &[forged]).await.err().unwrap().status, 401);
    let foreign = ("origin", "https://evil.example".to_owned());
    assert_eq!(server.websocket("/api/realtime", &[zootechnician(), foreign]).await.err().unwrap().status, 403);
    let own = ("origin", server.url.clone());
    server.websocket("/api/realtime", &[zootechnician(), own]).await.unwrap();
}

// B-3, B-4
#[tokio::test]
async fn channels_are_joined_and_left_by_those_who_may() {
    let server = Server::start();
    let mut socket = server.websocket("/api/realtime", &[worker("w123")]).await.unwrap();
    // Unasked, a worker has its own channel.
    server.must("board", task("worker:w123", "t1", 1)).await;
    assert_eq!(socket.next().await["payload"]["ticket"]["id"], "t1");
    for forbidden in ["worker:w124", "board:zoo", "board:readonly"] {
        socket.send(json!({ "action": "subscribe", "channels": [forbidden] })).await;
        let error = socket.next().await;
        assert_eq!(
            (&error["type"], &error["payload"]["code"], &error["payload"]["channel"]),
            (&json!("error"), &json!("UNAUTHORIZED"), &json!(forbidden))
        );
    }
    socket.send(json!({ "action": "subscribe", "channels": ["bored:zoo"] })).await;
    let error = socket.next().await;
    assert_eq!(error["payload"]["code"], "NOT_FOUND");
    assert!(error["payload"]["message"].as_str().unwrap().contains("board:zoo"), "the nearest is named: {error}");
    socket.send(json!({ "action": "ping" })).await;
    assert_eq!(socket.next().await["action"], "pong");
    socket.send(json!({ "action": "unsubscribe", "channels": ["worker:w123"] })).await;
    assert_eq!(socket.next().await, json!({ "action": "unsubscribed", "channels": ["worker:w123"] }));
    server.must("board", task("worker:w123", "t2", 1)).await;
    assert!(socket.is_quiet().await);
    socket.send(json!({ "action": "subscribe", "channels": ["worker:w123"] })).await;
    let subscribed = socket.next().await;
    assert_eq!((&subscribed["action"], &subscribed["channels"]), (&json!("subscribed"), &json!(["worker:w123"])));
    server.must("board", task("worker:w123", "t3", 1)).await;
    assert_eq!(socket.next().await["payload"]["ticket"]["id"], "t3");
}

// B-4
#[tokio::test]
async fn stakeholders_see_the_zoo_under_another_name_and_nobody_sees_it_twice() {
    let server = Server::start();
    let mut stakeholder_socket = server.websocket("/api/realtime", &[stakeholder()]).await.unwrap();
    let mut zoo_socket = server.websocket("/api/realtime", &[zootechnician()]).await.unwrap();
    zoo_socket.send(json!({ "action": "subscribe", "channels": ["board:readonly", "board:zoo"] })).await;
    zoo_socket.next().await;
    server.must("board", task("board:zoo", "t1", 1)).await;
    server.must("board", task("worker:w1", "t2", 1)).await;
    let seen = stakeholder_socket.next().await;
    assert_eq!(seen["payload"]["ticket"]["id"], "t1");
    assert_eq!(zoo_socket.next().await, seen);
    assert!(zoo_socket.is_quiet().await);
    assert!(stakeholder_socket.is_quiet().await);
    let (status, problem) = server.publish("board", task("board:readonly", "t1", 1)).await;
    assert!(status.is_client_error(), "{problem}");
    let refused = server.request(Method::GET, "/api/events?since=2020-01-01&channels=board:zoo", &[stakeholder()], None).await;
    assert_eq!(refused.0, StatusCode::FORBIDDEN);
}

// B-8, G-2
#[tokio::test]
async fn a_poll_by_the_last_timestamp_loses_nothing_and_repeats_nothing() {
    let server = std::sync::Arc::new(Server::start());
    let publishing = {
        let server = server.clone();
        tokio::spawn(async move {
            for batch in 0..50 {
                // Two channels in one commit: many events of the same millisecond.
                let events: Vec<Value> = (0..10)
                    .map(|i| task(if i % 2 == 0 { "board:zoo" } else { "worker:w123" }, &format!("t{}", batch * 10 + i), 1))
                    .collect();
                server.must("board", events.into()).await;
            }
        })
    };
    let mut since = "2020-01-01T00:00:00Z".to_owned();
    let mut seen: Vec<(String, String)> = Vec::new();
    while seen.len() < 500 {
        let path = format!("/api/events?since={since}&channels=board:zoo,worker:w123");
        let (status, headers, page) = server.request(Method::GET, &path, &[zootechnician()], None).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(headers.contains_key("tidewire-at"));
        for event in page.as_array().unwrap() {
            let at = event["timestamp"].as_str().unwrap().to_owned();
            assert!(at > since, "{at} came again after {since}");
            since = at.clone();
            seen.push((at, event["payload"]["ticket"]["id"].as_str().unwrap().to_owned()));
        }
    }
    publishing.await.unwrap();
    let mut ids: Vec<&str> = seen.iter().map(|(_, id)| id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((seen.len(), ids.len()), (500, 500));
}

// B-1, G-3: an event stream that breaks before its first event has a place to go on from.
#[tokio::test]
async fn an_event_stream_that_breaks_before_its_first_event_has_missed_nothing() {
    let server = Server::start();
    server.must("board", task("board:zoo", "t0", 1)).await;
    let path = "/api/events?channels=board:zoo";
    let mut stream = server.sse(path, &[zootechnician()]).await;
    let place = stream.place().await;
    drop(stream);
    server.must("board", task("board:zoo", "t1", 1)).await;
    let mut stream = server.sse(path, &[zootechnician(), ("last-event-id", place)]).await;
    assert_eq!(stream.next().await.data["payload"]["ticket"]["id"], "t1", "what it missed, and nothing from before");
    server.must("board", task("board:zoo", "t2", 1)).await;
    assert_eq!(stream.next().await.data["payload"]["ticket"]["id"], "t2");
}

// G-3: who was told that it is connected gets what is published from then on.
#[tokio::test]
async fn what_is_published_once_a_stream_is_open_comes() {
    let server = Server::start();
    for n in 0..40 {
        let mut stream = server.sse("/api/events?channels=board:zoo", &[zootechnician()]).await;
        server.must("board", task("board:zoo", &format!("t{n}"), 1)).await;
        assert_eq!(stream.next().await.data["payload"]["ticket"]["id"], format!("t{n}"));
    }
}

// B-8
#[tokio::test]
async fn a_poll_may_wait_for_the_next_event() {
    let server = std::sync::Arc::new(Server::start());
    // From here on: the event is later, even if the poll is late.
    let (_, headers, _) = server.request(Method::GET, "/api/events?channels=board:zoo", &[zootechnician()], None).await;
    let since = headers["tidewire-at"].to_str().unwrap().to_owned();
    let publishing = {
        let server = server.clone();
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            server.must("board", task("board:zoo", "t1", 1)).await
        })
    };
    let (_, _, page) =
        server.request(Method::GET, &format!("/api/events?wait=20&channels=board:zoo&since={since}"), &[zootechnician()], None).await;
    let receipt = publishing.await.unwrap();
    assert_eq!(page[0]["timestamp"], receipt["at"]);
    let (status, _, page) = server.request(Method::GET, "/api/events?wait=1&channels=board:zoo", &[zootechnician()], None).await;
    assert_eq!((status, page), (StatusCode::OK, json!([])));
}
