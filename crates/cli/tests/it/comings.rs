//! Who comes and goes is told as events of the channel, and the first frame says who is there and what is retained. // C-7, P-5, K-12

use crate::support::*;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};
use tidewire_engine::log::Log;
use tidewire_store::{Options, Store};

const CONTRACT: &str = "tidewire: 1
name: party
version: '1'
title: Party
auth:
  token: [bearer header, bearer query.token]
  principal: { id: $claims.sub, name: $claims.name, secrets: $claims.secrets }
channels:
  party:
    address: 'party:{party_id}'
    presence:
      member: $principal.id
      info: { id: $principal.id, name: $principal.name }
      joins: { publishes: party.join, data: { id: $member, name: $principal.name, party: $party_id } }
      leaves: { publishes: party.leave, data: { id: $member, name: $principal.name }, after: GRACE }
    retain: { scene: scene.update, status: party.state }
    history: { keep: 10m }
  quiet:
    address: 'quiet:{party_id}'
    presence: { member: $principal.id, leaves: { publishes: quiet.leave, data: { id: $member }, after: GRACE } }
wire:
  event: { type: $type, position: $position, data: $data }
  client:
    subscribe: { do: subscribe, channels: $channels }
    unsubscribe: { do: unsubscribe, channels: $channels }
  server:
    hello: { type: hello, party: $party_id, members: $presence, status: $retained.status, scene: $retained.scene.number, position: $position }
    subscribed: { type: subscribed }
    unsubscribed: { type: unsubscribed }
endpoints:
  - websocket: /ws
  - websocket: '/party/{party_id}/ws'
    subscribes: 'party:{party_id}'
    options: { after: resume }
  - sse: '/party/{party_id}/events'
    subscribes: 'party:{party_id}'
events:
  party.join: { on: party, from: presence, example: {} }
  party.leave: { on: party, from: presence, example: {} }
  quiet.leave: { on: quiet, from: presence, example: {} }
  scene.update: { on: party, example: {} }
  party.state: { on: party, example: {}, audience: { id: $data.to } }
";

struct Party {
    server: Server,
    contracts: PathBuf,
    _folder: tempfile::TempDir,
}

/// `grace`: how long somebody may be away.
fn party(grace: &str) -> Party {
    let folder = tempfile::tempdir().unwrap();
    let contracts = folder.path().join("contracts");
    std::fs::create_dir_all(contracts.join("party")).unwrap();
    std::fs::write(contracts.join("party/contract.yaml"), CONTRACT.replace("GRACE", grace)).unwrap();
    Party { server: Server::with(&contracts, ""), contracts, _folder: folder }
}

fn path(who: &str, more: &str) -> String {
    let token = token(json!({ "sub": who, "name": who.to_uppercase() }));
    format!("/party/p1/ws?token={token}{more}")
}

impl Party {
    async fn join(&self, who: &str) -> (Socket, Value) {
        let mut socket = self.server.websocket(&path(who, ""), &[]).await.unwrap();
        let hello = socket.next().await;
        assert_eq!(hello["type"], "hello", "the first frame");
        (socket, hello)
    }

    /// The types and ids of all events of a channel.
    async fn told(&self, channel: &str) -> Vec<String> {
        let path = format!("/v1/events/since?channel={channel}");
        let (status, _, page) = self.server.call(Method::GET, &path, Some(&format!("{KEY}-party")), None).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let event = |e: &Value| format!("{} {}", e["type"].as_str().unwrap(), e["data"]["id"].as_str().unwrap_or("-"));
        page["events"].as_array().unwrap().iter().map(event).collect()
    }

    /// Waits until the channel has told so much.
    async fn tells(&self, channel: &str, expected: &[&str]) {
        for _ in 0..1000 {
            if self.told(channel).await.len() >= expected.len() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.told(channel).await, expected);
    }

    async fn members(&self, channel: &str) -> Vec<(String, u64)> {
        let path = format!("/v1/channels/{channel}/presence");
        let (status, _, body) = self.server.call(Method::GET, &path, Some(&format!("{KEY}-party")), None).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let one = |m: &Value| (m["member"].as_str().unwrap().to_owned(), m["connections"].as_u64().unwrap());
        body["members"].as_array().unwrap().iter().map(one).collect()
    }

