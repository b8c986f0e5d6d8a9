//! Two nodes that share channels through a real Redis. // G-6

use crate::support::redis::{Line, Redis};
use crate::support::*;
use http::StatusCode;
use serde_json::{Value, json};
use std::{future::Future, time::Duration};

fn node(url: &str) -> Server {
    Server::with_environment(vec![("TIDEWIRE_STORE_REDIS", url.to_owned())])
}

fn weaker(url: &str) -> Server {
    Server::with_environment(vec![("TIDEWIRE_STORE_REDIS", url.to_owned()), ("TIDEWIRE_STORE_REDIS_WEAKER", "true".into())])
}

fn named(name: &str) -> Value {
    json!({ "channel": "world:w1", "type": "world.updated", "data": { "id": "w1", "name": name } })
}

fn ws(after: &str) -> String {
    let token = gamemaster();
    if after.is_empty() { format!("/ws?world_id=w1&token={token}") } else { format!("/ws?world_id=w1&token={token}&after={after}") }
}

/// Waits until something is so.
async fn until<F: Future<Output = bool>>(what: &str, mut is: impl FnMut() -> F) {
    let begun = tokio::time::Instant::now();
    while !is().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: it never is");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The whole log as a backend reads it on this node.
async fn whole(server: &Server) -> Vec<Value> {
    server.events("world", "world:w1").await
}

// G-2, G-6, P-10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_on_one_node_is_seen_on_all_by_every_transport() {
    let redis = Redis::start();
    let (one, two) = (node(&redis.url()), node(&redis.url()));
    insist(&one, &named("before")).await;
    insist(&two, &named("before, too")).await;
    let mut sockets = [one.websocket(&ws(""), &[]).await.unwrap(), two.websocket(&ws(""), &[]).await.unwrap()];
    let bearer = [("authorization", format!("Bearer {}", gamemaster()))];
    let mut streams = [one.sse("/sse?world_id=w1", &bearer).await, two.sse("/sse?world_id=w1", &bearer).await];
    let published = futures_util::future::join_all((0..100).map(|i| {
        let server = if i % 2 == 0 { &one } else { &two };
        async move { server.must("world", named(&format!("n{i}"))).await }
    }));
    let mut receipts = published.await;
    receipts.sort_by_key(|receipt| receipt["seq"].as_u64());
    let seqs: Vec<u64> = receipts.iter().map(|r| r["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (3..=102).collect::<Vec<_>>());
    let mut seen: Vec<Vec<String>> = Vec::new();
    for socket in &mut sockets {
        let mut mine = Vec::new();
        for _ in 0..100 {
            mine.push(socket.next().await.to_string());
        }
        seen.push(mine);
    }
    for stream in &mut streams {
        let mut mine = Vec::new();
        for _ in 0..100 {
            mine.push(stream.next().await.data.to_string());
        }
        seen.push(mine);
    }
    for server in [&one, &two] {
        let (_, _, history) = server.get("/worlds/w1/history?limit=1000", &gamemaster()).await;
        seen.push(history.as_array().unwrap().iter().skip(2).map(Value::to_string).collect());
    }
    for other in &seen[1..] {
        assert_eq!(*other, seen[0], "the same bytes in the same order");
    }
    for (receipt, event) in receipts.iter().zip(&seen[0]) {
        assert!(event.contains(receipt["id"].as_str().unwrap()));
    }
    assert_eq!(whole(&one).await, whole(&two).await);
}

// W-7, P-7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_on_two_nodes_is_one_event() {
    let redis = Redis::start();
    let (one, two) = (node(&redis.url()), node(&redis.url()));
    insist(&one, &named("first")).await;
    insist(&two, &named("second")).await;
    for i in 0..30 {
        let event = keyed(&format!("k{i}"));
        let (a, b) = tokio::join!(one.must("world", event.clone()), two.must("world", event.clone()));
        assert_eq!((&a["id"], &a["seq"], &a["at"]), (&b["id"], &b["seq"], &b["at"]));
        assert_ne!(a["duplicate"], b["duplicate"]);
    }
    assert_eq!(whole(&one).await.len(), 32);
}

// W-4: who is where is known on every node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audiences_are_settled_from_what_any_node_has_published() {
    let redis = Redis::start();
    let (one, two) = (node(&redis.url()), node(&redis.url()));
    let walk = |character: &str, place: &str| json!({ "channel": "world:w1", "type": "character.updated", "data": { "id": character, "current_place_id": place } });
    insist(&one, &walk("c1", "harbour")).await;
    insist(&two, &walk("c2", "tower")).await;
    insist(&two, &walk("c1", "tower")).await;
    insist(&one, &walk("c2", "harbour")).await;
    let mut sockets = Vec::new();
    for (server, character) in [(&one, "c1"), (&two, "c2")] {
        sockets.push(server.websocket(&format!("/ws?world_id=w1&token={}", player(character)), &[]).await.unwrap());
    }
    let bell = |place: &str, url: &str| {
        json!({ "channel": "world:w1", "type": "sound.play",
            "data": { "url": url, "volume": 0.5, "by_user_id": "gm", "targets": { "place_id": place } } })
    };
    one.must("world", bell("tower", "/tower.ogg")).await;
    two.must("world", bell("harbour", "/harbour.ogg")).await;
    one.must("world", named("for all")).await;
    for (socket, url) in sockets.iter_mut().zip(["/tower.ogg", "/harbour.ogg"]) {
        assert_eq!(socket.next().await["data"]["url"], url);
        assert_eq!(socket.next().await["type"], "world.updated");
    }
}

