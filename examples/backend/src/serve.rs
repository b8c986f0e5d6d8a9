//! A small HTTP server: one function answers everything.

use crate::answer::{Answer, Refusal};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, task::JoinHandle};

/// A request, read.
pub struct Call {
    pub method: Method,
    /// The path's parts.
    pub path: Vec<String>,
    pub headers: HeaderMap,
    /// Null where there was no body.
    pub body: Value,
}

/// A backend at work.
pub struct Running {
    /// Where it answers.
    pub address: SocketAddr,
    pub tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Ends it.
    pub fn stop(self) {
        for task in self.tasks {
            task.abort();
        }
    }
}

const BODY_MAX: usize = 64 * 1024;

/// Answers requests with `handle` from now on.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve<H, F>(listen: SocketAddr, handle: H) -> io::Result<Running>
where
    H: Fn(Call) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Answer, Refusal>> + Send + 'static,
{
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let handle = Arc::new(handle);
    let accepting = tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            };
            let handle = handle.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let handle = handle.clone();
                    async move {
                        let answer = match read(request).await {
                            Ok(call) => handle(call).await,
                            Err(refusal) => Err(refusal),
                        };
                        Ok::<Answer, Infallible>(answer.unwrap_or_else(Into::into))
                    }
                });
                // A connection that breaks off is the client's affair.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(Running { address, tasks: vec![accepting] })
}

async fn read(request: Request<Incoming>) -> Result<Call, Refusal> {
    let (parts, body) = request.into_parts();
    let bytes = Limited::new(body, BODY_MAX)
        .collect()
        .await
        .map_err(|_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", format!("a body has at most {BODY_MAX} bytes")))?
        .to_bytes();
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).map_err(|e| Refusal::new(StatusCode::BAD_REQUEST, "Not JSON", e.to_string()))?
    };
    let path = parts.uri.path().split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect();
    Ok(Call { method: parts.method, path, headers: parts.headers, body })
}
