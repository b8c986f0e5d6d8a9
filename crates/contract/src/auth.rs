//! How a client authenticates. The keys are in the server's configuration, never here.

use crate::{endpoint::EndpointKind, template::Template};

#[derive(Debug)]
pub struct Auth {
    pub tokens: Tokens,
    /// Where a token may be, in order of preference, by the transport that is used.
    pub websocket: Vec<TokenPlace>,
    pub sse: Vec<TokenPlace>,
    pub poll: Vec<TokenPlace>,
    pub history: Vec<TokenPlace>,
    /// The attributes of a principal, each a template over `$claims` (a token's) or `$device` (the registry's).
    pub principal: Vec<(String, Template)>,
}

impl Auth {
    /// Where a client's token may be at an endpoint of this kind.
    pub fn places(&self, kind: EndpointKind) -> &[TokenPlace] {
        match kind {
            EndpointKind::WebSocket | EndpointKind::Pusher => &self.websocket,
            EndpointKind::Sse => &self.sse,
            EndpointKind::Poll => &self.poll,
            EndpointKind::History | EndpointKind::Authorize | EndpointKind::SignIn | EndpointKind::Replay => &self.history,
        }
    }
}

/// What a client's token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tokens {
    /// A signed token (RFC 7519) of somebody who holds a key.
    #[default]
    Signed,
    /// `devices: registry`: the token of a device in the server's own registry.
    Devices,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenPlace {
    /// `bearer header`: `Authorization: Bearer …`.
    Header,
    /// `bearer query.token`: this query parameter.
    Query(String),
    /// `cookie session`: this cookie. A WebSocket authenticated so has its `Origin` checked.
    Cookie(String),
}
