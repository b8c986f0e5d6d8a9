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
    /// `pusher: /app/{key}`: WebSockets of the Pusher protocol. All contracts share the path; the key tells whose it is.
    Pusher,
    /// `authorize: /broadcasting/auth`: signs what a client needs to subscribe to a channel that it may join.
    Authorize,
    /// `signin: /broadcasting/user-auth`: signs who a client is.
    SignIn,
    /// `replay: /v1/events/since`: the server's own route, which clients may use.
    Replay,
}

impl EndpointKind {
    pub const ALL: [EndpointKind; 8] = {
        use EndpointKind::*;
        [WebSocket, Sse, Poll, History, Pusher, Authorize, SignIn, Replay]
    };

    /// What a contract calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            EndpointKind::WebSocket => "websocket",
            EndpointKind::Sse => "sse",
            EndpointKind::Poll => "poll",
            EndpointKind::History => "history",
            EndpointKind::Pusher => "pusher",
            EndpointKind::Authorize => "authorize",
            EndpointKind::SignIn => "signin",
            EndpointKind::Replay => "replay",
        }
    }
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
