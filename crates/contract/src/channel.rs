//! Channels: who may join, how long the history is kept, how durable it is.

use crate::{address::Address, address::Vars, principal::Principal, template::Template};
use std::time::Duration;

#[derive(Debug)]
pub struct Channel {
    /// The contract's key for it, e.g. `world`.
    pub id: String,
    pub address: Address,
    pub history: History,
    pub durability: Durability,
    /// Higher is written first to a client that is behind. 0 is normal.
    pub priority: u8,
    /// Index of the channel whose log this one shows under another name and another rule.
    pub mirrors: Option<usize>,
    pub presence: Option<Presence>,
    /// `retain:` name → event type: the latest of each is kept whatever the history, for those who come later.
    pub retain: Vec<(String, String)>,
    /// Nobody joins it by asking.
    pub closed: bool,
    /// CEL; `None` lets every authenticated principal in.
    pub(crate) join: Option<crate::compile::rule::Rule>,
    /// CEL; who sees every event, whoever it is for.
    pub(crate) oversees: Option<crate::compile::rule::Rule>,
}

impl Channel {
    /// Whether the principal may subscribe. A rule that fails to evaluate refuses.
    pub fn may_join(&self, principal: &Principal, vars: &Vars) -> bool {
        !self.closed && self.join.as_ref().is_none_or(|rule| rule.holds(principal, vars, None))
    }

    /// What the principal lacks to subscribe: the first part of the rule, as it is written, that is not true of it.
    pub fn lacking(&self, principal: &Principal, vars: &Vars) -> Option<&str> {
        if self.closed {
            return Some("nobody joins it by asking");
        }
        self.join.as_ref().and_then(|rule| rule.failing(principal, vars))
    }

    /// Whether the principal sees every event of the channel. A rule that fails to evaluate says no.
    pub fn oversees(&self, principal: &Principal, vars: &Vars) -> bool {
        self.oversees.as_ref().is_some_and(|rule| rule.holds(principal, vars, None))
    }
}

/// When an event counts as kept: nobody sees it, and its publisher gets no answer, before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// May be lost with the process.
    Memory,
    /// Survives `kill -9`.
    Process,
    /// Survives power loss.
    Disk,
}

impl Durability {
    pub fn as_str(self) -> &'static str {
        match self {
            Durability::Memory => "memory",
            Durability::Process => "process",
            Durability::Disk => "disk",
        }
    }
}

/// What is kept of a channel; an event goes when any of the bounds says so.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    pub keep: Option<Duration>,
    pub count: Option<u64>,
    pub bytes: Option<u64>,
}

/// Who is on the channel, shown to those who may join it.
#[derive(Debug)]
pub struct Presence {
    pub member: Template,
    pub info: Template,
    /// Published when a member comes that was not there.
    pub joins: Option<PresenceEvent>,
    /// Published when a member's last connection has been gone for [`Presence::grace`].
    pub leaves: Option<PresenceEvent>,
    /// How long a member may be away without leaving.
    pub grace: Duration,
}

/// What the server publishes of somebody who comes or goes.
#[derive(Debug)]
pub struct PresenceEvent {
    pub event_type: String,
    /// Over `$member`, `$principal.…` and the variables of the channel's address.
    pub data: Template,
}
