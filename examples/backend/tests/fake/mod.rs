//! A publish interface that fails at times, and a client for the backends: what their tests have instead of a server.
#![allow(dead_code)]

mod inline;
mod registry;

use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{client::legacy::Client, rt::TokioExecutor, rt::TokioIo};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tidewire_example_backend::life::Chance;
use tokio::net::TcpListener;

pub const KEY: &str = "a key of the tests";

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The connection closes; nothing was appended.
    LostBefore,
    /// It was appended, and the connection closes.
    LostAfter,
    /// It was appended, and the answer is that of a proxy which gave up.
    Gateway,
    /// 503: the store refuses.
    Unavailable,
    /// 429.
    TooMany,
    /// 422.
    Refused,
}

#[derive(Debug, Clone)]
pub struct Stored {
    pub channel: String,
    pub seq: u64,
    pub event_type: String,
    pub data: Value,
    pub key: String,
    /// The event as it was published.
    pub whole: Value,
}

impl Stored {
    /// What the store's clients get of it.
    fn envelope(&self) -> Value {
        json!({ "event": self.event_type, "seq": self.seq, "data": self.data })
    }
}

#[derive(Default)]
struct Inner {
    epoch: u32,
    log: Vec<Stored>,
    /// Channel and key → the first answer.
    answers: HashMap<(String, String), Value>,
    faults: VecDeque<Fault>,
    chance: Option<Chance>,
    wrong: Vec<String>,
    requests: usize,
    /// Token → device.
    devices: BTreeMap<String, Value>,
    /// What cannot be read any more of each channel, up to this seq.
    forgotten: u64,
}

#[derive(Clone)]
pub struct Fake {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
    schemas: Arc<BTreeMap<String, jsonschema::Validator>>,
}

impl Fake {
    /// With the schemas of a shipped contract.
    pub async fn start(contract: &str) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Fake { url, inner: Arc::default(), schemas: Arc::new(schemas(contract)) };
        let serving = fake.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let fake = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let fake = fake.clone();
                        async move { fake.answer(request).await }
                    });
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        fake
    }

    /// The next requests go wrong like this.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.inner.lock().unwrap().faults.extend(faults);
    }

    /// About half of all requests go wrong from now on, so that trying again helps.
    pub fn fail_by_chance(&self, seed: u64) {
        self.inner.lock().unwrap().chance = Some(Chance::new(seed));
    }

    /// No more faults.
    pub fn heal(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.chance = None;
        inner.faults.clear();
    }

    /// The log is lost; another one begins.
    pub fn lose_everything(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.epoch += 1;
        inner.log.clear();
        inner.answers.clear();
    }

    /// What was appended, after checking that every payload has the document's shape.
    pub fn log(&self) -> Vec<Stored> {
        let inner = self.inner.lock().unwrap();
        assert!(inner.wrong.is_empty(), "{:#?}", inner.wrong);
        inner.log.clone()
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.inner.lock().unwrap().requests
    }

    /// Where a channel stands.
    pub fn position(&self, channel: &str) -> String {
        let inner = self.inner.lock().unwrap();
        let seq = inner.log.iter().filter(|s| s.channel == channel).count();
        format!("{}:{seq}", inner.epoch)
    }

    /// Up to this seq, no channel can be read any more.
    pub fn forget(&self, seq: u64) {
        self.inner.lock().unwrap().forgotten = seq;
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/v1/events/since") => Ok(self.since(&parts)),
            (_, path) if path.starts_with("/v1/devices/") => Ok(self.registry(&parts, &body)),
            at => {
                assert_eq!(at, (&Method::POST, "/v1/events"));
                assert_eq!(parts.headers["authorization"], format!("Bearer {KEY}"));
                self.publish(&body)
            }
        }
    }

    fn publish(&self, body: &Value) -> Result<Response<Full<Bytes>>, io::Error> {
        let mut inner = self.inner.lock().unwrap();
        inner.requests += 1;
        let by_chance = |chance: &mut Chance| {
            use Fault::*;
            [LostBefore, LostAfter, Gateway, Unavailable, TooMany].get(chance.below(10)).copied()
        };
        let fault = inner.faults.pop_front().or_else(|| inner.chance.as_mut().and_then(by_chance));
        let status = |code: u16| Ok(Response::builder().status(code).body(Full::from(json!({ "status": code }).to_string())).unwrap());
        match fault {
            Some(Fault::LostBefore) => return Err(io::Error::other("lost before")),
            Some(Fault::Unavailable) => return status(503),
            Some(Fault::TooMany) => return status(429),
            Some(Fault::Refused) => return status(422),
            _ => {}
        }
        let answers: Vec<Value> = body.as_array().unwrap().iter().map(|event| self.append(&mut inner, event)).collect();
        match fault {
            Some(Fault::LostAfter) => Err(io::Error::other("lost after")),
            Some(Fault::Gateway) => status(504),
            _ => Ok(Response::new(Full::from(Value::from(answers).to_string()))),
        }
    }

    fn append(&self, inner: &mut Inner, event: &Value) -> Value {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let (channel, event_type, key) = (text("channel"), text("type"), text("key"));
        if let Some(first) = inner.answers.get(&(channel.clone(), key.clone())) {
            let mut again = first.clone();
            again["duplicate"] = true.into();
            return again;
        }
        match self.schemas.get(&event_type) {
            Some(schema) => inner.wrong.extend(schema.iter_errors(&event["data"]).map(|e| format!("{event_type}: {e}"))),
            None => inner.wrong.push(format!("{event_type} is not in the contract")),
        }
        let seq = inner.log.iter().filter(|s| s.channel == channel).count() as u64 + 1;
        let total = inner.log.len();
        let answer = json!({
            "channel": channel, "id": format!("{}-{total}", inner.epoch), "seq": seq, "duplicate": false, "durability": "disk",
            "at": format!("2026-01-01T00:00:{:02}.{:06}Z", total / 1_000_000, total), "position": format!("{}:{seq}", inner.epoch),
        });
        inner.log.push(Stored {
            channel: channel.clone(),
            seq,
            event_type,
            data: event["data"].clone(),
            key: key.clone(),
            whole: event.clone(),
        });
        inner.answers.insert((channel, key), answer.clone());
        answer
    }
}

/// By type of event; the chat's three have one.
fn schemas(contract: &str) -> BTreeMap<String, jsonschema::Validator> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts").join(contract);
    let folder = folder.join(if contract == "party" { "jsonschema/party_sync" } else { "schemas" });
    let mut schemas = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let mut schema: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        inline::put_in(&mut schema, path.parent().unwrap());
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let types: Vec<String> = match name.as_str() {
            "chat.message" => ["created", "updated", "deleted"].map(|verb| format!("chat.message.{verb}")).into(),
            "world.freeze" => vec!["world.freeze".into(), "world.unfreeze".into()],
            _ => vec![name],
        };
        for event_type in types {
            let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
            schemas.insert(event_type, validator);
        }
    }
    schemas
}

/// Asks a backend; the body may be of any kind.
pub async fn ask(method: Method, url: String, headers: &[(&str, &str)], body: Option<&str>) -> (StatusCode, HeaderMap, Value) {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::from(body.unwrap_or_default().to_owned())).unwrap();
    let response = tokio::time::timeout(Duration::from_secs(30), client.request(request)).await.unwrap().unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    if parts.status.is_client_error() || parts.status.is_server_error() {
        assert_eq!(parts.headers["content-type"], "application/problem+json");
    }
    (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap())
}

/// A folder that is gone when this is.
pub struct Folder(pub std::path::PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("tidewire-example-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
