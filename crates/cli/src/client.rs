//! A small HTTP client for the verbs that talk to a running server.

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, body::Bytes};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;

/// Runs a future on a small runtime of its own.
pub fn block_on<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future))
}

/// Gets with a bearer key; the answer's status and body.
///
/// # Errors
/// In words, when there was no answer.
pub async fn get(url: &str, key: &str) -> Result<(StatusCode, Bytes), String> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(url)
        .header("authorization", format!("Bearer {key}"))
        .body(Full::default())
        .map_err(|e| format!("'{url}' is not a usable address: {e}"))?;
    let response = client.request(request).await.map_err(|e| format!("no answer from {url}: {e}; is the server running?"))?;
    let status = response.status();
    let bytes = response.into_body().collect().await.map_err(|e| format!("the answer broke off: {e}"))?.to_bytes();
    Ok((status, bytes))
}

/// Percent-encodes a value for a path or a query.
pub fn escape(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"-._~:*;".contains(&b) { (b as char).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// Posts JSON, with a bearer key; the answer's status and JSON (or its text, as a JSON string).
///
/// # Errors
/// In words, when there was no answer.
pub async fn post(url: &str, key: &str, body: String) -> Result<(StatusCode, Value), String> {
    send(Method::POST, url, key, body).await
}

/// Sends JSON, or nothing if `body` is empty, with a bearer key; the answer's status and JSON (or its text, as a JSON string).
///
/// # Errors
/// In words, when there was no answer.
pub async fn send(method: Method, url: &str, key: &str, body: String) -> Result<(StatusCode, Value), String> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|e| format!("'{url}' is not a usable address: {e}"))?;
    let response = client.request(request).await.map_err(|e| format!("no answer from {url}: {e}; is the server running?"))?;
    let status = response.status();
    let bytes = response.into_body().collect().await.map_err(|e| format!("the answer broke off: {e}"))?.to_bytes();
    let json = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
    Ok((status, json))
}
