//! What is known of a client once it was let in.

use crate::served::Served;
use std::{any::Any, net::IpAddr, sync::Arc};
use tidewire_contract::{ChannelName, Filter, Principal, address::Vars};
use tidewire_engine::Resume;
use tidewire_wire::websocket::Agreed;

/// A client that was authenticated and may connect; handed to a shard together with its socket.
pub struct SessionSpec {
    /// Unique on this node; what `/v1/disconnect` and `$connection` name.
    pub connection: u64,
    pub served: Arc<Served>,
    /// Index into the contract's endpoints.
    pub endpoint: usize,
    pub transport: Transport,
    pub principal: Arc<Principal>,
    /// When its token expires, in µs since 1970.
    pub expires: Option<i64>,
    /// Channels that it joins at once, already checked against their `join` rules.
    pub joins: Vec<Join>,
    pub filter: Arc<Filter>,
    /// The path and query variables of the endpoint.
    pub vars: Vars,
    pub peer: IpAddr,
    /// Dropped when the session ends: gives back its places under the connection limits.
    pub permit: Box<dyn Any + Send>,
}

pub struct Join {
    pub channel: ChannelName,
    pub resume: Option<Resume>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    WebSocket(Agreed),
    Sse,
}
