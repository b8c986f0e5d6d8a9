//! A small HTTP server: one function answers everything, in JSON.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{convert::Infallible, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, task::JoinHandle};

/// A request, read. A body that is no JSON is null.
#[derive(Debug)]
pub struct Call {
    pub method: Method,
    /// The path's parts.
    pub path: Vec<String>,
    pub headers: HeaderMap,
    /// The body as it came.
    pub bytes: Bytes,
    pub body: Value,
}

/// A server at work, until it is dropped.
#[derive(Debug)]
pub struct Serving {
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Bytes of a request's body at most.
const BODY_MAX: usize = 1 << 20;

/// Answers requests from now on.
///
/// # Errors
/// In words, when the address cannot be had.
pub async fn serve<H, F>(listen: SocketAddr, handle: H) -> Result<Serving, String>
where
    H: Fn(Call) -> F + Send + Sync + 'static,
    F: Future<Output = (StatusCode, Value)> + Send + 'static,
{
    let words = |e: std::io::Error| format!("cannot listen on {listen}: {e}");
    let listener = TcpListener::bind(listen).await.map_err(words)?;
    let address = listener.local_addr().map_err(words)?;
    let handle = Arc::new(handle);
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let handle = handle.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let handle = handle.clone();
                    async move {
                        let (status, answer) = match read(request).await {
                            Some(call) => handle(call).await,
                            None => {
                                (StatusCode::PAYLOAD_TOO_LARGE, json!({ "code": "INVALID_PAYLOAD", "message": "the body is too long" }))
                            }
                        };
                        Ok::<_, Infallible>(written(status, &answer))
                    }
                });
                // A connection that breaks off is the client's affair.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(Serving { address, accepting })
}

async fn read(request: Request<Incoming>) -> Option<Call> {
    let (parts, body) = request.into_parts();
    let bytes = Limited::new(body, BODY_MAX).collect().await.ok()?.to_bytes();
    let path = parts.uri.path().split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Some(Call { method: parts.method, path, headers: parts.headers, bytes, body })
}

fn written(status: StatusCode, answer: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}
