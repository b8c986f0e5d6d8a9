//! A small HTTP client.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// Keeps connections to a server open between requests.
#[derive(Debug, Clone)]
pub struct Http(Client<HttpConnector, Full<Bytes>>);

/// An answer, whole. A body that is no JSON is a text.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Default for Http {
    fn default() -> Http {
        Http(Client::builder(TokioExecutor::new()).build_http())
    }
}

impl Http {
    /// The whole answer.
    ///
    /// # Errors
    /// In words, when there was none.
    pub async fn call(&self, method: Method, url: &str, headers: &[(&str, String)], body: Option<&Value>) -> Result<Answer, String> {
        let (parts, body) = self.open(method, url, headers, body).await?.into_parts();
        let bytes = body.collect().await.map_err(|e| format!("the answer of {url} broke off: {e}"))?.to_bytes();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()))
        };
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    /// The answer's head; its body is still to come.
    ///
    /// # Errors
    /// In words, when there was none.
    pub async fn open(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, String> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body))).map_err(|e| format!("'{url}' is not a usable address: {e}"))?;
        self.0.request(request).await.map_err(|e| format!("no answer from {url}: {e}; is the server running?"))
    }
}

/// Percent-encodes a value for a path or a query.
pub fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:*;,".contains(&b);
    text.bytes().map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}

/// `Authorization: Bearer …`
pub fn bearer(key: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {key}"))
}
