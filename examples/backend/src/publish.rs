//! Publishing in order and once: every event has a key, so a repeat after a lost answer changes nothing.

use crate::shelf::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// An event to publish.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub channel: String,
    #[serde(rename = "type")]
    pub event_type: String,
    pub data: Value,
    pub key: String,
    /// The correlation id of the request that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<String>,
    /// Further members for the envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Value>,
}

/// Where it came to stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub channel: String,
    pub id: String,
    pub seq: u64,
    pub at: String,
    pub duplicate: bool,
    /// A subscription behind it misses nothing and gets nothing twice.
    pub position: String,
}

/// A way for events into Tidewire.
pub trait Outlet: Send + Sync + 'static {
    /// Publishes all of them in this order, and tries again until they are taken. Where they come to stand is told for each of
    /// them, or for none where the way does not tell.
    ///
    /// # Errors
    /// What the server says, where trying again would not help: the events are wrong.
    fn publish<'a>(&'a self, events: &'a [Event]) -> BoxFuture<'a, Result<Vec<Receipt>, Value>>;
}

impl Outlet for Publisher {
    fn publish<'a>(&'a self, events: &'a [Event]) -> BoxFuture<'a, Result<Vec<Receipt>, Value>> {
        Box::pin(Publisher::publish(self, events))
    }
}

/// A client of `POST /v1/events`.
pub struct Publisher {
    http: Client<HttpConnector, Full<Bytes>>,
    url: String,
    key: String,
}

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(5);

impl Publisher {
    pub fn new(tidewire_url: &str, backend_key: &str) -> Publisher {
        let url = format!("{}/v1/events", tidewire_url.trim_end_matches('/'));
        Publisher { http: Client::builder(TokioExecutor::new()).build_http(), url, key: backend_key.to_owned() }
    }

    /// Publishes all of them at once, and tries again until the server has answered.
    ///
    /// # Errors
    /// What the server says, where trying again would not help: the events are wrong.
    pub async fn publish(&self, events: &[Event]) -> Result<Vec<Receipt>, Value> {
        let body = Bytes::from(serde_json::to_vec(events).map_err(|e| Value::String(e.to_string()))?);
        let mut pause = Duration::from_millis(50);
        loop {
            if let Ok((status, answer)) = self.once(body.clone()).await {
                if status.is_success() {
                    match serde_json::from_slice(&answer) {
                        Ok(receipts) => return Ok(receipts),
                        Err(error) => return Err(Value::String(format!("the server's answer is not understood: {error}"))),
                    }
                }
                if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
                    return Err(serde_json::from_slice(&answer).unwrap_or_else(|_| Value::String(status.to_string())));
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn once(&self, body: Bytes) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let request = Request::post(&self.url)
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        let response = tokio::time::timeout(Duration::from_secs(10), self.http.request(request)).await??;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}
