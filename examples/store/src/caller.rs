//! Who calls: a device, by its token, as the server's registry knows it.

use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{net::IpAddr, time::Duration};
use tidewire_example_backend::Refusal;

/// A device that may call.
#[derive(Debug, Clone, Deserialize)]
pub struct Caller {
    pub id: u64,
    #[serde(rename = "type")]
    pub device_type: String,
    pub store: String,
    pub abilities: Vec<String>,
    #[serde(default)]
    pub blocked: bool,
}

impl Caller {
    /// # Errors
    /// 403, which names the ability.
    pub fn may(&self, ability: &str) -> Result<(), Refusal> {
        if self.abilities.iter().any(|known| known == ability) {
            return Ok(());
        }
        let detail = format!("the device {} lacks the ability '{ability}'", self.id);
        let mut refusal = Refusal::new(StatusCode::FORBIDDEN, "Not allowed", detail);
        refusal.more = json!({ "check": "ability", "ability": ability });
        Err(refusal)
    }
}

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The server's registry.
pub struct Registry {
    http: Client<HttpConnector, Full<Bytes>>,
    url: String,
    key: String,
}

impl Registry {
    pub fn new(tidewire_url: &str, backend_key: &str) -> Registry {
        let url = format!("{}/v1/devices", tidewire_url.trim_end_matches('/'));
        Registry { http: Client::builder(TokioExecutor::new()).build_http(), url, key: backend_key.to_owned() }
    }

    /// The device whose token the request carries.
    ///
    /// # Errors
    /// 401 or 403 with the check that failed; 503 when the server does not say.
    pub async fn caller(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Caller, Refusal> {
        let bearer = headers.get("authorization").and_then(|v| v.to_str().ok()).and_then(|v| v.split_once(' '));
        let token = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            let detail = "send the device's token: Authorization: Bearer …";
            let mut refusal = Refusal::new(StatusCode::UNAUTHORIZED, "Not authenticated", detail);
            refusal.more = json!({ "check": "token" });
            return Err(refusal);
        };
        let asked = json!({ "token": token, "ip": from(headers, peer).to_string() });
        let (status, answer) = self.ask(Method::POST, "/verify", &asked).await?;
        if status.is_success() {
            return understood(answer);
        }
        let detail = answer["detail"].as_str().unwrap_or("refused").to_owned();
        let Some(check) = answer["check"].as_str() else {
            // It is this backend that the server does not like.
            return Err(Refusal::unavailable(format!("the registry answers {status}: {detail}")));
        };
        let (status, title) = match check {
            "token" => (StatusCode::UNAUTHORIZED, "Not authenticated"),
            _ => (StatusCode::FORBIDDEN, "Not allowed"),
        };
        let mut refusal = Refusal::new(status, title, detail);
        refusal.more = json!({ "check": check });
        Err(refusal)
    }

    /// A device of the registry, or that there is none.
    ///
    /// # Errors
    /// 503 when the server does not say.
    pub async fn device(&self, id: u64) -> Result<Option<Caller>, Refusal> {
        let (status, answer) = self.ask(Method::GET, &format!("/{id}"), &Value::Null).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => understood(answer).map(Some),
            status => Err(Refusal::unavailable(format!("the registry answers {status}: {answer}"))),
        }
    }

    /// Blocks a device, or lets it in again.
    ///
    /// # Errors
    /// What the server says.
    pub async fn block(&self, id: u64, blocked: bool) -> Result<(), Refusal> {
        let (status, answer) = self.ask(Method::PATCH, &format!("/{id}"), &json!({ "blocked": blocked })).await?;
        if status.is_success() { Ok(()) } else { Err(Refusal::refused(&answer)) }
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<(StatusCode, Value), Refusal> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::from(body));
        let silent = |e: &dyn std::fmt::Display| Refusal::unavailable(format!("the registry does not answer: {e}"));
        let whole = async {
            let response = self.http.request(request.map_err(|e| silent(&e))?).await.map_err(|e| silent(&e))?;
            let status = response.status();
            let bytes = response.into_body().collect().await.map_err(|e| silent(&e))?.to_bytes();
            Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
        };
        tokio::time::timeout(ANSWER_WITHIN, whole).await.unwrap_or_else(|e| Err(silent(&e)))
    }
}

/// Where the request comes from. A proxy on this machine writes its client last into `X-Forwarded-For`; what stands before was
/// written by whoever came to it.
fn from(headers: &HeaderMap, peer: IpAddr) -> IpAddr {
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back().and_then(|v| v.to_str().ok()).and_then(|v| v.rsplit(',').next());
    forwarded.filter(|_| peer.is_loopback()).and_then(|ip| ip.trim().parse().ok()).unwrap_or(peer)
}

fn understood(device: Value) -> Result<Caller, Refusal> {
    serde_json::from_value(device).map_err(|e| Refusal::unavailable(format!("the registry's answer is not understood: {e}")))
}
