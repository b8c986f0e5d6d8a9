//! The engine on Redis: players' events come from a stream, its own go into one, and its state is a short-lived value beside them.

use crate::{Config, Engine, Places, instance, run_in};
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, Value as Reply, aio::MultiplexedConnection, streams::StreamReadReply};
use serde_json::Value;
use std::{io, sync::Arc, time::Duration};
use tidewire_example_backend::{BoxFuture, Event, Handed, Outlet, Receipt, Running, Shelf};
use tokio::sync::Mutex;

/// Streams and keys, as the server names them for the backend `engine` of the contract `party`.
const IN: &str = "tidewire:party:in";
const OWN: &str = "tidewire:party:engine";
const STATE: &str = "tidewire:party:engine:state";
const GROUP: &str = "engine";
/// How long the state is kept after its last change (s).
const STATE_KEPT: usize = 24 * 3600;
const PAUSE: Duration = Duration::from_millis(300);
/// How long Redis waits for something to come (ms): less than an answer may take.
const WAIT: usize = 300;

/// A connection that is made anew when it broke.
#[derive(Clone)]
struct Line {
    client: redis::Client,
    live: Arc<Mutex<Option<MultiplexedConnection>>>,
}

impl Line {
    fn new(url: &str) -> io::Result<Line> {
        Ok(Line { client: redis::Client::open(url).map_err(io::Error::other)?, live: Arc::default() })
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut live = self.live.lock().await;
        if let Some(connection) = &*live {
            return Ok(connection.clone());
        }
        let made = self.client.get_multiplexed_async_connection().await?;
        *live = Some(made.clone());
        Ok(made)
    }

    async fn noted<T>(&self, answer: Result<T, RedisError>) -> Result<T, RedisError> {
        if answer.as_ref().is_err_and(|e| e.is_io_error() || e.is_timeout() || e.is_unrecoverable_error()) {
            self.live.lock().await.take();
        }
        answer
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let answer = match self.connection().await {
            Ok(mut connection) => command.query_async(&mut connection).await,
            Err(error) => Err(error),
        };
        self.noted(answer).await
    }

    async fn ask_all(&self, commands: &Pipeline) -> Result<Reply, RedisError> {
        let answer = match self.connection().await {
            Ok(mut connection) => commands.query_async(&mut connection).await,
            Err(error) => Err(error),
        };
        self.noted(answer).await
    }
}

impl Outlet for Line {
    /// All of them into the stream, in one piece; each has a key, so once more does no harm.
    fn publish<'a>(&'a self, events: &'a [Event]) -> BoxFuture<'a, Result<Vec<Receipt>, Value>> {
        Box::pin(async move {
            let mut commands = redis::pipe();
            commands.atomic();
            for event in events {
                let text = serde_json::to_string(event).map_err(|e| Value::String(e.to_string()))?;
                commands.cmd("XADD").arg(IN).arg("*").arg("event").arg(text);
            }
            while let Err(error) = self.ask_all(&commands).await {
                eprintln!("party: {error}; it is tried again");
                tokio::time::sleep(PAUSE).await;
            }
            Ok(Vec::new())
        })
    }
}

impl Shelf for Line {
    fn load(&self) -> BoxFuture<'_, io::Result<Option<Vec<u8>>>> {
        Box::pin(async { self.ask(redis::cmd("GET").arg(STATE)).await.map_err(io::Error::other) })
    }

    fn save(&self, state: Vec<u8>) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            self.ask::<Reply>(redis::cmd("SET").arg(STATE).arg(state).arg("EX").arg(STATE_KEPT)).await.map(drop).map_err(io::Error::other)
        })
    }
}

/// Runs the engine on the Redis at `url`; nothing is handed to it over HTTP then.
///
/// # Errors
/// When its state cannot be read, or its address cannot be had.
pub async fn run_on_redis(mut config: Config, url: &str) -> io::Result<Running> {
    config.secret = instance();
    let line = Line::new(url)?;
    let places = Places { shelf: Box::new(line.clone()), shelf_name: STATE.to_owned(), outlet: Box::new(line) };
    let (running, engine) = run_in(config, places).await?;
    // Whoever waits for something to come has a connection of its own.
    let (waiting, done) = (Line::new(url)?, Line::new(url)?);
    running.spawn(async move {
        loop {
            if let Err(error) = take(&engine, &waiting, &done).await {
                eprintln!("party: {error}; it is tried again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    });
    Ok(running)
}

/// What came and was not done comes first, also after a restart.
async fn take(engine: &Engine, waiting: &Line, done: &Line) -> Result<(), RedisError> {
    let made = done.ask::<Reply>(redis::cmd("XGROUP").arg("CREATE").arg(OWN).arg(GROUP).arg("0").arg("MKSTREAM")).await;
    if let Err(error) = made.map(drop)
        && error.code() != Some("BUSYGROUP")
    {
        return Err(error);
    }
    let mut from = "0";
    loop {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(GROUP).arg(GROUP).arg("COUNT").arg(64);
        if from == ">" {
            command.arg("BLOCK").arg(WAIT);
        }
        command.arg("STREAMS").arg(OWN).arg(from);
        let came: Option<StreamReadReply> = waiting.ask(&command).await?;
        let entries: Vec<_> = came.into_iter().flat_map(|c| c.keys).flat_map(|k| k.ids).collect();
        if entries.is_empty() {
            from = ">";
        }
        for entry in entries {
            if let Some(text) = entry.get::<String>("event") {
                decide(engine, &text).await;
            }
            let mut commands = redis::pipe();
            commands.cmd("XACK").arg(OWN).arg(GROUP).arg(&entry.id).ignore();
            commands.cmd("XDEL").arg(OWN).arg(&entry.id).ignore();
            done.ask_all(&commands).await?;
        }
    }
}

/// Decides until it is decided. Nobody waits for an answer here, so what is refused is told as a failure.
async fn decide(engine: &Engine, text: &str) {
    let handed: Handed = match serde_json::from_str(text) {
        Ok(handed) => handed,
        Err(error) => return eprintln!("party: not what the server hands over: {error}"),
    };
    while let Err(refusal) = engine.take(&handed).await {
        if refusal.status.is_server_error() {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        match engine.tell_refusal(&handed, &refusal).await {
            Ok(()) => return,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
