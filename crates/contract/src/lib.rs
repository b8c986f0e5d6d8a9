//! What may be said: a protocol document, compiled.
//!
//! A contract is a folder with a `contract.yaml` and JSON Schema files; `docs/contract-language.md` is its reference.
//! [`compile`] turns it into a [`Contract`], or into every [`Problem`] that it has, each with its place in the source and
//! what to write instead; [`load_all`] does so with all that are served side by side.
//!
//! A publish asks, in this order: [`Contract::channel`] whose log it is, [`Contract::event`] what it is,
//! [`Event::validate`] whether its payload is right, [`Event::may_send`] whether a client may send it,
//! [`Event::dedup_key`] what makes it the same as another, [`Event::audience`] whom it is for, and
//! [`Contract::member_changes`] who is where after it. Each is a function of what it is given: none keeps anything.
//!
//! There are no sockets here, no clock, no storage and no keys. The only files read are the contract's own, while it is
//! compiled; schemas reach nothing over a network.
//!
//! ```
//! let yaml = r#"
//! tidewire: 1
//! name: chat
//! version: "1"
//! auth: { token: bearer header, principal: { id: $claims.sub } }
//! channels: { room: { adress: "room:{room}" } }
//! wire: { event: { type: $type, data: $data } }
//! endpoints: [{ websocket: "/{room}", subscribes: "room:{room}" }]
//! events: { message: { on: room } }
//! "#;
//! let problems = tidewire_contract::compile_source("contract.yaml", yaml, &|_| None).unwrap_err();
//! assert_eq!(problems[0].to_string(), "contract.yaml:6:13: a channel needs the key `address` (write `address:`)");
//! assert!(problems[1].help.as_ref().unwrap().starts_with("did you mean `address`?"));
//! ```

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
pub use compile::{compile, compile_source, language, load_all};
pub use endpoint::{Endpoint, EndpointKind, OptionRole};
pub use event::{Event, Publisher, Violation};
pub use filter::Filter;
pub use limits::{Keepalive, Limits, Rate};
pub use members::{MemberChange, Membership};
pub use principal::Principal;
pub use problem::{Problem, render_all};
pub use template::Template;
pub use wire::{ClientFrame, ServerFrame, Wire};

use address::Vars;
use serde_json::{Map, Value};
use std::{collections::HashMap, path::PathBuf, sync::Arc};

/// Bytes of a channel's name.
pub const CHANNEL_BYTES_MAX: usize = 512;

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
    /// What the document is about, in a sentence.
    pub description: Option<String>,
    /// The place of each event in `events`, by its exact name.
    pub(crate) index: HashMap<String, usize>,
}

impl Contract {
    /// The channel that `name` is an address of, if any pattern of the contract matches it; the one with the fewest
    /// variables, if several do. No channel's name is longer than [`CHANNEL_BYTES_MAX`] or has control characters in it.
    pub fn channel(&self, name: &str) -> Option<ChannelName> {
        if name.len() > CHANNEL_BYTES_MAX || name.chars().any(char::is_control) {
            return None;
        }
        let mut found: Option<(usize, Vars)> = None;
        for (kind, channel) in self.channels.iter().enumerate() {
            if let Some(vars) = channel.address.parse(name)
                && found.as_ref().is_none_or(|(_, best)| vars.len() < best.len())
            {
                found = Some((kind, vars));
            }
        }
        let (kind, vars) = found?;
        let mirrors = self.channels.get(kind)?.mirrors;
        let name: Arc<str> = name.into();
        let log = match mirrors.and_then(|of| self.channels.get(of)) {
            Some(of) => of.address.fill(|var| vars.iter().find(|(n, _)| &**n == var).map(|(_, v)| v.clone()))?.into(),
            None => Arc::clone(&name),
        };
        Some(ChannelName { kind, log_kind: mirrors.unwrap_or(kind), name, log, vars })
    }

    /// The event kind of a type: an exact name first, then the pattern (`chat.message.*`) that it matches; the longest, if several do.
    pub fn event(&self, event_type: &str) -> Option<&Arc<Event>> {
        if let Some(at) = self.index.get(event_type) {
            return self.events.get(*at).filter(|e| !e.is_pattern());
        }
        self.events.iter().filter(|e| e.is_pattern() && e.matches(event_type)).max_by_key(|e| e.name.len())
    }

    /// The principal that a token's claims describe. `None` where the claims give it no id.
    pub fn principal(&self, claims: &Map<String, Value>) -> Option<Principal> {
        let mut lookup = |path: &[String]| {
            let (first, rest) = path.get(1..)?.split_first()?;
            rest.iter().try_fold(claims.get(first)?, |value, part| value.get(part)).cloned()
        };
        let attributes: Map<String, Value> =
            self.auth.principal.iter().map(|(name, template)| (name.clone(), template.fill(&mut lookup))).collect();
        let mut principal = Principal { id: String::new(), attributes };
        principal.id = principal.text("id").filter(|id| !id.is_empty())?;
        Some(principal)
    }

    /// Who is where after an event of this type with this payload, as far as `members` reads it.
    pub fn member_changes(&self, event_type: &str, data: &Value) -> Vec<MemberChange> {
        let mut changes = Vec::new();
        for membership in self.members.iter().filter(|m| m.is_changed_by(event_type)) {
            membership.changes(data, &mut changes);
        }
        changes
    }

    /// The attribute of principals that `by` (an attribute or a relation of `members`) stands for.
    pub fn attribute_of<'a>(&'a self, by: &'a str) -> &'a str {
        self.members.iter().find(|m| m.relation == by).map_or(by, |m| &m.of)
    }
}
