//! The zoo's board: tickets with versions, sprints, progress of workers. It decides; Tidewire carries.

mod life;
mod state;

pub use state::{Board, Change, STATUSES, Ticket, ZOO};
pub use tidewire_example_backend::{Config, Running};

use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use state::Told;
use std::{io, sync::Arc};
use tidewire_example_backend::{Answer, Call, Event, Keep, Publisher, Refusal, json as answer, serve};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::Mutex;

pub(crate) struct Backend {
    keep: Mutex<Keep<Board>>,
    publisher: Publisher,
}

/// Tickets that one sprint may have.
const SPRINT_MAX: u64 = 500;

/// Runs the board.
///
/// # Errors
/// When its state cannot be read or its address cannot be had.
pub async fn run(config: Config) -> io::Result<Running> {
    let keep = Keep::open(config.data.clone(), Board::new(), uuid::Uuid::new_v4().to_string())?;
    let publisher = Publisher::new(&config.tidewire_url, &config.backend_key);
    let backend = Arc::new(Backend { keep: Mutex::new(keep), publisher });
    let answering = backend.clone();
    let mut running = serve(config.listen, move |call| {
        let backend = answering.clone();
        async move { backend.answer(call).await }
    })
    .await?;
    running.tasks.push(tokio::spawn(async move {
        let left = backend.keep.lock().await.flush(&backend.publisher).await;
        if let Err(refused) = left {
            eprintln!("board: events of an earlier run were refused: {refused}");
        }
        if config.life {
            life::live(backend, config.seed).await;
        }
    }));
    Ok(running)
}

impl Backend {
    async fn answer(&self, call: Call) -> Result<Answer, Refusal> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match (&call.method, &path[..]) {
            (&Method::GET, ["api", "board"]) => self.snapshot().await,
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
                self.act(|board| board.remove(id)).await?;
                Ok(answer(StatusCode::OK, &json!({ "ticketId": id })))
            }
            (&Method::POST, ["api", "sprints", "generate"]) => self.generate(&call.body).await,
            (&Method::GET, ["api", "workers", id, "stats"]) => Ok(answer(StatusCode::OK, &self.keep.lock().await.state.stats(id))),
            _ => Err(Refusal::not_found("there are /api/board, /api/tickets, /api/sprints/generate and /api/workers/{id}/stats")),
        }
    }

    /// The board, and where each channel stands: a subscription behind it goes on exactly from here.
    async fn snapshot(&self) -> Result<Answer, Refusal> {
        let keep = self.keep.lock().await;
        let tickets: Vec<&Ticket> = keep.state.tickets.values().collect();
        // Before the first event any time will do that is before it.
        let at = keep.at.clone().unwrap_or_else(|| "2000-01-01T00:00:00.000000Z".into());
        let body = json!({ "sprintId": keep.state.sprint, "tickets": tickets, "at": at, "positions": keep.positions });
        let mut answer = answer(StatusCode::OK, &body);
        if let Some(value) = keep.positions.get(ZOO).and_then(|p| HeaderValue::from_str(p).ok()) {
            answer.headers_mut().insert("tidewire-position", value);
        }
        Ok(answer)
    }

    async fn generate(&self, body: &Value) -> Result<Answer, Refusal> {
        let sprint = body.get("sprintId").and_then(Value::as_str).unwrap_or("next").to_owned();
        let tickets = body.get("tickets").map_or(Some(20), Value::as_u64).filter(|n| (1..=SPRINT_MAX).contains(n));
        let tickets = tickets.ok_or_else(|| Refusal::bad(format!("tickets is a number from 1 to {SPRINT_MAX}")))? as usize;
        let since = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        self.act(|board| {
            let workers: Vec<String> = board.workers().into_iter().collect();
            Ok(board.generate(sprint.clone(), &workers, tickets, &since))
        })
        .await?;
        Ok(answer(StatusCode::OK, &json!({ "sprintId": sprint, "tickets": tickets })))
    }

    /// Does something that comes to a ticket, and answers with it.
    async fn ticket(
        &self,
        status: StatusCode,
        change: impl FnOnce(&mut Board) -> Result<(String, Told), Refusal>,
    ) -> Result<Answer, Refusal> {
        let mut id = String::new();
        self.act(|board| {
            let (of, told) = change(board)?;
            id = of;
            Ok(told)
        })
        .await?;
        let keep = self.keep.lock().await;
        let ticket = keep.state.tickets.get(&id).ok_or_else(|| Refusal::conflict("the ticket was removed meanwhile"))?;
        Ok(answer(status, &json!({ "ticket": ticket })))
    }

    pub(crate) async fn act(&self, change: impl FnOnce(&mut Board) -> Result<Told, Refusal>) -> Result<(), Refusal> {
        let mut keep = self.keep.lock().await;
        let mut next = keep.state.clone();
        let told = change(&mut next)?;
        let mut events = Vec::new();
        for (channel, event_type, data) in told {
            events.push(Event { channel, event_type: event_type.into(), data, key: keep.next_key() });
        }
        keep.change(&self.publisher, next, events).await.map_err(|e| Refusal::refused(&e))?;
        Ok(())
    }

    pub(crate) async fn look(&self) -> Board {
        self.keep.lock().await.state.clone()
    }
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
