//! A whole server on a disk of its own, with two contracts of devices, an app without a contract, and a contract of signed tokens.

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tidewire_contract::{Contract, compile_source};
use tidewire_server::{
    App, Config,
    config::BackendKey,
    http::Interface,
    metrics::Operations,
    node::{Interfaces, Node},
};
use tokio::net::{TcpListener, TcpSocket};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

pub const STORE_KEY: &str = "the key of the store's backend";
pub const YARD_KEY: &str = "the key of the yard's backend";
pub const BOARD_KEY: &str = "the key of the board's backend";
/// The store's app.
pub const APP: &str = "store-app";
pub const SECRET: &str = "a secret that the store's app signs with";
pub const SKU: &str = "pizza-bab-el-oued";
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Shop {
    node: Node,
    pub folder: tempfile::TempDir,
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub json: Value,
}

impl Reply {
    /// The check that a refusal of this status names.
    pub fn check(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.json);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert!(self.json["detail"].as_str().is_some_and(|d| !d.is_empty()), "{}", self.json);
        self.json["check"].as_str().unwrap_or_default()
    }

    /// What is in it when all went well.
    pub fn good(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.json);
        self.json
    }
}

impl Shop {
    pub async fn new() -> Shop {
        Shop::changed(|_| {}).await
    }

    /// With another contract of the store.
    pub async fn changed(change: impl FnOnce(&mut Contract)) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
        let [mut store, board] = ["store", "board"].map(|name| tidewire_contract::compile(&contracts.join(name)).unwrap());
        change(&mut store);
        let yard = compile_source("yard.yaml", include_str!("yard.yaml"), &|_| None).unwrap_or_else(|e| panic!("{e:?}"));
        let all = [store, board, yard].map(Arc::new);
        let hash = |key| BackendKey::of(key).to_text();
        // No key for tokens of the store and the yard: their clients are devices.
        let text = format!(
            "shards = 2\n[shutdown]\ndrain = \"0s\"\n[store]\npath = {:?}\n\
             [contracts.store]\nbackend_keys = [\"{}\"]\nallowed_origins = [\"https://till.example.org\"]\n\
             [contracts.store.pusher]\napp_id = \"1\"\nkey = \"{APP}\"\nsecret = \"{SECRET}\"\n\
             [contracts.yard]\nbackend_keys = [\"{}\"]\n\
             [contracts.board]\nbackend_keys = [\"{}\"]\n[contracts.board.auth]\nsecret = \"a secret of at least thirty-two bytes\"\n\
             [apps.other]\napp_id = \"2\"\nkey = \"other-app\"\nsecret = \"another secret, of the other app\"\n",
            folder.path().join("data"),
            hash(STORE_KEY),
            hash(YARD_KEY),
            hash(BOARD_KEY)
        );
        let config = Config::parse(Path::new("test.toml"), &text, &[]).unwrap_or_else(|e| panic!("{e}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let operations = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let public = Arc::new(Interface::default());
        let interfaces =
            Interfaces { operations: Arc::new(Operations { metrics: public.metrics.clone() }), public, backends: Default::default() };
        let node = Node::start(config, &all, listener, operations, false, interfaces).unwrap_or_else(|e| panic!("{e}"));
        Shop { node, folder, address, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        self.send_by(&self.client, method, path, headers, body).await
    }

    /// The same, from another address of this machine.
    pub async fn send_from(&self, from: IpAddr, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        let mut connector = HttpConnector::new();
        connector.set_local_address(Some(from));
        let client = Client::builder(TokioExecutor::new()).build(connector);
        self.send_by(&client, method, path, headers, body).await
    }

    async fn send_by(
        &self,
        client: &Client<HttpConnector, Full<Bytes>>,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Reply { status: parts.status.as_u16(), headers: parts.headers, json }
    }

    /// As a backend.
    pub async fn call(&self, key: &str, method: Method, path: &str, body: Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &[("authorization", &format!("Bearer {key}")), ("content-type", "application/json")], body).await
    }

    /// As the store's backend.
    pub async fn admin(&self, method: Method, path: &str, body: Value) -> Reply {
        self.call(STORE_KEY, method, path, body).await
    }

    /// A device of the store: its id and its token.
    pub async fn device(&self, device_type: &str, abilities: &[&str]) -> (u64, String) {
        self.device_of(STORE_KEY, json!({ "type": device_type, "store": SKU, "abilities": abilities })).await
    }

    pub async fn device_of(&self, key: &str, body: Value) -> (u64, String) {
        let made = self.call(key, Method::POST, "/v1/devices", body).await;
        assert_eq!(made.status, 201, "{}", made.json);
        (made.json["id"].as_u64().unwrap(), made.json["token"].as_str().unwrap().to_owned())
    }

    /// Asks for the signature of a channel, as a browser's library does.
    pub async fn authorize(&self, token: &str, socket: &str, channel: &str) -> Reply {
        self.form("/broadcasting/auth", token, &format!("socket_id={socket}&channel_name={channel}")).await
    }

    pub async fn form(&self, path: &str, token: &str, form: &str) -> Reply {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, path, &headers, form.to_owned()).await
    }

