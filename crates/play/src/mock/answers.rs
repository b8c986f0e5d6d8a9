//! What a mock's backends answer and publish: what the flows say, with the values of the request at hand.

use super::studio::Studio;
use crate::flow::fields;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tidewire_contract::{Action, Contract, Flow};

/// A flow's part that answers a request: what was sent in it, what is answered, what is published.
struct Script<'c> {
    sent: Option<&'c Value>,
    answer: Option<&'c Value>,
    events: Vec<(&'c str, Option<&'c Value>)>,
}

/// Answers a request of the server, `{backend, type, channel, data, …}`.
pub async fn answer(studio: &Arc<Studio>, body: &Value) -> (StatusCode, Value) {
    let contract = &studio.site.contract;
    let (backend, event_type) = (body["backend"].as_str().unwrap_or_default(), body["type"].as_str().unwrap_or_default());
    let (channel, data) = (body["channel"].as_str().unwrap_or_default(), &body["data"]);
    let Some(script) = script(contract, backend, event_type, data) else {
        let events = something(studio, backend, event_type, channel, data).await;
        return (StatusCode::OK, json!({ "events": events }));
    };
    let carried = Carried::of(script.sent, data);
    let reply = script.answer.map(|answer| carried.spelled(answer, false));
    if let Some(code) = reply.as_ref().and_then(|r| r["code"].as_str()) {
        let status = if code == "CONFLICT" { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
        let mut refusal = reply.clone().unwrap_or_default();
        if refusal["message"].is_null() {
            refusal["message"] = "refused, as a flow of the contract has it".into();
        }
        return (status, refusal);
    }
    let mut events = Vec::new();
    for (of_type, as_written) in &script.events {
        let Some(event) = contract.event(of_type) else { continue };
        let with = as_written.map(|data| carried.spelled(data, true)).filter(|data| event.validate(data).is_empty());
        let data = with.or_else(|| as_written.cloned().filter(|data| event.validate(data).is_empty()));
        events.extend(published(studio, of_type, channel, data, body).await);
    }
    let mut answer = json!({ "events": events });
    if let Some(reply) = reply {
        answer["reply"] = reply;
    }
    (StatusCode::OK, answer)
}

/// No flow has it: one of the events that the backend sends, the one that is called most like the request.
async fn something(studio: &Arc<Studio>, backend: &str, event_type: &str, channel: &str, data: &Value) -> Vec<Value> {
    let contract = &studio.site.contract;
    let Some(sends) = contract.backends.iter().find(|b| b.name == backend).map(|b| &b.sends) else { return Vec::new() };
    let noun = |name: &str| name.split(['.', ':', '-']).next().unwrap_or_default().to_owned();
    let Some(of_type) = sends.iter().find(|t| noun(t) == noun(event_type)).or_else(|| sends.first()) else { return Vec::new() };
    published(studio, of_type, channel, None, &json!({ "data": data })).await
}

/// One item to publish, made up where there is no payload; with what the request has under the same names.
async fn published(studio: &Arc<Studio>, event_type: &str, channel: &str, data: Option<Value>, body: &Value) -> Vec<Value> {
    let contract = &studio.site.contract;
    let (Some(event), Some(name)) = (contract.event(event_type), contract.channel(channel)) else { return Vec::new() };
    let made_up = data.is_none();
    let Ok(made) = studio.make(event, event_type, &name, data).await else { return Vec::new() };
    let mut data = made.data;
    if made_up {
        let mut with = data.clone();
        if let (Some(members), Some(said)) = (with.as_object_mut(), body["data"].as_object()) {
            for (key, value) in members.iter_mut() {
                if let Some(said) = said.get(key).filter(|v| !v.is_object() && !v.is_array()) {
                    *value = said.clone();
                }
            }
        }
        if event.validate(&with).is_empty() {
            data = with;
        }
    }
    vec![json!({ "channel": channel, "type": event_type, "data": data })]
}

/// The flow whose request is most like this one.
fn script<'c>(contract: &'c Contract, backend: &str, event_type: &str, data: &Value) -> Option<Script<'c>> {
    let found = contract.flows.iter().flat_map(|flow| of_flow(flow, backend, event_type, data));
    // Of those that are equally like it, the first.
    found
        .fold(None::<(usize, Script)>, |best, one| if best.as_ref().is_some_and(|(most, _)| *most >= one.0) { best } else { Some(one) })
        .map(|(_, s)| s)
}

