//! How a client authenticates. The keys are in the server's configuration, never here.

use crate::template::Template;

#[derive(Debug)]
pub struct Auth {
    /// Where a token may be, in order of preference, by the transport that is used.
    pub websocket: Vec<TokenPlace>,
    pub sse: Vec<TokenPlace>,
    pub poll: Vec<TokenPlace>,
    pub history: Vec<TokenPlace>,
    /// The attributes of a principal, each a template over `$claims`.
    pub principal: Vec<(String, Template)>,
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
