//! Who is on a channel, as its backend asks: `GET /v1/channels/{channel}/presence`. // K-12

use crate::support::*;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

const CONTRACT: &str = "tidewire: 1
name: rooms
version: '1'
title: Rooms
auth:
  token: [bearer header, bearer query.token]
  principal: { id: $claims.sub, name: $claims.name, screen: $claims.screen }
channels:
  room: { address: 'room:{id}', presence: { member: $principal.id, info: { name: $principal.name } } }
  screens: { address: screens, presence: { member: $principal.screen, info: { name: $principal.name } } }
  hall: { address: hall, presence: { member: $principal.id, info: { name: $principal.name } } }
  gallery: { address: gallery, mirrors: hall, presence: { member: $principal.id, info: { name: $principal.name } } }
  lobby: { address: lobby }
wire:
  event: { type: $type, data: $data }
  client:
    subscribe: { do: subscribe, channels: $channels }
    unsubscribe: { do: unsubscribe, channels: $channels }
    refresh: { do: refresh, token: $token }
  server:
    subscribed: { did: subscribe, channels: $channels }
    unsubscribed: { did: unsubscribe, channels: $channels }
    refreshed: { did: refresh }
    error: { did: error, code: $code, message: $message }
endpoints:
  - websocket: /ws
  - sse: '/sse/{id}'
    subscribes: 'room:{id}'
events:
  said: { on: [lobby, hall] }
";

fn start(folder: &Path) -> Server {
    std::fs::create_dir(folder.join("rooms")).unwrap();
    std::fs::write(folder.join("rooms/contract.yaml"), CONTRACT).unwrap();
    Server::with(folder, "")
}

fn named(id: &str, name: &str, screen: &str) -> String {
    token(json!({ "sub": id, "name": name, "screen": screen }))
}

async fn join(server: &Server, token: &str, channel: &str) -> Socket {
    let mut socket = server.websocket(&format!("/ws?token={token}"), &[]).await.unwrap();
    say(&mut socket, json!({ "do": "subscribe", "channels": [channel] }), "subscribe").await;
    socket
}

async fn say(socket: &mut Socket, frame: Value, answer: &str) {
    socket.send(frame).await;
    let did = socket.next().await;
    assert_eq!(did["did"], answer, "{did}");
}

async fn ask(server: &Server, channel: &str) -> (StatusCode, Value) {
    let (status, _, body) =
        server.call(Method::GET, &format!("/v1/channels/{channel}/presence"), Some(&format!("{KEY}-rooms")), None).await;
    (status, body)
}

/// Asks until these are there: connections are seen to end when their shard comes to it.
async fn are_there(server: &Server, channel: &str, expected: Value) {
    for _ in 0..500 {
        let (status, body) = ask(server, channel).await;
        assert_eq!((status, &body["channel"]), (StatusCode::OK, &json!(channel)));
        if body["members"] == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{expected} are not there, but {}", ask(server, channel).await.1);
}

fn member(id: &str, name: &str, connections: u64) -> Value {
    json!({ "member": id, "info": { "name": name }, "connections": connections })
}

#[tokio::test]
async fn who_joins_is_there_until_the_last_connection_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let (ana, bo) = (named("a", "Ana", "s1"), named("b", "Bo", "s2"));
    are_there(&server, "room:1", json!([])).await;
    let mut first = join(&server, &ana, "room:1").await;
    are_there(&server, "room:1", json!([member("a", "Ana", 1)])).await;
    are_there(&server, "room:2", json!([])).await;
    // On it already: nothing is counted twice.
    say(&mut first, json!({ "do": "subscribe", "channels": ["room:1", "room:1"] }), "subscribe").await;
    are_there(&server, "room:1", json!([member("a", "Ana", 1)])).await;

    let second = server.sse("/sse/1", &[("authorization", format!("Bearer {ana}"))]).await;
    let other = join(&server, &bo, "room:1").await;
    are_there(&server, "room:1", json!([member("a", "Ana", 2), member("b", "Bo", 1)])).await;
    say(&mut first, json!({ "do": "subscribe", "channels": ["room:2"] }), "subscribe").await;
    are_there(&server, "room:2", json!([member("a", "Ana", 1)])).await;

    say(&mut first, json!({ "do": "unsubscribe", "channels": ["room:1"] }), "unsubscribe").await;
    say(&mut first, json!({ "do": "unsubscribe", "channels": ["room:1"] }), "unsubscribe").await;
    are_there(&server, "room:1", json!([member("a", "Ana", 1), member("b", "Bo", 1)])).await;
    // An end without a word, one with a goodbye.
    drop(second);
    are_there(&server, "room:1", json!([member("b", "Bo", 1)])).await;
    other.close().await;
    are_there(&server, "room:1", json!([])).await;
    are_there(&server, "room:2", json!([member("a", "Ana", 1)])).await;
}

