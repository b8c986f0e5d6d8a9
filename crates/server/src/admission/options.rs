//! What a client asks for beside the channel: filter, resume, page, channels.

use crate::{
    config::{Limits, units},
    problem::Problem,
};
use http::HeaderMap;
use serde_json::Value;
use std::time::Duration;
use tidewire_contract::{Endpoint, EndpointKind, Filter, OptionRole, Principal};
use tidewire_engine::Resume;

pub(super) struct Options {
    pub filter: Filter,
    pub resume: Option<Resume>,
    /// Most events of a page.
    pub limit: usize,
    pub wait: Duration,
    /// The channels that are asked for; `None`: the client named none.
    pub channels: Option<Vec<String>>,
}

/// Events of a page of history of which the client does not say how long it is.
const PAGE_EVENTS: usize = 100;

pub(super) fn parse(endpoint: &Endpoint, query: &[(String, String)], headers: &HeaderMap, limits: &Limits) -> Result<Options, Problem> {
    let given = |role: OptionRole| {
        let names = endpoint.options.iter().filter(move |(_, r)| *r == role).map(|(name, _)| name);
        names.filter_map(|name| query.iter().find(|(n, _)| n == name)).next()
    };
    let mut options = Options {
        filter: Filter::default(),
        resume: None,
        limit: if endpoint.kind == EndpointKind::History { PAGE_EVENTS.min(limits.page_events) } else { limits.page_events },
        wait: Duration::ZERO,
        channels: None,
    };
    if let Some((name, text)) = given(OptionRole::Filter) {
        // W-5: refused, not ignored.
        options.filter = Filter::parse(text).map_err(|bad| {
            let detail = format!("the filter `{name}` is malformed at `{}`: {}", bad.part, bad.reason);
            Problem::bad_request("bad-filter", detail).with("parameter", name.as_str()).with("part", bad.part).with("reason", bad.reason)
        })?;
    }
    let last_event_id = headers.get("last-event-id").filter(|_| endpoint.kind == EndpointKind::Sse).map(|value| value.to_str());
    options.resume = match (last_event_id, given(OptionRole::Resume)) {
        (Some(Ok(id)), _) if !id.is_empty() => Some(resume("Last-Event-ID", id)?),
        (Some(Err(_)), _) => return Err(Problem::bad_request("bad-position", "the header `Last-Event-ID` is not plain text")),
        (_, Some((name, text))) if !text.is_empty() => Some(resume(name, text)?),
        _ => None,
    };
    if let Some((name, text)) = given(OptionRole::Page) {
        options.limit = text.parse().ok().filter(|limit| (1..=limits.page_events).contains(limit)).ok_or_else(|| {
            let detail = format!("`{name}` is a number from 1 to {}", limits.page_events);
            Problem::bad_request("bad-parameter", detail).with("parameter", name.as_str())
        })?;
    }
    let asked: Vec<&String> = endpoint
        .options
        .iter()
        .filter(|(_, role)| *role == OptionRole::Subscribe)
        .flat_map(|(name, _)| query.iter().filter(move |(n, _)| n == name).map(|(_, value)| value))
        .collect();
    let channels: Vec<String> =
        asked.iter().flat_map(|v| v.split(',')).map(str::trim).filter(|c| !c.is_empty()).map(str::to_owned).collect();
    options.channels = (!channels.is_empty()).then_some(channels);
    if endpoint.kind == EndpointKind::Poll
        && let Some((_, text)) = query.iter().find(|(name, _)| name == "wait")
        && endpoint.options.iter().all(|(name, _)| name != "wait")
    {
        let wait = units::parse_duration(text).ok_or_else(|| {
            Problem::bad_request("bad-parameter", "`wait` is a duration, such as 20 (seconds) or 20s").with("parameter", "wait")
        })?;
        options.wait = wait.min(limits.poll_wait);
    }
    Ok(options)
}

fn resume(name: &str, text: &str) -> Result<Resume, Problem> {
    Resume::parse(text).ok_or_else(|| {
        let detail = format!("`{name}` is neither an event's id, nor a position, nor a sequence number, nor an ISO 8601 time");
        Problem::bad_request("bad-position", detail).with("parameter", name)
    })
}

/// The channels of a client that names none. One of which a part is missing (a principal without that attribute) is left out.
pub(super) fn unless_asked(endpoint: &Endpoint, principal: &Principal) -> Vec<String> {
    let mut names = Vec::new();
    for template in &endpoint.unless_asked {
        let mut missing = false;
        let filled = template.fill(&mut |path| {
            let value = match path {
                [root, id] if root == "principal" && id == "id" && principal.attributes.get("id").is_none() => {
                    Some(Value::String(principal.id.to_string()))
                }
                [root, rest @ ..] if root == "principal" => principal.attributes.at(rest),
                _ => None,
            };
            missing |= value.as_ref().is_none_or(Value::is_null);
            value
        });
        match filled {
            _ if missing => {}
            Value::String(name) => names.push(name),
            Value::Array(items) => names.extend(items.iter().filter_map(Value::as_str).map(str::to_owned)),
            _ => {}
        }
    }
    names
}
