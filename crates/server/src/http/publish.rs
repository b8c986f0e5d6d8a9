//! `POST /v1/events`: what a backend publishes.

use super::{
    Answer, body, bounds,
    item::{self, Fault},
    json_answer,
    refuse::problem,
    spell, who,
};
use crate::{App, Problem, config::Limits, hub::PublishError, metrics::Publication, served::Served};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use hyper::body::Body;
use serde_json::{Value, json, value::RawValue};
use std::{sync::Arc, time::Instant};
use tidewire_contract::Contract;
use tidewire_engine::{
    Draft, Position, Published, at,
    log::LogError,
    publish::{self, Refusal},
};

/// Publishes one event or several; all of them or none.
pub async fn events<B>(app: &Arc<App>, request: Request<B>) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let served = who::backend(app, request.headers())?;
    let trace = correlation_id(request.headers())?;
    let (parts, body) = request.into_parts();
    let body = body::read(&parts.headers, body, &app.config.limits).await?;
    let checked = if body.len() > bounds::INLINE_BYTES {
        let (contract, limits) = (served.contract.clone(), app.config.limits.clone());
        let work = tokio::task::spawn_blocking(move || check(&contract, &body, trace.as_deref(), &limits));
        work.await.map_err(|_| problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request could not be checked"))??
    } else {
        check(&served.contract, &body, trace.as_deref(), &app.config.limits)?
    };
    let begun = Instant::now();
    let published = app.hub.publish(checked.drafts).await.map_err(refused)?;
    let duplicates = published.iter().filter(|p| p.duplicate).count() as u64;
    let events = published.len() as u64 - duplicates;
    let publication = Publication { contract: served.contract.name.clone(), events, duplicates, took: begun.elapsed() };
    let mut answers: Vec<Value> = published.iter().map(|p| receipt(&served, p)).collect();
    if checked.is_batch {
        let mut answer = json_answer(StatusCode::OK, &Value::Array(answers));
        answer.extensions_mut().insert(publication);
        return Ok(answer);
    }
    let Some(only) = answers.pop() else { return Err(no_answer()) };
    let mut answer = json_answer(StatusCode::OK, &only);
    answer.extensions_mut().insert(publication);
    if let Some(position) = only["position"].as_str().and_then(|p| HeaderValue::from_str(p).ok()) {
        answer.headers_mut().insert(super::POSITION, position);
    }
    Ok(answer)
}

/// What a request asks for, once its contract allows all of it.
struct Checked {
    is_batch: bool,
    drafts: Vec<Draft>,
}

/// Reads and checks a whole request before any of it is appended.
fn check(contract: &Arc<Contract>, body: &[u8], trace: Option<&str>, limits: &Limits) -> Result<Checked, Problem> {
    let text = body::text(body)?;
    if tidewire_wire::depth::exceeds(body, limits.json_depth) {
        let detail = format!("the body nests deeper than {} levels", limits.json_depth);
        return Err(problem(StatusCode::BAD_REQUEST, "too-deep", detail).with("limit", limits.json_depth));
    }
    let is_batch = text.trim_start().starts_with('[');
    let items: Vec<&RawValue> = if is_batch {
        serde_json::from_str(text).map_err(|e| body::invalid_json(&e))?
    } else {
        vec![serde_json::from_str(text).map_err(|e| body::invalid_json(&e))?]
    };
    if items.len() > limits.batch_events {
        let detail = format!("the batch has {} events, at most {} are allowed", items.len(), limits.batch_events);
        return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).with("limit", limits.batch_events));
    }
    let mut drafts = Vec::with_capacity(items.len());
    let mut faults: Vec<(usize, Fault)> = Vec::new();
    for (index, raw) in items.into_iter().enumerate() {
        let checked = item::read(raw, trace).and_then(|request| publish::from_backend(contract, request).map_err(faults_of));
        match checked {
            Ok(draft) => drafts.push(draft),
            Err(wrong) => faults.extend(wrong.into_iter().map(|f| (index, f))),
        }
    }
    if faults.is_empty() { Ok(Checked { is_batch, drafts }) } else { Err(invalid(&faults)) }
}

/// The answer that names every fault. Its status is theirs where they agree, else 422.
fn invalid(faults: &[(usize, Fault)]) -> Problem {
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

/// What the contract's refusal means to a backend.
fn faults_of(refusal: Refusal) -> Vec<Fault> {
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

/// Why the store did not take it.
fn refused(error: PublishError) -> Problem {
    let (kind, retry_after_s) = match &error {
        PublishError::Store(LogError::Full(_)) => ("store-full", "5"),
        PublishError::Store(_) => ("store-failed", "5"),
        PublishError::Stopping => ("stopping", "1"),
    };
    problem(StatusCode::SERVICE_UNAVAILABLE, kind, error.to_string()).header(header::RETRY_AFTER, retry_after_s)
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

/// `X-Correlation-Id`: the trace of the events that carry none (K-17).
fn correlation_id(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("x-correlation-id") else { return Ok(None) };
    match value.to_str() {
        Ok(text) if (1..=publish::MAX_TEXT).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => {
            let detail = format!("X-Correlation-Id must have 1 to {} visible ASCII characters", publish::MAX_TEXT);
            Err(problem(StatusCode::BAD_REQUEST, "bad-request", detail))
        }
    }
}
