//! What one node at a time does for all: a bridge is carried, webhooks are told, and another node goes on when that one dies.
// K-19, G-6

use crate::support::rabbit::{Rabbit, drain};
use crate::support::redis::Redis;
use crate::support::*;
use http::StatusCode;
use lapin::types::FieldTable;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

async fn until<F: Future<Output = bool>>(what: &str, mut is: impl FnMut() -> F) {
    let begun = tokio::time::Instant::now();
    while !is().await {
        assert!(begun.elapsed() < Duration::from_secs(90), "{what}: it never is");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn ready(server: &Server) {
    until("a node is ready", || async { server.ready().await == StatusCode::OK }).await;
}

fn order(n: u64) -> Value {
    json!({ "channel": "private-store.s1.orders", "type": "OrderStatusChanged", "key": format!("k{n}"),
        "data": { "order_id": n + 1, "from": "accepted", "to": "ready", "at": "2026-01-01T00:00:00Z" } })
}

async fn is_connected(server: &Server) -> bool {
    let (_, _, answer) = server.call(http::Method::GET, "/v1/bridges", Some(&format!("{KEY}-store")), None).await;
    answer["bridges"][0]["connected"] == true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_carries_a_bridge_and_another_goes_on() {
    let (redis, rabbit) = (Redis::start(), Rabbit::start(""));
    let start = || Server::with_environment(vec![("TIDEWIRE_STORE_REDIS", redis.url()), ("TIDEWIRE_CONTRACTS_STORE_AMQP", rabbit.url())]);
    let mut servers = [start(), start()];
    for server in &servers {
        ready(server).await;
    }
    let queue = rabbit.queue("all", "#", FieldTable::default()).await;
    let mut seen = BTreeSet::new();
    for n in 0..20 {
        servers[n as usize % 2].must("store", order(n)).await;
    }
    let gather = async |seen: &mut BTreeSet<i64>, count: usize| {
        for _ in 0..1200 {
            seen.extend(drain(&queue, "all").await.into_iter().map(|got| got.seq));
            if seen.len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(seen.len(), count, "{seen:?}");
    };
    gather(&mut seen, 20).await;
    let carrying = [is_connected(&servers[0]).await, is_connected(&servers[1]).await];
    assert_eq!(carrying.iter().filter(|is| **is).count(), 1, "one of them: {carrying:?}");
    let (dead, alive) = if carrying[0] { (0, 1) } else { (1, 0) };
    servers[dead].stop();
    for n in 20..40 {
        servers[alive].must("store", order(n)).await;
    }
    gather(&mut seen, 40).await;
    assert_eq!(seen, (1..=40).collect());
}

/// Takes what webhooks are told.
async fn receiver() -> (u16, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let into = told.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let into = into.clone();
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                loop {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    if let Some((head, body)) = text.split_once("\r\n\r\n") {
                        let length =
                            head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.trim().parse().ok());
                        if body.len() >= length.unwrap_or(0usize) {
                            let said: Value = serde_json::from_str(body).unwrap();
                            into.lock().unwrap().extend(said["events"].as_array().unwrap().iter().cloned());
                            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
                            return;
                        }
                    }
                    if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
            });
        }
    });
    (port, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_tells_webhooks_and_another_goes_on() {
    let redis = Redis::start();
    let (port, told) = receiver().await;
    let contracts = tempfile::tempdir().unwrap();
    let app = format!(
        "[apps.live]\napp_id = \"1\"\nkey = \"live\"\nsecret = \"a secret of the app, long enough\"\n[[apps.live.webhooks]]\nurl = \
         \"http://127.0.0.1:{port}/\"\nevents = [\"channel_occupied\", \"channel_vacated\"]\ndebounce = \"100ms\"\n"
    );
    let start = || Server::said(contracts.path(), &app, vec![("TIDEWIRE_STORE_REDIS", redis.url())]);
    let mut servers = [start(), start()];
    for server in &servers {
        ready(server).await;
    }
    let on = async |server: &Server, channel: &str| {
        let mut socket = server.websocket("/app/live?protocol=7", &[]).await.unwrap();
        socket.next().await;
        socket.send(json!({ "event": "pusher:subscribe", "data": { "channel": channel } })).await;
        assert_eq!(socket.next().await["event"], "pusher_internal:subscription_succeeded");
        socket
    };
    let count = |name: &str, channel: &str| {
        let told = told.lock().unwrap();
        told.iter().filter(|event| event["name"] == name && event["channel"] == channel).count()
    };
    // Occupied on one node and then on the other is occupied once.
    let first = on(&servers[0], "news").await;
    until("it is told", || async { count("channel_occupied", "news") == 1 }).await;
    let second = on(&servers[1], "news").await;
    let secret = "a secret of the app, long enough";
    let counted = [("info", "subscription_count")];
    for server in &servers {
        let count = async || server.of_app(secret, "/channels/news", &counted).await["subscription_count"].clone();
        until("each node knows both", || async { count().await == 2 }).await;
    }
    first.close().await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!((count("channel_occupied", "news"), count("channel_vacated", "news")), (1, 0), "{told:?}");
    second.close().await;
    until("that nobody is there is told", || async { count("channel_vacated", "news") == 1 }).await;
    // Whoever told it dies; what is on the other is told all the same.
    for dead in [0, 1] {
        let channel = format!("sport {dead}").replace(' ', "-");
        servers[dead].stop();
        let third = on(&servers[1 - dead], &channel).await;
        until("it is told by whoever is left", || async { count("channel_occupied", &channel) == 1 }).await;
        drop(third);
        servers[dead].restart(contracts.path());
        ready(&servers[dead]).await;
    }
}