    async fn publish(&self, event_type: &str, data: Value) {
        self.server.must("party", json!({ "channel": "party:p1", "type": event_type, "data": data })).await;
    }
}

/// The next event of this type.
async fn next_of(socket: &mut Socket, event_type: &str) -> Value {
    loop {
        let frame = socket.next().await;
        if frame["type"] == event_type {
            return frame;
        }
    }
}

// P-5, C-7: who comes is told once however many connections it has, and who goes is told when the last has gone and the grace is over.
#[tokio::test]
async fn who_comes_and_goes_is_told() {
    let party = party("200ms");
    let (mut boris, _) = party.join("boris").await;
    let own = next_of(&mut boris, "party.join").await;
    assert_eq!(own["data"], json!({ "id": "boris", "name": "BORIS", "party": "p1" }));
    let (ana, _) = party.join("ana").await;
    assert_eq!(boris.next().await["data"], json!({ "id": "ana", "name": "ANA", "party": "p1" }));
    let (also, hello) = party.join("ana").await;
    assert_eq!(hello["members"], json!([{ "id": "boris", "name": "BORIS" }, { "id": "ana", "name": "ANA" }]));
    ana.close().await;
    assert!(boris.is_quiet().await, "one connection of two is gone, and a second one is no coming");
    also.close().await;
    let left = boris.next().await;
    assert_eq!((&left["type"], &left["data"]), (&json!("party.leave"), &json!({ "id": "ana", "name": "ANA" })));
    assert_eq!(party.members("party:p1").await, [("boris".to_owned(), 1)]);
    assert_eq!(party.told("party:p1").await, ["party.join boris", "party.join ana", "party.leave ana"]);
}

