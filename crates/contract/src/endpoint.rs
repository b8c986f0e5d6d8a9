//! Where clients connect.

use crate::{address::Address, address::Vars, compile::rule::Rule, principal::Principal, template::Template};

#[derive(Debug)]
pub struct Endpoint {
    pub kind: EndpointKind,
    /// The path pattern, without the query: `/worlds/{world_id}/history`.
    pub path: Address,
    /// Query parameters that fill `{names}`: `world_id={world_id}` is `("world_id", "world_id")`. Each must be given.
    pub query: Vec<(String, String)>,
    /// `subscribes:` or `reads:`: the channel of a connection here, filled from the path and the query.
    pub channel: Option<Address>,
    /// `unless_asked:`: the channels of a client that names none; those that it may not join are left out.
    pub unless_asked: Vec<Template>,
    /// Query parameter → what it does.
    pub options: Vec<(String, OptionRole)>,
    pub(crate) allow: Option<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndpointKind {
    WebSocket,
    Sse,
    Poll,
    History,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionRole {
    /// Type patterns, `;`-separated.
    Filter,
    /// An event id, a `seq` or a time to go on after.
    Resume,
    /// How many events a page has.
    Page,
    /// Channels, `,`-separated.
    Subscribe,
}

impl Endpoint {
    /// Whether the principal may connect here at all (`allow:`).
    pub fn allows(&self, principal: &Principal, vars: &Vars) -> bool {
        self.allow.as_ref().is_none_or(|rule| rule.holds(principal, vars, None))
    }
}
