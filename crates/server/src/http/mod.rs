//! The HTTP interface: what backends publish and read, and what clients poll.
//!
//! One request in, one answer out; no connection is held but that of a long poll. Routes are in [`route`], one file for each
//! of them; errors are [`problem::Problem`]s.

pub mod bounds;
pub mod keys;
pub mod problem;
pub mod query;

mod body;
mod channels;
mod clients;
mod item;
mod minify;
mod page;
mod poll;
mod publish;
mod refuse;
mod route;
mod since;
mod spell;
mod welcome;

pub use poll::{ClientQuery, history, poll};
pub use route::respond;

use crate::{hub::Hub, served::Served, shard::Shards};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::Value;
use std::sync::Arc;

/// What the interface answers.
pub type Answer = Response<Full<Bytes>>;

/// `epoch:seq`: the place that was read to, or that an event was given. A subscription behind it misses nothing.
pub const POSITION: &str = "tidewire-position";
/// A time that is a valid next `since`.
pub const AT: &str = "tidewire-at";
/// What the history no longer has.
pub const GAP: &str = "tidewire-gap";

/// What the interface stands on.
pub struct Api {
    pub hub: Arc<Hub>,
    pub shards: Arc<Shards>,
    pub contracts: Vec<Arc<Served>>,
    pub keys: keys::Keys,
    pub limits: bounds::Limits,
}

impl Api {
    pub fn contract(&self, name: &str) -> Option<&Arc<Served>> {
        self.contracts.iter().find(|s| s.contract.name == name)
    }
}

/// An answer with a JSON body.
fn json_answer(status: StatusCode, value: &Value) -> Answer {
    json_bytes(status, value.to_string().into())
}

fn json_bytes(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
