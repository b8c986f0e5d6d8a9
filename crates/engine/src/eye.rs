//! Who looks: what of a log a principal may see.

use crate::record::{Audience, Record};
use serde_json::{Number, Value};
use std::{io::Write, sync::Arc};
use tidewire_contract::{Attribute, ChannelName, Contract, Filter, Principal};

/// A principal as audiences see it, on one channel.
#[derive(Debug, Clone, Default)]
pub struct Eye {
    /// Sees every event, whoever it is for.
    pub oversees: bool,
    /// The connection through which it looks; 0 where there is none.
    pub connection: u64,
    principal: Option<Arc<Principal>>,
}

impl Eye {
    pub fn new(contract: &Contract, channel: &ChannelName, principal: &Arc<Principal>) -> Eye {
        let kind = &contract.channels[channel.kind];
        let oversees = kind.oversees(principal, &channel.vars);
        Eye { oversees, connection: 0, principal: Some(principal.clone()) }
    }

    /// One who sees everything: an operator or a backend.
    pub fn all() -> Eye {
        Eye { oversees: true, connection: 0, principal: None }
    }

    pub fn sees(&self, audience: &Audience) -> bool {
        match audience {
            Audience::Everyone => true,
            Audience::Only(_) if self.oversees => true,
            Audience::Only(all) => all
                .iter()
                .all(|any| any.iter().any(|(attribute, listed)| self.attribute(attribute).is_some_and(|mine| names(mine, listed)))),
        }
    }

    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.principal.as_ref()?.attributes.get(name)
    }

    /// The same, through a connection, which does not get what it caused where its publisher said so.
    pub fn through(mut self, connection: u64) -> Eye {
        self.connection = connection;
        self
    }

    /// Whether this reader gets the event: it is for it, and it asked for the type.
    pub fn gets(&self, filter: &Filter, record: &Arc<Record>) -> bool {
        filter.matches(&record.event_type) && self.sees(&record.audience) && record.except.is_none_or(|c| c != self.connection)
    }
}

/// Whether the attribute, or an item of it where it is a list, is among the values, which are sorted.
fn names(attribute: &Attribute, listed: &[String]) -> bool {
    match attribute {
        Attribute::Text(text) => is_listed(text, listed),
        Attribute::Number(number) => number_is_listed(number, listed),
        Attribute::Nested(value) => value_is_listed(value, listed),
        Attribute::Null | Attribute::Bool(_) => false,
    }
}

fn value_is_listed(value: &Value, listed: &[String]) -> bool {
    match value {
        Value::String(text) => is_listed(text, listed),
        Value::Number(number) => number_is_listed(number, listed),
        Value::Array(items) => items.iter().any(|item| value_is_listed(item, listed)),
        Value::Null | Value::Bool(_) | Value::Object(_) => false,
    }
}

fn is_listed(text: &str, listed: &[String]) -> bool {
    listed.binary_search_by(|l| l.as_str().cmp(text)).is_ok()
}

/// As text, without memory of its own: this is asked for every event that is not for everybody.
fn number_is_listed(number: &Number, listed: &[String]) -> bool {
    let mut text = [0; 40];
    let mut rest = &mut text[..];
    if write!(rest, "{number}").is_err() {
        return is_listed(&number.to_string(), listed);
    }
    let left = rest.len();
    std::str::from_utf8(&text[..text.len() - left]).is_ok_and(|text| is_listed(text, listed))
}
