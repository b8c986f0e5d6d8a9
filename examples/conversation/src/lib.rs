//! Conversations: who may change a message, and how. It decides; Tidewire carries, keeps, and is the truth.
//!
//! It keeps nothing of its own. What there is it reads off the conversation's log; what it decides goes back as events of its
//! answer, which the server publishes together with the outcome, all or nothing. So it can be killed at any moment, and two of
//! it can run side by side: the server's versions let one of two changes win.

mod life;
mod log;
mod notify;
mod room;

pub use room::{Heard, Message, Room};
pub use tidewire_example_backend::{Refusal, Running};

use http::{HeaderValue, Method, StatusCode};
use log::Log;
use serde_json::{Value, json};
use std::{collections::HashMap, io, sync::Arc, time::SystemTime};
use tidewire_example_backend::{Answer, Call, Handed, Publisher, Secret, json as answer, serve};
use tokio::sync::Mutex;

/// How the backend is run.
#[derive(Debug, Clone, Default)]
pub struct Config {
    pub common: tidewire_example_backend::Config,
    /// What the server signs its requests with: that of `[contracts.conversation.backends.conversations]`.
    pub secret: String,
}

impl Config {
    /// From the environment: that of [`tidewire_example_backend::Config::from_env`], and `TIDEWIRE_BACKEND_SECRET`.
    ///
    /// # Errors
    /// Which variable is wrong, in words.
    pub fn from_env() -> Result<Config, String> {
        let secret = std::env::var("TIDEWIRE_BACKEND_SECRET").map_err(|_| "TIDEWIRE_BACKEND_SECRET is not set")?;
        Ok(Config { common: tidewire_example_backend::Config::from_env()?, secret })
    }
}

pub(crate) struct Backend {
    log: Log,
    secret: Secret,
    /// By channel, as far as they were read. Each behind a lock of its own: whoever looks first reads on.
    rooms: Mutex<HashMap<String, Arc<Mutex<Room>>>>,
}

/// Rooms that are remembered; more are read from the start when they are asked for.
const ROOMS_MAX: usize = 1000;

/// Runs the backend.
///
/// # Errors
/// When its secret is none, or its address cannot be had.
pub async fn run(config: Config) -> io::Result<Running> {
    let Config { common, secret } = config;
    let secret = Secret::new(&secret).map_err(io::Error::other)?;
    let backend = Arc::new(Backend { log: Log::new(&common.tidewire_url, &common.backend_key), secret, rooms: Mutex::default() });
    let answering = backend.clone();
    let running = serve(common.listen, move |call| {
        let backend = answering.clone();
        async move { backend.answer(call).await }
    })
    .await?;
    let publisher = || Publisher::new(&common.tidewire_url, &common.backend_key);
    running.spawn(notify::watch(backend.clone(), publisher()));
    if common.life {
        running.spawn(life::live(backend, publisher(), common.seed));
    }
    Ok(running)
}

impl Backend {
    async fn answer(&self, call: Call) -> Result<Answer, Refusal> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match (&call.method, &path[..]) {
            (&Method::GET, ["conversations", id, "messages"] | ["api", "conversations", id, "messages"]) => {
                self.snapshot(&channel(id)).await
            }
            (&Method::POST, ["handed-over"]) => {
                let handed = self.secret.open(&call.headers, &call.bytes, SystemTime::now())?;
                self.decide(&handed).await
            }
            _ => Err(Refusal::not_found("there are GET /conversations/{id}/messages, and POST /handed-over for the server")),
        }
    }

    /// All messages of a conversation, and the place of the log at which they are these: a subscription behind it misses
    /// nothing and repeats nothing.
    async fn snapshot(&self, channel: &str) -> Result<Answer, Refusal> {
        let room = self.room(channel).await?;
        let room = room.lock().await;
        let messages: Vec<&Message> = room.messages().collect();
        let mut answer = answer(StatusCode::OK, &json!({ "channel": channel, "messages": messages, "position": room.position }));
        if let Some(position) = room.position.as_ref().and_then(|place| HeaderValue::from_str(place).ok()) {
            answer.headers_mut().insert("tidewire-position", position);
        }
        Ok(answer)
    }

    /// A client wants to change a message: the events that do it, or why not. Asked again, it answers from what is there then;
    /// what it had answered is there only if it was published.
    async fn decide(&self, handed: &Handed) -> Result<Answer, Refusal> {
        let Handed { event_type, channel, data, principal, .. } = handed;
        let by = principal.get("id").and_then(Value::as_str).unwrap_or_default();
        let (id, seen) = (data["id"].as_str().unwrap_or_default(), data["version"].as_u64().unwrap_or_default());
        let room = self.room(channel).await?;
        let room = room.lock().await;
        let message = room.to_change(id, by, seen)?;
        let version = message.version + 1;
        let (told, payload) = match event_type.as_str() {
            "message.edit" => ("message.updated", json!({ "id": id, "changes": { "text": data["text"] }, "version": version })),
            "message.delete" => ("message.deleted", json!({ "id": id })),
            other => return Err(Refusal::bad(format!("'{other}' is nothing that this backend decides about"))),
        };
        let event = json!({ "channel": channel, "type": told, "data": payload });
        Ok(answer(StatusCode::OK, &json!({ "reply": { "id": id, "version": version }, "events": [event] })))
    }

    /// A conversation as it is now.
    pub(crate) async fn room(&self, channel: &str) -> Result<Arc<Mutex<Room>>, Refusal> {
        let room = {
            let mut rooms = self.rooms.lock().await;
            if rooms.len() >= ROOMS_MAX && !rooms.contains_key(channel) {
                rooms.clear();
            }
            rooms.entry(channel.to_owned()).or_default().clone()
        };
        self.log.catch_up(channel, &mut *room.lock().await).await?;
        Ok(room)
    }
}

fn channel(id: &str) -> String {
    format!("conversation:{id}")
}
