//! The HTTP interface: what backends publish and read, and what clients poll.
//!
//! One request in, one answer out; no connection is held but that of a long poll. Routes are in [`route`], one file for each
//! of them; errors are [`Problem`](crate::Problem)s.

pub mod bounds;
pub mod query;

mod body;
mod channels;
mod clients;
mod item;
mod page;
mod poll;
mod publish;
mod refuse;
mod route;
mod since;
mod spell;
mod welcome;
mod who;

use crate::{
    App, Exchange, Problem, Rest,
    metrics::{Metrics, Publication},
    problem::{Body, full},
};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde_json::Value;
use std::{sync::Arc, time::Instant};
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
    fn respond(&self, app: Arc<App>, request: Request<Incoming>, exchange: Exchange) -> crate::app::Answer {
        let metrics = self.metrics.clone();
        Box::pin(async move {
            let begun = Instant::now();
            let (route, answer) = match exchange.query {
                Some(query) => {
                    let kind = if query.kind == EndpointKind::Poll { "poll" } else { "history" };
                    (kind, poll::contract_endpoint(&app, query, request.uri()).await)
                }
                None => (route::name(request.uri().path()), route::respond(&app, request).await),
            };
            let refused = answer.extensions().get::<Refused>().map(|r| r.0);
            metrics.answered(route, answer.status().as_u16(), begun.elapsed(), refused);
            if let Some(publication) = answer.extensions().get::<Publication>() {
                metrics.published(publication);
            }
            answer
        })
    }
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
