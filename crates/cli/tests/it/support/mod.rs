//! A real server, started as a user starts it, and clients for it.

pub mod backend;
pub mod chaos;
mod client;
pub mod payloads;
pub mod player;
pub mod rabbit;
pub mod redis;
pub mod table;

pub use client::*;

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Bytes};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, client::IntoClientRequest, http::HeaderValue},
};

pub const SECRET: &str = "a secret of the tests, long enough for HS256";
/// The key of the store's Pusher app.
pub const STORE_APP: &str = "store-app-key";
pub const KEY: &str = "backend-key-of-the-tests";

pub struct Server {
    child: Child,
    pub url: String,
    pub metrics: String,
    folder: tempfile::TempDir,
    log: Log,
    environment: Vec<(&'static str, String)>,
}

/// What a server has logged so far, line by line.
type Log = Arc<Mutex<Vec<String>>>;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Server {
    /// Serves the shipped contracts.
    pub fn start() -> Server {
        Server::with(&root().join("contracts"), "")
    }

    /// Serves these contracts, with more configuration before that of the contracts.
    pub fn with(contracts: &Path, more: &str) -> Server {
        Server::configured(contracts, more, "", Vec::new())
    }

    /// The same, with the configuration behind that of the contracts.
    pub fn with_tail(contracts: &Path, tail: &str) -> Server {
        Server::configured(contracts, "", tail, Vec::new())
    }

    /// Serves the shipped contracts, with more said in the environment.
    pub fn with_environment(environment: Vec<(&'static str, String)>) -> Server {
        Server::configured(&root().join("contracts"), "", "", environment)
    }

    /// Serves these contracts, with more said in the file, behind them, and in the environment.
    pub fn said(contracts: &Path, tail: &str, environment: Vec<(&'static str, String)>) -> Server {
        Server::configured(contracts, "", tail, environment)
    }

    fn configured(contracts: &Path, more: &str, tail: &str, environment: Vec<(&'static str, String)>) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let mut config = format!("[shutdown]\ndrain = \"200ms\"\n{more}\n");
        for entry in std::fs::read_dir(contracts).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            config += &format!(
                "[contracts.{name}]\nbackend_keys = [\"{}\"]\n[contracts.{name}.auth]\nleeway = \"0s\"\n[[contracts.{name}.auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n",
                hashed(&format!("{KEY}-{name}"))
            );
            if name == "store" {
                config += &format!("[contracts.store.pusher]\napp_id = \"4711\"\nkey = \"{STORE_APP}\"\nsecret = \"{SECRET}\"\n");
            }
            // Backends that the test does not have: nobody is at home there.
            let compiled = tidewire_contract::compile(&contracts.join(&name)).ok();
            for backend in
                compiled.iter().flat_map(|c| &c.backends).filter(|b| !tail.contains(&format!("contracts.{name}.backends.{}]", b.name)))
            {
                config += &format!("[contracts.{name}.backends.{}]\nurl = \"http://127.0.0.1:9/\"\nsecret = \"{SECRET}\"\n", backend.name);
            }
        }
        config += tail;
        std::fs::write(folder.path().join("tidewire.toml"), config).unwrap();
        let log = Log::default();
        let (child, url, metrics) = spawn(folder.path(), contracts, &log, &environment);
        Server { child, url, metrics, folder, log, environment }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `kill -9`, and a new start on the same data.
    pub fn kill_and_restart(&mut self, contracts: &Path) {
        self.stop();
        self.restart(contracts);
    }

    /// `kill -9`.
    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, on what is there of its data.
    pub fn restart(&mut self, contracts: &Path) {
        (self.child, self.url, self.metrics) = spawn(self.folder.path(), contracts, &self.log, &self.environment);
    }

    /// What it has logged so far; whoever waits for a line asks again.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// From the port of operations.
    pub async fn operations(&self, path: &str) -> String {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let answer = client.request(Request::get(format!("{}{path}", self.metrics)).body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    /// What `/health/ready` says.
    pub async fn ready(&self) -> StatusCode {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let asked = client.request(Request::get(format!("{}/health/ready", self.metrics)).body(Full::default()).unwrap());
        asked.await.unwrap().status()
    }

    /// Waits until it is ready and knows so many nodes, itself among them.
    pub async fn among(&self, nodes: usize) {
        let wanted = format!("tidewire_redis_nodes {nodes}");
        let begun = tokio::time::Instant::now();
        while self.ready().await != StatusCode::OK || !self.operations("/metrics").await.lines().any(|line| line == wanted) {
            assert!(begun.elapsed() < Duration::from_secs(60), "it is not ready, or never knows {nodes} nodes");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the HTTP interface of the app with the id 1 and the key `live` answers, as publishers' libraries ask it.
    pub async fn of_app(&self, secret: &str, path: &str, query: &[(&str, &str)]) -> Value {
        use tidewire_wire::pusher::sign;
        let stamp = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().to_string();
        let own = [("auth_key", "live"), ("auth_timestamp", &stamp), ("auth_version", "1.0")];
        let pairs: Vec<(String, String)> = own.iter().chain(query).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let path = format!("/apps/1{path}");
        let signature = sign::sign(secret, &sign::request_text("GET", &path, &pairs));
        let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (status, _, said) =
            self.request(Method::GET, &format!("{path}?{}&auth_signature={signature}", query.join("&")), &[], None).await;
        assert_eq!(status, StatusCode::OK, "{said}");
        said
    }

    /// SIGTERM; the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        self.child.wait().unwrap().code()
    }

    /// It does nothing until it is thawed, and does not know of it.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for its end; the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub async fn publish(&self, contract: &str, body: Value) -> (StatusCode, Value) {
        let answer = self.call(Method::POST, "/v1/events", Some(&format!("{KEY}-{contract}")), Some(&body)).await;
        let (status, _, body) = answer;
        (status, body)
    }

    /// Publishes what has to be taken.
    pub async fn must(&self, contract: &str, body: Value) -> Value {
        let (status, answer) = self.publish(contract, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        body: Option<&Value>,
    ) -> (StatusCode, http::HeaderMap, Value) {
        let mut headers = Vec::new();
        if let Some(bearer) = bearer {
            headers.push(("authorization", format!("Bearer {bearer}")));
        }
        self.request(method, path, &headers, body.map(Value::to_string)).await
    }

    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Option<String>,
    ) -> (StatusCode, http::HeaderMap, Value) {
        let response = self.open(method, path, headers, body).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        (parts.status, parts.headers, json)
    }

    async fn open(&self, method: Method, path: &str, headers: &[(&str, String)], body: Option<String>) -> Response<hyper::body::Incoming> {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        client.request(request.body(Full::new(Bytes::from(body.unwrap_or_default()))).unwrap()).await.unwrap()
    }

    pub async fn get(&self, path: &str, token: &str) -> (StatusCode, http::HeaderMap, Value) {
        self.call(Method::GET, path, Some(token), None).await
    }

    /// The status of a GET; the body is not read.
    pub async fn head(&self, path: &str, headers: &[(&str, String)]) -> StatusCode {
        self.open(Method::GET, path, headers, None).await.status()
    }

    /// A WebSocket; `headers` beside the usual ones.
    pub async fn websocket(&self, path: &str, headers: &[(&'static str, String)]) -> Result<Socket, Refused> {
        let mut request = format!("{}{path}", self.url.replacen("http", "ws", 1)).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Socket { stream }),
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err(Refused { status: response.status().as_u16(), body: serde_json::from_slice(body).unwrap_or(Value::Null) })
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A WebSocket that holds little of what its reader has not taken.
    pub async fn narrow_websocket(&self, path: &str) -> Socket {
        let tcp = tokio::net::TcpSocket::new_v4().unwrap();
        tcp.set_recv_buffer_size(4096).unwrap();
        let address = self.url.strip_prefix("http://").unwrap();
        let tcp = tcp.connect(address.parse().unwrap()).await.unwrap();
        let url = format!("ws://{address}{path}");
        let (stream, _) = tokio_tungstenite::client_async(url, tokio_tungstenite::MaybeTlsStream::Plain(tcp)).await.unwrap();
        Socket { stream }
    }

    /// All events of a channel, as a backend of the contract reads them; asked again while the nodes' log is away.
    pub async fn events(&self, contract: &str, channel: &str) -> Vec<Value> {
        let path = format!("/v1/events/since?channel={channel}&seq=0&limit=1000");
        let begun = tokio::time::Instant::now();
        loop {
            let (status, _, page) = self.get(&path, &format!("{KEY}-{contract}")).await;
            if status == StatusCode::OK {
                return page["events"].as_array().unwrap().clone();
            }
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
            assert!(begun.elapsed() < Duration::from_secs(60), "{page}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// An event stream.
    pub async fn sse(&self, path: &str, headers: &[(&str, String)]) -> Stream {
        let mut all = vec![("accept", "text/event-stream".to_owned())];
        all.extend(headers.iter().map(|(n, v)| (*n, v.clone())));
        let response = self.open(Method::GET, path, &all, None).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream { body: response.into_body(), text: String::new() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, contracts: &Path, log: &Log, environment: &[(&str, String)]) -> (Child, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--config"])
        .arg(folder.join("tidewire.toml"))
        .arg("--contracts")
        .arg(contracts)
        .arg("--data")
        .arg(folder.join("data"))
        .envs(environment.iter().cloned())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    loop {
        let Some(Ok(line)) = lines.next() else {
            let _ = child.wait();
            panic!("the server did not start: {said}")
        };
        let json: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        if let (Some(url), Some(metrics)) = (json["url"].as_str(), json["metrics"].as_str()) {
            let found = (url.to_owned(), metrics.to_owned());
            // What it says later must not fill the pipe; errors are worth seeing.
            let log = log.clone();
            std::thread::spawn(move || {
                for line in lines.map_while(Result::ok) {
                    if line.contains("ERROR") {
                        eprintln!("{line}");
                    }
                    log.lock().unwrap().push(line);
                }
            });
            return (child, found.0, found.1);
        }
        said += &line;
    }
}

/// One try; `None` where there was no good answer.
pub async fn try_publish(url: &str, contract: &str, event: &Value) -> Option<Value> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(format!("{url}/v1/events"))
        .header("authorization", format!("Bearer {KEY}-{contract}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(event.to_string())))
        .ok()?;
    let response = tokio::time::timeout(PATIENCE, client.request(request)).await.ok()?.ok()?;
    let good = response.status().is_success();
    let bytes = response.into_body().collect().await.ok()?.to_bytes();
    if good { serde_json::from_slice(&bytes).ok() } else { None }
}

fn hashed(key: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(key.as_bytes()).iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// A token that is good for an hour.
pub fn token(mut claims: Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    if claims.get("exp").is_none() {
        claims["exp"] = json!(now + 3600);
    }
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

pub fn player(character: &str) -> String {
    token(json!({ "sub": format!("user-{character}"), "character_id": character, "worlds": ["w1"], "role": "player" }))
}

pub fn gamemaster() -> String {
    token(json!({ "sub": "gm", "worlds": ["w1"], "role": "gamemaster" }))
}

/// An event of the world w1 that is known by its key, and named by it.
pub fn keyed(key: &str) -> Value {
    json!({ "channel": "world:w1", "type": "world.updated", "key": key, "data": { "id": "w1", "name": key } })
}

/// Publishes to a world until the node takes it; nothing but that it cannot yet may stand against it.
pub async fn insist(server: &Server, event: &Value) -> Value {
    let begun = tokio::time::Instant::now();
    loop {
        let (status, answer) = server.publish("world", event.clone()).await;
        if status == StatusCode::OK {
            return answer;
        }
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        assert!(begun.elapsed() < Duration::from_secs(60), "it is never taken: {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