    pub async fn publish(&self, key: &str, channel: &str, event_type: &str, data: Value) {
        let event = json!({ "channel": channel, "type": event_type, "data": data });
        self.call(key, Method::POST, "/v1/events", event).await.good();
    }

    /// An event stream of the yard, behind its hello.
    pub async fn stream(&self, path: &str, token: &str) -> Stream {
        let mut stream = self.try_stream(path, token).await.expect("a device that is let in");
        assert_eq!(stream.next().await.1["type"], "hello");
        stream
    }

    /// An event stream; `None` where the device was not let in.
    pub async fn try_stream(&self, path: &str, token: &str) -> Option<Stream> {
        let request = Request::get(format!("http://{}{path}", self.address))
            .header("authorization", format!("Bearer {token}"))
            .header("accept", "text/event-stream")
            .body(Full::default());
        let answer = self.client.request(request.unwrap()).await.unwrap();
        if answer.status() != 200 {
            assert_eq!(answer.status(), 403);
            return None;
        }
        Some(Stream { body: answer.into_body(), text: String::new() })
    }

    pub fn app(&self) -> &Arc<App> {
        &self.node.app
    }

    /// How many polls wait.
    pub fn waiting(&self) -> usize {
        self.node.app.hub.waiters().count()
    }

    /// A connection of the store's app.
    pub async fn screen(&self) -> Screen {
        self.screen_of(APP).await
    }

    pub async fn screen_of(&self, app: &str) -> Screen {
        let mut screen = self.websocket(&format!("/app/{app}?protocol=7&client=test&version=1.0"), "127.0.0.1".parse().unwrap()).await;
        let hello = screen.event().await;
        assert_eq!(hello["event"], "pusher:connection_established");
        let data: Value = serde_json::from_str(hello["data"].as_str().unwrap()).unwrap();
        screen.socket_id = data["socket_id"].as_str().unwrap().to_owned();
        screen
    }

    pub async fn websocket(&self, path: &str, from: IpAddr) -> Screen {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        let request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        let (stream, _) = client_async(request, stream).await.unwrap_or_else(|e| panic!("{e}"));
        Screen { stream, socket_id: String::new() }
    }
}

/// An event stream.
pub struct Stream {
    body: hyper::body::Incoming,
    text: String,
}

impl Stream {
    /// The next event: its name, and its data.
    pub async fn next(&mut self) -> (String, Value) {
        loop {
            while let Some(at) = self.text.find("\n\n") {
                let block: String = self.text.drain(..at + 2).collect();
                let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                if let Some(data) = line("data: ") {
                    return (line("event: ").unwrap_or_default().to_owned(), serde_json::from_str(data).unwrap());
                }
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("an event in time").expect("the stream goes on");
            if let Ok(bytes) = frame.unwrap().into_data() {
                self.text += std::str::from_utf8(&bytes).unwrap();
            }
        }
    }
}

/// A WebSocket.
pub struct Screen {
    pub stream: WebSocketStream<tokio::net::TcpStream>,
    pub socket_id: String,
}

impl Screen {
    pub async fn event(&mut self) -> Value {
        self.next().await.unwrap_or_else(|end| panic!("closed: {end:?}"))
    }

    /// The code and the reason of the close.
    pub async fn closed(&mut self) -> (u16, String) {
        match self.next().await {
            Err(Some(end)) => end,
            other => panic!("expected the close, got {other:?}"),
        }
    }

    /// The next frame, or the close.
    pub async fn next(&mut self) -> Result<Value, Option<(u16, String)>> {
        loop {
            match tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a frame in time") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(text.as_str()).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|f| (f.code.into(), f.reason.as_str().to_owned()))),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    pub async fn say(&mut self, frame: Value) {
        use futures_util::SinkExt;
        self.stream.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// Subscribes with what was signed.
    pub async fn subscribe(&mut self, channel: &str, signed: &Value) -> Value {
        let mut data = json!({ "channel": channel, "auth": signed["auth"] });
        if let Some(member) = signed.get("channel_data") {
            data["channel_data"] = member.clone();
        }
        self.say(json!({ "event": "pusher:subscribe", "data": data })).await;
        self.event().await
    }
}
