//! Nodes that share one Redis, each by a line of its own, and what breaks them.
use super::{
    KEY, Server,
    redis::{Line, Redis},
};
use rand::{Rng, rngs::SmallRng};
use serde_json::Value;
use std::{
    collections::HashSet,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::sync::{Mutex, RwLock};

/// How long things break (s): `CHAOS_SECONDS`, or this.
pub fn seconds(usual: u64) -> u64 {
    std::env::var("CHAOS_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(usual)
}

/// `SEED`, or another one each time; it is told, so that a failure can be tried again.
pub fn seed() -> u64 {
    let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| rand::rng().random());
    println!("SEED={seed}");
    seed >> 1
}

pub struct Field {
    pub servers: Vec<RwLock<Server>>,
    pub lines: Vec<Line>,
    pub redis: Mutex<Redis>,
    contracts: PathBuf,
    done: AtomicBool,
}

impl Field {
    /// So many nodes. `tail`: more of the configuration of a node, given the URL by which it reaches Redis.
    pub async fn start(nodes: usize, contracts: PathBuf, tail: impl Fn(&str) -> String) -> Field {
        let redis = Redis::start();
        let (mut lines, mut servers) = (Vec::new(), Vec::new());
        for _ in 0..nodes {
            let line = Line::to(redis.port).await;
            let environment = vec![("TIDEWIRE_STORE_REDIS", line.url())];
            servers.push(RwLock::new(Server::said(&contracts, &tail(&line.url()), environment)));
            lines.push(line);
        }
        Field { servers, lines, redis: Mutex::new(redis), contracts, done: AtomicBool::new(false) }
    }

    /// Nothing new is to be begun.
    pub fn end(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    pub async fn url(&self, node: usize) -> String {
        self.servers[node].read().await.url.clone()
    }

    /// Any node's.
    pub async fn some_url(&self, rng: &mut SmallRng) -> String {
        self.url(rng.random_range(0..self.servers.len())).await
    }

    /// Breaks something, and mends it; what it was.
    pub async fn break_something(&self, rng: &mut SmallRng) -> &'static str {
        let node = rng.random_range(0..self.servers.len());
        match rng.random_range(0..11) {
            0..3 => {
                let mut server = self.servers[node].write().await;
                tokio::task::block_in_place(|| server.kill_and_restart(&self.contracts));
                "nodes killed"
            }
            3..6 => {
                self.lines[node].cut();
                "lines cut"
            }
            6..8 => {
                self.lines[node].close();
                tokio::time::sleep(Duration::from_millis(rng.random_range(50..2000))).await;
                self.lines[node].mend();
                "lines closed for a while"
            }
            8 => {
                // Long enough, now and then, for the others to hold it for dead.
                let is_long = rng.random_ratio(1, 5);
                self.servers[node].read().await.freeze();
                tokio::time::sleep(Duration::from_millis(if is_long { 8000 } else { rng.random_range(100..1500) })).await;
                self.servers[node].read().await.thaw();
                "nodes frozen for a while"
            }
            _ => {
                let mut redis = self.redis.lock().await;
                redis.kill();
                tokio::time::sleep(Duration::from_millis(rng.random_range(10..800))).await;
                tokio::task::block_in_place(|| redis.restart());
                "kills of Redis"
            }
        }
    }

    /// The log of a channel, which all nodes have to agree on.
    pub async fn whole_log(&self, contract: &str, channel: &str) -> Vec<Value> {
        let log = whole_log(&*self.servers[0].read().await, contract, channel).await;
        for server in &self.servers[1..] {
            let begun = tokio::time::Instant::now();
            // A node that was frozen or cut off a moment ago has to read first; who comes and goes may have been told meanwhile.
            let other = loop {
                let other = whole_log(&*server.read().await, contract, channel).await;
                if other.len() >= log.len() || begun.elapsed() > super::PATIENCE {
                    break other;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            assert_eq!(other[..log.len().min(other.len())], log, "all nodes have the same log");
        }
        log
    }
}

async fn whole_log(server: &Server, contract: &str, channel: &str) -> Vec<Value> {
    let mut log = Vec::new();
    loop {
        let path = format!("/v1/events/since?channel={channel}&seq={}&limit=1000", log.len());
        let (status, _, page) = server.get(&path, &format!("{KEY}-{contract}")).await;
        assert_eq!(status, 200, "{page}");
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            return log;
        }
        log.extend(events.iter().cloned());
    }
}

/// What is wrong with what somebody has seen, held against the log. `id`: the member by which events are told apart.
pub fn faults(who: &str, seen: &[Value], log: &[Value], id: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(gap) = seen.iter().find(|event| event["type"] == "gap") {
        faults.push(format!("{who} was told of a gap: {gap}"));
    }
    let mut known = HashSet::new();
    let once: Vec<&Value> = seen.iter().filter(|event| known.insert(event[id].as_str().unwrap_or_default().to_owned())).collect();
    if once.len() != log.len() {
        faults.push(format!("{who} has {} events of {}", once.len(), log.len()));
    }
    if let Some(at) = once.iter().zip(log).position(|(mine, is)| **mine != *is) {
        faults.push(format!("{who} has {} at {at}, where the log has {}", once[at], log[at]));
    }
    faults
}

/// The checker sees what it is there to see.
pub fn assert_faults_are_seen(seen: &[Value], log: &[Value], id: &str) {
    let mut hole = seen.to_vec();
    hole.retain(|event| event[id] != log[log.len() / 2][id]);
    assert!(!faults("hole", &hole, log, id).is_empty());
    let mut swapped = log.to_vec();
    swapped.swap(1, 2);
    assert!(!faults("swapped", &swapped, log, id).is_empty());
}
