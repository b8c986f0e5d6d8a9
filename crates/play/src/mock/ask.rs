//! What a mock is asked over HTTP: an event, a token, what it is; and by the server, what its backends are.

use super::{answers, channels::may_join, perform, studio::Studio, tokens};
use crate::serve::Call;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tidewire_contract::Publisher;

/// `POST /mock/events`: one event that is to happen (C-12).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    #[serde(rename = "type")]
    pub event_type: String,
    /// The first on which it can be, unless said.
    #[serde(default)]
    pub channel: Option<String>,
    /// Made up, unless said.
    #[serde(default)]
    pub data: Option<Value>,
}

/// What became of it, as JSON: the published event; of a client's event, who sent it and what came back.
pub type Triggered = Value;

pub(super) async fn handle(studio: &Arc<Studio>, call: Call) -> (StatusCode, Value) {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let answered = match (&call.method, path.as_slice()) {
        (&Method::GET, ["mock"]) => studio.described().await,
        (&Method::GET | &Method::POST, ["mock", "tokens", actor]) => tokens::mint(studio, actor).await,
        (&Method::POST, ["mock", "events"]) => match serde_json::from_value::<Trigger>(call.body) {
            Ok(wanted) => trigger(studio, &wanted).await,
            Err(error) => Err(format!("expected {{\"type\": …, \"channel\": …, \"data\": …}}: {error}")),
        },
        (&Method::POST, ["backends", _]) => return handed_over(studio, &call.body).await,
        _ => {
            let message = "there are GET /mock, POST /mock/events and GET /mock/tokens/{actor}";
            return (StatusCode::NOT_FOUND, json!({ "code": "NOT_FOUND", "message": message }));
        }
    };
    match answered {
        Ok(answer) => (StatusCode::OK, answer),
        Err(message) => (StatusCode::UNPROCESSABLE_ENTITY, json!({ "code": "INVALID_PAYLOAD", "message": message })),
    }
}

/// What the server hands over to a backend, answered as the flows have it.
async fn handed_over(studio: &Arc<Studio>, body: &Value) -> (StatusCode, Value) {
    answers::answer(studio, body).await
}

/// Makes an event happen: a backend's is published, a client's is sent by an actor who may, and one of the server's own comes of an
/// actor who comes or goes.
///
/// # Errors
/// In words.
pub async fn trigger(studio: &Arc<Studio>, trigger: &Trigger) -> Result<Triggered, String> {
    let contract = &studio.site.contract;
    let event_type = trigger.event_type.as_str();
    let found = contract.event(event_type).or_else(|| contract.events.iter().find(|event| event.name == event_type));
    let Some(event) = found else {
        let known: Vec<&str> = contract.events.iter().map(|e| e.name.as_str()).collect();
        return Err(format!("the contract has no event '{event_type}'; there are: {}", known.join(", ")));
    };
    // A pattern stands for several types: the first of what is usual.
    let event_type = if event_type.ends_with('*') { crate::sample::concrete(event)[0].clone() } else { event_type.to_owned() };
    match event.from {
        Publisher::Backend => {
            let channel = match &trigger.channel {
                Some(channel) => channel.clone(),
                None => published_on(studio, event)
                    .ok_or_else(|| format!("no actor of the contract may join a channel with '{event_type}': name one with a channel"))?,
            };
            let name = contract.channel(&channel).ok_or_else(|| format!("the contract has no channel '{channel}'"))?;
            let made = studio.make(event, &event_type, &name, trigger.data.clone()).await?;
            studio.publish(&channel, made).await
        }
        Publisher::Client => perform::send(studio, event, &event_type, trigger).await,
        Publisher::Presence => perform::come_or_go(studio, &event_type, trigger.channel.as_deref()).await,
    }
}

/// The first channel on which the event can be: of those on which something happens; else any that an actor may join.
fn published_on(studio: &Studio, event: &tidewire_contract::Event) -> Option<String> {
    let contract = &studio.site.contract;
    let fits = |name: &&String| contract.channel(name).is_some_and(|c| event.on.contains(&c.log_kind));
    if let Some(channel) = studio.channels().iter().find(fits) {
        return Some(channel.clone());
    }
    super::channels::channels(contract).iter().find(fits).cloned()
}

/// Who may be on a channel.
pub(super) fn who_may(studio: &Studio, channel: &str) -> Vec<String> {
    let contract = &studio.site.contract;
    crate::actor::Actors(contract).names().into_iter().filter(|actor| may_join(contract, actor, channel)).collect()
}
