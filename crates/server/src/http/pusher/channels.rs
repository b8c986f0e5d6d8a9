//! `GET /apps/{id}/channels…`: which channels are occupied, and by whom.

use super::{bad, signed::Asked};
use crate::{
    App, Problem,
    http::{Answer, json_answer, page::blocking},
    hub, pusher,
    served::Served,
};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tidewire_engine::publish::log_name;
use tidewire_wire::{
    EventView,
    pusher::{ChannelKind, check_channel},
};

/// What is asked of a channel (`info=`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    user_count: bool,
    subscription_count: bool,
    cache: bool,
}

impl Attributes {
    fn parse(text: Option<&str>) -> Result<Attributes, Problem> {
        let mut all = Attributes::default();
        for name in text.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "user_count" => all.user_count = true,
                "subscription_count" => all.subscription_count = true,
                "cache" => all.cache = true,
                other => return Err(bad(format!("there is no attribute '{other}'; there are user_count, subscription_count, cache"))),
            }
        }
        Ok(all)
    }

    /// Those that a publisher may ask for.
    pub(super) fn of_publish(text: &str) -> Result<Attributes, Problem> {
        match Attributes::parse(Some(text))? {
            Attributes { cache: true, .. } => Err(bad("`cache` is no attribute of a publish")),
            all => Ok(all),
        }
    }

    /// The attributes of a channel, as far as it has them.
    pub(super) fn told(self, app: &App, served: &Served, channel: &str) -> Value {
        let found = app.roster.occupancy(&served.contract.name, channel);
        let mut told = Map::new();
        if self.user_count && ChannelKind::of(channel).is_presence() {
            told.insert("user_count".into(), found.as_ref().map_or(0, |o| o.users).into());
        }
        if self.subscription_count {
            told.insert("subscription_count".into(), found.as_ref().map_or(0, |o| o.subscriptions).into());
        }
        Value::Object(told)
    }
}

/// The occupied channels.
pub(super) fn list(app: &App, served: &Served, asked: &Asked) -> Result<Answer, Problem> {
    let prefix = asked.parameters.find("filter_by_prefix").unwrap_or_default();
    let attributes = Attributes::parse(asked.parameters.find("info"))?;
    if attributes.cache {
        return Err(bad("`cache` is an attribute of one channel, not of a list"));
    }
    if attributes.user_count && !ChannelKind::of(prefix).is_presence() {
        return Err(bad("`user_count` is an attribute of presence channels alone: ask with filter_by_prefix=presence-"));
    }
    let occupied = app.roster.occupied(&served.contract.name, prefix);
    let channels: Map<String, Value> =
        occupied.into_iter().map(|o| (o.channel.clone(), attributes.told(app, served, &o.channel))).collect();
    Ok(json_answer(StatusCode::OK, &json!({ "channels": channels })))
}

/// One channel.
pub(super) async fn one(app: &Arc<App>, served: &Arc<Served>, asked: &Asked, name: &str) -> Result<Answer, Problem> {
    check_channel(name).map_err(|e| bad(e.to_string()))?;
    let attributes = Attributes::parse(asked.parameters.find("info"))?;
    let kind = ChannelKind::of(name);
    if attributes.user_count && !kind.is_presence() {
        return Err(bad("`user_count` is an attribute of presence channels alone"));
    }
    if attributes.cache && !kind.cache {
        return Err(bad("`cache` is an attribute of cache channels alone"));
    }
    let mut told = attributes.told(app, served, name);
    told["occupied"] = app.roster.occupancy(&served.contract.name, name).is_some().into();
    if attributes.cache {
        let (all, of, name) = (app.clone(), served.clone(), name.to_owned());
        told["cache"] = blocking(move || cached(&all, &of, &name)).await?;
    }
    Ok(json_answer(StatusCode::OK, &told))
}

/// `{"data", "ttl"}` of a cache channel's last event; null where there is none.
fn cached(app: &App, served: &Served, name: &str) -> Result<Value, tidewire_engine::log::LogError> {
    let (Some(of_app), Some(channel)) = (&served.pusher, served.contract.channel(name)) else { return Ok(Value::Null) };
    let reader = app.hub.reader();
    let durability = served.contract.channels[channel.log_kind].durability;
    let log = reader.log(&log_name(&served.contract.name, &channel.log), durability)?;
    let (keep, now) = (i64::try_from(of_app.options.cache_keep.as_micros()).unwrap_or(i64::MAX), hub::now());
    let Some(record) = pusher::cache::last(reader, &log, now - keep)? else { return Ok(Value::Null) };
    let mut frame = Vec::new();
    let view = EventView { record: &record, channel: name, vars: &channel.vars, epoch: log.epoch(), replay: true };
    tidewire_wire::Dialect::event(&of_app.frames, &view, &mut frame);
    let frame: Value = serde_json::from_slice(&frame).unwrap_or_default();
    Ok(json!({ "data": frame["data"], "ttl": (record.at + keep - now) / 1_000_000 }))
}

/// Who is on a presence channel.
pub(super) fn users(app: &App, served: &Served, name: &str) -> Result<Answer, Problem> {
    if !ChannelKind::of(name).is_presence() {
        return Err(bad("only presence channels have users"));
    }
    let users: Vec<Value> = app.roster.members(&served.contract.name, name).iter().map(|m| json!({ "id": m.user_id })).collect();
    Ok(json_answer(StatusCode::OK, &json!({ "users": users })))
}
