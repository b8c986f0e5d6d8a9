//! The HTTP interface: what backends publish and read, and what clients poll.
//!
//! One request in, one answer out; no connection is held but that of a long poll. Routes are in [`route`], one file for each
//! of them; errors are [`Problem`](crate::Problem)s.

pub mod bounds;
pub mod query;

mod asyncapi;
mod authorize;
mod body;
mod bridges;
mod channels;
mod clients;
mod correlation;
mod devices;
mod item;
mod page;
mod poll;
mod publish;
mod pusher;
mod refuse;
mod route;
mod since;
mod spell;
mod welcome;
mod who;

pub use devices::check_body as check_device;
pub(crate) use page::unreadable;
pub use publish::check_body;
pub use publish::{event_of, faults_of};
pub use pusher::check_body as check_pusher;

use crate::{
    App, Exchange, Problem, Rest,
    metrics::Metrics,
    problem::{Body, full},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::{Body as _, Incoming};
use serde_json::Value;
use std::{net::IpAddr, sync::Arc, time::Instant};
use tidewire_contract::EndpointKind;

/// What the interface answers.
pub type Answer = Response<Body>;

/// `epoch:seq`: the place that was read to, or that an event was given. A subscription behind it misses nothing.
pub const POSITION: &str = "tidewire-position";
/// A time that is a valid next `since`.
pub const AT: &str = "tidewire-at";
/// What the history no longer has.
pub const GAP: &str = "tidewire-gap";

/// The interface, as the door knows it.
#[derive(Debug, Default)]
pub struct Interface {
    pub metrics: Arc<Metrics>,
}

impl Rest for Interface {
    fn respond(&self, app: Arc<App>, mut request: Request<Incoming>, exchange: Exchange) -> crate::app::Answer {
        let metrics = self.metrics.clone();
        Box::pin(async move {
            let begun = Instant::now();
            request.extensions_mut().insert(Peer(exchange.peer));
            let correlation = correlation::begin(&mut request);
            let mut of = who::contract_of(&app, request.headers());
            let received = declared_length(request.headers());
            let (route, mut answer) = match exchange.query {
                Some(query) => {
                    let name = query.served.contract.name.clone();
                    let kind = if query.kind == EndpointKind::Poll { "poll" } else { "history" };
                    let _polling = (kind == "poll").then(|| app.hub.tallies().polling(&name));
                    of = Some(name);
                    (kind, poll::contract_endpoint(&app, query, request.uri()).await)
                }
                None => (route::name(request.uri().path()), route::respond(&app, request).await),
            };
            let refused = answer.extensions().get::<Refused>().map(|r| r.0);
            metrics.answered(route, answer.status().as_u16(), begun.elapsed(), refused);
            let of = answer.extensions().get::<OfContract>().map(|of| of.0.to_string()).or(of);
            if let Some(contract) = of {
                app.hub.tallies().called(&contract, received, answer.body().size_hint().exact().unwrap_or(0));
            }
            correlation::end(correlation, &mut answer);
            answer
        })
    }
}

/// Where a request comes from; among its extensions.
#[derive(Debug, Clone, Copy)]
struct Peer(IpAddr);

/// Whose credentials a request carried, where that is not a backend key; put into the answer's extensions.
#[derive(Debug, Clone)]
pub struct OfContract(pub Arc<str>);

fn declared_length(headers: &HeaderMap) -> u64 {
    headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// The name of the problem that an answer carries, for whoever counts them.
#[derive(Debug, Clone, Copy)]
struct Refused(&'static str);

fn refusal(problem: &Problem) -> Answer {
    let mut answer = problem.response();
    answer.extensions_mut().insert(Refused(problem.code));
    answer
}

/// An answer with a JSON body.
fn json_answer(status: StatusCode, value: &Value) -> Answer {
    json_bytes(status, value.to_string().into())
}

fn json_bytes(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(full(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
