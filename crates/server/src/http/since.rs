//! `GET /v1/events/since`: what was missed on one channel.

use super::{
    Answer, bounds, json_bytes,
    page::{self, Reading, Rendered, Size, Start, blocking},
    query::{self, Parameters},
    refuse::problem,
    who,
};
use crate::{App, Problem, config::units, session::Join};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tidewire_contract::{ChannelName, Contract, Filter, TokenPlace};
use tidewire_engine::{Resume, publish::nearest};
use tokio::time::Instant;

/// The parameters of the route.
pub const PARAMETERS: [&str; 6] = ["channel", "seq", "after", "limit", "types", "wait"];

/// Everything behind a place: for a backend whoever it is for, for a client what it may see. Waits for it where it is asked to.
pub async fn since(app: &Arc<App>, headers: &HeaderMap, uri: &Uri, peer: Option<IpAddr>) -> Result<Answer, Problem> {
    let query = Parameters::parse(uri.query())?;
    let Some(name) = query.find("channel") else { return Err(query::bad("channel", "it is missing")) };
    let who = who::reader(app, headers, uri, name, peer).await?;
    // A token in the query is the business of whoever authenticated it, and no link repeats it.
    let auth = &who.served.contract.auth;
    let places = auth.poll.iter().chain(&auth.history).chain(&auth.sse).chain(&auth.websocket);
    let query = places.fold(query.clone(), |query, place| match place {
        TokenPlace::Query(name) => query.without(name),
        _ => query,
    });
    query.only(&PARAMETERS)?;
    let filter = Arc::new(filter(&query)?);
    let size = Size { events: query.number("limit", bounds::PAGE, app.config.limits.page_events)? };
    let resume = resume(&query)?;
    let wait = wait(&query, app.config.limits.poll_wait)?;
    let deadline = Instant::now() + wait;
    let (all, contract, device) = (app.clone(), who.served.contract.name.clone(), who.device);
    let mut reading = blocking(move || {
        let joins = [Join { channel: who.channel, resume, place: None }];
        Reading::open(&all, who.served, &|_| who.eye.clone(), &joins, filter, Start::Oldest)
    })
    .await?;
    // Before the first look, so that nothing falls between the look and the wait.
    let waiter = (!wait.is_zero()).then(|| app.hub.waiters().wait_for(reading.logs()));
    let (reading, rendered) = loop {
        let (read, rendered) = page(app, reading, size).await?;
        let something = rendered.count > 0 || rendered.more || !rendered.gaps.is_empty();
        if let Some(waiter) = waiter.as_ref().filter(|_| !something && !app.hub.waiters().is_closed())
            && tokio::time::timeout_at(deadline, waiter.moved()).await.is_ok()
        {
            reading = read;
            continue;
        }
        break (read, rendered);
    };
    who::still(device.as_ref())?;
    app.hub.tallies().gaps(&contract, rendered.gaps.len());
    let next = rendered.more.then(|| {
        let parameters = query.clone().without("seq").with("after", &reading.cursor(app, &rendered));
        format!("{}?{parameters}", uri.path())
    });
    let gap = rendered.gaps.first().map_or(Value::Null, page::gap_json);
    let mut body = Vec::with_capacity(rendered.events.len() + 256);
    body.extend_from_slice(format!("{{\"channel\":{},\"events\":[", json!(name)).as_bytes());
    body.extend_from_slice(&rendered.events);
    let tail = format!("],\"position\":{},\"gap\":{gap},\"more\":{}}}", json!(reading.position()), rendered.more);
    body.extend_from_slice(tail.as_bytes());
    let mut answer = json_bytes(StatusCode::OK, Bytes::from(body));
    page::describe(answer.headers_mut(), &reading, &rendered, next.as_deref());
    Ok(answer)
}

async fn page(app: &Arc<App>, mut reading: Reading, size: Size) -> Result<(Reading, Rendered), Problem> {
    let app = app.clone();
    blocking(move || {
        let page = reading.pull(&app, size)?;
        let rendered = reading.render(&page, false);
        Ok((reading, rendered))
    })
    .await
}

/// How long to wait where there is nothing yet.
fn wait(query: &Parameters, most: Duration) -> Result<Duration, Problem> {
    let Some(text) = query.find("wait") else { return Ok(Duration::ZERO) };
    let wait = units::parse_duration(text).ok_or_else(|| query::bad("wait", "expected a duration, such as 20 (seconds) or 20s"))?;
    Ok(wait.min(most))
}

/// The channel of this name.
///
/// # Errors
/// 404 with the nearest address.
pub fn channel(contract: &Contract, name: &str) -> Result<ChannelName, Problem> {
    contract.channel(name).ok_or_else(|| {
        let near = nearest(name, contract.channels.iter().map(|c| c.address.source.as_str()));
        let hint = near.as_ref().map(|n| format!("; did you mean '{n}'?")).unwrap_or_default();
        let detail = format!("'{}' is no channel of the contract '{}'{hint}", query::excerpt(name), contract.name);
        let unknown = problem(StatusCode::NOT_FOUND, "unknown-channel", detail);
        match near {
            Some(near) => unknown.with("nearest", near),
            None => unknown,
        }
    })
}

fn filter(query: &Parameters) -> Result<Filter, Problem> {
    let Some(text) = query.find("types") else { return Ok(Filter::default()) };
    Filter::parse(text).map_err(|bad| query::wrong("bad-filter", "types", &format!("'{}': {}", query::excerpt(&bad.part), bad.reason)))
}

/// `after`, else `seq`.
fn resume(query: &Parameters) -> Result<Option<Resume>, Problem> {
    match (query.find("seq"), query.find("after")) {
        (Some(seq), None) => match seq.parse() {
            Ok(seq) => Ok(Some(Resume::Seq(seq))),
            Err(_) => Err(query::bad("seq", "expected a whole number from 0")),
        },
        (_, Some(after)) => match Resume::parse(after) {
            Some(resume) => Ok(Some(resume)),
            None => Err(query::wrong("bad-position", "after", "expected an event's id, a seq, a position (epoch:seq) or an ISO 8601 time")),
        },
        (None, None) => Ok(None),
    }
}