// G-3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_resumes_on_another_node_misses_nothing() {
    let redis = Redis::start();
    let (mut one, two) = (node(&redis.url()), node(&redis.url()));
    insist(&two, &named("first")).await;
    let first = insist(&one, &named("seen")).await;
    for i in 0..20 {
        one.must("world", named(&format!("missed {i}"))).await;
    }
    // By an event's id, a seq, a position and a time; the node on which it was is gone.
    let (_, headers, _) = two.get("/v1/events/since?channel=world:w1&seq=1&limit=1", &format!("{KEY}-world")).await;
    let position = headers["tidewire-position"].to_str().unwrap().to_owned();
    one.stop();
    let id = first["id"].as_str().unwrap();
    let at = first["at"].as_str().unwrap();
    for after in [id, "2", &position, at] {
        let mut socket = two.websocket(&ws(after), &[]).await.unwrap();
        for i in 0..20 {
            assert_eq!(socket.next().await["data"]["name"], format!("missed {i}"), "after {after}");
        }
    }
    let bearer = [("authorization", format!("Bearer {}", gamemaster())), ("last-event-id", position)];
    let mut stream = two.sse("/sse?world_id=w1", &bearer).await;
    assert_eq!(stream.next().await.data["data"]["name"], "missed 0");
}

// G-1, G-6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_may_die_and_come_back() {
    let mut redis = Redis::start();
    let (one, two) = (node(&redis.url()), node(&redis.url()));
    insist(&one, &named("before")).await;
    insist(&two, &named("before, too")).await;
    let mut socket = two.websocket(&ws(""), &[]).await.unwrap();
    let kept = one.must("world", keyed("kept")).await;
    assert_eq!(socket.next().await["data"]["name"], "kept");
    redis.kill();
    until("ready is red", || async { one.ready().await == StatusCode::SERVICE_UNAVAILABLE }).await;
    // Of one that was on its way over the old connection, nobody knows what became.
    until("it is refused before it is tried", || async {
        let (status, problem) = one.publish("world", named("refused")).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        problem["type"].as_str().unwrap().ends_with("store-away")
    })
    .await;
    // Its clients are still there, and are answered.
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await["type"], "pong");
    redis.restart();
    let again = insist(&one, &keyed("kept")).await;
    assert_eq!((&again["id"], &again["duplicate"]), (&kept["id"], &json!(true)), "what was acknowledged is there");
    let after = insist(&one, &named("after")).await;
    assert_eq!(after["seq"], kept["seq"].as_u64().unwrap() + 1);
    assert_eq!(socket.next().await["data"]["name"], "after", "the same connection goes on");
    until("both are ready", || async { one.ready().await == StatusCode::OK && two.ready().await == StatusCode::OK }).await;
}

// G-3, G-6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_breaks_loses_nothing() {
    let redis = Redis::start();
    let line = Line::to(redis.port).await;
    let (near, far) = (node(&redis.url()), node(&line.url()));
    insist(&near, &named("before")).await;
    insist(&far, &named("before, too")).await;
    let mut socket = far.websocket(&ws(""), &[]).await.unwrap();
    let mut next = 0;
    for round in 0..10 {
        for i in 0..10 {
            if i == 5 {
                if round % 2 == 0 { line.cut() } else { line.close() }
            }
            near.must("world", named(&format!("n{next}"))).await;
            next += 1;
        }
        line.mend();
    }
    for i in 0..next {
        assert_eq!(socket.next().await["data"]["name"], format!("n{i}"));
    }
}

// G-3: a Redis that forgot is another log, and everybody is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_lost_acknowledged_events_is_told_to_clients() {
    let mut redis = Redis::with(&["--appendonly", "no"]);
    let (one, two) = (weaker(&redis.url()), weaker(&redis.url()));
    insist(&one, &named("before")).await;
    let last = insist(&two, &named("lost")).await;
    let mut sockets = [one.websocket(&ws("0"), &[]).await.unwrap(), two.websocket(&ws("0"), &[]).await.unwrap()];
    for socket in &mut sockets {
        for name in ["before", "lost"] {
            assert_eq!(socket.next().await["data"]["name"], name);
        }
    }
    redis.kill();
    redis.restart();
    let anew = insist(&one, &named("anew")).await;
    assert!(anew["at"].as_str() > last["at"].as_str(), "time goes on: {anew} {last}");
    for socket in &mut sockets {
        let gap = socket.next().await;
        assert_eq!((&gap["type"], &gap["data"]["reason"]), (&json!("gap"), &json!("reset")), "{gap}");
        assert_eq!(socket.next().await["data"]["name"], "anew");
    }
    // Who was away meanwhile is told, too.
    let mut late = two.websocket(&ws(last["id"].as_str().unwrap()), &[]).await.unwrap();
    let gap = late.next().await;
    assert_eq!((&gap["type"], &gap["data"]["reason"]), (&json!("gap"), &json!("reset")), "{gap}");
    assert_eq!(late.next().await["data"]["name"], "anew");
}

// G-1
#[tokio::test]
async fn a_redis_that_cannot_keep_the_promise_is_refused() {
    let redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    let folder = tempfile::tempdir().unwrap();
    let started = std::process::Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["serve", "--listen", "127.0.0.1:0", "--contracts"])
        .arg(root().join("contracts/world"))
        .current_dir(folder.path())
        .env("TIDEWIRE_STORE_REDIS", redis.url())
        .env("TIDEWIRE_CONTRACTS_WORLD_BACKEND_KEYS", format!("sha256:{}", "0".repeat(64)))
        .env("TIDEWIRE_CONTRACTS_WORLD_AUTH_SECRET", SECRET)
        .env("TIDEWIRE_CONTRACTS_WORLD_AUTH_ALGORITHM", "HS256")
        .output()
        .unwrap();
    assert!(!started.status.success());
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(said.contains("appendfsync always") && said.contains("store.redis_weaker"), "{said}");
}
