//! `GET /v1/channels…`: what a backend's channels are like.

use super::{
    Answer, bounds, json_answer,
    page::blocking,
    query::{self, Parameters},
    since::channel,
    who,
};
use crate::{App, Problem, served::Served};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use tidewire_contract::Durability;
use tidewire_engine::{
    Position, at,
    log::{LogError, LogState},
    publish::log_name,
};

/// Channels to which something was published, by name.
pub async fn list(app: &Arc<App>, headers: &HeaderMap, uri: &Uri) -> Result<Answer, Problem> {
    let served = who::backend(app, headers)?;
    let query = Parameters::parse(uri.query())?;
    query.only(&["prefix", "after", "limit"])?;
    let limit = query.number("limit", bounds::CHANNELS, bounds::CHANNELS_MAX)?;
    let prefix = format!("{}/{}", served.contract.name, query.find("prefix").unwrap_or_default());
    let after = query.find("after").map(|after| format!("{}/{after}", served.contract.name));
    let worker = app.clone();
    let mut found = blocking(move || logs(&worker, &prefix, after.as_deref(), limit + 1)).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let start = served.contract.name.len() + 1;
    let next = found.last().filter(|_| more).map(|(name, _, _)| format!("{}?{}", uri.path(), query.with("after", &name[start..])));
    let channels: Vec<Value> =
        found.iter().map(|(name, state, durability)| describe(&served, &name[start..], Some(state), *durability)).collect();
    let mut answer = json_answer(StatusCode::OK, &json!({ "channels": channels, "more": more }));
    if let Some(link) = next.and_then(|uri| HeaderValue::from_str(&format!("<{uri}>; rel=\"next\"")).ok()) {
        answer.headers_mut().insert(header::LINK, link);
    }
    Ok(answer)
}

/// Where one channel stands.
pub async fn one(app: &Arc<App>, headers: &HeaderMap, name: &str) -> Result<Answer, Problem> {
    let served = who::backend(app, headers)?;
    let channel = channel(&served.contract, name)?;
    let durability = served.contract.channels[channel.log_kind].durability;
    let log = log_name(&served.contract.name, &channel.log);
    let (worker, log_of) = (app.clone(), log.clone());
    let state = blocking(move || shown(&worker, &log_of, durability)).await?;
    let mut body = describe(&served, name, state.as_ref(), durability);
    body["subscribers"] = app.subscribers(&log).await.into();
    let mut answer = json_answer(StatusCode::OK, &body);
    if let Some(position) = body["position"].as_str().and_then(|p| HeaderValue::from_str(p).ok()) {
        answer.headers_mut().insert(super::POSITION, position);
    }
    Ok(answer)
}

/// Who is on one channel.
pub async fn presence(app: &Arc<App>, headers: &HeaderMap, name: &str) -> Result<Answer, Problem> {
    let served = who::backend(app, headers)?;
    let channel = channel(&served.contract, name)?;
    if served.contract.channels[channel.kind].presence.is_none() {
        let detail = format!("the contract gives '{}' no presence", query::excerpt(name));
        return Err(super::refuse::problem(StatusCode::NOT_FOUND, "not-found", detail));
    }
    if served.pusher.is_some() {
        let members = app.roster.members(&served.contract.name, name);
        let members: Vec<Value> = members.iter().map(|m| json!({ "member": m.user_id, "info": m.user_info })).collect();
        return Ok(json_answer(StatusCode::OK, &json!({ "channel": name, "members": members })));
    }
    let members = app.presence.list(&served.contract, &channel).await.map_err(|e| super::page::unreadable(&e))?;
    Ok(json_answer(StatusCode::OK, &json!({ "channel": name, "members": members })))
}

/// A log's state as far as it may be seen: the store may be ahead of that.
fn shown(app: &App, log: &Arc<str>, durability: Durability) -> Result<Option<LogState>, LogError> {
    let reader = app.hub.reader();
    let Some(mut state) = reader.store(durability).find(log)? else { return Ok(None) };
    let handle = reader.log(log, durability)?;
    if handle.head() < state.head {
        state.at = reader.read(&handle, handle.head().saturating_sub(1), 1, 1)?.first().map_or(0, |r| r.at);
    }
    state.head = handle.head();
    Ok(Some(state))
}

type Found = (String, LogState, Durability);

/// Logs of both stores, by name.
fn logs(app: &App, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Found>, LogError> {
    let reader = app.hub.reader();
    let mut all: BTreeMap<String, Found> = BTreeMap::new();
    for durability in [Durability::Disk, Durability::Memory] {
        for (name, state) in reader.store(durability).list(prefix, after, limit)? {
            all.insert(name.clone(), (name, state, durability));
        }
    }
    Ok(all.into_values().take(limit).collect())
}

fn describe(served: &Served, name: &str, state: Option<&LogState>, kept_as: Durability) -> Value {
    let contract = &served.contract;
    let durability = contract.channel(name).map_or(kept_as, |c| contract.channels[c.log_kind].durability);
    let (epoch, head, first, newest) = state.map_or((0, 0, 1, 0), |s| (s.epoch, s.head, s.first, s.at));
    json!({
        "channel": name,
        "seq": head,
        "first": first,
        "epoch": format!("{epoch:x}"),
        "position": Position { epoch, seq: head }.to_string(),
        "durability": durability.as_str(),
        "newest_at": (newest > 0).then(|| at::to_iso(newest)),
    })
}
