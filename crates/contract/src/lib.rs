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
pub mod backend;
pub mod bridge;
pub mod channel;
pub mod checklist;
pub mod compare;
pub mod conventions;
pub mod document;
pub mod endpoint;
pub mod event;
pub mod filter;
pub mod flow;
pub mod frames;
pub mod limits;
pub mod members;
pub mod principal;
pub mod problem;
pub mod source;
pub mod template;
pub mod wire;

mod compile;

pub use address::{Address, ChannelName};
pub use audience::{AudienceRequest, Clause};
pub use auth::{Auth, TokenPlace, Tokens};
pub use backend::Backend;
pub use bridge::Bridge;
pub use channel::{Channel, Durability, History, Presence, PresenceEvent};
pub use checklist::checklist;
pub use compile::{compile, compile_source, is_contract_name, language, load_all};
pub use conventions::{Conventions, NameStyle, Otherwise};
pub use document::{ErrorCode, Feature, Reconnect};
pub use endpoint::{Endpoint, EndpointKind, OptionRole};
pub use event::{Event, Publisher, Version, Violation, json_type};
pub use filter::Filter;
pub use flow::{Action, Actor, Expected, Flow, Step};
pub use frames::FrameType;
pub use limits::{Keepalive, Limits, Rate};
pub use members::{MemberChange, Membership};
pub use principal::{Attribute, Attributes, Principal};
pub use problem::{Problem, render_all};
pub use source::Source;
pub use template::Template;
pub use wire::{ClientFrame, Protocol, ServerFrame, Wire};

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
    pub bridges: Vec<Bridge>,
    pub backends: Vec<Backend>,
    pub actors: Vec<Actor>,
    pub flows: Vec<Flow>,
    /// What each code means; those that the contract does not mention included.
    pub errors: Vec<ErrorCode>,
    pub reconnect: Reconnect,
    pub feature: Option<Feature>,
    pub conventions: Conventions,
    pub source: Source,
    /// The channel of the audit trail, `audit`, which only backends read; there if an event has `audit: true`.
    pub audit: Option<usize>,
    /// The channels `#to-{backend}`, in which the server alone keeps what it hands over and what is answered; there if an event has `to:`.
    pub handed: Option<usize>,
    /// The channels `#server-to-user-{user}` of signed-in users, under [`Protocol::Pusher`]; any event may be published there.
    pub users: Option<usize>,
    /// What the document is about, in a sentence.
    pub description: Option<String>,
    /// The place of each event in `events`, by its exact name.
    pub(crate) index: HashMap<String, usize>,
    /// The names of a principal's attributes.
    pub(crate) attributes: Arc<[Box<str>]>,
}

impl Contract {
    /// The channel that `name` is an address of, if any pattern of the contract matches it; the one with the fewest
    /// variables, if several do, and of those the one with the most fixed text. No channel's name is longer than [`CHANNEL_BYTES_MAX`] or has control characters in it.
    pub fn channel(&self, name: &str) -> Option<ChannelName> {
        if name.len() > CHANNEL_BYTES_MAX || name.chars().any(char::is_control) {
            return None;
        }
        let mut found: Option<(usize, Vars)> = None;
        // What is not variable is fixed: the same name has the more of it, the shorter its variables are.
        let rank = |vars: &Vars| (vars.len(), vars.iter().map(|(_, value)| value.len()).sum::<usize>());
        for (kind, channel) in self.channels.iter().enumerate() {
            if let Some(vars) = channel.address.parse(name)
                && found.as_ref().is_none_or(|(_, best)| rank(&vars) < rank(best))
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
        let values = self.auth.principal.iter().map(|(_, template)| template.fill(&mut lookup));
        let mut principal = Principal { id: Box::default(), attributes: Attributes::new(&self.attributes, values) };
        principal.id = principal.text("id").filter(|id| !id.is_empty())?.into();
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
