//! Channels that a contract does not write: its audit trail, those of signed-in users, and those of what is handed to backends.

use super::source::Reporter;
use crate::{
    address::{Address, Part},
    channel::{Channel, Durability, History},
    event::Event,
};
use std::{ops::Range, time::Duration};

/// Key and address of the audit trail.
const AUDIT: &str = "audit";
const AUDIT_KEEP: Duration = Duration::from_secs(365 * 86_400);
const USERS: &str = "server-to-user";
const USERS_PREFIX: &str = "#server-to-user-";
/// One for each backend.
const HANDED: &str = "to-backend";
const HANDED_PREFIX: &str = "#to-";
/// Longer than keys are known at least: an answer is there as long as the key that asks for it.
const HANDED_KEEP: Duration = Duration::from_secs(2 * 86_400);
const USERS_KEEP: Duration = Duration::from_secs(3600);

/// Adds the audit trail's channel to `all`, if an event goes there; `spans` are the places of those that the contract writes.
pub(crate) fn audit(report: &Reporter, all: &mut Vec<Channel>, spans: &[Range<usize>], events: &[Event]) -> Option<usize> {
    if !events.iter().any(|event| event.audit) {
        return None;
    }
    for (channel, span) in all.iter().zip(spans) {
        let (message, help) = if channel.address.parse(AUDIT).is_some() {
            (
                format!("the address of `{}` fits `{AUDIT}`, the channel of events with `audit: true`", channel.id),
                "begin the address with another word",
            )
        } else if channel.id == AUDIT {
            (format!("`{AUDIT}` is the channel of events with `audit: true`"), "give this one another name")
        } else {
            continue;
        };
        report.add("same-address", span.clone(), message, Some(help.to_owned()));
    }
    all.push(own(AUDIT, vec![Part::Literal(AUDIT.to_owned())], AUDIT_KEEP, Durability::Disk));
    Some(all.len() - 1)
}

/// Adds the channels of signed-in users to `all`.
pub(crate) fn users(report: &Reporter, all: &mut Vec<Channel>, spans: &[Range<usize>]) -> usize {
    for (_, span) in all.iter().zip(spans).filter(|(channel, _)| channel.id == USERS) {
        let message = format!("under `protocol: pusher` `{USERS}` is the channel of a signed-in user");
        report.add("same-address", span.clone(), message, Some("give this one another name".to_owned()));
    }
    all.push(own(USERS, vec![Part::Literal(USERS_PREFIX.to_owned()), Part::Variable("user".into())], USERS_KEEP, Durability::Process));
    all.len() - 1
}

/// Adds the channels in which keys of events for backends are claimed and answered to `all`, if an event goes to one.
pub(crate) fn backends(report: &Reporter, all: &mut Vec<Channel>, spans: &[Range<usize>], events: &[Event]) -> Option<usize> {
    if !events.iter().any(|event| event.to.is_some()) {
        return None;
    }
    for (channel, span) in all.iter().zip(spans) {
        let taken = channel.id == HANDED || channel.address.parse(&format!("{HANDED_PREFIX}x")).is_some();
        if taken {
            let message = format!("channels that begin with `{HANDED_PREFIX}` are those of what is handed to backends");
            report.add("same-address", span.clone(), message, Some("give this one another name and address".to_owned()));
        }
    }
    let parts = vec![Part::Literal(HANDED_PREFIX.to_owned()), Part::Variable("backend".into())];
    all.push(own(HANDED, parts, HANDED_KEEP, Durability::Disk));
    Some(all.len() - 1)
}

fn own(id: &str, parts: Vec<Part>, keep: Duration, durability: Durability) -> Channel {
    let source = parts.iter().map(|part| match part {
        Part::Literal(text) => text.clone(),
        Part::Variable(name) => format!("{{{name}}}"),
    });
    Channel {
        id: id.to_owned(),
        address: Address { source: source.collect(), parts },
        history: History { keep: Some(keep), count: None, bytes: None },
        durability,
        priority: 0,
        mirrors: None,
        presence: None,
        retain: Vec::new(),
        closed: true,
        join: None,
        oversees: None,
    }
}
