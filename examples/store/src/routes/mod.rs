//! What can be asked, by whom.

mod devices;
mod kitchen;
mod orders;
mod printing;

use crate::{
    Backend,
    act::{Cause, correlation},
    caller::Caller,
    devices::media,
    page,
    shop::{Shop, channel, spell},
};
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use tidewire_example_backend::{Answer, Call, Refusal, json as answer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A request, and who asks.
pub(crate) struct Asked<'a> {
    call: &'a Call,
    caller: &'a Caller,
    cause: Cause,
}

impl Asked<'_> {
    /// The caller's shop: nobody sees another.
    fn sku(&self) -> &str {
        &self.caller.store
    }
}

impl Backend {
    /// Answers everything. Every answer, refusals too, names the request's correlation id (K-17).
    pub(crate) async fn answer(&self, call: Call) -> Answer {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        if let (&Method::GET, ["kitchen", rest @ ..]) = (&call.method, &path[..]) {
            return page::serve(rest, &self.config).unwrap_or_else(Answer::from);
        }
        let correlation = correlation(&call.headers);
        let mut answer = self.allowed(&call, &path, &correlation).await.unwrap_or_else(Answer::from);
        if let Ok(id) = HeaderValue::from_str(&correlation) {
            answer.headers_mut().insert("x-correlation-id", id);
        }
        answer
    }

    async fn allowed(&self, call: &Call, path: &[&str], correlation: &str) -> Result<Answer, Refusal> {
        let caller = self.registry.caller(&call.headers, call.peer).await?;
        self.begun.wait().await?;
        let asked = Asked { call, caller: &caller, cause: Cause::of(call, &caller, correlation)? };
        match path {
            ["v1", "orders", rest @ ..] => self.orders(asked, rest).await,
            ["v1", "kds", "tickets", rest @ ..] => self.kitchen(asked, rest).await,
            ["v1", "print-jobs", rest @ ..] => self.printing(asked, rest).await,
            ["v1", "media"] if call.method == Method::POST => {
                caller.may("media.update")?;
                let body = self.act(asked.cause, |_, now| media(&caller.store, &call.body, now)).await?;
                Ok(answer(StatusCode::OK, &body))
            }
            ["devices", rest @ ..] => self.devices(asked, rest).await,
            _ => Err(nowhere()),
        }
    }

    /// A list, and the position of the channel at which it is true.
    fn list(&self, sku: &str, of: &str, list: impl FnOnce(&Shop) -> Value) -> Answer {
        let look = self.keep.look();
        let position = look.positions.get(&channel(sku, of));
        let mut body = list(&look.state);
        body["store"] = json!(sku);
        body["channel"] = json!(channel(sku, of));
        body["position"] = json!(position);
        // `channel_data: {"since": …}` takes it.
        body["seq"] = position.and_then(|p| p.rsplit(':').next()?.parse::<u64>().ok()).map_or(json!(0), Value::from);
        positioned(answer(StatusCode::OK, &body), position)
    }
}

fn nowhere() -> Refusal {
    Refusal::not_found(
        "there are GET and POST /v1/orders, GET /v1/orders/{id}, POST /v1/orders/{id}/items and …/status, GET /v1/kds/tickets, \
         POST /v1/kds/tickets/{id}/bump and …/undo, GET and POST /v1/print-jobs, POST /v1/print-jobs/{id}/complete and …/fail, \
         POST /v1/media, GET /devices, GET /devices/me, POST /devices/{id}/heartbeat, …/status and …/notify, and the page /kitchen",
    )
}

fn positioned(mut answer: Answer, position: Option<&String>) -> Answer {
    if let Some(value) = position.and_then(|p| HeaderValue::from_str(p).ok()) {
        answer.headers_mut().insert("tidewire-position", value);
    }
    answer
}

fn number(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| Refusal::not_found(format!("'{}' is no id", text.chars().take(40).collect::<String>())))
}

/// The member `to` of a body.
fn to(body: &Value) -> Result<&str, Refusal> {
    body["to"].as_str().ok_or_else(|| Refusal::bad("`to` is missing: {\"to\": \"ready\"}"))
}

/// `updated_since`, spelled as times are kept.
fn since(call: &Call) -> Result<Option<String>, Refusal> {
    let Some(text) = call.parameter("updated_since") else { return Ok(None) };
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Refusal::bad("updated_since is a time such as 2026-01-31T10:00:00Z"))?;
    Ok(Some(spell(time)))
}

/// A parameter that is a list with commas, each of it made into something.
fn listed<T>(call: &Call, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<Vec<T>>, Refusal> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let wrong = |part: &str| Refusal::bad(format!("{name}: '{}' is none", part.chars().take(40).collect::<String>()));
    text.split(',').map(|part| read(part.trim()).ok_or_else(|| wrong(part))).collect::<Result<_, _>>().map(Some)
}
