//! Which request goes where.

use super::{Answer, asyncapi, authorize, bridges, channels, clients, devices, publish, pusher, query, refuse::problem, since, welcome};
use crate::{App, Problem, problem::full};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Body;
use std::{net::IpAddr, sync::Arc};
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
    /// `/asyncapi/{contract}.json`
    AsyncApi(String),
    Bridges,
    BridgeRetry(String),
    Devices,
    Device(String),
    DeviceToken(String),
    DeviceVerify,
    /// `/apps/{app_id}/…` of the Pusher protocol.
    App(String, pusher::Path),
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
        Ok(Route::AsyncApi(_)) => "/asyncapi/{contract}.json",
        Ok(Route::Bridges) => "/v1/bridges",
        Ok(Route::BridgeRetry(_)) => "/v1/bridges/{bridge}/retry",
        Ok(Route::Devices) => "/v1/devices",
        Ok(Route::Device(_)) => "/v1/devices/{id}",
        Ok(Route::DeviceToken(_)) => "/v1/devices/{id}/token",
        Ok(Route::DeviceVerify) => "/v1/devices/verify",
        Ok(Route::App(_, path)) => path.name(),
        Err(_) => "other",
    }
}

/// Every path, for hints and for the description of the interface.
pub const PATHS: [&str; 22] = [
    "/",
    "/v1/events",
    "/v1/events/since",
    "/v1/channels",
    "/v1/channels/{channel}",
    "/v1/channels/{channel}/presence",
    "/v1/disconnect",
    "/v1/unsubscribe",
    "/v1/bridges",
    "/v1/bridges/{bridge}/retry",
    "/v1/devices",
    "/v1/devices/{id}",
    "/v1/devices/{id}/token",
    "/v1/devices/verify",
    "/openapi.json",
    "/asyncapi/{contract}.json",
    "/apps/{app_id}/events",
    "/apps/{app_id}/batch_events",
    "/apps/{app_id}/channels",
    "/apps/{app_id}/channels/{channel}",
    "/apps/{app_id}/channels/{channel}/users",
    "/apps/{app_id}/users/{user_id}/terminate_connections",
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
            ["asyncapi", file] if file.len() > ".json".len() && file.ends_with(".json") => {
                Route::AsyncApi(query::decode_segment(file.strip_suffix(".json").unwrap_or(file))?)
            }
            ["v1", "bridges"] => Route::Bridges,
            ["v1", "bridges", name, "retry"] if !name.is_empty() => Route::BridgeRetry(query::decode_segment(name)?),
            ["v1", "devices"] => Route::Devices,
            ["v1", "devices", "verify"] => Route::DeviceVerify,
            ["v1", "devices", id] if !id.is_empty() => Route::Device(query::decode_segment(id)?),
            ["v1", "devices", id, "token"] if !id.is_empty() => Route::DeviceToken(query::decode_segment(id)?),
            ["apps", id, rest @ ..] => match pusher::Path::of(rest)? {
                Some(path) => Route::App(query::decode_segment(id)?, path),
                None => return Err(unknown(path)),
            },
            _ => return Err(unknown(path)),
        })
    }

    /// The methods that it has, as `Allow` lists them.
    pub fn allow(&self) -> &'static str {
        match self {
            Route::Events | Route::Disconnect | Route::Unsubscribe => "POST, OPTIONS",
            Route::Devices => "GET, HEAD, POST, OPTIONS",
            Route::Device(_) => "GET, HEAD, PATCH, DELETE, OPTIONS",
            Route::DeviceToken(_) | Route::DeviceVerify | Route::BridgeRetry(_) => "POST, OPTIONS",
            Route::App(_, path) => path.allow(),
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
    let peer = request.extensions().get::<super::Peer>().map(|peer| peer.0);
    if let Some((served, kind)) = authorize::endpoint(app, request.uri().path()) {
        check(request.method(), "POST, OPTIONS")?;
        if request.method() == Method::OPTIONS {
            return Ok(options("POST, OPTIONS"));
        }
        return authorize::respond(app, &served, kind, peer.unwrap_or(IpAddr::from([0, 0, 0, 0])), request).await;
    }
    let route = Route::of(request.uri().path())?;
    check(request.method(), route.allow())?;
    if request.method() == Method::OPTIONS {
        return Ok(options(route.allow()));
    }
    match route {
        Route::Welcome => Ok(welcome::welcome(app)),
        Route::OpenApi => Ok(super::json_answer(StatusCode::OK, &crate::openapi::document(&app.served))),
        Route::AsyncApi(name) => asyncapi::asyncapi(app, &name, request.uri()),
        Route::Events => publish::events(app, request).await,
        Route::Since => since::since(app, request.headers(), request.uri(), peer).await,
        Route::Channels => channels::list(app, request.headers(), request.uri()).await,
        Route::Channel(name) => channels::one(app, request.headers(), &name).await,
        Route::Presence(name) => channels::presence(app, request.headers(), &name).await,
        Route::Disconnect => clients::disconnect(app, request).await,
        Route::Unsubscribe => clients::unsubscribe(app, request).await,
        Route::Bridges => bridges::list(app, request.headers()).await,
        Route::BridgeRetry(name) => bridges::retry(app, request.headers(), &name).await,
        Route::Devices => devices::all(app, request).await,
        Route::Device(id) => devices::one(app, &id, request).await,
        Route::DeviceToken(id) => devices::rotate(app, request.headers(), &id).await,
        Route::DeviceVerify => devices::verify(app, request).await,
        Route::App(id, path) => pusher::respond(app, &id, path, request).await,
    }
}

/// Refuses a method that is not among those of the path.
fn check(method: &Method, allow: &'static str) -> Result<(), Problem> {
    if allow.split(", ").any(|known| known == method.as_str()) {
        return Ok(());
    }
    let detail = format!("{} is not one of {allow}", query::excerpt(method.as_str()));
    Err(problem(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail).header(header::ALLOW, allow))
}

fn options(allow: &'static str) -> Answer {
    let mut answer = Response::new(full(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
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
