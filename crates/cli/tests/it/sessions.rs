//! What every session may count on, whatever its protocol: errors that say what is wrong, gaps that are told, one order,
//! goodbyes with a reason.

use crate::support::*;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn zootechnician(lasts_s: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    token(json!({ "sub": "z1", "role": "zootechnician", "exp": now + lasts_s }))
}

fn cookie(token: &str) -> (&'static str, String) {
    ("cookie", format!("session={token}"))
}

fn removed(id: &str) -> Value {
    json!({ "channel": "board:zoo", "type": "task.removed", "data": { "ticketId": id } })
}

// G-5
#[tokio::test]
async fn a_bad_frame_is_told_and_the_connection_lives_on() {
    let server = Server::start();
    let mut socket = server.websocket("/api/realtime", &[cookie(&zootechnician(600))]).await.unwrap();
    let deep = "[".repeat(50_000);
    for (frame, says) in [
        ("{\"action\":", "JSON"),
        ("[1,2]", "object"),
        ("{\"action\":\"subscrib\",\"channels\":[]}", "subscribe"),
        ("{\"action\":\"subscribe\"}", "channels"),
        ("{\"action\":\"subscribe\",\"channels\":7}", "channels"),
        ("{\"action\":\"subscribe\",\"channels\":[7]}", "channels"),
        (deep.as_str(), "deep"),
    ] {
        socket.send_text(frame).await;
        let error = socket.next().await;
        assert_eq!(error["type"], "error", "{error}");
        let message = error["payload"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
    server.must("board", removed("t1")).await;
    assert_eq!(socket.next().await["payload"]["ticketId"], "t1");
    // What is too large to be read ends the connection, with the code for it.
    socket.send_text(&"x".repeat(100_000)).await;
    assert_eq!(socket.frame().await, Err(Some(1009)));
}

// G-2
#[tokio::test]
async fn everybody_sees_one_order() {
    let server = Server::start();
    let token = zootechnician(600);
    let mut first = server.websocket("/api/realtime", &[cookie(&token)]).await.unwrap();
    let mut second = server.websocket("/api/realtime", &[cookie(&token)]).await.unwrap();
    let mut stream = server.sse("/api/events", &[cookie(&token)]).await;
    let publishes = (0..200).map(|i| server.must("board", removed(&format!("t{i}"))));
    futures_util::future::join_all(publishes).await;
    let (_, _, polled) = server.request(Method::GET, "/api/events?since=2020-01-01", &[cookie(&token)], None).await;
    assert_eq!(polled.as_array().unwrap().len(), 200);
    for event in polled.as_array().unwrap() {
        assert_eq!(&first.next().await, event);
        assert_eq!(&second.next().await, event);
        assert_eq!(&stream.next().await.data, event);
    }
}

// G-3
#[tokio::test]
async fn what_the_history_no_longer_has_is_told_on_every_transport() {
    let mut server = Server::start();
    let token = gamemaster();
    let event = json!({ "channel": "world:w1", "type": "world.unfreeze", "data": {} });
    let old = server.must("world", event.clone()).await;
    // The data are gone, and with them the log that the client comes from.
    let data = server.folder().join("data");
    server.stop();
    std::fs::remove_dir_all(data).unwrap();
    server.restart(&root().join("contracts"));
    let new = server.must("world", event).await;
    let position = old["position"].as_str().unwrap();
    assert_ne!(new["position"], old["position"]);
    let told = |gap: &Value| {
        assert_eq!(gap["type"], "gap", "{gap}");
        assert_eq!(gap["data"]["reason"], "reset");
        assert_eq!(gap["data"]["from"], position);
        assert!(gap["data"]["to"].is_string() && gap["data"]["action"].as_str().unwrap().contains("refetch"), "{gap}");
    };
    let mut socket = server.websocket(&format!("/ws?world_id=w1&token={token}&after={position}"), &[]).await.unwrap();
    told(&socket.next().await);
    assert_eq!(socket.next().await["id"], new["id"]);
    let mut stream =
        server.sse("/sse?world_id=w1", &[("authorization", format!("Bearer {token}")), ("last-event-id", position.into())]).await;
    let sent = stream.next().await;
    assert_eq!(sent.event.as_deref(), Some("gap"));
    told(&sent.data);
    assert_eq!(stream.next().await.data["id"], new["id"]);
    let (_, headers, page) = server.get(&format!("/worlds/w1/history?after={position}"), &token).await;
    assert!(headers["tidewire-gap"].to_str().unwrap().contains("reset"), "{headers:?}");
    assert_eq!(page[0]["id"], new["id"]);
    // A place that the log never had.
    let mut socket = server.websocket(&format!("/ws?world_id=w1&token={token}&after=999"), &[]).await.unwrap();
    assert_eq!(socket.next().await["data"]["reason"], "unknown");
}

// G-3
#[tokio::test]
async fn an_event_id_of_a_lost_store_is_told() {
    let mut server = Server::start();
    let event = json!({ "channel": "world:w1", "type": "world.unfreeze", "data": {} });
    let old = server.must("world", event.clone()).await;
    server.stop();
    std::fs::remove_dir_all(server.folder().join("data")).unwrap();
    server.restart(&root().join("contracts"));
    server.must("world", event).await;
    let id = old["id"].as_str().unwrap();
    let mut socket = server.websocket(&format!("/ws?world_id=w1&token={}&after={id}", gamemaster()), &[]).await.unwrap();
    assert_eq!(socket.next().await["data"]["reason"], "reset");
}

// G-4
#[tokio::test]
async fn who_does_not_read_costs_nothing_and_gets_everything_later() {
    let server = Server::start();
    let token = gamemaster();
    let path = format!("/ws?world_id=w1&token={token}");
    let mut quick = server.websocket(&path, &[]).await.unwrap();
    let memory = || {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", server.pid())).unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let pad = "x".repeat(1500);
    let mut publish = async |round: usize| {
        for batch in 0..40 {
            let events: Vec<Value> = (0..250)
                .map(|i| json!({ "channel": "world:w1", "type": "world.updated", "data": { "id": "w1", "name": format!("{round}-{}-{pad}", batch * 250 + i) } }))
                .collect();
            server.must("world", events.into()).await;
            for i in 0..250 {
                let name = quick.next().await["data"]["name"].as_str().unwrap().to_owned();
                assert!(name.starts_with(&format!("{round}-{}-", batch * 250 + i)));
            }
        }
    };
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(server.websocket(&path, &[]).await.unwrap());
    }
    // What a slow client costs it costs once, and so do the store's caches: what counts is what comes on top.
    publish(0).await;
    let before = memory();
    for round in 1..4 {
        publish(round).await;
    }
    let grown = memory().saturating_sub(before);
    let queues = 3 * 20 * 10_000 * 1600;
    assert!(grown < queues / 8, "{grown} bytes more; twenty queues would be {queues}");
    for socket in &mut slow {
        for i in 0..40_000 {
            let frame = socket.next().await;
            assert!(frame["data"]["name"].as_str().unwrap().starts_with(&format!("{}-{}-", i / 10_000, i % 10_000)), "{i}");
        }
    }
}

// W-9, B-2
#[tokio::test]
async fn a_token_that_expires_ends_the_session_unless_it_is_refreshed_in_place() {
    let server = Server::start();
    let mut ends = server.websocket("/api/realtime", &[cookie(&zootechnician(2))]).await.unwrap();
    let mut stays = server.websocket("/api/realtime", &[cookie(&zootechnician(2))]).await.unwrap();
    let another = token(json!({ "sub": "somebody else", "role": "zootechnician" }));
    stays.send(json!({ "action": "refresh", "token": another })).await;
    assert_eq!(stays.next().await["payload"]["code"], "UNAUTHORIZED");
    stays.send(json!({ "action": "refresh", "token": zootechnician(600) })).await;
    assert_eq!(stays.next().await["action"], "refreshed");
    assert_eq!(ends.frame().await, Err(Some(4401)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.must("board", removed("t1")).await;
    assert_eq!(stays.next().await["payload"]["ticketId"], "t1");
}

#[tokio::test]
async fn a_backend_ends_sessions_and_subscriptions() {
    let server = Server::start();
    let key = format!("{KEY}-board");
    let mut socket = server.websocket("/api/realtime", &[cookie(&zootechnician(600))]).await.unwrap();
    socket.send(json!({ "action": "subscribe", "channels": ["board:zoo"] })).await;
    socket.next().await;
    let body = json!({ "principal": "z1", "channel": "board:zoo" });
    let (_, _, answer) = server.call(Method::POST, "/v1/unsubscribe", Some(&key), Some(&body)).await;
    assert_eq!(answer["unsubscribed"], 1);
    assert_eq!(socket.next().await["action"], "unsubscribed");
    // Another contract's backend has no say.
    let (_, _, answer) =
        server.call(Method::POST, "/v1/disconnect", Some(&format!("{KEY}-world")), Some(&json!({ "principal": "z1" }))).await;
    assert_eq!(answer["closed"], 0);
    let (_, _, answer) = server.call(Method::POST, "/v1/disconnect", Some(&key), Some(&json!({ "principal": "z1" }))).await;
    assert_eq!(answer["closed"], 1);
    assert_eq!(socket.frame().await, Err(Some(4403)));
}

#[tokio::test]
async fn limits_name_themselves() {
    let server = Server::with(&root().join("contracts"), "[limits]\nconnections_per_principal = 2\nchannels_per_client = 3\n");
    let token = zootechnician(600);
    let mut one = server.websocket("/api/realtime", &[cookie(&token)]).await.unwrap();
    let _two = server.websocket("/api/realtime", &[cookie(&token)]).await.unwrap();
    let refused = server.websocket("/api/realtime", &[cookie(&token)]).await.err().unwrap();
    assert_eq!(refused.status, 429);
    assert!(refused.body.to_string().contains("connections_per_principal"), "{}", refused.body);
    for worker in ["worker:a", "worker:b", "worker:c"] {
        one.send(json!({ "action": "subscribe", "channels": [worker] })).await;
    }
    let [_, _, last] = [one.next().await, one.next().await, one.next().await];
    assert!(last["payload"]["message"].as_str().unwrap().contains("channels_per_client"), "{last}");
    one.close().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.websocket("/api/realtime", &[cookie(&token)]).await.unwrap();
}

// G-1
#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_says_goodbye_and_goes_with_0() {
    let mut server = Server::start();
    let token = zootechnician(600);
    let mut socket = server.websocket("/api/realtime", &[cookie(&token)]).await.unwrap();
    let receipt = server.must("board", removed("t1")).await;
    assert_eq!(socket.next().await["payload"]["ticketId"], "t1");
    let goodbye = tokio::spawn(async move { socket.frame().await });
    assert_eq!(tokio::task::block_in_place(|| server.terminate()), Some(0));
    assert_eq!(goodbye.await.unwrap(), Err(Some(1012)));
    server.restart(&root().join("contracts"));
    let mut socket = server.websocket("/api/realtime", &[cookie(&token)]).await.unwrap();
    let again = server.must("board", removed("t2")).await;
    assert_eq!(again["seq"].as_u64(), receipt["seq"].as_u64().map(|s| s + 1));
    assert_eq!(socket.next().await["payload"]["ticketId"], "t2");
    let (status, _, _) = server.get("/v1/events/since?channel=board:zoo&seq=0", &format!("{KEY}-board")).await;
    assert_eq!(status, StatusCode::OK);
}
