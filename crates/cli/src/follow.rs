//! Following any channel as a backend: everything in it, whoever it is for, over `GET /v1/events/since`.

use crate::client::{escape, get};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::time::Duration;

/// What to follow, and where.
pub struct Follow<'a> {
    pub url: &'a str,
    pub channel: &'a str,
    pub backend_key: &'a str,
    pub since: Option<&'a str>,
    pub types: Option<&'a str>,
    pub count: Option<u64>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
    position: Option<String>,
    gap: Value,
}

/// How long the server is asked to wait for something new.
const WAIT: &str = "25s";

impl Follow<'_> {
    /// Prints each event on a line of its own, until there were as many as are wanted.
    ///
    /// # Errors
    /// In words: the server refused.
    pub async fn run(&self) -> Result<(), String> {
        let mut left = self.count.unwrap_or(u64::MAX);
        let mut pause = Duration::from_millis(250);
        let mut after = self.since.map(str::to_owned);
        loop {
            let path = match &after {
                None => format!("/v1/channels/{}", escape(self.channel)),
                Some(after) => self.page(after),
            };
            match get(&format!("{}{path}", self.url.trim_end_matches('/')), self.backend_key).await {
                Ok((status, body)) if status.is_success() => {
                    pause = Duration::from_millis(250);
                    if after.is_none() {
                        after = Some(newest(&body)?);
                        continue;
                    }
                    let page: Page = serde_json::from_slice(&body).map_err(|e| format!("the answer cannot be read: {e}"))?;
                    if !page.gap.is_null() {
                        eprintln!("tidewire: something is missing: {}", page.gap);
                    }
                    for event in &page.events {
                        println!("{event}");
                        left = left.saturating_sub(1);
                        if left == 0 {
                            return Ok(());
                        }
                    }
                    after = page.position.or(after);
                }
                // A server that restarts, or is full: it passes.
                Ok((StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS, body)) => {
                    eprintln!("tidewire: {}; again in {} s", String::from_utf8_lossy(&body), pause.as_secs_f32());
                    rest(&mut pause).await;
                }
                Ok((status, body)) => return Err(format!("the server refused: {status} {}", String::from_utf8_lossy(&body))),
                Err(error) => {
                    eprintln!("tidewire: {error}; again in {} s", pause.as_secs_f32());
                    rest(&mut pause).await;
                }
            }
        }
    }

    fn page(&self, after: &str) -> String {
        let mut path = format!("/v1/events/since?channel={}&after={}&wait={WAIT}", escape(self.channel), escape(after));
        if let Some(types) = self.types {
            path += &format!("&types={}", escape(types));
        }
        path
    }
}

async fn rest(pause: &mut Duration) {
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 2).min(Duration::from_secs(30));
}

/// The position of the channel's newest event.
fn newest(body: &[u8]) -> Result<String, String> {
    let channel: Value = serde_json::from_slice(body).map_err(|e| format!("the answer cannot be read: {e}"))?;
    channel["position"].as_str().map(str::to_owned).ok_or_else(|| format!("the answer has no position: {channel}"))
}
