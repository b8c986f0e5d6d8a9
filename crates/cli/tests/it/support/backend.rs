//! A backend as a test wants it: it notes what it is asked, checks the signature, and answers as it was told to.

use super::SECRET;
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{net::TcpListener, sync::Notify};

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub id: String,
    pub correlation: Option<String>,
    /// Whether the signature is that of the secret, over what came, and of now.
    pub is_signed: bool,
    pub body: Value,
}

/// What it answers, and after what.
#[derive(Clone)]
pub struct Say {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// Waits for this before it answers.
    pub hold: Option<Arc<Notify>>,
}

pub fn say(status: u16, body: Value) -> Say {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Say { status, headers: Vec::new(), body, hold: None }
}

type Answering = Arc<dyn Fn(&Asked) -> Say + Send + Sync>;

/// A backend on a port of its own, until it is dropped.
#[derive(Clone)]
pub struct Backend {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    next: Arc<Mutex<VecDeque<Say>>>,
    otherwise: Arc<Mutex<Answering>>,
    connections: Arc<AtomicUsize>,
    _task: Arc<Aborting>,
}

struct Aborting(tokio::task::JoinHandle<()>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The configuration of a contract's backend that is here.
pub fn configured(contract: &str, name: &str, address: SocketAddr) -> String {
    format!("[contracts.{contract}.backends.{name}]\nurl = \"http://{address}/take\"\nsecret = \"{SECRET}\"\n")
}

impl Backend {
    /// Accepts everything, until it is told otherwise.
    pub async fn start() -> Backend {
        Backend::on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub async fn on(address: SocketAddr) -> Backend {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let next: Arc<Mutex<VecDeque<Say>>> = Arc::default();
        let accept: Answering = Arc::new(|_| say(204, Value::Null));
        let otherwise = Arc::new(Mutex::new(accept));
        let connections: Arc<AtomicUsize> = Arc::default();
        let (all, queue, rest) = (asked.clone(), next.clone(), otherwise.clone());
        let counted = connections.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let (all, queue, rest) = (all.clone(), queue.clone(), rest.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| take(request, all.clone(), queue.clone(), rest.clone()));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Backend { address, asked, next, otherwise, connections, _task: Arc::new(Aborting(task)) }
    }

    /// The next answers, in this order.
    pub fn then(&self, says: impl IntoIterator<Item = Say>) {
        self.next.lock().unwrap().extend(says);
    }

    /// What it answers when nothing in particular was said.
    pub fn otherwise(&self, answer: impl Fn(&Asked) -> Say + Send + Sync + 'static) {
        *self.otherwise.lock().unwrap() = Arc::new(answer);
    }

    /// All that it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Connections that were opened to it so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Waits until it was asked so often.
    pub async fn asked_times(&self, times: usize) -> Vec<Asked> {
        for _ in 0..1000 {
            let asked = self.asked();
            if asked.len() >= times {
                return asked;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("asked {} times, not {times}", self.asked().len());
    }
}

async fn take(
    request: Request<Incoming>,
    all: Arc<Mutex<Vec<Asked>>>,
    queue: Arc<Mutex<VecDeque<Say>>>,
    otherwise: Arc<Mutex<Answering>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let (id, timestamp, signature) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &bytes].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), &signed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let is_now = timestamp.parse::<u64>().is_ok_and(|then| then.abs_diff(now) < 300);
    let is_signed = is_now && signature == format!("v1,{}", STANDARD.encode(tag));
    let correlation = parts.headers.get("x-correlation-id").map(|v| v.to_str().unwrap().to_owned());
    let asked = Asked { id, correlation, is_signed, body: serde_json::from_slice(&bytes).unwrap_or(json!(null)) };
    all.lock().unwrap().push(asked.clone());
    let queued = queue.lock().unwrap().pop_front();
    let answering = otherwise.lock().unwrap().clone();
    let Say { status, headers, body, hold } = queued.unwrap_or_else(|| answering(&asked));
    if let Some(hold) = hold {
        hold.notified().await;
    }
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    Ok(response)
}
