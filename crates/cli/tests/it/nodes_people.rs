//! Who is there, and what everybody may do, over two nodes. // G-6

use crate::support::redis::{Redis, command};
use crate::support::*;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{future::Future, path::Path, time::Duration};
use tidewire_wire::pusher::sign;

const CONTRACT: &str = "tidewire: 1
name: rooms
version: '1'
title: Rooms
auth:
  token: [bearer header, bearer query.token]
  principal: { id: $claims.sub, name: $claims.name }
limits:
  per: principal.id
  connections: { at_most: 2, newest: wins }
  messages: 4/60s
channels:
  room: { address: 'room:{id}', durability: process, presence: { member: $principal.id, info: { name: $principal.name } } }
wire:
  event: { type: $type, data: $data }
  client:
    subscribe: { do: subscribe, channels: $channels }
    unsubscribe: { do: unsubscribe, channels: $channels }
  server:
    subscribed: { did: subscribe, channels: $channels }
    unsubscribed: { did: unsubscribe, channels: $channels }
    error: { did: error, code: $code, message: $message }
endpoints:
  - websocket: /ws
events:
  said: { on: room }
";

const APP: &str =
    "[apps.live]\napp_id = \"1\"\nkey = \"live\"\nsecret = \"a secret of the app, long enough\"\nsubscription_counts = true\n";
const APP_SECRET: &str = "a secret of the app, long enough";

fn node(folder: &Path, redis: &Redis) -> Server {
    let rooms = folder.join("rooms");
    if !rooms.exists() {
        std::fs::create_dir(&rooms).unwrap();
        std::fs::write(rooms.join("contract.yaml"), CONTRACT).unwrap();
    }
    Server::said(folder, APP, vec![("TIDEWIRE_STORE_REDIS", redis.url())])
}

/// Two nodes that know of each other.
async fn two(folder: &Path, redis: &Redis) -> (Server, Server) {
    let (one, two) = (node(folder, redis), node(folder, redis));
    for server in [&one, &two] {
        server.among(2).await;
    }
    (one, two)
}

async fn until<F: Future<Output = bool>>(what: &str, mut is: impl FnMut() -> F) {
    let begun = tokio::time::Instant::now();
    while !is().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: it never is");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn named(id: &str) -> String {
    token(json!({ "sub": id, "name": id.to_uppercase() }))
}

async fn join(server: &Server, id: &str, room: &str) -> Socket {
    let mut socket = server.websocket(&format!("/ws?token={}", named(id)), &[]).await.unwrap();
    socket.send(json!({ "do": "subscribe", "channels": [room] })).await;
    let did = socket.next().await;
    assert_eq!(did["did"], "subscribe", "{did}");
    socket
}

async fn present(server: &Server, room: &str) -> Vec<String> {
    let path = format!("/v1/channels/{room}/presence");
    let (status, _, said) = server.get(&path, &format!("{KEY}-rooms")).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    said["members"].as_array().unwrap().iter().map(|m| format!("{} {}", m["info"]["name"].as_str().unwrap(), m["connections"])).collect()
}

async fn post(server: &Server, path: &str, body: Value) -> Value {
    let (status, _, said) = server.call(Method::POST, path, Some(&format!("{KEY}-rooms")), Some(&body)).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    said
}

