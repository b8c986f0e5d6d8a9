//! The party through a real Redis: what backends publish there, what players send them, on one node and on two.

use crate::support::payloads::Payloads;
use crate::support::redis::{Redis, command};
use crate::support::table::Player;
use crate::support::*;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tidewire_example_party::{Config, Running, run_on_redis};

const IN: &str = "tidewire:party:in";

/// A node whose party is played through Redis; with others, it shares its channels there, too.
fn node(redis: &Redis, shared: bool) -> Server {
    let url = redis.url();
    let store = if shared { format!("[store]\nredis = \"{url}\"\nredis_weaker = true\n") } else { String::new() };
    Server::with_tail(&root().join("contracts"), &format!("{store}[contracts.party.backends.engine]\nredis = \"{url}\"\n"))
}

fn scene(number: u64) -> Value {
    json!({ "scene_number": number, "title": "Fog", "text": "Fog.", "decides": "anyone", "choices": [], "skill_checks": [], "flags": {} })
}

/// As the document's envelope; `n` tells messages apart.
fn envelope(n: u64) -> Value {
    json!({ "type": "scene.update", "timestamp": format!("2026-01-01T00:00:{n:02}Z"), "trace_id": format!("t{n}"), "payload": scene(n) })
}

/// Waits until something is so.
async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    for _ in 0..1500 {
        if is().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: it never is");
}

/// So many nodes hear what is published.
async fn heard_by(redis: &Redis, nodes: usize) {
    until("the nodes listen", async || command(redis.port, "CLIENT LIST TYPE pubsub").matches("psub=2").count() == nodes).await;
}

async fn scenes(server: &Server) -> Vec<u64> {
    let events = server.events("party", "party:p1").await;
    events.iter().filter(|e| e["type"] == "scene.update").map(|e| e["payload"]["scene_number"].as_u64().unwrap()).collect()
}

// P-2, P-9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_backend_publishes_on_redis_is_one_event_for_everybody() {
    for nodes in [1, 2] {
        let redis = Redis::start();
        let servers: Vec<Server> = (0..nodes).map(|_| node(&redis, nodes > 1)).collect();
        heard_by(&redis, nodes).await;
        let payloads = Arc::new(Payloads::read());
        let mut ana = Player::join(&servers[0], "ana", &payloads).await;
        let mut boris = Player::join(&servers[nodes - 1], "boris", &payloads).await;
        // PUBLISH, the same text twice: two messages are two events; on two nodes, each is one.
        for n in [1, 2, 2] {
            assert_eq!(command(redis.port, &format!("PUBLISH party:p1 {}", envelope(n))).trim(), nodes.to_string());
        }
        until("three scenes", async || scenes(&servers[0]).await.len() == 3).await;
        // XADD: an envelope with its channel, and what the HTTP interface takes; with its own key it is one event.
        let item = json!({ "channel": "party:p1", "type": "scene.update", "data": scene(4), "key": "k4" });
        for entry in [format!("channel party:p1 event {}", envelope(3)), format!("event {item}"), format!("event {item}")] {
            command(redis.port, &format!("XADD {IN} * {entry}"));
        }
        // What cannot be taken is put aside with the reason, and holds up nothing.
        let wrong = json!({ "channel": "party:p1", "type": "scene.update", "data": { "scene_number": 0 } });
        let unknown = json!({ "channel": "party:p1", "type": "scene.updated", "data": {} });
        for entry in [format!("event {wrong}"), format!("event {unknown}"), "event {".to_owned(), "text nothing".to_owned()] {
            command(redis.port, &format!("XADD {IN} * {entry}"));
        }
        command(redis.port, "PUBLISH party:p1 hello");
        command(redis.port, &format!("XADD {IN} * channel party:p1 event {}", envelope(5)));
        for player in [&mut ana, &mut boris] {
            for number in [1, 2, 2, 3, 4, 5] {
                let told = player.next_of("scene.update").await;
                assert_eq!(told["payload"]["scene_number"], number);
                assert!(number == 4 || told["trace_id"] == format!("t{number}").as_str());
            }
        }
        until("the stream is empty", async || command(redis.port, &format!("XLEN {IN}")).trim() == "0").await;
        let dead = command(redis.port, "XRANGE tidewire:party:dead - +");
        for reason in ["required property", "scene.update", "it is not JSON", "no field"] {
            assert!(dead.contains(reason), "{reason}: {dead}");
        }
        assert_eq!(command(redis.port, "XLEN tidewire:party:dead").trim(), "5");
        assert_eq!(scenes(&servers[nodes - 1]).await, [1, 2, 2, 3, 4, 5]);
    }
}

// P-2, G-1: what is in the stream is taken by whoever comes next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_the_stream_survives_a_kill_of_the_server() {
    let redis = Redis::start();
    let mut server = node(&redis, false);
    let contracts = root().join("contracts");
    for n in 1..=40u64 {
        command(redis.port, &format!("XADD {IN} * channel party:p1 event {}", envelope(n)));
        if n % 20 == 10 {
            tokio::task::block_in_place(|| server.kill_and_restart(&contracts));
        }
    }
    until("all of them are there", async || scenes(&server).await.len() >= 40).await;
    until("the stream is empty", async || command(redis.port, &format!("XLEN {IN}")).trim() == "0").await;
    assert_eq!(scenes(&server).await, (1..=40).collect::<Vec<_>>(), "each once, in order");
}

