//! Connections of clients, as the tests use them.

use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, body::Bytes};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use std::time::Duration;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// One try at a WebSocket.
pub async fn connect(url: &str, path: &str) -> Option<Socket> {
    let request = format!("{}{path}", url.replacen("http", "ws", 1)).into_client_request().ok()?;
    let connected = tokio::time::timeout(PATIENCE, connect_async(request)).await.ok()?;
    connected.ok().map(|(stream, _)| Socket { stream })
}

#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub body: Value,
}

pub struct Socket {
    pub(super) stream: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
}

impl Socket {
    /// The next text frame.
    pub async fn next(&mut self) -> Value {
        match self.frame().await {
            Ok(value) => value,
            Err(code) => panic!("closed with {code:?}"),
        }
    }

    /// The next text frame, which may take longer than usual.
    pub async fn next_within(&mut self, patience: Duration) -> Value {
        match self.frame_within(patience).await {
            Ok(value) => value,
            Err(code) => panic!("closed with {code:?}"),
        }
    }

    /// The next text frame, or the code of the close.
    pub async fn frame(&mut self) -> Result<Value, Option<u16>> {
        self.frame_within(PATIENCE).await
    }

    pub async fn frame_within(&mut self, patience: Duration) -> Result<Value, Option<u16>> {
        loop {
            let message = tokio::time::timeout(patience, self.stream.next()).await.expect("a frame in time");
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
        assert!(self.try_send(text).await);
    }

    /// `false`: the connection is no more.
    pub async fn try_send(&mut self, text: &str) -> bool {
        self.stream.send(Message::text(text)).await.is_ok()
    }

    pub async fn close(mut self) {
        let _ = self.stream.close(None).await;
    }
}

pub struct Stream {
    pub(super) body: hyper::body::Incoming,
    pub(super) text: String,
}

/// One event of a stream.
#[derive(Debug, Default)]
pub struct Sent {
    pub id: Option<String>,
    pub event: Option<String>,
    pub data: Value,
}

impl Stream {
    /// One try at an event stream, behind an event.
    pub async fn open(url: &str, path: &str, token: &str, after: Option<&str>) -> Option<Stream> {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let mut request = Request::get(format!("{url}{path}")).header("accept", "text/event-stream");
        request = request.header("authorization", format!("Bearer {token}"));
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let response = client.request(request.body(Full::default()).ok()?).await.ok()?;
        (response.status() == StatusCode::OK).then(|| Stream { body: response.into_body(), text: String::new() })
    }

    /// The next event; comments are passed over.
    pub async fn next(&mut self) -> Sent {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("an event in time").expect("the stream goes on")
    }

    /// The next event, if one comes in time; an error is its end.
    pub async fn next_within(&mut self, patience: Duration) -> Result<Option<Sent>, ()> {
        match tokio::time::timeout(patience, self.read()).await {
            Ok(Some(sent)) => Ok(Some(sent)),
            Ok(None) => Err(()),
            Err(_) => Ok(None),
        }
    }

    pub async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(300), self.read()).await.is_err()
    }

    /// The place that the stream begins with, before any event.
    pub async fn place(&mut self) -> String {
        let block = tokio::time::timeout(PATIENCE, self.block()).await.expect("a place in time");
        block.and_then(|block| block.id).expect("a place")
    }

    async fn read(&mut self) -> Option<Sent> {
        loop {
            let sent = self.block().await?;
            if sent.data != Value::Null {
                return Some(sent);
            }
        }
    }

    /// What comes up to the next blank line, comments apart.
    async fn block(&mut self) -> Option<Sent> {
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
                }
                if !data.is_empty() || sent.id.is_some() {
                    return Some(sent);
                }
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(bytes) = frame.into_data() {
                self.text += std::str::from_utf8(&bytes).unwrap();
            }
        }
    }
}
