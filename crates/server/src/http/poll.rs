//! A contract's `poll` and `history` endpoints, once the client was let in.

use super::{
    Answer, Api, bounds, json_bytes,
    page::{self, Reading, Rendered, Size, Start, blocking, eye_of},
    problem::Problem,
    query::Query,
};
use crate::{served::Served, session::Join};
use bytes::Bytes;
use http::{StatusCode, Uri};
use std::{sync::Arc, time::Duration};
use tidewire_contract::{Filter, OptionRole, Principal};
use tokio::time::Instant;

/// What an admitted client asks for.
pub struct ClientQuery {
    pub served: Arc<Served>,
    /// Index into the contract's endpoints.
    pub endpoint: usize,
    pub principal: Arc<Principal>,
    /// The channels, each with the place to go on from, if there is one.
    pub joins: Vec<Join>,
    pub filter: Arc<Filter>,
    /// Most events of the page, if the client said so.
    pub limit: Option<usize>,
    /// How long to wait for something new.
    pub wait: Duration,
}

/// A JSON array of everything behind `since`; waits for it where the client asks to (B-1, B-8).
///
/// # Errors
/// The store cannot be read.
pub async fn poll(api: &Arc<Api>, query: ClientQuery, uri: &Uri) -> Result<Answer, Problem> {
    let deadline = Instant::now() + query.wait.min(bounds::WAIT_MAX);
    let size = size(&query);
    let mut reading = open(api, &query, Start::Now).await?;
    // Before the first look, so that nothing falls between the look and the wait.
    let waiter = (!query.wait.is_zero()).then(|| api.hub.waiters().wait_for(reading.logs()));
    loop {
        let (read, rendered) = next(api, reading, size, true).await?;
        reading = read;
        let something = rendered.count > 0 || rendered.more || !rendered.gaps.is_empty();
        match &waiter {
            Some(waiter) if !something && !api.hub.waiters().is_closed() => {
                if tokio::time::timeout_at(deadline, waiter.moved()).await.is_ok() {
                    continue;
                }
            }
            _ => {}
        }
        return Ok(answer(api, &query, &reading, rendered, uri));
    }
}

/// A page of the history as a JSON array (W-8).
///
/// # Errors
/// The store cannot be read.
pub async fn history(api: &Arc<Api>, query: ClientQuery, uri: &Uri) -> Result<Answer, Problem> {
    let reading = open(api, &query, Start::Oldest).await?;
    let (reading, rendered) = next(api, reading, size(&query), false).await?;
    Ok(answer(api, &query, &reading, rendered, uri))
}

fn size(query: &ClientQuery) -> Size {
    Size { events: query.limit.unwrap_or(bounds::PAGE).clamp(1, bounds::PAGE_MAX) }
}

async fn open(api: &Arc<Api>, query: &ClientQuery, start: Start) -> Result<Reading, Problem> {
    let (api, served, filter) = (api.clone(), query.served.clone(), query.filter.clone());
    let joins: Vec<Join> = query.joins.iter().map(|j| Join { channel: j.channel.clone(), resume: j.resume }).collect();
    let eye = eye_of(&served, &query.principal);
    blocking(move || Reading::open(&api, served, &eye, &joins, filter, start)).await
}

async fn next(api: &Arc<Api>, mut reading: Reading, size: Size, gaps_inline: bool) -> Result<(Reading, Rendered), Problem> {
    let api = api.clone();
    blocking(move || {
        let page = reading.pull(&api, size)?;
        let rendered = reading.render(&page, gaps_inline);
        Ok((reading, rendered))
    })
    .await
}

fn answer(api: &Api, query: &ClientQuery, reading: &Reading, rendered: Rendered, uri: &Uri) -> Answer {
    let endpoint = &query.served.contract.endpoints[query.endpoint];
    let resume = endpoint.options.iter().find(|(_, role)| *role == OptionRole::Resume).map(|(name, _)| name.as_str());
    let next = resume.filter(|_| rendered.more).and_then(|name| {
        let parameters = Query::parse(uri.query()).ok()?;
        let parameters = query.served.contract.auth.poll.iter().chain(&query.served.contract.auth.history).fold(parameters, hide_token);
        Some(format!("{}?{}", uri.path(), parameters.with(name, &reading.cursor(api, &rendered))))
    });
    let mut body = Vec::with_capacity(rendered.events.len() + 2);
    body.push(b'[');
    body.extend_from_slice(&rendered.events);
    body.push(b']');
    let mut answer = json_bytes(StatusCode::OK, Bytes::from(body));
    page::describe(answer.headers_mut(), reading, &rendered, next.as_deref());
    answer
}

/// Links carry no token: a log or a proxy might keep them.
fn hide_token(parameters: Query, place: &tidewire_contract::TokenPlace) -> Query {
    match place {
        tidewire_contract::TokenPlace::Query(name) => parameters.without(name),
        _ => parameters,
    }
}
