//! A contract's `poll` and `history` endpoints, once the client was let in.

use super::{
    Answer, json_bytes,
    page::{self, Reading, Rendered, Size, Start, blocking, eye_of},
    query::Parameters,
    who,
};
use crate::{App, Problem, Served, admission::Query, devices::Standing, session::Join};
use bytes::Bytes;
use http::{StatusCode, Uri};
use std::{sync::Arc, time::Duration};
use tidewire_contract::{EndpointKind, Filter, OptionRole, Principal, TokenPlace};
use tokio::time::Instant;

/// What an admitted client asks for.
struct Asked {
    served: Arc<Served>,
    endpoint: usize,
    principal: Arc<Principal>,
    device: Option<Standing>,
    joins: Vec<Join>,
    filter: Arc<Filter>,
    size: Size,
    wait: Duration,
}

/// Answers an endpoint of a contract.
pub async fn contract_endpoint(app: &Arc<App>, query: Query, uri: &Uri) -> Answer {
    let Query { served, endpoint, kind, principal, device, joins, filter, limit, wait, permit, .. } = query;
    let asked = Asked { served, endpoint, principal, device, joins, filter, size: Size { events: limit }, wait };
    let answered = match kind {
        EndpointKind::Poll => poll(app, &asked, uri).await,
        _ => history(app, &asked, uri).await,
    };
    drop(permit);
    answered.unwrap_or_else(|problem| super::refusal(&problem))
}

/// A JSON array of everything behind `since`; waits for it where the client asks to (B-1, B-8).
///
/// # Errors
/// The store cannot be read; the client was blocked meanwhile.
async fn poll(app: &Arc<App>, asked: &Asked, uri: &Uri) -> Result<Answer, Problem> {
    let deadline = Instant::now() + asked.wait;
    let mut reading = open(app, asked, Start::Now).await?;
    // Before the first look, so that nothing falls between the look and the wait.
    let waiter = (!asked.wait.is_zero()).then(|| app.hub.waiters().wait_for(reading.logs()));
    loop {
        let (read, rendered) = next(app, reading, asked.size, true).await?;
        reading = read;
        let something = rendered.count > 0 || rendered.more || !rendered.gaps.is_empty();
        if let Some(waiter) = waiter.as_ref().filter(|_| !something && !app.hub.waiters().is_closed())
            && tokio::time::timeout_at(deadline, waiter.moved()).await.is_ok()
        {
            continue;
        }
        who::still(asked.device.as_ref())?;
        return Ok(answer(app, asked, &reading, rendered, uri));
    }
}

/// A page of the history as a JSON array (W-8).
///
/// # Errors
/// The store cannot be read.
async fn history(app: &Arc<App>, asked: &Asked, uri: &Uri) -> Result<Answer, Problem> {
    let reading = open(app, asked, Start::Oldest).await?;
    let (reading, rendered) = next(app, reading, asked.size, false).await?;
    who::still(asked.device.as_ref())?;
    Ok(answer(app, asked, &reading, rendered, uri))
}

async fn open(app: &Arc<App>, asked: &Asked, start: Start) -> Result<Reading, Problem> {
    let (app, served, filter) = (app.clone(), asked.served.clone(), asked.filter.clone());
    let joins: Vec<Join> = asked.joins.iter().map(|j| Join { channel: j.channel.clone(), resume: j.resume, place: None }).collect();
    let eye = eye_of(&served, &asked.principal);
    blocking(move || Reading::open(&app, served, &eye, &joins, filter, start)).await
}

async fn next(app: &Arc<App>, mut reading: Reading, size: Size, gaps_inline: bool) -> Result<(Reading, Rendered), Problem> {
    let app = app.clone();
    blocking(move || {
        let page = reading.pull(&app, size)?;
        let rendered = reading.render(&page, gaps_inline);
        Ok((reading, rendered))
    })
    .await
}

fn answer(app: &App, asked: &Asked, reading: &Reading, rendered: Rendered, uri: &Uri) -> Answer {
    app.hub.tallies().gaps(&asked.served.contract.name, rendered.gaps.len());
    let endpoint = &asked.served.contract.endpoints[asked.endpoint];
    let resume = endpoint.options.iter().find(|(_, role)| *role == OptionRole::Resume).map(|(name, _)| name.as_str());
    let next = resume.filter(|_| rendered.more).and_then(|name| {
        let parameters = Parameters::parse(uri.query()).ok()?;
        let parameters = asked.served.contract.auth.poll.iter().chain(&asked.served.contract.auth.history).fold(parameters, hide_token);
        Some(format!("{}?{}", uri.path(), parameters.with(name, &reading.cursor(app, &rendered))))
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
fn hide_token(parameters: Parameters, place: &TokenPlace) -> Parameters {
    match place {
        TokenPlace::Query(name) => parameters.without(name),
        _ => parameters,
    }
}
