//! What backends publish through Redis, while lines break, nodes freeze and die, and the master is another: each message is one
//! event. // P-2, P-9, G-6

use crate::support::redis::{Line, Redis, command};
use crate::support::*;
use serde_json::{Value, json};
use std::time::Duration;

const IN: &str = "tidewire:party:in";

/// A node whose party's backend is at `door`, and which shares its channels at `store` if it does.
fn node(store: Option<&str>, door: &str) -> Server {
    let store = store.map(|url| format!("[store]\nredis = \"{url}\"\n")).unwrap_or_default();
    Server::with_tail(&root().join("contracts"), &format!("{store}[contracts.party.backends.engine]\nredis = \"{door}\"\n"))
}

fn scene(number: u64) -> Value {
    json!({ "scene_number": number, "title": "Fog", "text": "Fog.", "decides": "anyone", "choices": [], "skill_checks": [], "flags": {} })
}

fn publish(port: u16, number: u64) -> String {
    command(port, &format!("PUBLISH party:p1 {}", json!({ "type": "scene.update", "payload": scene(number) })))
}

/// With a key, as whoever has to try again would write it.
fn add(port: u16, number: u64) -> String {
    let item = json!({ "channel": "party:p1", "type": "scene.update", "data": scene(number), "key": format!("k{number}") });
    command(port, &format!("XADD {IN} * event {item}"))
}

async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let begun = tokio::time::Instant::now();
    while !is().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: it never is");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn scenes(server: &Server) -> Vec<u64> {
    let events = server.events("party", "party:p1").await;
    events.iter().filter(|e| e["type"] == "scene.update").map(|e| e["payload"]["scene_number"].as_u64().unwrap()).collect()
}

