//! A server that is killed again and again, under load, on the same data: nothing acknowledged is lost, doubled or changed.

use crate::support::*;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::RwLock;

/// What a publisher was told, by key.
type Acknowledged = HashMap<String, Value>;

/// Everything that is wrong with a log, held against what was acknowledged.
fn faults(log: &[Value], acknowledged: &Acknowledged) -> Vec<String> {
    let mut faults = Vec::new();
    let mut by_id: BTreeMap<&str, (usize, &Value)> = BTreeMap::new();
    let mut last = "";
    for (place, event) in log.iter().enumerate() {
        let (id, at) = (event["id"].as_str().unwrap(), event["at"].as_str().unwrap());
        if at <= last {
            faults.push(format!("{id} is out of order"));
        }
        last = at;
        if by_id.insert(id, (place, event)).is_some() {
            faults.push(format!("{id} is there twice"));
        }
    }
    for (key, receipt) in acknowledged {
        let Some((place, event)) = by_id.get(receipt["id"].as_str().unwrap()) else {
            faults.push(format!("{key} was acknowledged and is gone"));
            continue;
        };
        if event["at"] != receipt["at"] || event["request_id"] != key.as_str() || event["data"]["name"] != key.as_str() {
            faults.push(format!("{key} is not what was acknowledged: {event}"));
        }
        if receipt["seq"].as_u64() != Some(*place as u64 + 1) {
            faults.push(format!("{key} has another seq"));
        }
    }
    faults
}

// G-1, G-3, W-7, K-8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let kills: usize = std::env::var("KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let server = Arc::new(RwLock::new(Server::start()));
    let acknowledged = Arc::new(Mutex::new(Acknowledged::new()));
    let done = Arc::new(AtomicBool::new(false));
    let mut publishers = Vec::new();
    for p in 0..4 {
        let (server, acknowledged, done) = (server.clone(), acknowledged.clone(), done.clone());
        publishers.push(tokio::spawn(async move {
            for n in 0.. {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                let key = format!("k{p}-{n}");
                let event = json!({ "channel": "world:w1", "type": "world.updated", "key": key, "data": { "id": "w1", "name": key } });
                // Whoever gets no answer asks again with the same key.
                loop {
                    let url = server.read().await.url.clone();
                    if let Some(receipt) = try_publish(&url, "world", &event).await {
                        acknowledged.lock().unwrap().insert(key, receipt);
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        }));
    }
    let watcher = {
        let (server, done) = (server.clone(), done.clone());
        tokio::spawn(async move {
            let mut seen: Vec<Value> = Vec::new();
            let mut quiet_since_done = false;
            while !quiet_since_done {
                let after = seen.last().map_or("0".to_owned(), |e| e["id"].as_str().unwrap().to_owned());
                let url = server.read().await.url.clone();
                let Some(mut socket) = connect(&url, &format!("/ws?world_id=w1&token={}&after={after}", gamemaster())).await else {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    continue;
                };
                loop {
                    match tokio::time::timeout(Duration::from_millis(500), socket.frame()).await {
                        Ok(Ok(event)) => seen.push(event),
                        Ok(Err(_)) => break,
                        Err(_) if done.load(Ordering::Relaxed) => {
                            quiet_since_done = true;
                            break;
                        }
                        Err(_) => {}
                    }
                }
            }
            seen
        })
    };
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let mut server = server.write().await;
        tokio::task::block_in_place(|| server.kill_and_restart(&root().join("contracts")));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    done.store(true, Ordering::Relaxed);
    for publisher in publishers {
        publisher.await.unwrap();
    }
    let seen = watcher.await.unwrap();
    let acknowledged = acknowledged.lock().unwrap().clone();
    let log = whole_log(&*server.read().await).await;
    println!("{kills} kills, {} acknowledged, {} in the log, {} seen", acknowledged.len(), log.len(), seen.len());
    assert!(acknowledged.len() > kills);
    let wrong = faults(&log, &acknowledged);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(seen.len(), log.len(), "who resumed has missed something, or seen it twice");
    assert_eq!(seen, log);
    // The checker sees what it is there to see.
    let mut hole = log.clone();
    hole.remove(log.len() / 2);
    assert!(!faults(&hole, &acknowledged).is_empty());
    let mut twice = log.clone();
    twice.insert(3, log[2].clone());
    assert!(!faults(&twice, &acknowledged).is_empty());
    let mut changed = log.clone();
    changed[1]["data"]["name"] = "another".into();
    assert!(!faults(&changed, &acknowledged).is_empty());
}

/// By pages of what backends read.
async fn whole_log(server: &Server) -> Vec<Value> {
    let mut log = Vec::new();
    loop {
        let path = format!("/v1/events/since?channel=world:w1&seq={}&limit=1000", log.len());
        let (status, _, page) = server.get(&path, &format!("{KEY}-world")).await;
        assert_eq!(status, 200, "{page}");
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            return log;
        }
        log.extend(events.iter().cloned());
    }
}
