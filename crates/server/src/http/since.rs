//! `GET /v1/events/since`: what was missed on one channel.

use super::{
    Answer, bounds, json_bytes,
    page::{self, Reading, Size, Start, blocking},
    query::{self, Parameters},
    refuse::problem,
    who,
};
use crate::{App, Problem, session::Join};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use std::sync::Arc;
use tidewire_contract::{ChannelName, Contract, Filter, TokenPlace};
use tidewire_engine::{Resume, publish::nearest};

/// The parameters of the route.
pub const PARAMETERS: [&str; 5] = ["channel", "seq", "after", "limit", "types"];

/// Everything behind a place: for a backend whoever it is for, for a client what it may see.
pub async fn since(app: &Arc<App>, headers: &HeaderMap, uri: &Uri) -> Result<Answer, Problem> {
    let query = Parameters::parse(uri.query())?;
    let Some(name) = query.find("channel") else { return Err(query::bad("channel", "it is missing")) };
    let who = who::reader(app, headers, uri, name).await?;
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
    let all = app.clone();
    let (reading, rendered) = blocking(move || {
        let joins = [Join { channel: who.channel, resume }];
        let mut reading = Reading::open(&all, who.served, &|_| who.eye.clone(), &joins, filter, Start::Oldest)?;
        let page = reading.pull(&all, size)?;
        let rendered = reading.render(&page, false);
        Ok((reading, rendered))
    })
    .await?;
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
