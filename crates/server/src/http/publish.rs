//! `POST /v1/events`: what a backend publishes.

use super::{
    Answer, body, bounds,
    correlation::{self, Correlation},
    item::{self, Fault},
    json_answer, query,
    refuse::problem,
    spell, who,
};
use crate::{
    App, Problem,
    config::Limits,
    hub::{PublishError, Refused},
    served::Served,
};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Body;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use std::sync::Arc;
use tidewire_contract::Contract;
use tidewire_engine::{
    Draft, Position, Published, at,
    publish::{self, Refusal},
};

/// Publishes one event or several; all of them or none.
pub async fn events<B>(app: &Arc<App>, request: Request<B>) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let served = who::backend(app, request.headers())?;
    let said = request.extensions().get::<Correlation>().cloned();
    let checked = match checked(app, &served, request).await {
        Ok(checked) => checked,
        Err(wrong) => {
            app.hub.tallies().publishes(&served.contract.name).refused(wrong.problem.code);
            wrong.tell(&served.contract.name, said.as_ref().map(|c| c.0.as_str()));
            return Err(wrong.problem);
        }
    };
    // What a batch carries differs from event to event.
    let trace = checked.drafts.first().filter(|_| !checked.is_batch).and_then(|draft| draft.trace.clone());
    let published = app.hub.publish(checked.drafts).await.map_err(refused)?;
    let mut answers: Vec<Value> = published.iter().map(|p| receipt(&served, p)).collect();
    if checked.is_batch {
        return Ok(json_answer(StatusCode::OK, &Value::Array(answers)));
    }
    let Some(only) = answers.pop() else { return Err(no_answer()) };
    let mut answer = json_answer(StatusCode::OK, &only);
    if let Some(trace) = trace.and_then(|trace| HeaderValue::from_str(&trace).ok()) {
        answer.headers_mut().insert(correlation::HEADER, trace);
    }
    if let Some(position) = only["position"].as_str().and_then(|p| HeaderValue::from_str(p).ok()) {
        answer.headers_mut().insert(super::POSITION, position);
    }
    Ok(answer)
}

/// Reads and checks the body of a publish, as the route does: how many events it would append.
///
/// # Errors
/// The answer that the route would give.
pub fn check_body(contract: &Arc<Contract>, body: &[u8], limits: &Limits) -> Result<usize, Problem> {
    check(contract, body, None, limits).map(|checked| checked.drafts.len()).map_err(|wrong| wrong.problem)
}

/// What a request asks for, once its contract allows all of it.
struct Checked {
    is_batch: bool,
    drafts: Vec<Draft>,
}

/// A request that is refused, and what the log is told of its events that are wrong.
struct Wrong {
    problem: Problem,
    said: Vec<Said>,
}

impl From<Problem> for Wrong {
    fn from(problem: Problem) -> Wrong {
        Wrong { problem, said: Vec::new() }
    }
}

/// What an event said of itself, as far as it can be read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    channel: Value,
    r#type: Value,
    trace: Value,
}

impl Wrong {
    fn tell(&self, contract: &str, request: Option<&str>) {
        let refused = Refused { contract, correlation_id: request, reason: self.problem.code, ..Refused::default() };
        if self.said.is_empty() {
            refused.tell();
        }
        for said in &self.said {
            let [channel, event_type, trace] = [&said.channel, &said.r#type, &said.trace].map(|v| v.as_str().map(query::excerpt));
            let correlation_id = trace.as_deref().or(request);
            Refused { channel: channel.as_deref(), event_type: event_type.as_deref(), correlation_id, ..refused }.tell();
        }
    }
}

/// Reads a request and checks it, on a thread of its own where that takes long.
async fn checked<B>(app: &Arc<App>, served: &Arc<Served>, request: Request<B>) -> Result<Checked, Wrong>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let trace = correlation::of(request.headers())?;
    let (parts, body) = request.into_parts();
    let body = body::read(&parts.headers, body, &app.config.limits).await?;
    if body.len() <= bounds::INLINE_BYTES {
        return check(&served.contract, &body, trace.as_deref(), &app.config.limits);
    }
    let (contract, limits) = (served.contract.clone(), app.config.limits.clone());
    let work = tokio::task::spawn_blocking(move || check(&contract, &body, trace.as_deref(), &limits));
    work.await.map_err(|_| problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request could not be checked"))?
}

/// Checks a whole request before any of it is appended.
fn check(contract: &Arc<Contract>, body: &[u8], trace: Option<&str>, limits: &Limits) -> Result<Checked, Wrong> {
    let text = body::text(body)?;
    body::shallow(body, limits.json_depth).map_err(|problem| problem.with("limit", limits.json_depth))?;
    let is_batch = text.trim_start().starts_with('[');
    let items: Vec<&RawValue> = if is_batch {
        serde_json::from_str(text).map_err(|e| body::invalid_json(&e))?
    } else {
        vec![serde_json::from_str(text).map_err(|e| body::invalid_json(&e))?]
    };
    if items.len() > limits.batch_events {
        let detail = format!("the batch has {} events, at most {} are allowed", items.len(), limits.batch_events);
        return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).with("limit", limits.batch_events).into());
    }
    let mut drafts = Vec::with_capacity(items.len());
    let mut faults: Vec<(usize, Fault)> = Vec::new();
    let mut said = Vec::new();
    for (index, raw) in items.into_iter().enumerate() {
        let checked = item::read(raw, trace).and_then(|request| publish::from_backend(contract, request).map_err(faults_of));
        match checked {
            Ok(draft) => drafts.push(draft),
            Err(wrong) => {
                faults.extend(wrong.into_iter().map(|f| (index, f)));
                if said.len() < bounds::FAULTS_MAX {
                    said.push(serde_json::from_str(raw.get()).unwrap_or_default());
                }
            }
        }
    }
    if faults.is_empty() { Ok(Checked { is_batch, drafts }) } else { Err(Wrong { problem: invalid(&faults), said }) }
}

