//! Who looks: what of a log a principal may see.

use crate::record::{Audience, Record};
use std::sync::Arc;
use tidewire_contract::{ChannelName, Contract, Filter, Principal};

/// A principal as audiences see it, on one channel.
#[derive(Debug, Clone, Default)]
pub struct Eye {
    /// Sees every event, whoever it is for.
    pub oversees: bool,
    /// Attribute → its values (more than one where the attribute is a list).
    attributes: Vec<(Box<str>, Vec<Box<str>>)>,
}

impl Eye {
    pub fn new(contract: &Contract, channel: &ChannelName, principal: &Principal) -> Eye {
        let kind = &contract.channels[channel.kind];
        let oversees = kind.oversees(principal, &channel.vars);
        let attributes = principal.attributes.iter().map(|(name, value)| (name.as_str().into(), texts(value))).collect();
        Eye { oversees, attributes }
    }

    /// One who sees everything: an operator or a backend.
    pub fn all() -> Eye {
        Eye { oversees: true, attributes: Vec::new() }
    }

    pub fn sees(&self, audience: &Audience) -> bool {
        match audience {
            Audience::Everyone => true,
            Audience::Only(_) if self.oversees => true,
            Audience::Only(all) => all.iter().all(|any| {
                any.iter().any(|(attribute, listed)| {
                    let mine = self.attributes.iter().find(|(name, _)| **name == **attribute).map(|(_, values)| values.as_slice());
                    mine.unwrap_or_default().iter().any(|value| listed.binary_search_by(|l| (**l).cmp(value)).is_ok())
                })
            }),
        }
    }

    /// Whether this reader gets the event: it is for it, and it asked for the type.
    pub fn gets(&self, filter: &Filter, record: &Arc<Record>) -> bool {
        filter.matches(&record.event_type) && self.sees(&record.audience)
    }
}

fn texts(value: &serde_json::Value) -> Vec<Box<str>> {
    match value {
        serde_json::Value::String(s) => vec![s.as_str().into()],
        serde_json::Value::Number(n) => vec![n.to_string().into()],
        serde_json::Value::Array(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
