//! A small persistent world which publishes all fifteen events of the world's contract. Everything that it decides, it decides
//! here; Tidewire carries it.

mod action;
mod life;
mod state;

pub use action::{Action, Moment, act, census};
pub use state::World;
pub use tidewire_example_backend::{Config, Running};

use http::{HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io, sync::Arc};
use tidewire_example_backend::{Answer, Call, Event, Keep, Publisher, Refusal, json as answer, serve};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::Mutex;

/// What is kept: the world, the state a rollback goes back to, and the answers given.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Held {
    world: World,
    earlier: Option<World>,
    since_earlier: u32,
    /// `request_id` → its answer.
    answers: BTreeMap<String, Value>,
    announced: bool,
}

pub(crate) struct Backend {
    keep: Mutex<Keep<Held>>,
    publisher: Publisher,
}

/// Actions between two states that a rollback can go back to.
const QUIET: u32 = 5;
/// Answers that are remembered.
const ANSWERS: usize = 10_000;

/// Runs the world `w1`.
///
/// # Errors
/// When its state cannot be read or its address cannot be had.
pub async fn run(config: Config) -> io::Result<Running> {
    let held = Held { world: World::new("w1"), earlier: None, since_earlier: 0, answers: BTreeMap::new(), announced: false };
    let keep = Keep::open(config.data.clone(), held, uuid::Uuid::new_v4().to_string())?;
    let publisher = Publisher::new(&config.tidewire_url, &config.backend_key);
    let backend = Arc::new(Backend { keep: Mutex::new(keep), publisher });
    let answering = backend.clone();
    let mut running = serve(config.listen, move |call| {
        let backend = answering.clone();
        async move { backend.answer(call).await }
    })
    .await?;
    running.tasks.push(tokio::spawn(async move {
        if let Err(refused) = backend.begin().await {
            eprintln!("world: the first events were refused: {refused}");
        }
        if config.life {
            life::live(backend, config.seed).await;
        }
    }));
    Ok(running)
}

impl Backend {
    /// Publishes what an earlier run left, and says who is where, once.
    async fn begin(&self) -> Result<(), Value> {
        let mut keep = self.keep.lock().await;
        keep.flush(&self.publisher).await?;
        if !keep.state.announced {
            let mut next = keep.state.clone();
            next.announced = true;
            let events = events(&mut keep, &next.world, census(&next.world), None);
            keep.change(&self.publisher, next, events).await?;
        }
        Ok(())
    }

    async fn answer(&self, call: Call) -> Result<Answer, Refusal> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match (&call.method, &path[..]) {
            (&Method::GET, ["worlds", id]) => self.snapshot(id).await,
            (&Method::POST, ["worlds", id, "actions"]) => {
                self.known(id).await?;
                let request = call.body.get("request_id").and_then(Value::as_str).map(str::to_owned);
                let action = serde_json::from_value(call.body).map_err(|e| Refusal::bad(e.to_string()))?;
                self.act(action, request).await.map(|told| answer(StatusCode::OK, &told))
            }
            (_, ["worlds", _] | ["worlds", _, "actions"]) => {
                Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Wrong method", "GET a world, POST an action"))
            }
            _ => Err(Refusal::not_found("there are /worlds/{id} and /worlds/{id}/actions")),
        }
    }

    async fn known(&self, id: &str) -> Result<(), Refusal> {
        let keep = self.keep.lock().await;
        if keep.state.world.id == id { Ok(()) } else { Err(Refusal::not_found(format!("there is no world '{id}'"))) }
    }

    /// The world, and the position at which it is so: a subscription behind it goes on exactly from here.
    async fn snapshot(&self, id: &str) -> Result<Answer, Refusal> {
        self.known(id).await?;
        let keep = self.keep.lock().await;
        let world = &keep.state.world;
        let position = keep.positions.get(&format!("world:{}", world.id)).cloned();
        let mut body = serde_json::to_value(world).map_err(|e| Refusal::bad(e.to_string()))?;
        body["position"] = position.clone().map_or(Value::Null, Value::String);
        let mut answer = answer(StatusCode::OK, &body);
        if let Some(value) = position.and_then(|p| HeaderValue::from_str(&p).ok()) {
            answer.headers_mut().insert("tidewire-position", value);
        }
        Ok(answer)
    }

    /// Does an action and publishes what happened. The same request again is answered as it was the first time.
    pub(crate) async fn act(&self, action: Action, request: Option<String>) -> Result<Value, Refusal> {
        let mut keep = self.keep.lock().await;
        if let Some(known) = request.as_ref().and_then(|r| keep.state.answers.get(r)) {
            return Ok(known.clone());
        }
        let moment = Moment { at: now(), new_id: keep.next_key() };
        let mut next = keep.state.clone();
        let is_rollback = matches!(action, Action::Rollback { .. });
        let told = act(&mut next.world, keep.state.earlier.as_ref(), action, &moment)?;
        next.since_earlier += 1;
        if next.earlier.is_none() || (next.since_earlier >= QUIET && !is_rollback) {
            next.earlier = Some(keep.state.world.clone());
            next.since_earlier = 0;
        }
        let events = events(&mut keep, &next.world, told, request.as_deref());
        let types: Vec<String> = events.iter().map(|e| e.event_type.clone()).collect();
        let receipts = keep.change(&self.publisher, next, events).await.map_err(|e| Refusal::refused(&e))?;
        let told: Vec<Value> =
            receipts.iter().zip(types).map(|(r, t)| json!({ "id": r.id, "type": t, "position": r.position, "at": r.at })).collect();
        let answer = json!({ "events": told });
        if let Some(request) = request {
            while keep.state.answers.len() >= ANSWERS {
                keep.state.answers.pop_first();
            }
            keep.state.answers.insert(request, answer.clone());
        }
        Ok(answer)
    }

    /// A look at the world.
    pub(crate) async fn look(&self) -> World {
        self.keep.lock().await.state.world.clone()
    }
}

/// With keys: the first event of a request has the request's own, so that it is its `request_id` for clients too.
fn events(keep: &mut Keep<Held>, world: &World, told: Vec<(&'static str, Value)>, request: Option<&str>) -> Vec<Event> {
    let channel = format!("world:{}", world.id);
    let mut events = Vec::new();
    for (i, (event_type, data)) in told.into_iter().enumerate() {
        let key = match request {
            Some(request) if i == 0 => request.to_owned(),
            Some(request) => format!("{request}/{i}"),
            None => format!("req_{}", keep.next_key()),
        };
        events.push(Event { channel: channel.clone(), event_type: event_type.into(), data, key });
    }
    events
}

fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}
