//! One target: told in order, again and again until it takes it or the time is over.

use super::queue::{Entry, Queue};
use crate::{
    config::Secret,
    hub::now,
    outbound::{Ask, Outbound},
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use rand::Rng;
use serde_json::{Value, json};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tidewire_wire::pusher::sign;

const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

pub(super) async fn run(queue: Arc<Queue>, outbound: Outbound, key: String, secret: Secret) {
    let mut pause = PAUSE;
    loop {
        let entries = queue.front();
        let Some(first) = entries.first() else {
            queue.bell.notified().await;
            continue;
        };
        match deliver(&queue, &outbound, &entries, &key, &secret).await {
            Ok(()) => {
                pause = PAUSE;
                queue.delivered.fetch_add(entries.len() as u64, Ordering::Relaxed);
                done(&queue, &entries).await;
            }
            Err(error) => {
                queue.failed.fetch_add(1, Ordering::Relaxed);
                let host = queue.target.url.host().unwrap_or_default();
                let age = Duration::from_millis(u64::try_from(now() / 1000 - first.said.time_ms).unwrap_or(0));
                if age >= queue.target.retry_for {
                    tracing::warn!(app = %queue.contract, host, %error, "a webhook is given up: nobody took it in time");
                    queue.dropped.fetch_add(1, Ordering::Relaxed);
                    done(&queue, &entries[..1]).await;
                    continue;
                }
                tracing::info!(app = %queue.contract, host, %error, "a webhook was not taken; it is sent again");
                let jitter = rand::rng().random_range(0.5..1.0);
                // What is still to be waited for is not longer than what is left of its time.
                let left = queue.target.retry_for.saturating_sub(age);
                tokio::time::sleep(pause.mul_f64(jitter).min(left)).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Forgets entries; a store that refuses lets them be sent a second time rather than not at all.
async fn done(queue: &Queue, entries: &[Entry]) {
    while let Err(error) = queue.remove(entries).await {
        tracing::warn!(%error, "a webhook that was taken cannot be forgotten");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn deliver(queue: &Queue, outbound: &Outbound, entries: &[Entry], key: &str, secret: &Secret) -> Result<(), String> {
    let time_ms = entries.first().map_or(0, |entry| entry.said.time_ms);
    let events: Vec<&Value> = entries.iter().flat_map(|entry| &entry.said.events).collect();
    let body = json!({ "time_ms": time_ms, "events": events }).to_string();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|e| e.to_string());
    let mut headers = vec![
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("x-pusher-key"), value(key)?),
        (HeaderName::from_static("x-pusher-signature"), value(&sign::sign(secret.reveal(), &body))?),
    ];
    for (name, secret) in &queue.target.headers {
        headers.push((HeaderName::try_from(name.as_str()).map_err(|e| e.to_string())?, value(secret.reveal())?));
    }
    let target = &queue.target;
    let ask = Ask { method: Method::POST, url: &target.url, headers, body: Bytes::from(body), timeout: target.timeout };
    let (status, _) = outbound.send(ask).await?;
    if status.is_success() { Ok(()) } else { Err(format!("the answer was {status}")) }
}
