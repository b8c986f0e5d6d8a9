//! How much a client may do.

use std::{collections::BTreeMap, time::Duration};

/// `30/10s`, `5/minute`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    pub count: u32,
    pub per: Duration,
}

#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// All frames of a client together, but for pings and pongs.
    pub total: Option<Rate>,
    /// By the type of the client's frame as the wire spells it (`room.join`).
    pub frames: BTreeMap<String, Rate>,
    /// Connections per principal; the server's own limit where `None`.
    pub connections: Option<u32>,
    /// `connections.newest: wins`: the newest connection takes the place of the oldest, instead of being refused.
    pub newest_wins: bool,
    /// `per: principal.id`: the rates are the principal's, over all its connections and reconnects, not each connection's.
    pub per_principal: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keepalive {
    /// A ping when nothing was heard for so long.
    pub ping: Duration,
    /// The connection ends when nothing was heard for so long.
    pub timeout: Duration,
}

impl Default for Keepalive {
    fn default() -> Self {
        Keepalive { ping: Duration::from_secs(30), timeout: Duration::from_secs(60) }
    }
}