#[tokio::test]
async fn who_is_thrown_out_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(folder.path());
    let key = format!("{KEY}-rooms");
    let (ana, bo) = (named("a", "Ana", "s1"), named("b", "Bo", "s2"));
    let mut sockets = vec![join(&server, &ana, "room:1").await, join(&server, &ana, "room:1").await];
    let mut other = join(&server, &bo, "room:1").await;
    are_there(&server, "room:1", json!([member("a", "Ana", 2), member("b", "Bo", 1)])).await;
    let (_, _, done) = server.call(Method::POST, "/v1/disconnect", Some(&key), Some(&json!({ "principal": "a" }))).await;
    assert_eq!(done["closed"], 2);
    are_there(&server, "room:1", json!([member("b", "Bo", 1)])).await;
    for socket in &mut sockets {
        assert_eq!(socket.frame().await, Err(Some(4403)));
    }
    let taken_off = json!({ "channel": "room:1", "principal": "b" });
    let (_, _, done) = server.call(Method::POST, "/v1/unsubscribe", Some(&key), Some(&taken_off)).await;
    assert_eq!(done["unsubscribed"], 1);
    assert_eq!(other.next().await["did"], "unsubscribe");
    are_there(&server, "room:1", json!([])).await;
    say(&mut other, json!({ "do": "subscribe", "channels": ["room:1"] }), "subscribe").await;
    are_there(&server, "room:1", json!([member("b", "Bo", 1)])).await;
    // A server that begins anew knows of nobody.
    server.kill_and_restart(folder.path());
    are_there(&server, "room:1", json!([])).await;
}

// A member that was told apart by what the old token said is not there any more once the new one says otherwise.
#[tokio::test]
async fn a_new_token_makes_no_ghost() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let mut socket = join(&server, &named("a", "Ana", "s1"), "screens").await;
    let other = join(&server, &named("b", "Bo", "s1"), "screens").await;
    are_there(&server, "screens", json!([member("s1", "Ana", 2)])).await;
    say(&mut socket, json!({ "do": "refresh", "token": named("a", "Ana", "s9") }), "refresh").await;
    are_there(&server, "screens", json!([member("s1", "Ana", 1), member("s9", "Ana", 1)])).await;
    socket.close().await;
    are_there(&server, "screens", json!([member("s1", "Ana", 1)])).await;
    drop(other);
    are_there(&server, "screens", json!([])).await;
}

// A channel and one that mirrors it have the same events, and each its own people.
#[tokio::test]
async fn a_mirror_has_its_own_people() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let (ana, bo) = (named("a", "Ana", "s1"), named("b", "Bo", "s2"));
    let mut both = join(&server, &ana, "hall").await;
    let mut only = join(&server, &bo, "gallery").await;
    are_there(&server, "hall", json!([member("a", "Ana", 1)])).await;
    are_there(&server, "gallery", json!([member("b", "Bo", 1)])).await;
    say(&mut both, json!({ "do": "subscribe", "channels": ["gallery"] }), "subscribe").await;
    are_there(&server, "gallery", json!([member("b", "Bo", 1), member("a", "Ana", 1)])).await;
    say(&mut both, json!({ "do": "unsubscribe", "channels": ["hall"] }), "unsubscribe").await;
    are_there(&server, "hall", json!([])).await;
    say(&mut only, json!({ "do": "subscribe", "channels": ["hall"] }), "subscribe").await;
    are_there(&server, "hall", json!([member("b", "Bo", 1)])).await;
    drop(both);
    are_there(&server, "gallery", json!([member("b", "Bo", 1)])).await;
    drop(only);
    are_there(&server, "gallery", json!([])).await;
    are_there(&server, "hall", json!([])).await;
}

// G-5
#[tokio::test]
async fn only_the_backend_asks_and_only_where_there_is_presence() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let (status, body) = ask(&server, "lobby").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body["detail"].as_str().unwrap().contains("'lobby'"), "{body}");
    assert_eq!(ask(&server, "nowhere").await.0, StatusCode::NOT_FOUND);
    let ana = named("a", "Ana", "s1");
    for bearer in [None, Some(ana.as_str()), Some("wrong")] {
        let (status, _, _) = server.call(Method::GET, "/v1/channels/room:1/presence", bearer, None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}
