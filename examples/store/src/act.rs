//! Deciding and telling: one change after the other, and each request once.

use crate::{
    Backend,
    caller::Caller,
    shop::{Answered, Done, Shop, Told},
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tidewire_example_backend::{Call, Event, Keys, Refusal};
use time::OffsetDateTime;

/// Why something happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The device that asks for it, and its type; `None` where time did it.
    pub sender: Option<(u64, String)>,
    /// Goes into every event.
    pub correlation: String,
    /// Where the request has an `Idempotency-Key`: the key, and the print of what is asked.
    pub request: Option<(String, u64)>,
}

impl Cause {
    /// What nobody asked for.
    pub fn time() -> Cause {
        Cause { sender: None, correlation: uuid::Uuid::new_v4().to_string(), request: None }
    }

    /// # Errors
    /// When the request's `Idempotency-Key` is none.
    pub fn of(call: &Call, caller: &Caller, correlation: &str) -> Result<Cause, Refusal> {
        let sender = Some((caller.id, caller.device_type.clone()));
        let correlation = correlation.to_owned();
        let Some(value) = call.headers.get("idempotency-key") else { return Ok(Cause { sender, correlation, request: None }) };
        let key = value.to_str().ok().filter(|key| (1..=200).contains(&key.len()));
        let key = key.ok_or_else(|| Refusal::bad("Idempotency-Key has 1 to 200 visible characters"))?;
        let seen = call.headers.get("if-match").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let asked = format!("{} {} {seen} {}", call.method, call.path.join("/"), call.body);
        Ok(Cause { sender, correlation, request: Some((format!("{}/{key}", caller.id), print(asked.as_bytes()))) })
    }
}

/// The correlation id of a request (K-17); a new one where it has none, or none that the server takes.
pub fn correlation(headers: &HeaderMap) -> String {
    let given = headers.get("x-correlation-id").and_then(|v| v.to_str().ok()).filter(|id| (1..=256).contains(&id.len()));
    given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

impl Backend {
    /// Decides something and tells it; returns what the request is answered once that is the state. A request that was
    /// answered before is answered the same, and nothing is decided.
    pub(crate) async fn act(&self, cause: Cause, decide: impl FnOnce(&mut Shop, &str) -> Done) -> Result<Value, Refusal> {
        let mut answer = Value::Null;
        let changed = self.keep.change(None, |shop, keys| {
            if let Some(known) = answered(shop, &cause)? {
                answer = known;
                return Ok((shop.clone(), Vec::new()));
            }
            let mut next = shop.clone();
            let now = next.tick(OffsetDateTime::now_utc());
            let (body, told) = decide(&mut next, &now)?;
            if let Some((key, print)) = cause.request.clone() {
                next.remember(Answered { key, print, body: body.clone() });
            }
            let events = told.into_iter().map(|told| event(&mut next, keys, &cause, told, &now)).collect();
            next.forget();
            answer = body;
            Ok((next, events))
        });
        changed.await?;
        Ok(answer)
    }
}

fn answered(shop: &Shop, cause: &Cause) -> Result<Option<Value>, Refusal> {
    let Some((key, print)) = &cause.request else { return Ok(None) };
    match shop.answers.iter().find(|answered| answered.key == *key) {
        Some(known) if known.print == *print => Ok(Some(known.body.clone())),
        Some(_) => {
            let detail = "this Idempotency-Key was sent with another request: a new request needs a new key";
            Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Key used before", detail))
        }
        None => Ok(None),
    }
}

fn event(shop: &mut Shop, keys: &mut Keys, cause: &Cause, told: Told, now: &str) -> Event {
    let Told { sku, channel, event_type, data, subject: (kind, id) } = told;
    let sender = cause.sender.as_ref().map(|(id, kind)| json!({ "device_id": id, "device_type": kind }));
    let store = json!({ "id": shop.store(&sku).id, "sku": sku });
    Event {
        channel,
        event_type: event_type.to_owned(),
        data,
        key: keys.next_key(),
        trace: Some(cause.correlation.clone()),
        occurred_at: Some(now.to_owned()),
        fields: Some(json!({ "store": store, "sender": sender, "subject": { "type": kind, "id": id } })),
    }
}

/// FNV-1a: the same from one build to the next.
fn print(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
