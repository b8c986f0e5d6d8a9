//! Which request goes where.

use super::{Answer, channels, clients, publish, query, refuse::problem, since, welcome};
use crate::{App, Problem, problem::full};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Body;
use std::sync::Arc;
use tidewire_engine::publish::nearest;

/// A path of the interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    Welcome,
    Events,
    Since,
    Channels,
    Channel(String),
    Presence(String),
    Disconnect,
    Unsubscribe,
    OpenApi,
}

/// The route's pattern, for whoever counts requests.
pub fn name(path: &str) -> &'static str {
    match Route::of(path) {
        Ok(Route::Welcome) => "/",
        Ok(Route::Events) => "/v1/events",
        Ok(Route::Since) => "/v1/events/since",
        Ok(Route::Channels) => "/v1/channels",
        Ok(Route::Channel(_)) => "/v1/channels/{channel}",
        Ok(Route::Presence(_)) => "/v1/channels/{channel}/presence",
        Ok(Route::Disconnect) => "/v1/disconnect",
        Ok(Route::Unsubscribe) => "/v1/unsubscribe",
        Ok(Route::OpenApi) => "/openapi.json",
        Err(_) => "other",
    }
}

/// Every path, for hints and for the description of the interface.
pub const PATHS: [&str; 9] = [
    "/",
    "/v1/events",
    "/v1/events/since",
    "/v1/channels",
    "/v1/channels/{channel}",
    "/v1/channels/{channel}/presence",
    "/v1/disconnect",
    "/v1/unsubscribe",
    "/openapi.json",
];

impl Route {
    /// The route of a path, as it came (percent-encoded).
    ///
    /// # Errors
    /// 404 with the nearest path, or 400 for one that is not UTF-8.
    pub fn of(path: &str) -> Result<Route, Problem> {
        let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        Ok(match segments.as_slice() {
            [""] => Route::Welcome,
            ["v1", "events"] => Route::Events,
            ["v1", "events", "since"] => Route::Since,
            ["v1", "channels"] => Route::Channels,
            ["v1", "channels", channel] if !channel.is_empty() => Route::Channel(query::decode_segment(channel)?),
            ["v1", "channels", channel, "presence"] if !channel.is_empty() => Route::Presence(query::decode_segment(channel)?),
            ["v1", "disconnect"] => Route::Disconnect,
            ["v1", "unsubscribe"] => Route::Unsubscribe,
            ["openapi.json"] => Route::OpenApi,
            _ => return Err(unknown(path)),
        })
    }

    /// The methods that it has, as `Allow` lists them.
    pub fn allow(&self) -> &'static str {
        match self {
            Route::Events | Route::Disconnect | Route::Unsubscribe => "POST, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }
}

fn unknown(path: &str) -> Problem {
    let near = nearest(path, PATHS.into_iter());
    let hint = near.as_ref().map(|n| format!("; did you mean {n}?")).unwrap_or_default();
    let found = problem(StatusCode::NOT_FOUND, "not-found", format!("there is nothing at '{}'{hint}", query::excerpt(path)));
    match near {
        Some(near) => found.with("nearest", near),
        None => found,
    }
}

/// Answers a request to a path that is no endpoint of a contract.
pub async fn respond<B>(app: &Arc<App>, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let is_head = request.method() == Method::HEAD;
    let answer = dispatch(app, request).await.unwrap_or_else(|problem| super::refusal(&problem));
    if is_head { without_body(answer) } else { answer }
}

async fn dispatch<B>(app: &Arc<App>, request: Request<B>) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let route = Route::of(request.uri().path())?;
    match request.method().as_str() {
        "OPTIONS" => return Ok(options(&route)),
        "POST" if route.allow().starts_with("POST") => {}
        "GET" | "HEAD" if route.allow().starts_with("GET") => {}
        other => {
            let detail = format!("{} is not one of {}", query::excerpt(other), route.allow());
            return Err(problem(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail).header(header::ALLOW, route.allow()));
        }
    }
    match route {
        Route::Welcome => Ok(welcome::welcome(app)),
        Route::OpenApi => Ok(super::json_answer(StatusCode::OK, &crate::openapi::document(&app.served))),
        Route::Events => publish::events(app, request).await,
        Route::Since => since::since(app, request.headers(), request.uri()).await,
        Route::Channels => channels::list(app, request.headers(), request.uri()).await,
        Route::Channel(name) => channels::one(app, request.headers(), &name).await,
        Route::Presence(name) => channels::presence(app, request.headers(), &name).await,
        Route::Disconnect => clients::disconnect(app, request).await,
        Route::Unsubscribe => clients::unsubscribe(app, request).await,
    }
}

fn options(route: &Route) -> Answer {
    let mut answer = Response::new(full(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(route.allow()));
    answer
}

/// What HEAD is answered: everything but the body.
pub fn without_body(answer: Answer) -> Answer {
    let (mut parts, body) = answer.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, full(Bytes::new()))
}
