//! The one door: what a backend or a client wants to publish, asked of its contract.

use crate::at;
use bytes::Bytes;
use serde_json::Value;
use std::sync::Arc;
use tidewire_contract::{
    AudienceRequest, ChannelName, Contract, Durability, Event, MemberChange, Principal, Publisher, Violation, audience::Named,
};

/// What somebody wants to publish, as it came.
#[derive(Debug, Default, Clone)]
pub struct Request {
    pub channel: String,
    pub event_type: String,
    /// JSON, minified.
    pub data: Bytes,
    pub key: Option<String>,
    pub trace: Option<String>,
    pub occurred_at: Option<String>,
    /// A JSON object, minified.
    pub fields: Option<Bytes>,
    /// Attribute or relation → who; narrows the contract's own audience.
    pub audience: Option<Vec<Named>>,
}

/// An event that its contract allows, not yet at a place in a log.
#[derive(Debug, Clone)]
pub struct Draft {
    pub contract: Arc<Contract>,
    /// Contract and channel: `world/world:w1`.
    pub log: Arc<str>,
    pub durability: Durability,
    pub event_type: Arc<str>,
    pub data: Bytes,
    pub key: Option<Arc<str>>,
    pub trace: Option<Arc<str>>,
    pub occurred_at: Option<Arc<str>>,
    pub fields: Option<Bytes>,
    /// The event's own id, where its publisher gave it one.
    pub id: Option<[u8; 16]>,
    /// All of these must name a principal.
    pub audience: Vec<AudienceRequest>,
    pub changes: Vec<MemberChange>,
}

/// Why something cannot be published. Nothing was changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The nearest address pattern, if one is near.
    UnknownChannel {
        channel: String,
        nearest: Option<String>,
    },
    /// The nearest event type, if one is near.
    UnknownType {
        event_type: String,
        nearest: Option<String>,
    },
    /// The type exists, but not on this channel, or it is not for this kind of publisher.
    NotHere {
        event_type: String,
        channel: String,
        reason: &'static str,
    },
    /// The contract's `rules` refuse it to this principal.
    NotAllowed {
        event_type: String,
    },
    Invalid {
        event_type: String,
        violations: Vec<Violation>,
    },
    /// A member of the request beside `data`.
    BadRequest {
        pointer: &'static str,
        message: String,
    },
}

/// The name of a channel's log in the store.
pub fn log_name(contract: &str, channel: &str) -> Arc<str> {
    format!("{contract}/{channel}").into()
}

/// Checks a backend's request against its contract.
pub fn from_backend(contract: &Arc<Contract>, request: Request) -> Result<Draft, Refusal> {
    admit(contract, request, Publisher::Backend, None)
}

/// Checks a client's event against its contract. `request.channel` is where it would be published.
pub fn from_client(contract: &Arc<Contract>, request: Request, principal: &Principal) -> Result<Draft, Refusal> {
    admit(contract, request, Publisher::Client, Some(principal))
}

