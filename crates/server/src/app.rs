//! What the parts of a running server share.

use crate::{
    admission::{Admission, Query},
    auth::Auth,
    config::Config,
    hub::Hub,
    nodes::Across,
    presence::Presences,
    problem::Body,
    pusher::Roster,
    served::Served,
    shard::Shards,
};
use http::{Request, Response};
use hyper::body::Incoming;
use std::{
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
};
use tidewire_engine::log::LogError;

/// A server: shared by its listeners, its shards and its HTTP interface.
pub struct App {
    pub config: Arc<Config>,
    pub hub: Arc<Hub>,
    pub shards: Arc<Shards>,
    /// Who is on which channel, by the contracts' `presence`.
    pub presence: Presences,
    /// All contracts; [`Admission`] and [`Auth`] name them by their place here.
    pub served: Vec<Arc<Served>>,
    pub auth: Arc<Auth>,
    /// Who is on which channel of the Pusher protocol.
    pub roster: Arc<Roster>,
    pub admission: Admission,
    /// The nodes that share its channels, where there are some.
    pub across: Option<Arc<Across>>,
    /// Its bridges, once they are at work.
    pub bridges: OnceLock<Arc<dyn Bridging>>,
    /// Answers what is neither a WebSocket nor an event stream.
    pub rest: Arc<dyn Rest>,
}

/// What an operator sees and does of bridges. Calls block.
pub trait Bridging: Send + Sync + 'static {
    /// The bridges of a contract, each with what it has set aside.
    ///
    /// # Errors
    /// What the store says.
    fn list(&self, contract: &str) -> Result<serde_json::Value, LogError>;
    /// Tries again what a bridge has set aside: how many messages that are; `None` where there is no such bridge.
    ///
    /// # Errors
    /// What the store says.
    fn retry(&self, contract: &str, bridge: &str) -> Result<Option<usize>, LogError>;
}

/// The HTTP interface behind the door.
pub trait Rest: Send + Sync + 'static {
    /// Answers one request. Errors are answers too.
    fn respond(&self, app: Arc<App>, request: Request<Incoming>, exchange: Exchange) -> Answer;
}

pub type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// What the door knows of a request that it hands on.
pub struct Exchange {
    pub peer: IpAddr,
    /// For a `poll` or `history` endpoint of a contract: who asks, already admitted, and for what. `None`: any other path.
    pub query: Option<Query>,
}
