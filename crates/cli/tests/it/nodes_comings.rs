//! Comings and goings, devices, and what is retained, over several nodes. // G-6

use crate::support::redis::Redis;
use crate::support::*;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

const CONTRACT: &str = "tidewire: 1
name: party
version: '1'
title: Party
auth:
  token: [bearer header, bearer query.token]
  principal: { id: $claims.sub, name: $claims.name }
channels:
  party:
    address: 'party:{party_id}'
    durability: process
    presence:
      member: $principal.id
      info: { id: $principal.id }
      joins: { publishes: party.join, data: { id: $member } }
      leaves: { publishes: party.leave, data: { id: $member }, after: 2s }
    retain: { scene: scene.update }
    history: { keep: 10m }
wire:
  event: { type: $type, data: $data }
  server:
    hello: { type: hello, members: $presence, scene: $retained.scene.number }
endpoints:
  - websocket: '/party/{party_id}/ws'
    subscribes: 'party:{party_id}'
    options: { after: resume }
events:
  party.join: { on: party, from: presence, example: {} }
  party.leave: { on: party, from: presence, example: {} }
  scene.update: { on: party, example: {} }
";

fn node(folder: &Path, redis: &Redis) -> Server {
    patient(folder, redis, "2s")
}

/// A node that waits so long for who is away.
fn patient(folder: &Path, redis: &Redis, grace: &str) -> Server {
    let contract = folder.join("party");
    if !contract.exists() {
        std::fs::create_dir(&contract).unwrap();
        std::fs::write(contract.join("contract.yaml"), CONTRACT.replace("after: 2s", &format!("after: {grace}"))).unwrap();
    }
    Server::said(folder, "", vec![("TIDEWIRE_STORE_REDIS", redis.url())])
}

async fn ready(servers: &[&Server]) {
    for server in servers {
        server.among(servers.len()).await;
    }
}

/// Who comes to the party on this node, and what it is greeted with.
async fn come(server: &Server, who: &str) -> (Socket, Value) {
    let token = token(json!({ "sub": who, "name": who }));
    let mut socket = server.websocket(&format!("/party/p1/ws?token={token}"), &[]).await.unwrap();
    let hello = socket.next().await;
    assert_eq!(hello["type"], "hello", "{hello}");
    (socket, hello)
}

async fn told(socket: &mut Socket) -> (String, String) {
    let event = socket.next_within(Duration::from_secs(40)).await;
    (event["type"].as_str().unwrap().to_owned(), event["data"]["id"].as_str().unwrap_or_default().to_owned())
}

fn said(event: &str, who: &str) -> (String, String) {
    (event.to_owned(), who.to_owned())
}

// P-5, K-12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_goes_to_another_node_does_not_leave_and_who_dies_with_one_does() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (one, mut other) = (node(folder.path(), &redis), node(folder.path(), &redis));
    ready(&[&one, &other]).await;
    let (mut ana, _) = come(&one, "ana").await;
    assert_eq!(told(&mut ana).await, said("party.join", "ana"));
    let (boris, hello) = come(&other, "boris").await;
    let mut ids: Vec<&str> = hello["members"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert!(ids.contains(&"ana"), "who greets on one node knows who is on the other: {hello}");
    assert_eq!(told(&mut ana).await, said("party.join", "boris"), "told once");
    // He goes to the node where she is: nobody comes, nobody leaves.
    boris.close().await;
    let (boris_here, _) = come(&one, "boris").await;
    tokio::time::sleep(Duration::from_millis(3000)).await;
    assert!(ana.is_quiet().await, "he was never away");
    // And back, and the node dies with him.
    let (_boris_there, _) = come(&other, "boris").await;
    boris_here.close().await;
    tokio::time::sleep(Duration::from_millis(3000)).await;
    assert!(ana.is_quiet().await, "he was never away");
    let third = node(folder.path(), &redis);
    ready(&[&one, &other, &third]).await;
    other.stop();
    assert_eq!(told(&mut ana).await, said("party.leave", "boris"), "two nodes have noticed, one tells");
    tokio::time::sleep(Duration::from_millis(3000)).await;
    assert!(ana.is_quiet().await);
}

