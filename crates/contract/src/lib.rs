//! What may be said: a protocol document, compiled.
//!
//! A contract is a folder with a `contract.yaml` and JSON Schema files. [`compile`] turns it into a [`Contract`],
//! or into every [`Problem`] that it has, each with its place in the source and what to write instead.
//! This crate knows no sockets, no clock and no storage.

pub mod address;
pub mod audience;
pub mod auth;
pub mod channel;
pub mod endpoint;
pub mod event;
pub mod filter;
pub mod limits;
pub mod members;
pub mod principal;
pub mod problem;
pub mod template;
pub mod wire;

mod compile;

pub use address::{Address, ChannelName};
pub use audience::{AudienceRequest, Clause};
pub use auth::{Auth, TokenPlace};
pub use channel::{Channel, Durability, History, Presence};
pub use compile::{compile, load_all};
pub use endpoint::{Endpoint, EndpointKind, OptionRole};
pub use event::{Event, Publisher, Violation};
pub use filter::Filter;
pub use limits::{Keepalive, Limits, Rate};
pub use members::{MemberChange, Membership};
pub use principal::Principal;
pub use problem::Problem;
pub use template::Template;
pub use wire::{ClientFrame, ServerFrame, Wire};

use std::{path::PathBuf, sync::Arc};

/// A compiled protocol document.
#[derive(Debug)]
pub struct Contract {
    pub name: String,
    pub version: String,
    pub title: String,
    pub folder: PathBuf,
    pub auth: Auth,
    pub channels: Vec<Channel>,
    pub members: Vec<Membership>,
    pub wire: Wire,
    pub endpoints: Vec<Endpoint>,
    pub events: Vec<Arc<Event>>,
    pub limits: Limits,
    pub keepalive: Keepalive,
}

impl Contract {
    /// The channel that `name` is an address of, if any pattern of the contract matches it.
    pub fn channel(&self, name: &str) -> Option<ChannelName> {
        self.channels.iter().enumerate().find_map(|(kind, channel)| {
            let vars = channel.address.parse(name)?;
            let log = match channel.mirrors {
                Some(of) => self.channels[of].address.fill(|var| vars.iter().find(|(n, _)| &**n == var).map(|(_, v)| v.clone()))?,
                None => name.to_owned(),
            };
            Some(ChannelName { kind, log_kind: channel.mirrors.unwrap_or(kind), name: name.into(), log: log.into(), vars })
        })
    }

    /// The event kind of a type: an exact name first, then the pattern (`chat.message.*`) that it matches.
    pub fn event(&self, event_type: &str) -> Option<&Arc<Event>> {
        self.events.iter().find(|e| e.name == event_type).or_else(|| self.events.iter().find(|e| e.matches(event_type)))
    }

    /// The principal that a token's claims describe. `None` where the claims give it no id.
    pub fn principal(&self, claims: &serde_json::Map<String, serde_json::Value>) -> Option<Principal> {
        let _ = claims;
        todo!()
    }

    /// Who is where after an event of this type with this payload, as far as `members` reads it.
    pub fn member_changes(&self, event_type: &str, data: &serde_json::Value) -> Vec<MemberChange> {
        let _ = (event_type, data);
        todo!()
    }

    /// The attribute of principals that `by` (an attribute or a relation of `members`) stands for.
    pub fn attribute_of<'a>(&'a self, by: &'a str) -> &'a str {
        self.members.iter().find(|m| m.relation == by).map_or(by, |m| &m.of)
    }
}
