//! Who is on which channel of this node, by the contracts' `presence`.

use serde::Serialize;
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tidewire_contract::{ChannelName, Contract, Principal};

/// One who is on a channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Member {
    pub member: Value,
    pub info: Value,
    /// Connections of the same member.
    pub connections: usize,
}

/// All members of all channels that have presence.
#[derive(Debug, Default)]
pub struct Presences {
    channels: Mutex<HashMap<Arc<str>, Vec<Member>>>,
}

impl Presences {
    /// A principal joined; a second connection of the same member only counts.
    pub(super) fn enter(&self, contract: &Contract, channel: &ChannelName, principal: &Principal) {
        let Some((log, member, info)) = who(contract, channel, principal) else { return };
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let members = channels.entry(log).or_default();
        match members.iter_mut().find(|m| m.member == member) {
            Some(known) => known.connections += 1,
            None => members.push(Member { member, info, connections: 1 }),
        }
    }

    /// One of its connections left.
    pub(super) fn exit(&self, contract: &Contract, channel: &ChannelName, principal: &Principal) {
        let Some((log, member, _)) = who(contract, channel, principal) else { return };
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(members) = channels.get_mut(&log) else { return };
        if let Some(at) = members.iter().position(|m| m.member == member) {
            members[at].connections -= 1;
            if members[at].connections == 0 {
                members.remove(at);
            }
        }
        if members.is_empty() {
            channels.remove(&log);
        }
    }

    /// In the order in which they came.
    pub fn list(&self, log: &str) -> Vec<Member> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).get(log).cloned().unwrap_or_default()
    }
}

fn who(contract: &Contract, channel: &ChannelName, principal: &Principal) -> Option<(Arc<str>, Value, Value)> {
    let presence = contract.channels[channel.kind].presence.as_ref()?;
    let mut lookup = |path: &[String]| match path {
        [first, attribute] if first == "principal" => principal.attributes.get(attribute).cloned(),
        [var] => channel.vars.iter().find(|(name, _)| **name == **var).map(|(_, v)| Value::String(v.clone())),
        _ => None,
    };
    let (member, info) = (presence.member.fill(&mut lookup), presence.info.fill(&mut lookup));
    Some((tidewire_engine::publish::log_name(&contract.name, &channel.name), member, info))
}