// P-7, P-9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_players_action_is_in_the_backends_stream_once() {
    let redis = Redis::start();
    let (one, two) = (node(&redis, true), node(&redis, true));
    let payloads = Arc::new(Payloads::read());
    let mut ana = Player::join(&one, "ana", &payloads).await;
    ana.choose("a1", "A").await;
    let first = ana.answer().await["payload"].clone();
    assert_eq!(first["reply"]["accepted"], true, "{first}");
    // Again on the same connection, and on the other node.
    ana.choose("a1", "A").await;
    assert_eq!(ana.answer().await["payload"], first);
    let mut again = Player::join(&two, "ana", &payloads).await;
    again.choose("a1", "A").await;
    assert_eq!(again.answer().await["payload"], first);
    assert_eq!(command(redis.port, "XLEN tidewire:party:engine").trim(), "1");
    let entry = command(redis.port, "XRANGE tidewire:party:engine - +");
    let handed: Value = serde_json::from_str(entry.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
    assert_eq!((&handed["type"], &handed["channel"], &handed["key"]), (&json!("action.request"), &json!("party:p1"), &json!("a1")));
    assert_eq!((&handed["principal"]["id"], &handed["data"]["action_id"]), (&json!("ana"), &json!("a1")));
}

async fn engine(redis: &Redis) -> Running {
    run_on_redis(Config::default(), &redis.url()).await.unwrap()
}

// P-5, P-7, P-9, P-10: the definition of done, on one node and on two, with the engine on Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_acts_and_the_other_sees_it_on_another_node() {
    for nodes in [1, 2] {
        let redis = Redis::start();
        let mut servers: Vec<Server> = (0..nodes).map(|_| node(&redis, nodes > 1)).collect();
        let playing = engine(&redis).await;
        until("the first scene", async || scenes(&servers[nodes - 1]).await == [1]).await;
        let payloads = Arc::new(Payloads::read());
        let mut ana = Player::join(&servers[0], "ana", &payloads).await;
        let mut boris = Player::join(&servers[nodes - 1], "boris", &payloads).await;
        assert_eq!(boris.hello["payload"]["scene_number"], 1);
        ana.choose("a1", "A").await;
        for player in [&mut ana, &mut boris] {
            let result = player.next_of("action.result").await;
            assert_eq!((&result["payload"]["action_id"], &result["payload"]["outcome"]), (&json!("a1"), &json!("success")));
            assert_eq!(player.next_of("scene.update").await["payload"]["scene_number"], 2);
        }
        // What the rules do not allow is told as a failure.
        boris.choose("a2", "Z").await;
        let result = boris.next_of("action.result").await;
        assert_eq!((&result["payload"]["action_id"], &result["payload"]["outcome"]), (&json!("a2"), &json!("failure")));
        // The engine is started again and knows where the party is; the server is killed, and the action sent again elsewhere.
        playing.stop().await;
        let playing = engine(&redis).await;
        let contracts = root().join("contracts");
        tokio::task::block_in_place(|| servers[0].kill_and_restart(&contracts));
        let mut ana = Player::join(&servers[nodes - 1], "ana", &payloads).await;
        assert_eq!(ana.hello["payload"]["scene_number"], 2);
        ana.choose("a1", "A").await;
        assert_eq!(ana.answer().await["payload"]["key"], "a1");
        ana.choose("a3", "C").await;
        assert_eq!(ana.next_of("vote.started").await["payload"]["voters"], json!(["ana", "boris"]));
        let events = servers[0].events("party", "party:p1").await;
        let results = events.iter().filter(|e| e["type"] == "action.result");
        let ids: Vec<&Value> = results.map(|e| &e["payload"]["action_id"]).collect();
        assert_eq!(ids, ["a1", "a2", "a3"], "each once");
        playing.stop().await;
    }
}

// P-7: an engine that dies between what it told and the end of an entry gets the entry once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_stays_refused_also_when_it_comes_again() {
    let redis = Redis::start();
    let server = node(&redis, false);
    let payloads = Arc::new(Payloads::read());
    let mut ana = Player::join(&server, "ana", &payloads).await;
    // There is a C in the second scene only.
    ana.choose("a1", "C").await;
    ana.answer().await;
    let entry = command(redis.port, "XRANGE tidewire:party:engine - +");
    let event = entry.lines().find(|line| line.starts_with('{')).unwrap();
    let playing = engine(&redis).await;
    let result = ana.next_of("action.result").await["payload"].clone();
    assert_eq!((&result["action_id"], &result["outcome"]), (&json!("a1"), &json!("failure")));
    ana.choose("a2", "A").await;
    assert_eq!(ana.next_of("action.result").await["payload"]["outcome"], "success");
    command(redis.port, &format!("XADD tidewire:party:engine * id again event {event}"));
    ana.act("a3", "skill_check", json!({ "skill": "lore" })).await;
    assert_eq!(ana.next_of("action.result").await["payload"]["action_id"], "a3", "no second result, and no vote that would be in the way");
    playing.stop().await;
}
