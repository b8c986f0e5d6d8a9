//! A device as a program: it asks the backend, and reads what it missed from the server.

use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use std::time::Duration;

#[derive(Clone)]
pub(crate) struct Device {
    http: Client<HttpConnector, Full<Bytes>>,
    backend_url: String,
    tidewire_url: String,
    token: String,
}

const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

impl Device {
    pub fn new(backend_url: String, tidewire_url: &str, token: String) -> Device {
        let tidewire_url = tidewire_url.trim_end_matches('/').to_owned();
        Device { http: Client::builder(TokioExecutor::new()).build_http(), backend_url, tidewire_url, token }
    }

    pub async fn get(&self, path: &str) -> Result<Value, String> {
        let (status, answer) = self.once(Method::GET, format!("{}{path}", self.backend_url), None, None).await?;
        if status.is_success() { Ok(answer) } else { Err(format!("GET {path}: {answer}")) }
    }

    /// What was missed on a channel: the answer of `GET /v1/events/since`.
    pub async fn since(&self, channel: &str, from: &str) -> Result<Value, String> {
        let url = format!("{}/v1/events/since?channel={channel}&{from}", self.tidewire_url);
        let (status, answer) = self.once(Method::GET, url, None, None).await?;
        if status.is_success() { Ok(answer) } else { Err(format!("since: {answer}")) }
    }

    /// Asks for something, and again under the same key until it is answered: it is done once.
    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let key = uuid::Uuid::new_v4().to_string();
        loop {
            match self.once(Method::POST, format!("{}{path}", self.backend_url), Some(body), Some(&key)).await {
                Ok((status, answer)) if !status.is_server_error() => return (status, answer),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Who the registry says that this is; asked until it is known.
    pub async fn me(&self) -> Value {
        loop {
            match self.get("/devices/me").await {
                Ok(me) => return me,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn once(&self, method: Method, url: String, body: Option<&Value>, key: Option<&str>) -> Result<(StatusCode, Value), String> {
        let mut request = Request::builder().method(method).uri(url).header("authorization", format!("Bearer {}", self.token));
        if let Some(key) = key {
            request = request.header("idempotency-key", key).header("content-type", "application/json");
        }
        let request = request.body(Full::from(body.map(Value::to_string).unwrap_or_default())).map_err(|e| e.to_string())?;
        let whole = async {
            let response = self.http.request(request).await.map_err(|e| e.to_string())?;
            let status = response.status();
            let bytes = response.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
            Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
        };
        tokio::time::timeout(ANSWER_WITHIN, whole).await.map_err(|e| e.to_string())?
    }
}