/// The answer that names every fault. Its status is theirs where they agree, else 422.
pub fn invalid(faults: &[(usize, Fault)]) -> Problem {
    let first = &faults[0].1;
    let agree = faults.iter().all(|(_, f)| f.status == first.status && f.kind == first.kind);
    let (status, kind) = if agree { (first.status, first.kind) } else { (422, "invalid-event") };
    let detail = match faults {
        [(_, only)] => only.message.clone(),
        _ => format!("{} things are wrong; nothing was published. The first: {}", faults.len(), first.message),
    };
    let errors: Vec<Value> = faults.iter().take(bounds::FAULTS_MAX).map(|(index, f)| f.to_json(*index)).collect();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    let mut refusal = problem(status, kind, detail).with("errors", errors);
    if let Some(nearest) = first.nearest.as_ref().filter(|_| agree) {
        refusal = refusal.with("nearest", nearest.as_str());
    }
    refusal
}

/// An event as it stands in the body of a publish, asked of the contract. `trace` stands in where it has none.
///
/// # Errors
/// All that is wrong with it, in words.
pub fn event_of(contract: &Arc<Contract>, raw: &RawValue, trace: Option<&str>) -> Result<Draft, String> {
    let checked = item::read(raw, trace).and_then(|request| publish::from_backend(contract, request).map_err(faults_of));
    checked.map_err(|faults| faults.iter().map(|f| format!("{}: {}", f.pointer, f.message)).collect::<Vec<_>>().join("; "))
}

/// What the contract's refusal means to a backend.
pub fn faults_of(refusal: Refusal) -> Vec<Fault> {
    let fault = |status, kind, pointer: &str, rule: &str, message: String, nearest| {
        let (pointer, rule) = (pointer.to_owned(), rule.to_owned());
        vec![Fault { status, kind, pointer, rule, found: "string".to_owned(), message, nearest }]
    };
    let hint = |nearest: &Option<String>| nearest.as_ref().map(|n| format!("; did you mean '{n}'?")).unwrap_or_default();
    match refusal {
        Refusal::UnknownChannel { channel, nearest } => {
            let message = format!("'{channel}' is no channel of the contract{}", hint(&nearest));
            fault(404, "unknown-channel", "/channel", "known-channel", message, nearest)
        }
        Refusal::UnknownType { event_type, nearest } => {
            let message = format!("'{event_type}' is no event of the contract{}", hint(&nearest));
            fault(404, "unknown-type", "/type", "known-type", message, nearest)
        }
        Refusal::NotHere { event_type, channel, reason } => {
            fault(422, "not-here", "/type", "published-here", format!("'{event_type}' on '{channel}': {reason}"), None)
        }
        Refusal::NotAllowed { event_type } => {
            fault(403, "not-allowed", "/type", "rules", format!("the contract's rules refuse '{event_type}'"), None)
        }
        Refusal::BadRequest { pointer, message } => fault(422, "invalid-event", pointer, "value", message, None),
        Refusal::Invalid { violations, .. } => violations
            .into_iter()
            .map(|v| Fault {
                status: 422,
                kind: "invalid-event",
                pointer: format!("/data{}", v.pointer),
                rule: v.rule,
                found: v.found.to_owned(),
                message: v.message,
                nearest: None,
            })
            .collect(),
    }
}

/// Why it was not published: a version is stale, or the store did not take it.
pub fn refused(error: PublishError) -> Problem {
    if let PublishError::Conflict(conflict) = &error {
        return problem(StatusCode::CONFLICT, error.code(), error.to_string())
            .with("index", conflict.index)
            .with("of", &*conflict.of)
            .with("current", conflict.current)
            .with("given", conflict.given);
    }
    let retry_after_s = if error == PublishError::Stopping { "1" } else { "5" };
    problem(StatusCode::SERVICE_UNAVAILABLE, error.code(), error.to_string()).header(header::RETRY_AFTER, retry_after_s)
}

fn no_answer() -> Problem {
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the publish was not answered; a repeat with the same key is safe")
}

/// What the publisher is told of one event.
pub fn receipt(served: &Served, published: &Published) -> Value {
    let position = Position { epoch: published.epoch, seq: published.receipt.seq };
    json!({
        "channel": published.log.split_once('/').map_or(&*published.log, |(_, channel)| channel),
        "id": spell::id(&served.contract.wire.event, &published.receipt.id),
        "seq": published.receipt.seq,
        "at": at::to_iso(published.receipt.at),
        "duplicate": published.duplicate,
        "durability": published.durability.as_str(),
        "position": position.to_string(),
    })
}
