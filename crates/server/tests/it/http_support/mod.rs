//! A server of the shipped contracts with a listener of its own, and a client for it.

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tidewire_contract::Contract;
use tidewire_engine::log::{Log, memory::MemoryLog};
use tidewire_server::{
    App, Config, Hub, Served,
    admission::Admission,
    auth::Auth,
    config::BackendKey,
    door,
    http::Interface,
    metrics::Operations,
    presence::Presences,
    pusher::Roster,
    shard::{ShardEnv, Shards, Switchboard, Switches},
};
use tokio::net::TcpListener;

pub const WORLD_KEY: &str = "the key of the world's backend";
pub const BOARD_KEY: &str = "the key of the board's backend";
const SECRET: &str = "a secret of at least thirty-two bytes";

pub struct Site {
    pub app: Arc<App>,
    address: SocketAddr,
    operations: SocketAddr,
    _doors: Vec<door::Running>,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|v| v.to_str().unwrap()).unwrap_or_default()
    }

    /// The problem of this status, and its name.
    pub fn problem(&self, status: u16) -> (String, Value) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().is_some_and(|d| !d.is_empty()), "{problem}");
        (problem["type"].as_str().unwrap().trim_start_matches("urn:tidewire:problem:").to_owned(), problem)
    }
}

impl Site {
    /// With the limits that `extra` says.
    pub async fn with(extra: &str) -> Site {
        Site::on(Arc::new(MemoryLog::default()), extra).await
    }

    pub async fn new() -> Site {
        Site::with("").await
    }

    /// On this store.
    pub async fn on(store: Arc<dyn Log>, extra: &str) -> Site {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
        let contracts: Vec<Arc<Contract>> = ["world", "board"]
            .iter()
            .map(|name| Arc::new(tidewire_contract::compile(&folder.join(name)).unwrap_or_else(|e| panic!("{e:?}"))))
            .collect();
        let mut text = format!("{extra}\n");
        for (name, key) in [("world", WORLD_KEY), ("board", BOARD_KEY)] {
            let hash = BackendKey::of(key).to_text();
            text += &format!("[contracts.{name}]\nbackend_keys = [\"{hash}\"]\n[contracts.{name}.auth]\nsecret = \"{SECRET}\"\n");
        }
        let config = Arc::new(Config::parse(Path::new("test.toml"), &text, &[]).unwrap_or_else(|e| panic!("{e}")));
        let served: Vec<Arc<Served>> = contracts.iter().map(|contract| Arc::new(Served::new(contract.clone(), None, 32))).collect();
        let refs: Vec<&Contract> = contracts.iter().map(|c| &**c).collect();
        let auth = Arc::new(Auth::new(&config, &refs).unwrap());
        let board = Arc::new(Switchboard::new(1));
        let hub = Arc::new(Hub::start(store, board.clone(), 1).unwrap());
        let (roster, switches) = (Arc::new(Roster::default()), Arc::new(Switches::default()));
        let presence = Presences::default();
        let env = ShardEnv {
            roster: roster.clone(),
            principals: Arc::default(),
            across: None,
            switches,
            hub: hub.clone(),
            check: auth.clone(),
            presence: presence.clone(),
            hand_overs: Default::default(),
            message_bytes: 65536,
            channels_per_client: 100,
            goodbye: Duration::from_secs(1),
        };
        let shards = Arc::new(Shards::start(&board, env).unwrap());
        let admission = Admission::new(config.clone(), auth.clone(), &served);
        let interface = Arc::new(Interface::default());
        let operations = Arc::new(Operations { metrics: interface.metrics.clone() });
        let app = Arc::new(App {
            config,
            hub,
            shards,
            presence,
            served,
            auth,
            roster,
            bridges: Default::default(),
            admission,
            across: None,
            rest: interface,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let on_operations = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, on) = (listener.local_addr().unwrap(), on_operations.local_addr().unwrap());
        let doors = vec![door::open(&app, vec![listener]).unwrap(), door::open_operations(&app, operations, on_operations)];
        Site { app, address, operations: on, _doors: doors, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        self.send_to(self.address, method, path, headers, body).await
    }

    /// From the port of operations.
    pub async fn operations(&self, path: &str) -> Reply {
        self.send_to(self.operations, Method::GET, path, &[], "").await
    }

    async fn send_to(&self, to: SocketAddr, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("http://{to}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub async fn post(&self, path: &str, key: &str, body: impl Into<Bytes>) -> Reply {
        let bearer = format!("Bearer {key}");
        self.send(Method::POST, path, &[("authorization", &bearer), ("content-type", "application/json")], body).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Reply {
        let bearer = format!("Bearer {token}");
        self.send(Method::GET, path, &[("authorization", &bearer)], "").await
    }

    /// With a token in the cookie of the board.
    pub async fn get_with_cookie(&self, path: &str, token: &str) -> Reply {
        let cookie = format!("session={token}");
        self.send(Method::GET, path, &[("cookie", &cookie)], "").await
    }

    /// Publishes, and expects it to be accepted.
    pub async fn publish(&self, key: &str, event: Value) -> Value {
        let reply = self.post("/v1/events", key, event.to_string()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }
}

/// A client's token.
pub fn token(mut claims: Value) -> String {
    claims["exp"] = json!(4_000_000_000_u64);
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

pub fn player(character: &str) -> String {
    token(json!({ "sub": format!("player-{character}"), "character_id": character, "worlds": ["w1"], "role": "player" }))
}

/// `place.updated`, which everybody sees.
pub fn place(id: &str) -> Value {
    json!({ "channel": "world:w1", "type": "place.updated", "data": { "id": id } })
}

/// `chat.message.created`, which two characters see.
pub fn whisper(from: &str, to: &str, id: &str) -> Value {
    let message = json!({ "id": id, "from_character_id": from, "to": to, "content": "hush", "edited": false, "deleted": false,
        "at": "2026-01-31T10:00:00Z" });
    json!({ "channel": "world:w1", "type": "chat.message.created", "data": { "chat_id": "c", "message": message } })
}
