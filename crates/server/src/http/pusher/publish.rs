//! `POST /apps/{id}/events` and `/batch_events`.

use super::{bad, channels::Attributes, signed::Asked};
use crate::{
    App, Problem,
    http::{Answer, body, correlation, json_answer, publish as ours, query::excerpt, refuse::problem},
    hub::Refused,
    served::Served,
};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};
use std::sync::Arc;
use tidewire_engine::{
    Draft,
    publish::{self, Request},
};
use tidewire_wire::{
    minify,
    pusher::{check_channel, check_event, connection},
    template::unwrap,
};

/// One event of a request.
#[derive(Deserialize)]
struct Event<'a> {
    name: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    channels: Vec<String>,
    channel: Option<String>,
    socket_id: Option<String>,
    info: Option<String>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Vec<Event<'a>>,
}

/// What a request publishes, and the channels that it names, each with what it wants to be told of it.
struct Published {
    told: Vec<(String, Option<Attributes>)>,
    drafts: Vec<Draft>,
}

/// One event on up to a hundred channels.
pub(super) async fn events(app: &Arc<App>, served: &Arc<Served>, asked: &Asked) -> Result<Answer, Problem> {
    let trace = correlation::of(&asked.headers)?;
    let Published { told, drafts } = one(served, &asked.body, app.config.limits.json_depth, trace.as_deref())?;
    app.hub.publish(drafts).await.map_err(ours::refused)?;
    let asked = told.iter().filter_map(|(name, wanted)| Some((name.clone(), wanted.as_ref()?.told(app, served, name))));
    let told: Map<String, Value> = asked.collect();
    Ok(json_answer(StatusCode::OK, &if told.is_empty() { json!({}) } else { json!({ "channels": told }) }))
}

/// Up to ten events, each on a channel of its own.
pub(super) async fn batch(app: &Arc<App>, served: &Arc<Served>, asked: &Asked) -> Result<Answer, Problem> {
    let trace = correlation::of(&asked.headers)?;
    let Published { told, drafts } = several(served, &asked.body, app.config.limits.json_depth, trace.as_deref())?;
    app.hub.publish(drafts).await.map_err(ours::refused)?;
    let mut body = json!({});
    if told.iter().any(|(_, attributes)| attributes.is_some()) {
        let each = told.iter().map(|(name, attributes)| attributes.as_ref().map_or_else(|| json!({}), |a| a.told(app, served, name)));
        body = json!({ "batch": each.collect::<Vec<Value>>() });
    }
    Ok(json_answer(StatusCode::OK, &body))
}

/// Reads the body of `events`, or of `batch_events`, publishing nothing: how many events there would be.
///
/// # Errors
/// The answer that the route would give.
pub fn check_body(served: &Arc<Served>, body: &[u8], is_batch: bool, depth: usize) -> Result<usize, Problem> {
    let published = if is_batch { several(served, body, depth, None) } else { one(served, body, depth, None) };
    Ok(published?.drafts.len())
}

fn one(served: &Arc<Served>, body: &[u8], depth: usize, trace: Option<&str>) -> Result<Published, Problem> {
    let event: Event<'_> = parse(depth, body)?;
    let channels = event.channels.iter().chain(&event.channel).cloned().collect::<Vec<_>>();
    let wanted = event.info.as_deref().map(Attributes::of_publish).transpose()?;
    let drafts = drafts(served, &event, &channels, trace)?;
    Ok(Published { told: channels.into_iter().map(|channel| (channel, wanted)).collect(), drafts })
}

fn several(served: &Arc<Served>, body: &[u8], depth: usize, trace: Option<&str>) -> Result<Published, Problem> {
    let Batch { batch } = parse(depth, body)?;
    let most = served.pusher.as_ref().map_or(0, |app| app.options.batch_events);
    if batch.len() > most {
        return Err(bad(format!("the batch has {} events, at most {most} are allowed (batch_events)", batch.len())));
    }
    let mut published = Published { told: Vec::new(), drafts: Vec::new() };
    for event in &batch {
        let channel = event.channel.clone().filter(|_| event.channels.is_empty());
        let Some(channel) = channel else { return Err(bad("each event of a batch has one `channel`")) };
        published.told.push((channel.clone(), event.info.as_deref().map(Attributes::of_publish).transpose()?));
        published.drafts.extend(drafts(served, event, &[channel], trace)?);
    }
    Ok(published)
}

