//! What is known of a client once it was let in.

use crate::{devices::Standing, hub::Place, served::Served};
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
    /// The device that it is, where the contract's clients are devices.
    pub device: Option<Standing>,
    /// Channels that it joins at once, already checked against their `join` rules.
    pub joins: Vec<Join>,
    pub filter: Arc<Filter>,
    /// The path and query variables of the endpoint.
    pub vars: Vars,
    pub peer: IpAddr,
    /// Dropped when the session ends: gives back its places under the connection limits.
    pub permit: Box<dyn Any + Send>,
    /// It is let in only to be told, by the code of a close frame, why it cannot stay.
    pub refused: Option<(u16, String)>,
}

pub struct Join {
    pub channel: ChannelName,
    pub resume: Option<Resume>,
    /// Where that is, if it was looked up already.
    pub place: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    WebSocket(Agreed),
    /// A WebSocket of the Pusher protocol.
    Pusher(Agreed),
    Sse,
}