fn admit(contract: &Arc<Contract>, request: Request, publisher: Publisher, principal: Option<&Principal>) -> Result<Draft, Refusal> {
    bounded("/channel", &request.channel, MAX_NAME)?;
    bounded("/type", &request.event_type, MAX_NAME)?;
    for (pointer, text) in [("/key", &request.key), ("/trace", &request.trace), ("/occurred_at", &request.occurred_at)] {
        if let Some(text) = text {
            bounded(pointer, text, MAX_TEXT)?;
        }
    }
    if let Some(text) = &request.occurred_at
        && at::parse_iso(text).is_none()
    {
        return Err(Refusal::BadRequest {
            pointer: "/occurred_at",
            message: "expected an ISO 8601 time such as 2026-01-31T10:00:00Z".into(),
        });
    }
    let event = contract.event(&request.event_type).ok_or_else(|| Refusal::UnknownType {
        event_type: request.event_type.clone(),
        nearest: nearest(&request.event_type, contract.events.iter().map(|e| e.name.as_str())),
    })?;
    let channel = contract.channel(&request.channel).ok_or_else(|| Refusal::UnknownChannel {
        channel: request.channel.clone(),
        nearest: nearest(&request.channel, contract.channels.iter().map(|c| c.address.source.as_str())),
    })?;
    belongs(contract, event, &request, &channel, publisher)?;
    let invalid = |violations| Refusal::Invalid { event_type: request.event_type.clone(), violations };
    let data: Value = serde_json::from_slice(&request.data)
        .map_err(|e| invalid(vec![Violation { pointer: String::new(), rule: "json".into(), found: "invalid", message: e.to_string() }]))?;
    let violations = event.validate(&data);
    if !violations.is_empty() {
        return Err(invalid(violations));
    }
    if let Some(principal) = principal
        && !event.may_send(principal, &data)
    {
        return Err(Refusal::NotAllowed { event_type: request.event_type });
    }
    let mut audience = vec![event.audience(&data)];
    if let Some(named) = request.audience {
        for part in &named {
            let known =
                contract.members.iter().any(|m| m.relation == part.by) || contract.auth.principal.iter().any(|(a, _)| *a == part.by);
            if !known {
                let names =
                    contract.members.iter().map(|m| m.relation.as_str()).chain(contract.auth.principal.iter().map(|(a, _)| a.as_str()));
                let hint = nearest(&part.by, names).map(|n| format!("; did you mean '{n}'?")).unwrap_or_default();
                let message = format!("'{}' is neither an attribute of principals nor a relation of the contract's members{hint}", part.by);
                return Err(Refusal::BadRequest { pointer: "/audience", message });
            }
        }
        audience.push(AudienceRequest::Only(named));
    }
    audience.retain(|a| *a != AudienceRequest::Everyone);
    let key = request.key.or_else(|| event.dedup_key(&data, principal));
    Ok(Draft {
        log: log_name(&contract.name, &channel.log),
        durability: contract.channels[channel.log_kind].durability,
        changes: contract.member_changes(&request.event_type, &data),
        contract: contract.clone(),
        event_type: event.publishes.as_deref().unwrap_or(&request.event_type).into(),
        data: request.data,
        key: key.map(Into::into),
        trace: request.trace.map(Into::into),
        occurred_at: request.occurred_at.map(Into::into),
        fields: request.fields,
        id: None,
        audience,
    })
}

fn belongs(contract: &Contract, event: &Event, request: &Request, channel: &ChannelName, publisher: Publisher) -> Result<(), Refusal> {
    let not_here = |reason| Err(Refusal::NotHere { event_type: request.event_type.clone(), channel: request.channel.clone(), reason });
    if event.from != publisher {
        return not_here(match publisher {
            Publisher::Backend => "it is sent by clients, not by backends",
            Publisher::Client => "it is published by backends, not by clients",
        });
    }
    if contract.channels[channel.kind].mirrors.is_some() {
        return not_here("the channel mirrors another one: publish to that one");
    }
    if !event.on.is_empty() && !event.on.contains(&channel.kind) {
        return not_here("the contract does not publish this type on this channel");
    }
    Ok(())
}

/// Longest channel name and event type, in bytes.
pub const MAX_NAME: usize = 256;
/// Longest key, trace and time, in bytes.
pub const MAX_TEXT: usize = 256;

fn bounded(pointer: &'static str, text: &str, max: usize) -> Result<(), Refusal> {
    if text.is_empty() || text.len() > max {
        return Err(Refusal::BadRequest { pointer, message: format!("must have 1 to {max} bytes, has {}", text.len()) });
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::BadRequest { pointer, message: "must not contain control characters".into() });
    }
    Ok(())
}

/// The candidate most like `word`, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|c| (strsim::jaro_winkler(word, c), c))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c.to_owned())
}