/// So many nodes hear what is published, each over its own connection.
async fn heard_by(port: u16, nodes: usize) {
    until("the nodes listen", async || command(port, "CLIENT LIST TYPE pubsub").matches("psub=2").count() == nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_kept_is_not_kept_again_as_its_answer_was_lost() {
    let redis = Redis::start();
    let line = Line::to(redis.port).await;
    let server = node(None, &line.url());
    heard_by(redis.port, 1).await;
    for number in 1..=6 {
        // The script that lets a message in is the one that counts.
        line.lose_answer_to("HINCRBY");
        publish(redis.port, number);
        until("it was asked, and not answered", async || line.has_lost()).await;
        until("it is an event", async || scenes(&server).await.len() as u64 >= number).await;
    }
    until("the stream is empty", async || command(redis.port, &format!("XLEN {IN}")).trim() == "0").await;
    assert_eq!(scenes(&server).await, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_over_which_nothing_comes_any_more_is_made_anew() {
    let redis = Redis::start();
    let line = Line::to(redis.port).await;
    let server = node(None, &line.url());
    heard_by(redis.port, 1).await;
    publish(redis.port, 1);
    until("it is an event", async || scenes(&server).await == [1]).await;
    line.stall();
    heard_by(redis.port, 2).await;
    publish(redis.port, 2);
    add(redis.port, 3);
    until("both are events", async || {
        let mut scenes = scenes(&server).await;
        scenes.sort_unstable();
        scenes == [1, 2, 3]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_froze_while_it_read_takes_nothing_out_of_turn() {
    let redis = Redis::start();
    let servers = [node(Some(&redis.url()), &redis.url()), node(Some(&redis.url()), &redis.url())];
    let (port, mut count) = (redis.port, 0);
    for round in 0..2 {
        let frozen = &servers[round];
        for _ in 0..100 {
            count += 1;
            add(port, count);
        }
        frozen.freeze();
        // Longer than a node may say nothing and keep the turn.
        for _ in 0..140 {
            count += 1;
            add(port, count);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        frozen.thaw();
        for _ in 0..60 {
            count += 1;
            add(port, count);
        }
        until("all of them are events", async || scenes(&servers[1 - round]).await.len() as u64 >= count).await;
        until("the stream is empty", async || command(port, &format!("XLEN {IN}")).trim() == "0").await;
    }
    assert_eq!(scenes(&servers[0]).await, (1..=count).collect::<Vec<_>>(), "each once, in the order of the stream");
}

/// Whose turn it is to read is kept by name; it goes to another node when that one is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_reads_on_when_one_is_killed() {
    let redis = Redis::start();
    let mut servers = [node(Some(&redis.url()), &redis.url()), node(Some(&redis.url()), &redis.url())];
    let turn = || command(redis.port, &format!("GET {{{IN}}}:turn")).trim().to_owned();
    until("somebody reads", async || !turn().is_empty()).await;
    let mut count = 0;
    let first = turn();
    for killed in [0, 1] {
        for _ in 0..30 {
            count += 1;
            add(redis.port, count);
        }
        servers[killed].stop();
        for _ in 0..30 {
            count += 1;
            add(redis.port, count);
        }
        let alive = &servers[1 - killed];
        until("all of them are events", async || scenes(alive).await.len() as u64 == count).await;
        if killed == 0 {
            servers[0].restart(&root().join("contracts"));
            heard_by(redis.port, 2).await;
        }
    }
    assert_ne!(turn(), first, "whoever read first was killed");
    assert_eq!(scenes(&servers[0]).await, (1..=count).collect::<Vec<_>>(), "each once, in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_is_found_again_when_the_master_is_another() {
    let always = ["--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"];
    let mut master = Redis::with(&always);
    let of_master = ["--replicaof", "127.0.0.1", &master.port.to_string()].map(str::to_owned);
    let replica = Redis::with(&[&always[..], &of_master.each_ref().map(String::as_str)].concat());
    replica.until("info replication", "master_link_status:up");
    let sentinels: Vec<Redis> = (0..3).map(|_| Redis::sentinel("main", master.port, 2)).collect();
    for sentinel in &sentinels {
        sentinel.until("info sentinel", "slaves=1,sentinels=3");
    }
    let seeds: Vec<String> = sentinels.iter().map(|s| format!("127.0.0.1:{}", s.port)).collect();
    let door = format!("redis+sentinel://{}/main", seeds.join(","));
    let servers = [node(Some(&door), &door), node(Some(&door), &door)];
    heard_by(master.port, 2).await;
    for number in 1..=10 {
        publish(master.port, number);
        add(master.port, 100 + number);
    }
    until("all of them are events", async || scenes(&servers[0]).await.len() == 20).await;
    replica.until(&format!("xlen {IN}"), "0");
    master.kill();
    // Written until it is taken; the same keys make it once.
    for number in 11..=20 {
        until("it is taken", async || add(replica.port, 100 + number).starts_with(|c: char| c.is_ascii_digit())).await;
    }
    heard_by(replica.port, 2).await;
    for number in 11..=20 {
        publish(replica.port, number);
    }
    until("all of them are events", async || scenes(&servers[1]).await.len() >= 40).await;
    until("the stream is empty", async || command(replica.port, &format!("XLEN {IN}")).trim() == "0").await;
    for server in &servers {
        let scenes = scenes(server).await;
        let of = |low, high| scenes.iter().copied().filter(|n| (low..=high).contains(n)).collect::<Vec<_>>();
        assert_eq!((of(1, 20), of(101, 120)), ((1..=20).collect(), (101..=120).collect()), "each once, each kind in its order");
    }
}

/// What cannot be taken is told to the operator: where, why, and how often.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_message_is_reported_and_set_aside() {
    let redis = Redis::start();
    let server = node(None, &redis.url());
    heard_by(redis.port, 1).await;
    command(redis.port, "PUBLISH party:p1 hello");
    let wrong = json!({ "channel": "party:p1", "type": "scene.update", "data": { "scene_number": 0 } });
    let entry = command(redis.port, &format!("XADD {IN} * event {wrong}")).trim().to_owned();
    add(redis.port, 1);
    until("the good one behind them is an event", async || scenes(&server).await == [1]).await;
    let log = server.log();
    let told = |has: &[&str]| log.iter().any(|line| line.contains("\"ERROR\"") && has.iter().all(|text| line.contains(text)));
    assert!(told(&["party:p1", "it is not JSON", "tidewire:party:dead"]), "{log:#?}");
    assert!(told(&[&entry, "required property"]), "{log:#?}");
    let metrics = server.operations("/metrics").await;
    for line in [
        "tidewire_redis_backend_heard_total{contract=\"party\"} 1",
        "tidewire_redis_backend_taken_total{contract=\"party\"} 1",
        "tidewire_redis_backend_dead_total{contract=\"party\"} 2",
        "tidewire_redis_backend_lost_total{contract=\"party\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    // An operator who has seen to it writes it into the stream again.
    let dead = command(redis.port, "XRANGE tidewire:party:dead - +");
    assert!(dead.contains(&entry) && dead.contains("hello"), "{dead}");
}
