//! A small persistent world which publishes all fifteen events of the world's contract. Everything that it decides, it decides
//! here; Tidewire carries it.

mod action;
mod held;
mod life;
mod state;

pub use action::{Action, Moment, Targets, Told, act, census};
pub use held::Held;
pub use life::next as wish;
pub use state::{Character, Earlier, Freeze, Holder, Item, Message, Place, World};
pub use tidewire_example_backend::{Config, Refusal, Running, life::Chance};

use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use std::{io, sync::Arc};
use tidewire_example_backend::{Answer, Begun, Call, Event, Keep, Keys, Publisher, json as answer, serve};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub(crate) struct Backend {
    keep: Keep<Held>,
    begun: Begun,
}

/// Bytes of a `request_id`.
const REQUEST_MAX: usize = 100;

/// Runs the world `w1`.
///
/// # Errors
/// When its state cannot be read or its address cannot be had.
pub async fn run(config: Config) -> io::Result<Running> {
    let held = Held::new(World::new("w1"), now());
    let publisher = Publisher::new(&config.tidewire_url, &config.backend_key);
    let keep = Keep::open(config.data.clone(), held, uuid::Uuid::new_v4().to_string(), publisher)?;
    let backend = Arc::new(Backend { keep, begun: Begun::default() });
    let answering = backend.clone();
    let running = serve(config.listen, move |call| {
        let backend = answering.clone();
        async move { backend.answer(call).await }
    })
    .await?;
    running.spawn(async move {
        backend.begun.begin("world", || backend.announce()).await;
        if config.life {
            life::live(backend, config.seed).await;
        }
    });
    Ok(running)
}

impl Backend {
    /// Publishes what an earlier run left, and says who is where. The keys are those of the first time: a server that has heard
    /// it keeps what it has, and one whose log was lost hears it again.
    async fn announce(&self) -> Result<(), Refusal> {
        let announced = self.keep.change(None, |held, keys| {
            let told = census(&held.world);
            let key = |i: usize, keys: &mut Keys| keys.named(&format!("census/{i}"));
            Ok((held.clone(), events(&held.world, told, |i| key(i, keys))))
        });
        announced.await.map(|_| ())
    }

    async fn answer(&self, call: Call) -> Result<Answer, Refusal> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match (&call.method, &path[..]) {
            (&Method::GET, ["worlds", id]) => self.snapshot(id).await,
            (&Method::POST, ["worlds", id, "actions"]) => {
                self.known(id)?;
                let (action, request) = read(call.body)?;
                self.begun.wait().await?;
                self.act(action, request).await.map(|told| answer(StatusCode::OK, &told))
            }
            (_, ["worlds", _] | ["worlds", _, "actions"]) => {
                Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Wrong method", "GET a world, POST an action"))
            }
            _ => Err(Refusal::not_found("there are /worlds/{id} and /worlds/{id}/actions")),
        }
    }

    fn known(&self, id: &str) -> Result<(), Refusal> {
        if self.keep.look().state.world.id == id { Ok(()) } else { Err(Refusal::not_found(format!("there is no world '{id}'"))) }
    }

    /// The world, and the position at which it is so: a subscription behind it goes on exactly from here.
    async fn snapshot(&self, id: &str) -> Result<Answer, Refusal> {
        self.known(id)?;
        self.begun.wait().await?;
        let look = self.keep.look();
        let world = &look.state.world;
        let position = look.positions.get(&channel(world)).cloned();
        let mut body = serde_json::to_value(world).map_err(|e| Refusal::unavailable(e.to_string()))?;
        body["position"] = position.clone().map_or(Value::Null, Value::String);
        let mut answer = answer(StatusCode::OK, &body);
        if let Some(value) = position.and_then(|p| HeaderValue::from_str(&p).ok()) {
            answer.headers_mut().insert("tidewire-position", value);
        }
        Ok(answer)
    }

    /// Does an action and publishes what happened. The same request again is answered as it was the first time.
    pub(crate) async fn act(&self, action: Action, request: Option<String>) -> Result<Value, Refusal> {
        let done = self.keep.change(request.as_deref(), |held, keys| {
            let moment = Moment { at: now(), new_id: keys.next_key() };
            let (next, told) = held.step(action, &moment)?;
            // The first event of a request has the request's own key, so that it is its `request_id` for clients too.
            let key = |i: usize| match &request {
                Some(request) if i == 0 => request.clone(),
                Some(request) => format!("{request}/{i}"),
                None => format!("req_{}", keys.next_key()),
            };
            let events = events(&next.world, told, key);
            Ok((next, events))
        });
        done.await.map(|told| json!({ "events": told }))
    }

    /// A look at the world.
    pub(crate) fn look(&self) -> World {
        self.keep.look().state.world
    }
}

/// An action, and the request's id where it has one.
fn read(mut body: Value) -> Result<(Action, Option<String>), Refusal> {
    let Some(fields) = body.as_object_mut() else { return Err(Refusal::bad("an action is an object with the field 'action'")) };
    let request = match fields.remove("request_id").unwrap_or_default() {
        Value::Null => None,
        Value::String(id) if is_request(&id) => Some(id),
        _ => return Err(Refusal::bad(format!("request_id has 1 to {REQUEST_MAX} letters, digits and . _ : -"))),
    };
    let action = serde_json::from_value(body).map_err(|e| Refusal::bad(e.to_string()))?;
    Ok((action, request))
}

fn is_request(id: &str) -> bool {
    (1..=REQUEST_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b))
}

fn channel(world: &World) -> String {
    format!("world:{}", world.id)
}

fn events(world: &World, told: Told, mut key: impl FnMut(usize) -> String) -> Vec<Event> {
    let mut events = Vec::new();
    for (i, (event_type, data)) in told.into_iter().enumerate() {
        events.push(Event { channel: channel(world), event_type: event_type.into(), data, key: key(i), ..Event::default() });
    }
    events
}

fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}
