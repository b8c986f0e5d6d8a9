//! `POST /v1/disconnect` and `/v1/unsubscribe`: what a backend may do to its clients.

use super::{Answer, body, item::kind_of, json_answer, query::excerpt, refuse::problem, who};
use crate::{App, Problem, served::Served, shard::Selector};
use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::Body;
use serde_json::{Map, Number, Value, json, value::RawValue};
use std::sync::Arc;
use tidewire_contract::json_type;
use tidewire_engine::publish::nearest;

const MEMBERS: [&str; 3] = ["principal", "connection", "channel"];

/// Closes connections.
pub async fn disconnect<B>(app: &Arc<App>, request: Request<B>) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (who, _) = selector(app, request).await?;
    if who.principal.is_none() && who.connection.is_none() && who.channel.is_none() {
        return Err(wrong("", "required", "object", "name at least one of principal, connection, channel"));
    }
    let closed = app.disconnect(who, "the backend ended the connection").await;
    Ok(json_answer(StatusCode::OK, &json!({ "closed": closed })))
}

/// Takes clients off a channel; their connections live on.
pub async fn unsubscribe<B>(app: &Arc<App>, request: Request<B>) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut who, _) = selector(app, request).await?;
    let Some(channel) = who.channel.take() else {
        return Err(wrong("", "required", "object", "'channel' is missing: name the channel, and who if not everybody"));
    };
    let unsubscribed = app.unsubscribe(who, &channel).await;
    Ok(json_answer(StatusCode::OK, &json!({ "unsubscribed": unsubscribed })))
}

/// Reads who is meant, among the clients of the key's contract.
async fn selector<B>(app: &Arc<App>, request: Request<B>) -> Result<(Selector, Arc<Served>), Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let served = who::backend(app, request.headers())?;
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, &app.config.limits).await?;
    let text = body::text(&bytes)?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|e| body::invalid_json(&e))?;
    if kind_of(raw) != "object" {
        return Err(wrong("", "type", kind_of(raw), "expected an object with principal, connection or channel"));
    }
    if tidewire_wire::depth::exceeds(&bytes, 2) {
        return Err(wrong("", "type", "object", "principal, connection and channel are strings"));
    }
    let members: Map<String, Value> = serde_json::from_str(text).map_err(|e| body::invalid_json(&e))?;
    let mut who = Selector { contract: Some(served.contract.name.clone()), ..Selector::default() };
    for (name, value) in members {
        let pointer = format!("/{}", excerpt(&name));
        match (name.as_str(), value) {
            ("principal", Value::String(text)) => who.principal = Some(text),
            ("channel", Value::String(text)) => {
                super::since::channel(&served.contract, &text)?;
                who.channel = Some(text);
            }
            ("connection", Value::String(text)) => {
                let parsed = text.parse().map_err(|_| wrong(&pointer, "format", "string", "this is no connection's id"))?;
                who.connection = Some(parsed);
            }
            ("connection", Value::Number(n)) if whole(&n).is_some() => who.connection = whole(&n),
            (known, value) if MEMBERS.contains(&known) => return Err(wrong(&pointer, "type", json_type(&value), "expected a string")),
            (unknown, value) => {
                let hint = nearest(unknown, MEMBERS.into_iter()).map(|n| format!("; did you mean '{n}'?")).unwrap_or_default();
                return Err(wrong(&pointer, "unknown-member", json_type(&value), &format!("there is no such member{hint}")));
            }
        }
    }
    Ok((who, served))
}

/// A whole number, also one that is written `7.0`.
fn whole(n: &Number) -> Option<u64> {
    n.as_u64().or_else(|| n.as_f64().filter(|f| f.fract() == 0.0 && (0.0..9e15).contains(f)).map(|f| f as u64))
}

fn wrong(pointer: &str, rule: &str, found: &str, message: &str) -> Problem {
    let error = json!({ "index": 0, "pointer": pointer, "rule": rule, "found": found, "message": message });
    problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid-selector", message).with("errors", vec![error])
}