// K-12, G-6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_present_on_every_node_until_they_leave_or_their_node_dies() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (one, mut other) = two(folder.path(), &redis).await;
    let ana = join(&one, "ana", "room:1").await;
    let _boris = join(&other, "boris", "room:1").await;
    let _ana_again = join(&other, "ana", "room:1").await;
    for server in [&one, &other] {
        until("both are seen", || async {
            let mut there = present(server, "room:1").await;
            there.sort();
            there == ["ANA 2", "BORIS 1"]
        })
        .await;
    }
    ana.close().await;
    for server in [&one, &other] {
        until("one of two connections is gone", || async {
            let mut there = present(server, "room:1").await;
            there.sort();
            there == ["ANA 1", "BORIS 1"]
        })
        .await;
    }
    other.stop();
    until("who was on a node that died is not there", || async { present(&one, "room:1").await.is_empty() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_backend_does_to_its_clients_is_done_on_every_node() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (one, other) = two(folder.path(), &redis).await;
    let (mut ana, mut boris) = (join(&one, "ana", "room:1").await, join(&other, "boris", "room:1").await);
    let (_, _, said) = one.get("/v1/channels/room:1", &format!("{KEY}-rooms")).await;
    assert_eq!(said["subscribers"], 2, "{said}");
    let said = post(&one, "/v1/unsubscribe", json!({ "channel": "room:1" })).await;
    assert_eq!(said["unsubscribed"], 2);
    for socket in [&mut ana, &mut boris] {
        assert_eq!(socket.next().await["did"], "unsubscribe");
    }
    let said = post(&other, "/v1/disconnect", json!({ "principal": "ana" })).await;
    assert_eq!(said["closed"], 1);
    assert_eq!(ana.frame().await, Err(Some(4403)));
    let said = post(&one, "/v1/disconnect", json!({ "principal": "boris" })).await;
    assert_eq!(said["closed"], 1);
    assert_eq!(boris.frame().await, Err(Some(4403)));
}

// K-5, K-6, C-10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_principal_has_its_limits_on_all_nodes_together() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (one, other) = two(folder.path(), &redis).await;
    // Four messages a minute, wherever they are sent; the first of each was the join.
    let (mut first, mut second) = (join(&one, "ana", "room:1").await, join(&other, "ana", "room:2").await);
    first.send(json!({ "do": "subscribe", "channels": ["room:3"] })).await;
    assert_eq!(first.next().await["did"], "subscribe");
    second.send(json!({ "do": "subscribe", "channels": ["room:4"] })).await;
    assert_eq!(second.next().await["did"], "subscribe");
    for socket in [&mut first, &mut second] {
        socket.send(json!({ "do": "subscribe", "channels": ["room:5"] })).await;
        let refused = socket.next().await;
        assert_eq!((&refused["did"], &refused["code"]), (&json!("error"), &json!("RATE_LIMITED")), "{refused}");
    }
    // Two places: the third connection ends the first, which is on the other node.
    let _third = other.websocket(&format!("/ws?token={}", named("ana")), &[]).await.unwrap();
    assert_eq!(first.frame().await, Err(Some(4409)));
    let _fourth = one.websocket(&format!("/ws?token={}", named("ana")), &[]).await.unwrap();
    assert_eq!(second.frame().await, Err(Some(4409)));
    let figures = other.operations("/metrics").await;
    let evicted = figures.lines().find(|line| line.starts_with("tidewire_evictions") && line.contains("rooms"));
    assert!(evicted.is_some_and(|line| line.ends_with(" 1")), "{evicted:?}");
}

/// Opens a connection that has a place and joins nothing.
async fn connected(server: &Server, id: &str) -> Socket {
    server.websocket(&format!("/ws?token={}", named(id)), &[]).await.unwrap()
}

// G-6, C-10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_taken_for_dead_has_its_places_still() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (one, other) = two(folder.path(), &redis).await;
    let mut first = connected(&one, "ana").await;
    let places = || command(redis.port, "zrange tidewire:{rooms}:pl:ana 0 -1");
    until("it has its place", || async { places().lines().count() == 1 }).await;
    let place = places();
    let _second = connected(&other, "ana").await;
    until("the second has one", || async { places().lines().count() == 2 }).await;
    one.freeze();
    // Longer than the others believe it to live.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let _third = connected(&other, "ana").await;
    until("the place of the one that is dead is free", || async { !places().contains(place.trim()) }).await;
    assert_eq!(places().lines().count(), 2);
    one.thaw();
    // There are three with it, and the oldest has to leave.
    assert_eq!(first.frame().await, Err(Some(4409)));
    until("two are left", || async { places().lines().count() == 2 && !places().contains(place.trim()) }).await;
}

// G-6, C-10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_while_redis_is_away_is_counted_when_it_is_back() {
    let (mut redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (one, other) = two(folder.path(), &redis).await;
    let mut first = connected(&one, "ana").await;
    redis.until("zcard tidewire:{rooms}:pl:ana", "1");
    redis.kill();
    let _second = connected(&other, "ana").await;
    let _third = connected(&other, "ana").await;
    redis.restart();
    assert_eq!(first.frame_within(Duration::from_secs(40)).await, Err(Some(4409)));
}

// G-6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_newest_is_refused_it_is_refused_on_every_node() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let refusing = CONTRACT.replace("{ at_most: 2, newest: wins }", "2");
    std::fs::create_dir(folder.path().join("rooms")).unwrap();
    std::fs::write(folder.path().join("rooms/contract.yaml"), refusing).unwrap();
    let (one, mut other) = two(folder.path(), &redis).await;
    let first = connected(&one, "ana").await;
    let _second = connected(&other, "ana").await;
    for server in [&one, &other] {
        let refused = server.websocket(&format!("/ws?token={}", named("ana")), &[]).await;
        assert_eq!(refused.err().map(|refused| refused.status), Some(429));
        let _boris = connected(server, "boris").await;
    }
    // Who leaves makes room, on whatever node, and so does a node that dies.
    first.close().await;
    redis.until("zcard tidewire:{rooms}:pl:ana", "1");
    let _third = connected(&other, "ana").await;
    assert!(server_refuses(&one).await);
    other.stop();
    until("the places of the dead are free", || async { !server_refuses(&one).await }).await;
}

