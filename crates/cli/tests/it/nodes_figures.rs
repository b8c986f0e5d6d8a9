//! What an operator sees of the line to Redis. // G-6, K-16

use crate::support::redis::{Line, Redis, command};
use crate::support::*;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = tokio::time::Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: it never is");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A figure of the world's contract.
fn of(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find(|line| line.starts_with(&format!("{name}{{contract=\"world\"}}")));
    line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or_else(|| panic!("{name} is not there\n{metrics}"))
}

fn event(name: &str) -> Value {
    json!({ "channel": "world:w1", "type": "world.updated", "data": { "id": "w1", "name": name } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_breaks_is_seen_in_the_figures() {
    let redis = Redis::start();
    let line = Line::to(redis.port).await;
    let start = |url: String| Server::with_environment(vec![("TIDEWIRE_STORE_REDIS", url)]);
    let (one, two) = (start(redis.url()), start(line.url()));
    for server in [&one, &two] {
        until("a node is ready", async || (server.ready().await == 200).then_some(())).await;
    }
    let figures = async || two.operations("/metrics").await;
    let mut socket = two.websocket(&format!("/ws?world_id=w1&token={}&after=0", gamemaster()), &[]).await.unwrap();
    two.must("world", event("own")).await;
    one.must("world", event("another's")).await;
    for name in ["own", "another's"] {
        assert_eq!(socket.next().await["data"]["name"], name);
    }
    let before = figures().await;
    assert!(of(&before, "tidewire_redis_scripts_total") >= 1.0);
    assert!(of(&before, "tidewire_redis_commands_total") >= of(&before, "tidewire_redis_scripts_total"));
    assert!(of(&before, "tidewire_redis_heard_total") >= 2.0 && of(&before, "tidewire_redis_probe_seconds_count") >= 1.0);
    assert!(of(&before, "tidewire_redis_seconds_count") >= of(&before, "tidewire_redis_commands_total"));
    for (name, expected) in [
        ("tidewire_redis_whole", 1.0),
        ("tidewire_redis_waiting", 0.0),
        ("tidewire_redis_missed_total", 0.0),
        ("tidewire_redis_resets_total", 0.0),
        ("tidewire_redis_behind_events", 0.0),
    ] {
        assert_eq!(of(&before, name), expected, "{name}");
    }
    // What is told while the line is closed is missed, and read from the log when it is open again.
    line.close();
    for n in 0..3 {
        one.must("world", event(&format!("missed {n}"))).await;
    }
    let away = until("it is not whole", async || Some(figures().await).filter(|m| of(m, "tidewire_redis_whole") == 0.0)).await;
    assert!(of(&away, "tidewire_redis_probe_age_seconds") >= 0.0);
    until("failures are counted", async || (of(&figures().await, "tidewire_redis_failures_total") > 0.0).then_some(())).await;
    line.mend();
    for n in 0..3 {
        assert_eq!(socket.next().await["data"]["name"], format!("missed {n}"));
    }
    let after = until("it is whole", async || Some(figures().await).filter(|m| of(m, "tidewire_redis_whole") == 1.0)).await;
    assert_eq!(of(&after, "tidewire_redis_missed_total"), 3.0, "{after}");
    assert!(of(&after, "tidewire_redis_pages_total") >= 1.0);
    assert!(of(&after, "tidewire_redis_connections_made_total") > of(&before, "tidewire_redis_connections_made_total"));
    // What Redis loses is counted as well.
    let lost = "tidewire:{world}";
    for key in command(redis.port, &format!("KEYS {lost}*")).lines() {
        command(redis.port, &format!("DEL {key}"));
    }
    until("it is taken", async || try_publish(&one.url, "world", &event("anew")).await).await;
    until("the loss is counted", async || (of(&figures().await, "tidewire_redis_resets_total") >= 1.0).then_some(())).await;
    assert_eq!(socket.next().await["type"], "gap");
    // The guide and the dashboard name what there is.
    let there = figures().await;
    let mut named = BTreeSet::new();
    for file in ["docs/operations.md", "docs/grafana.json"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        named.extend(words.filter(|w| w.starts_with("tidewire_redis_") && !w.starts_with("tidewire_redis_backend_")).map(str::to_owned));
    }
    assert!(named.len() >= 14, "{named:?}");
    for name in named {
        assert!(there.lines().any(|line| line.starts_with(&name) && !line.starts_with('#')), "{name}\n{there}");
    }
}
