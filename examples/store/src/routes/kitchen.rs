//! `/v1/kds/tickets`: `kds.read` sees them, `kds.update` moves them.

use super::{Asked, listed, nowhere, number, since, to};
use crate::{
    Backend,
    kitchen::{Move, Ticket},
};
use http::{Method, StatusCode};
use serde_json::json;
use tidewire_example_backend::{Answer, Call, Refusal, json as answer};

const STATUSES: [&str; 4] = ["in_preparation", "ready", "served", "delivered"];

impl Backend {
    pub(super) async fn kitchen(&self, asked: Asked<'_>, rest: &[&str]) -> Result<Answer, Refusal> {
        match (&asked.call.method, rest) {
            (&Method::GET, []) => {
                asked.caller.may("kds.read")?;
                self.tickets(asked.call, asked.sku())
            }
            (&Method::POST, [id, how @ ("bump" | "undo")]) => {
                asked.caller.may("kds.update")?;
                let (id, to, seen) = (number(id)?, to(&asked.call.body)?, seen(asked.call)?);
                let how = if *how == "bump" { Move::Bump } else { Move::Undo };
                let sku = asked.sku().to_owned();
                let body = self.act(asked.cause, |shop, now| shop.move_ticket(&sku, id, how, to, seen, now)).await?;
                Ok(answer(StatusCode::OK, &body))
            }
            _ => Err(nowhere()),
        }
    }

    /// With `station`, what that station makes, at the position of its own channel.
    fn tickets(&self, call: &Call, sku: &str) -> Result<Answer, Refusal> {
        let since = since(call)?;
        let categories = listed(call, "category_ids", |text| text.parse::<u64>().ok())?;
        let statuses = listed(call, "status", |text| STATUSES.into_iter().find(|status| *status == text))?;
        let station = call.parameter("station");
        let of = station.map_or_else(|| "kds".to_owned(), |station| format!("kds.station.{station}"));
        Ok(self.list(sku, &of, |shop| {
            let wanted = |ticket: &&Ticket| {
                ticket.sku == sku
                    && since.as_ref().is_none_or(|since| ticket.updated_at > *since)
                    && categories.as_ref().is_none_or(|wanted| ticket.categories().iter().any(|id| wanted.contains(id)))
                    && statuses.as_ref().is_none_or(|statuses| statuses.contains(&ticket.status.as_str()))
                    && station.is_none_or(|station| ticket.station.as_deref() == Some(station))
            };
            json!({ "tickets": shop.tickets.values().filter(wanted).map(Ticket::listed).collect::<Vec<_>>() })
        }))
    }
}

/// The state that the caller saw: the ticket's `updated_at`, in the body or as `If-Match`.
fn seen(call: &Call) -> Result<Option<&str>, Refusal> {
    let wrong = || Refusal::bad("updated_at, or If-Match, is the ticket's updated_at as the screen has it");
    if let Some(value) = call.headers.get("if-match") {
        return value.to_str().map(|text| Some(text.trim().trim_matches('"'))).map_err(|_| wrong());
    }
    match call.body.get("updated_at") {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(wrong),
    }
}