// P-5: who comes back within its grace has not left; meanwhile it is still a member.
#[tokio::test]
async fn a_short_reconnect_is_no_leaving() {
    let party = party("1h");
    let (ana, _) = party.join("ana").await;
    party.tells("party:p1", &["party.join ana"]).await;
    ana.close().await;
    for _ in 0..500 {
        if party.members("party:p1").await == [("ana".to_owned(), 0)] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(party.members("party:p1").await, [("ana".to_owned(), 0)]);
    let (mut boris, hello) = party.join("boris").await;
    assert_eq!(hello["members"], json!([{ "id": "ana", "name": "ANA" }, { "id": "boris", "name": "BORIS" }]));
    next_of(&mut boris, "party.join").await;
    let (_ana, _) = party.join("ana").await;
    assert!(boris.is_quiet().await);
    assert_eq!(party.told("party:p1").await, ["party.join ana", "party.join boris"]);
}

// P-5, G-1: members who were there before a kill and do not come back are told to have left; who comes back has not left.
#[tokio::test]
async fn a_kill_leaves_no_ghosts() {
    let mut party = party("2s");
    let (_ana, _) = party.join("ana").await;
    party.tells("party:p1", &["party.join ana"]).await;
    let (_boris, _) = party.join("boris").await;
    party.tells("party:p1", &["party.join ana", "party.join boris"]).await;
    let contracts = party.contracts.clone();
    party.server.kill_and_restart(&contracts);
    let (mut ana, hello) = party.join("ana").await;
    // Boris was told to be there, and was not yet told to have left.
    assert_eq!(hello["members"].as_array().unwrap().len(), 2, "{hello}");
    let left = ana.next().await;
    assert_eq!((&left["type"], &left["data"]), (&json!("party.leave"), &json!({ "id": "boris", "name": "BORIS" })));
    assert_eq!(party.told("party:p1").await, ["party.join ana", "party.join boris", "party.leave boris"]);
    assert_eq!(party.members("party:p1").await, [("ana".to_owned(), 1)]);
    // And Boris may come again.
    let (_boris, _) = party.join("boris").await;
    assert_eq!(ana.next().await["type"], "party.join");
}

// P-5: a server that is stopped sends everybody away to come back; nobody leaves by that.
#[tokio::test]
async fn a_stop_is_no_storm_of_leavings() {
    let mut party = party("100ms");
    let (mut all, mut told) = (Vec::new(), Vec::new());
    for (who, join) in [("ana", "party.join ana"), ("boris", "party.join boris"), ("clara", "party.join clara")] {
        all.push(party.join(who).await.0);
        told.push(join);
        party.tells("party:p1", &told).await;
    }
    assert_eq!(party.server.terminate(), Some(0));
    // Looked at before anybody else does: after a start their grace begins anew.
    let store = Store::open(party.server.folder().join("data"), Options::default()).unwrap();
    let log = store.find("party/party:p1").unwrap().unwrap();
    let types: Vec<_> = store.read(log.id, 0, 100, 1 << 20).unwrap().iter().map(|r| r.event_type.to_string()).collect();
    assert_eq!(types, ["party.join"; 3]);
}

// C-7: leaving the room is leaving, too; where only that is told, the rest is quiet.
#[tokio::test]
async fn leaving_a_room_is_told() {
    let party = party("100ms");
    let token = token(json!({ "sub": "ana", "name": "ANA" }));
    let mut ana = party.server.websocket(&format!("/ws?token={token}"), &[]).await.unwrap();
    assert_eq!(ana.next().await["members"], Value::Null, "it is on no channel yet");
    ana.send(json!({ "do": "subscribe", "channels": ["quiet:p1"] })).await;
    next_of(&mut ana, "subscribed").await;
    assert_eq!(party.members("quiet:p1").await, [("ana".to_owned(), 1)]);
    ana.send(json!({ "do": "unsubscribe", "channels": ["quiet:p1"] })).await;
    next_of(&mut ana, "unsubscribed").await;
    party.tells("quiet:p1", &["quiet.leave ana"]).await;
    assert_eq!(party.members("quiet:p1").await, []);
}

// P-5: the first frame has what is retained, also when the history is long gone, after a restart, and over SSE; never what is for others.
#[tokio::test]
async fn the_first_frame_says_how_things_stand() {
    let mut party = party("1h");
    let (_, hello) = party.join("ana").await;
    assert_eq!((&hello["party"], &hello["scene"], &hello["status"]), (&json!("p1"), &Value::Null, &Value::Null));
    for number in 1..=3 {
        party.publish("scene.update", json!({ "number": number })).await;
    }
    party.publish("party.state", json!({ "to": "ana", "mood": "calm" })).await;
    let (_, hello) = party.join("ana").await;
    assert_eq!((&hello["scene"], &hello["status"]), (&json!(3), &json!({ "to": "ana", "mood": "calm" })));
    let (_, hello) = party.join("boris").await;
    assert_eq!((&hello["scene"], &hello["status"]), (&json!(3), &Value::Null));
    let contracts = party.contracts.clone();
    party.server.kill_and_restart(&contracts);
    let (_, hello) = party.join("ana").await;
    assert_eq!(hello["scene"], 3);
    let token = token(json!({ "sub": "ana", "name": "ANA" }));
    let mut stream = party.server.sse("/party/p1/events", &[("authorization", format!("Bearer {token}"))]).await;
    let hello = stream.next().await.data;
    assert_eq!((&hello["type"], &hello["scene"]), (&json!("hello"), &json!(3)));
}

// P-5, G-3: what the first frame says is never older than the place from which events follow: whoever takes both in order has
// all of it, while scenes change and people come.
#[tokio::test]
async fn the_first_frame_misses_nothing() {
    let party = party("1h");
    let publishing = async {
        for number in 1..=150 {
            party.publish("scene.update", json!({ "number": number })).await;
        }
    };
    let connecting = async {
        for n in 0..25 {
            let (mut socket, hello) = party.join(&format!("guest{n}")).await;
            let known = hello["scene"].as_i64().unwrap_or(0);
            let next = next_of(&mut socket, "scene.update").await["data"]["number"].as_i64();
            // Told again is fine; skipped is not.
            assert!(next.is_some_and(|next| next <= known + 1), "knew {known}, then came {next:?}");
            if known >= 120 {
                break;
            }
        }
    };
    tokio::join!(publishing, connecting);
    let (_, hello) = party.join("last").await;
    assert_eq!(hello["scene"], 150);
    // A position of a first frame is one to come back with.
    let mut back = party.server.websocket(&path("last", &format!("&after={}", hello["position"].as_str().unwrap())), &[]).await.unwrap();
    assert_eq!(back.next().await["scene"], 150);
}
