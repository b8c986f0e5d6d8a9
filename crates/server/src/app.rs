//! What the parts of a running server share.

use crate::{
    admission::{Admission, Query},
    auth::Auth,
    config::Config,
    hub::Hub,
    problem::Body,
    served::Served,
    shard::Shards,
};
use http::{Request, Response};
use hyper::body::Incoming;
use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc};

/// A server: shared by its listeners, its shards and its HTTP interface.
pub struct App {
    pub config: Arc<Config>,
    pub hub: Arc<Hub>,
    pub shards: Arc<Shards>,
    /// All contracts; [`Admission`] and [`Auth`] name them by their place here.
    pub served: Vec<Arc<Served>>,
    pub auth: Arc<Auth>,
    pub admission: Admission,
    /// Answers what is neither a WebSocket nor an event stream.
    pub rest: Arc<dyn Rest>,
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
