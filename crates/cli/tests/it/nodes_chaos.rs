//! Three nodes and one Redis, while nodes are killed, Redis is killed, and lines are cut: every acknowledged event reaches everyone,
//! once after deduplication, in one order. Seconds by CHAOS_SECONDS. // G-1, G-2, G-3, G-6

use crate::support::chaos::{Field, assert_faults_are_seen, faults};
use crate::support::*;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// By key, what a publisher was told.
type Acknowledged = Arc<Mutex<HashMap<String, Value>>>;

/// Publishes, each event until some node takes it.
async fn publisher(field: Arc<Field>, acknowledged: Acknowledged, number: u64, seed: u64) {
    let mut rng = SmallRng::seed_from_u64(seed + number);
    for n in 0.. {
        if field.is_done() {
            return;
        }
        let key = format!("k{number}-{n}");
        let event = json!({ "channel": "world:w1", "type": "world.updated", "key": key, "data": { "id": "w1", "name": key } });
        loop {
            let url = field.some_url(&mut rng).await;
            if let Some(receipt) = try_publish(&url, "world", &event).await {
                acknowledged.lock().unwrap().insert(key, receipt);
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(1..20))).await;
    }
}

/// Follows the channel on whatever node there is, and goes on elsewhere when that is gone; everything it was given, as it came.
async fn client(field: Arc<Field>, number: u64, seed: u64) -> Vec<Value> {
    let mut rng = SmallRng::seed_from_u64(seed + 100 + number);
    let mut seen: Vec<Value> = Vec::new();
    let mut quiet = 0;
    while quiet < 6 {
        let after = seen.last().map_or("0".to_owned(), |e| e["id"].as_str().unwrap().to_owned());
        let url = field.some_url(&mut rng).await;
        let path = format!("/ws?world_id=w1&token={}&after={after}", gamemaster());
        let Some(mut socket) = connect(&url, &path).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // Now and then it goes elsewhere by itself.
        let leave = Instant::now() + Duration::from_millis(rng.random_range(300..4000));
        loop {
            match tokio::time::timeout(Duration::from_millis(500), socket.frame()).await {
                Ok(Ok(event)) => {
                    quiet = 0;
                    seen.push(event);
                }
                Ok(Err(_)) => break,
                Err(_) if field.is_done() => {
                    quiet += 1;
                    if quiet >= 6 {
                        break;
                    }
                }
                Err(_) => {}
            }
            if !field.is_done() && Instant::now() > leave {
                break;
            }
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_whatever_breaks() {
    let (seconds, seed) = (chaos::seconds(12), chaos::seed());
    let field = Arc::new(Field::start(3, root().join("contracts"), |_| String::new()).await);
    let acknowledged = Acknowledged::default();
    let publishers: Vec<_> = (0..3).map(|n| tokio::spawn(publisher(field.clone(), acknowledged.clone(), n, seed))).collect();
    let clients: Vec<_> = (0..4).map(|n| tokio::spawn(client(field.clone(), n, seed))).collect();
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut broke: BTreeMap<&str, usize> = BTreeMap::new();
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(rng.random_range(100..1500))).await;
        *broke.entry(field.break_something(&mut rng).await).or_default() += 1;
    }
    field.end();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    let mut seen = Vec::new();
    for client in clients {
        seen.push(client.await.unwrap());
    }
    let log = field.whole_log("world", "world:w1").await;
    let acknowledged = acknowledged.lock().unwrap().clone();
    println!("{broke:?}; {} acknowledged, {} in the log", acknowledged.len(), log.len());
    let mut wrong = Vec::new();
    for (number, seen) in seen.iter().enumerate() {
        wrong.extend(faults(&format!("client {number}"), seen, &log, "id"));
    }
    let mut keys = HashSet::new();
    for (place, event) in log.iter().enumerate() {
        let key = event["request_id"].as_str().unwrap();
        if !keys.insert(key) {
            wrong.push(format!("{key} is there twice"));
        }
        if let Some(receipt) = acknowledged.get(key)
            && (receipt["id"] != event["id"] || receipt["seq"].as_u64() != Some(place as u64 + 1))
        {
            wrong.push(format!("{key} is not where it was acknowledged: {receipt}"));
        }
    }
    wrong.extend(acknowledged.keys().filter(|key| !keys.contains(key.as_str())).map(|key| format!("{key} was acknowledged and is gone")));
    assert!(wrong.is_empty(), "SEED={seed} {wrong:#?}");
    assert!(acknowledged.len() > 20, "hardly anything was published");
    assert_faults_are_seen(&seen[0], &log, "id");
}