fn of_flow<'c>(flow: &'c Flow, backend: &str, event_type: &str, data: &Value) -> Vec<(usize, Script<'c>)> {
    let mut found = Vec::new();
    let mut sent = None;
    for (at, step) in flow.steps.iter().enumerate() {
        match &step.action {
            Action::Send { event_type: t, data, .. } if t == event_type => sent = data.as_ref(),
            Action::Receive { who, what } if who.iter().any(|w| w == backend) => {
                for expected in what.iter().filter(|e| e.event_type == event_type) {
                    let pattern = expected.data.as_ref();
                    if pattern.is_some_and(|p| !fields(p, data).is_empty()) {
                        continue;
                    }
                    // What the pattern demands weighs more than what happens to be the same.
                    let like = pattern.map_or(0, leaves) * 1000 + sent.map_or(0, |sent| same(sent, data));
                    found.push((like, following(flow, at, backend, sent)));
                }
            }
            _ => {}
        }
    }
    found
}

/// What the backend does from there on, up to what comes next to it.
fn following<'c>(flow: &'c Flow, at: usize, backend: &str, sent: Option<&'c Value>) -> Script<'c> {
    let mut script = Script { sent, answer: None, events: Vec::new() };
    for step in &flow.steps[at + 1..] {
        match &step.action {
            Action::Answer { who, data } if who == backend => script.answer = script.answer.or(Some(data)),
            Action::Send { who, event_type, data, .. } if who == backend => script.events.push((event_type, data.as_ref())),
            Action::Send { .. } => break,
            Action::Receive { who, .. } if who.iter().any(|w| w == backend) => break,
            _ => {}
        }
    }
    script
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.values().map(leaves).sum(),
        Value::Array(items) => items.iter().map(leaves).sum(),
        _ => 1,
    }
}

fn same(a: &Value, b: &Value) -> usize {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => a.iter().filter_map(|(key, a)| Some(same(a, b.get(key)?))).sum(),
        _ => usize::from(a == b),
    }
}

/// What stood in the flow's request, and what stands there now.
struct Carried {
    instead: Vec<(Value, Value)>,
    named: Map<String, Value>,
}

impl Carried {
    fn of(sent: Option<&Value>, data: &Value) -> Carried {
        let mut instead = Vec::new();
        if let Some(sent) = sent {
            pairs(sent, data, &mut instead);
        }
        let named = data.as_object().into_iter().flatten().filter(|(_, v)| !v.is_object() && !v.is_array());
        Carried { instead, named: named.map(|(k, v)| (k.clone(), v.clone())).collect() }
    }

    /// A value of the flow with the request's values; with `named`, also where the request has a member of the same name.
    fn spelled(&self, value: &Value, named: bool) -> Value {
        match value {
            Value::Object(members) => members
                .iter()
                .map(|(key, value)| {
                    let plain = !value.is_object() && !value.is_array();
                    match self.named.get(key).filter(|_| named && plain) {
                        Some(said) => (key.clone(), said.clone()),
                        None => (key.clone(), self.spelled(value, named)),
                    }
                })
                .collect(),
            Value::Array(items) => items.iter().map(|item| self.spelled(item, named)).collect(),
            plain => self.instead.iter().find(|(was, _)| was == plain).map_or_else(|| plain.clone(), |(_, is)| is.clone()),
        }
    }
}

/// Texts and numbers that are others now; what could be anything (true, null, small numbers) says nothing.
fn pairs(was: &Value, is: &Value, found: &mut Vec<(Value, Value)>) {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            was.iter().filter_map(|(key, was)| Some((was, is.get(key)?))).for_each(|(was, is)| pairs(was, is, found));
        }
        (Value::String(text), Value::String(_)) if !text.is_empty() && was != is => found.push((was.clone(), is.clone())),
        (Value::Number(number), Value::Number(_)) if was != is && number.as_f64().is_some_and(|n| n.abs() >= 10.0) => {
            found.push((was.clone(), is.clone()));
        }
        _ => {}
    }
}