async fn server_refuses(server: &Server) -> bool {
    server.websocket(&format!("/ws?token={}", named("ana")), &[]).await.is_err()
}

/// A connection of the Pusher protocol, and its socket id.
async fn pusher(server: &Server) -> (Socket, String) {
    let mut socket = server.websocket("/app/live?protocol=7", &[]).await.unwrap();
    let hello = socket.next().await;
    assert_eq!(hello["event"], "pusher:connection_established", "{hello}");
    let data: Value = serde_json::from_str(hello["data"].as_str().unwrap()).unwrap();
    (socket, data["socket_id"].as_str().unwrap().to_owned())
}

async fn enter(server: &Server, channel: &str, user: &str) -> (Socket, Value) {
    let (mut socket, id) = pusher(server).await;
    let data = json!({ "user_id": user, "user_info": { "name": user } }).to_string();
    let auth = format!("live:{}", sign::sign(APP_SECRET, &format!("{id}:{channel}:{data}")));
    socket.send(json!({ "event": "pusher:subscribe", "data": { "channel": channel, "auth": auth, "channel_data": data } })).await;
    let said = socket.next().await;
    assert_eq!(said["event"], "pusher_internal:subscription_succeeded", "{said}");
    let members: Value = serde_json::from_str(said["data"].as_str().unwrap()).unwrap();
    (socket, members["presence"]["ids"].clone())
}

fn data(said: &Value) -> Value {
    match &said["data"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    }
}

// K-1, K-12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_and_counts_of_the_pusher_protocol_are_those_of_all_nodes() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (one, mut other) = two(folder.path(), &redis).await;
    let (mut ana, ids) = enter(&one, "presence-kitchen", "ana").await;
    assert_eq!(ids, json!(["ana"]));
    // A change takes a moment from node to node.
    let members = async || other.of_app(APP_SECRET, "/channels/presence-kitchen/users", &[]).await["users"].clone();
    until("the other node knows her", || async { members().await == json!([{ "id": "ana" }]) }).await;
    let (mut boris, ids) = enter(&other, "presence-kitchen", "boris").await;
    let mut ids: Vec<&str> = ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["ana", "boris"]);
    let said = ana.next().await;
    assert_eq!((&said["event"], &data(&said)["user_id"]), (&json!("pusher_internal:member_added"), &json!("boris")), "{said}");
    // The same user on another node is no other member.
    let (cara, _) = enter(&one, "presence-kitchen", "cara").await;
    for socket in [&mut ana, &mut boris] {
        assert_eq!(data(&socket.next().await)["user_id"], "cara");
    }
    let (cara_again, _) = enter(&other, "presence-kitchen", "cara").await;
    let counted = [("info", "subscription_count")];
    let count = async || one.of_app(APP_SECRET, "/channels/presence-kitchen", &counted).await["subscription_count"].clone();
    until("four connections are known", || async { count().await == 4 }).await;
    cara.close().await;
    assert!(ana.is_quiet().await, "she is still there");
    cara_again.close().await;
    for socket in [&mut ana, &mut boris] {
        let said = socket.next().await;
        assert_eq!((&said["event"], &data(&said)["user_id"]), (&json!("pusher_internal:member_removed"), &json!("cara")), "{said}");
    }
    // Counts.
    let (mut near, _) = pusher(&one).await;
    near.send(json!({ "event": "pusher:subscribe", "data": { "channel": "news" } })).await;
    assert_eq!(near.next().await["event"], "pusher_internal:subscription_succeeded");
    let counted = |said: Value| data(&said)["subscription_count"].as_u64();
    assert_eq!(counted(near.next().await), Some(1));
    let (mut far, _) = pusher(&other).await;
    far.send(json!({ "event": "pusher:subscribe", "data": { "channel": "news" } })).await;
    assert_eq!(counted(near.next().await), Some(2));
    // A node that dies takes its people with it.
    other.stop();
    let said = ana.next_within(Duration::from_secs(40)).await;
    assert_eq!((&said["event"], &data(&said)["user_id"]), (&json!("pusher_internal:member_removed"), &json!("boris")), "{said}");
    assert_eq!(counted(near.next_within(Duration::from_secs(40)).await), Some(1));
}
