//! The zoo's board: tickets with versions, sprints, progress of workers. It decides; Tidewire carries.

mod life;
mod state;

pub use state::{Board, Change, STATUSES, Ticket, Told, ZOO};
pub use tidewire_example_backend::{Config, Refusal, Running};

use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use state::{NAME, is_name};
use std::{io, sync::Arc};
use tidewire_example_backend::{Answer, Begun, Call, Event, Keep, Keys, Publisher, json as answer, serve};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub(crate) struct Backend {
    keep: Keep<Board>,
    begun: Begun,
}

/// Tickets that one sprint may have.
const SPRINT_MAX: u64 = 500;

/// Runs the board.
///
/// # Errors
/// When its state cannot be read or its address cannot be had.
pub async fn run(config: Config) -> io::Result<Running> {
    let publisher = Publisher::new(&config.tidewire_url, &config.backend_key);
    let keep = Keep::open(config.data.clone(), Board::new(), uuid::Uuid::new_v4().to_string(), publisher)?;
    let backend = Arc::new(Backend { keep, begun: Begun::default() });
    let answering = backend.clone();
    let running = serve(config.listen, move |call| {
        let backend = answering.clone();
        async move { backend.answer(call).await }
    })
    .await?;
    running.spawn(async move {
        backend.begun.begin("board", || backend.announce()).await;
        if config.life {
            life::live(backend, config.seed).await;
        }
    });
    Ok(running)
}

impl Backend {
    /// Publishes what an earlier run left, and that there is a board, so that each of its channels has a position. The keys are
    /// those of the first time: a server that has heard it keeps what it has, and one whose log was lost hears it again.
    async fn announce(&self) -> Result<(), Refusal> {
        let announced = self.keep.change(None, |board, keys| {
            let key = |channel: &str, event_type: &str, data: &Value, keys: &mut Keys| {
                keys.named(&format!("begin/{channel}/{event_type}/{}", data["workerId"].as_str().unwrap_or_default()))
            };
            Ok((board.clone(), events(board.introduce(&now()), |c, t, d| key(c, t, d, keys))))
        });
        announced.await.map(|_| ())
    }

    async fn answer(&self, call: Call) -> Result<Answer, Refusal> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        self.begun.wait().await?;
        match (&call.method, &path[..]) {
            (&Method::GET, ["api", "board"]) => Ok(self.snapshot()),
            (&Method::POST, ["api", "tickets"]) => {
                let change = read(call.body)?;
                self.ticket(StatusCode::CREATED, |board| board.create(change)).await
            }
            (&Method::PATCH, ["api", "tickets", id]) => {
                let mut change: Change = read(call.body)?;
                if change.version.is_none() {
                    change.version = if_match(&call.headers)?;
                }
                self.ticket(StatusCode::OK, |board| board.change(id, change).map(|told| ((*id).to_owned(), told))).await
            }
            (&Method::DELETE, ["api", "tickets", id]) => {
                let version = if_match(&call.headers)?;
                self.act(|board| board.remove(id, version)).await?;
                Ok(answer(StatusCode::OK, &json!({ "ticketId": id })))
            }
            (&Method::POST, ["api", "sprints", "generate"]) => self.generate(&call.body).await,
            (&Method::GET, ["api", "workers", id, "stats"]) => Ok(answer(StatusCode::OK, &self.keep.look().state.stats(id))),
            _ => Err(Refusal::not_found("there are /api/board, /api/tickets, /api/sprints/generate and /api/workers/{id}/stats")),
        }
    }

    /// The board, and where each channel stands: a subscription behind it goes on exactly from here.
    fn snapshot(&self) -> Answer {
        let look = self.keep.look();
        let tickets: Vec<&Ticket> = look.state.tickets.values().collect();
        let body = json!({ "sprintId": look.state.sprint, "tickets": tickets, "at": look.at, "positions": look.positions });
        let mut answer = answer(StatusCode::OK, &body);
        if let Some(value) = look.positions.get(ZOO).and_then(|p| HeaderValue::from_str(p).ok()) {
            answer.headers_mut().insert("tidewire-position", value);
        }
        answer
    }

    async fn generate(&self, body: &Value) -> Result<Answer, Refusal> {
        let sprint = match body.get("sprintId") {
            None => "next".to_owned(),
            Some(Value::String(id)) if is_name(id) => id.clone(),
            Some(_) => return Err(Refusal::bad(format!("sprintId {NAME}"))),
        };
        let tickets = body.get("tickets").map_or(Some(20), Value::as_u64).filter(|n| (1..=SPRINT_MAX).contains(n));
        let tickets = tickets.ok_or_else(|| Refusal::bad(format!("tickets is a number from 1 to {SPRINT_MAX}")))? as usize;
        let since = now();
        self.act(|board| {
            let workers: Vec<String> = board.workers().into_iter().collect();
            Ok(board.generate(sprint.clone(), &workers, tickets, &since))
        })
        .await?;
        Ok(answer(StatusCode::OK, &json!({ "sprintId": sprint, "tickets": tickets })))
    }

    /// Does something that comes to a ticket, and answers with it as it was decided.
    async fn ticket(
        &self,
        status: StatusCode,
        change: impl FnOnce(&mut Board) -> Result<(String, Told), Refusal>,
    ) -> Result<Answer, Refusal> {
        let mut ticket = None;
        self.act(|board| {
            let (id, told) = change(board)?;
            ticket = board.tickets.get(&id).cloned();
            Ok(told)
        })
        .await?;
        Ok(answer(status, &json!({ "ticket": ticket })))
    }

    pub(crate) async fn act(&self, change: impl FnOnce(&mut Board) -> Result<Told, Refusal>) -> Result<(), Refusal> {
        let done = self.keep.change(None, |board, keys| {
            let mut next = board.clone();
            let told = change(&mut next)?;
            Ok((next, events(told, |_, _, _| keys.next_key())))
        });
        done.await.map(|_| ())
    }

    pub(crate) fn look(&self) -> Board {
        self.keep.look().state
    }
}

fn events(told: Told, mut key: impl FnMut(&str, &str, &Value) -> String) -> Vec<Event> {
    let with_key = |(channel, event_type, data): (String, &str, Value)| {
        let key = key(&channel, event_type, &data);
        Event { channel, event_type: event_type.into(), data, key, ..Event::default() }
    };
    told.into_iter().map(with_key).collect()
}

pub(crate) fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

fn read(body: Value) -> Result<Change, Refusal> {
    let body = if body.is_null() { json!({}) } else { body };
    serde_json::from_value(body).map_err(|e| Refusal::bad(e.to_string()))
}

/// `If-Match: "7"`.
fn if_match(headers: &http::HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(value) = headers.get("if-match") else { return Ok(None) };
    let version = value.to_str().ok().and_then(|v| v.trim().trim_matches('"').parse().ok());
    version.map(Some).ok_or_else(|| Refusal::bad("If-Match holds a ticket's version, such as \"7\""))
}