fn parse<'a, T: Deserialize<'a>>(depth: usize, body: &'a [u8]) -> Result<T, Problem> {
    body::shallow(body, depth)?;
    serde_json::from_slice(body).map_err(|e| bad(format!("the body is not what it should be: {e}")))
}

/// What one event becomes on each of its channels.
fn drafts(served: &Arc<Served>, event: &Event<'_>, channels: &[String], trace: Option<&str>) -> Result<Vec<Draft>, Problem> {
    let Some(app) = &served.pusher else { return Ok(Vec::new()) };
    check_event(&event.name).map_err(|e| bad(e.to_string()))?;
    if channels.is_empty() || channels.len() > app.options.event_channels {
        let most = app.options.event_channels;
        return Err(bad(format!("an event goes to 1 to {most} channels (event_channels), here are {}", channels.len())));
    }
    for (at, channel) in channels.iter().enumerate() {
        check_channel(channel).map_err(|e| bad(format!("'{channel}': {e}")))?;
        if channels[..at].contains(channel) {
            return Err(bad(format!("the channel '{channel}' is named twice")));
        }
    }
    let except = match &event.socket_id {
        None => None,
        Some(text) => Some(connection(text).ok_or_else(|| bad(format!("'{text}' is no socket_id")))?),
    };
    let Some(raw) = event.data else { return Err(bad("`data` is missing")) };
    let text: Option<String> = serde_json::from_str(raw.get()).ok();
    let bytes = text.as_ref().map_or(raw.get().len(), String::len);
    if bytes > app.options.event_bytes {
        let detail = format!("`data` has {bytes} bytes, at most {} are allowed (event_bytes)", app.options.event_bytes);
        return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
    }
    let request = if app.plain {
        Request { data: minified(raw.get()), ..Request::default() }
    } else {
        of_contract(served, event, text.as_deref().unwrap_or(raw.get()))?
    };
    let each = channels.iter().map(|channel| {
        let request = Request {
            channel: channel.clone(),
            event_type: event.name.clone(),
            trace: request.trace.clone().or_else(|| trace.map(str::to_owned)),
            except,
            ..request.clone()
        };
        publish::from_backend(&served.contract, request).map_err(|refusal| {
            let mut refused = ours::invalid(&ours::faults_of(refusal).into_iter().map(|fault| (0, fault)).collect::<Vec<_>>());
            // Libraries take 404 for an app that is not there.
            if refused.status == StatusCode::NOT_FOUND {
                refused.status = StatusCode::BAD_REQUEST;
            }
            refused
        })
    });
    each.collect()
}

/// The payload, or the whole envelope, that a publisher put into `data`.
fn of_contract(served: &Served, event: &Event<'_>, text: &str) -> Result<Request, Problem> {
    let value: Value =
        serde_json::from_str(text).map_err(|e| bad(format!("`data` is not JSON, and the contract says what is in it: {e}")))?;
    let Some(envelope) = unwrap(&served.contract.wire.event, &value) else {
        return Ok(Request { data: minified(text), ..Request::default() });
    };
    if let Some(said) = envelope.event_type.as_ref().filter(|said| **said != event.name) {
        return Err(bad(format!("the envelope says '{said}', and the event is '{}'", event.name)));
    }
    envelope.request().map_err(bad)
}

fn minified(json: &str) -> Bytes {
    let mut out = Vec::with_capacity(json.len());
    minify::minify(json.as_bytes(), &mut out);
    out.into()
}

/// Counts and tells of a request that was refused before anything of it was published.
pub(super) fn refused(app: &App, served: &Served, asked: &Asked, problem: &Problem) {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Said {
        name: Value,
        channel: Value,
        channels: Vec<Value>,
    }
    if problem.status == StatusCode::SERVICE_UNAVAILABLE {
        // The hub did, and told.
        return;
    }
    let contract = served.contract.name.as_str();
    app.hub.tallies().publishes(contract).refused(problem.code);
    let said: Said = serde_json::from_slice(&asked.body).unwrap_or_default();
    let channel = said.channel.as_str().or_else(|| said.channels.first()?.as_str()).map(excerpt);
    let event_type = said.name.as_str().map(excerpt);
    let correlation_id = correlation::of(&asked.headers).ok().flatten();
    let (channel, event_type, correlation_id) = (channel.as_deref(), event_type.as_deref(), correlation_id.as_deref());
    Refused { contract, channel, event_type, correlation_id, reason: problem.code }.tell();
}
