//! A small HTTP server: one function answers everything.

use crate::answer::{Answer, Refusal};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::{Request, body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};

/// A request, read.
pub struct Call {
    pub method: Method,
    /// The path's parts.
    pub path: Vec<String>,
    /// The query's parameters, decoded.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    /// Who is at the other end of the connection: a client, or the proxy before us.
    pub peer: IpAddr,
    /// Null where there was no body.
    pub body: Value,
    /// The body as it came: what a signature is over.
    pub bytes: Bytes,
}

/// A backend at work.
#[must_use = "it works until it is stopped"]
pub struct Running {
    /// Where it answers.
    pub address: SocketAddr,
    tasks: Tasks,
}

impl Running {
    /// Runs something beside it, until it ends or all is stopped.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Ends it, wherever it is; when this returns nothing of it works any more, and another may take up its data.
    pub async fn stop(self) {
        let mut tasks = {
            let mut tasks = self.tasks.0.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.take().unwrap_or_default()
        };
        tasks.shutdown().await;
    }
}

/// All that works for a backend; none of it once it is stopped.
#[derive(Clone)]
struct Tasks(Arc<Mutex<Option<JoinSet<()>>>>);

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = tasks.as_mut() {
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }
}

const BODY_MAX: usize = 64 * 1024;

/// Answers requests with `handle` from now on. What was begun is ended also where the client does not wait for it: what is
/// decided has to be published.
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
    let tasks = Tasks(Arc::new(Mutex::new(Some(JoinSet::new()))));
    let running = Running { address, tasks: tasks.clone() };
    running.spawn(accept(listener, Arc::new(handle), tasks));
    Ok(running)
}

async fn accept<H, F>(listener: TcpListener, handle: Arc<H>, tasks: Tasks)
where
    H: Fn(Call) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Answer, Refusal>> + Send + 'static,
{
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (handle, of_connection) = (handle.clone(), tasks.clone());
        tasks.spawn(async move {
            let service = service_fn(move |request| {
                let (handle, tasks) = (handle.clone(), of_connection.clone());
                async move {
                    let answer = match read(request, peer.ip()).await {
                        Ok(call) => to_its_end(handle(call), &tasks).await,
                        Err(refusal) => Err(refusal),
                    };
                    Ok::<Answer, Infallible>(answer.unwrap_or_else(Into::into))
                }
            });
            // A connection that breaks off is the client's affair.
            let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn to_its_end(answer: impl Future<Output = Result<Answer, Refusal>> + Send + 'static, tasks: &Tasks) -> Result<Answer, Refusal> {
    let (tell, told) = oneshot::channel();
    tasks.spawn(async move {
        // Nobody may be there any more to hear it.
        let _ = tell.send(answer.await);
    });
    told.await.unwrap_or_else(|_| Err(Refusal::unavailable("the backend stops")))
}

async fn read(request: Request<Incoming>, peer: IpAddr) -> Result<Call, Refusal> {
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
    let query = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(decoded).collect();
    Ok(Call { method: parts.method, path, query, headers: parts.headers, peer, body, bytes })
}

fn decoded(pair: &str) -> (String, String) {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (decode(name), decode(value))
}

impl Call {
    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}