// P-5: a node that takes up who was on a dead one knows only that they were there; who they are, they say when they come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_after_its_node_died_is_who_it_was() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (one, mut other) = (patient(folder.path(), &redis, "60s"), patient(folder.path(), &redis, "60s"));
    ready(&[&one, &other]).await;
    let (mut boris, _) = come(&other, "boris").await;
    assert_eq!(told(&mut boris).await, said("party.join", "boris"));
    other.stop();
    redis.until("zcard tidewire:{.}:nodes", "1");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let members = json!([{ "id": "boris" }]);
    let (_boris, hello) = come(&one, "boris").await;
    assert_eq!(hello["members"], members);
    let (_, hello) = come(&one, "boris").await;
    assert_eq!(hello["members"], members);
}

// P-5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_retained_is_retained_for_every_node() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (one, other) = (node(folder.path(), &redis), node(folder.path(), &redis));
    ready(&[&one, &other]).await;
    one.must("party", json!({ "channel": "party:p1", "type": "scene.update", "data": { "number": 1 } })).await;
    one.must("party", json!({ "channel": "party:p1", "type": "scene.update", "data": { "number": 2 } })).await;
    let (_ana, hello) = come(&other, "ana").await;
    assert_eq!(hello["scene"], 2);
    other.must("party", json!({ "channel": "party:p1", "type": "scene.update", "data": { "number": 3 } })).await;
    let (_boris, hello) = come(&one, "boris").await;
    assert_eq!(hello["scene"], 3);
}

// K-3, K-4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_is_known_to_every_node_and_bound_wherever_it_is_connected() {
    let redis = Redis::start();
    let start = || Server::with_environment(vec![("TIDEWIRE_STORE_REDIS", redis.url())]);
    let (one, other) = (start(), start());
    ready(&[&one, &other]).await;
    let key = format!("{KEY}-store");
    let new = json!({ "type": "KDS", "store": "S1", "abilities": ["kds.read"] });
    let (status, _, device) = one.call(Method::POST, "/v1/devices", Some(&key), Some(&new)).await;
    assert_eq!(status, StatusCode::CREATED, "{device}");
    let (status, _, second) = other.call(Method::POST, "/v1/devices", Some(&key), Some(&new)).await;
    assert_eq!((status, second["id"].as_u64()), (StatusCode::CREATED, device["id"].as_u64().map(|id| id + 1)), "no id is given twice");
    // It is connected to one node, and shows who it is to the other.
    let token = device["token"].as_str().unwrap();
    let mut socket = one.websocket(&format!("/app/{STORE_APP}?protocol=7"), &[]).await.unwrap();
    let hello = socket.next().await;
    let hello: Value = serde_json::from_str(hello["data"].as_str().unwrap()).unwrap();
    let body = json!({ "channel_name": "private-store.S1.kds", "socket_id": hello["socket_id"] });
    let (status, _, signed) = other.call(Method::POST, "/broadcasting/auth", Some(token), Some(&body)).await;
    assert_eq!(status, StatusCode::OK, "{signed}");
    socket.send(json!({ "event": "pusher:subscribe", "data": { "channel": "private-store.S1.kds", "auth": signed["auth"] } })).await;
    assert_eq!(socket.next().await["event"], "pusher_internal:subscription_succeeded");
    // The other node blocks it: the connection ends, and its token is good nowhere.
    let path = format!("/v1/devices/{}", device["id"]);
    let (status, _, _) = other.call(Method::PATCH, &path, Some(&key), Some(&json!({ "blocked": true }))).await;
    assert_eq!(status, StatusCode::OK);
    assert!(socket.frame().await.is_err(), "it is closed");
    let asked = json!({ "token": token });
    let (status, _, denied) = one.call(Method::POST, "/v1/devices/verify", Some(&key), Some(&asked)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{denied}");
}
