//! A real server, started as a user starts it, and clients for it.
#![allow(dead_code)]

use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Bytes};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};

pub const SECRET: &str = "a secret of the tests, long enough for HS256";
pub const KEY: &str = "backend-key-of-the-tests";

pub struct Server {
    child: Child,
    pub url: String,
    pub metrics: String,
    folder: tempfile::TempDir,
}

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
        Server::configured(contracts, more, "")
    }

    /// The same, with the configuration behind that of the contracts.
    pub fn with_tail(contracts: &Path, tail: &str) -> Server {
        Server::configured(contracts, "", tail)
    }

    fn configured(contracts: &Path, more: &str, tail: &str) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let mut config = format!("[shutdown]\ndrain = \"200ms\"\n{more}\n");
        for entry in std::fs::read_dir(contracts).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            config += &format!(
                "[contracts.{name}]\nbackend_keys = [\"{}\"]\n[contracts.{name}.auth]\nleeway = \"0s\"\n[[contracts.{name}.auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n",
                hashed(&format!("{KEY}-{name}"))
            );
        }
        config += tail;
        std::fs::write(folder.path().join("tidewire.toml"), config).unwrap();
        let (child, url, metrics) = spawn(folder.path(), contracts);
        Server { child, url, metrics, folder }
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
        (self.child, self.url, self.metrics) = spawn(self.folder.path(), contracts);
    }

    /// SIGTERM; the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
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

fn spawn(folder: &Path, contracts: &Path) -> (Child, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--config"])
        .arg(folder.join("tidewire.toml"))
        .arg("--contracts")
        .arg(contracts)
        .arg("--data")
        .arg(folder.join("data"))
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
            std::thread::spawn(move || lines.map_while(Result::ok).filter(|l| l.contains("ERROR")).for_each(|l| eprintln!("{l}")));
            return (child, found.0, found.1);
        }
        said += &line;
    }
}

/// One try; `None` where there was no good answer.
pub async fn try_publish(url: &str, event: &Value) -> Option<Value> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(format!("{url}/v1/events"))
        .header("authorization", format!("Bearer {KEY}-world"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(event.to_string())))
        .ok()?;
    let response = tokio::time::timeout(PATIENCE, client.request(request)).await.ok()?.ok()?;
    let good = response.status().is_success();
    let bytes = response.into_body().collect().await.ok()?.to_bytes();
    if good { serde_json::from_slice(&bytes).ok() } else { None }
}

/// One try at a WebSocket.
pub async fn connect(url: &str, path: &str) -> Option<Socket> {
    let request = format!("{}{path}", url.replacen("http", "ws", 1)).into_client_request().ok()?;
    connect_async(request).await.ok().map(|(stream, _)| Socket { stream })
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

#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub body: Value,
}

pub struct Socket {
    stream: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
}

const PATIENCE: Duration = Duration::from_secs(10);

impl Socket {
    /// The next text frame.
    pub async fn next(&mut self) -> Value {
        match self.frame().await {
            Ok(value) => value,
            Err(code) => panic!("closed with {code:?}"),
        }
    }

    /// The next text frame, or the code of the close.
    pub async fn frame(&mut self) -> Result<Value, Option<u16>> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(text.as_str()).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|f| f.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Whether nothing comes for a moment.
    pub async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(300), self.stream.next()).await.is_err()
    }

    pub async fn send(&mut self, frame: Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    pub async fn close(mut self) {
        let _ = self.stream.close(None).await;
    }
}

pub struct Stream {
    body: hyper::body::Incoming,
    text: String,
}

/// One event of a stream.
#[derive(Debug, Default)]
pub struct Sent {
    pub id: Option<String>,
    pub event: Option<String>,
    pub data: Value,
}

impl Stream {
    /// The next event; comments are passed over.
    pub async fn next(&mut self) -> Sent {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("an event in time")
    }

    pub async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(300), self.read()).await.is_err()
    }

    async fn read(&mut self) -> Sent {
        loop {
            while let Some(at) = self.text.find("\n\n") {
                let block = self.text[..at].to_owned();
                self.text.drain(..at + 2);
                let mut sent = Sent::default();
                let mut data = String::new();
                for line in block.lines() {
                    if let Some(id) = line.strip_prefix("id: ") {
                        sent.id = Some(id.into());
                    } else if let Some(event) = line.strip_prefix("event: ") {
                        sent.event = Some(event.into());
                    } else if let Some(text) = line.strip_prefix("data: ") {
                        data += text;
                    }
                }
                if !data.is_empty() {
                    sent.data = serde_json::from_str(&data).unwrap();
                    return sent;
                }
            }
            let frame = self.body.frame().await.expect("the stream goes on").unwrap();
            if let Ok(bytes) = frame.into_data() {
                self.text += std::str::from_utf8(&bytes).unwrap();
            }
        }
    }
}
