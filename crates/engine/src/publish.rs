//! The one door: what a backend or a client wants to publish, asked of its contract.

use crate::{at, id, log::StateRow, state::Version};
use bytes::Bytes;
use serde_json::Value;
use std::sync::Arc;
use tidewire_contract::{
    AudienceRequest, ChannelName, Contract, Durability, Event, MemberChange, Principal, Publisher, Violation, audience::Named, json_type,
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
    /// The event's own id, where its publisher gave it one. It deduplicates where there is no `key`.
    pub id: Option<[u8; 16]>,
    /// The connection that is not to get it.
    pub except: Option<u64>,
}

impl Draft {
    /// An event for everybody, with nothing beside its payload.
    pub fn new(contract: Arc<Contract>, log: Arc<str>, durability: Durability, event_type: Arc<str>, data: Bytes) -> Draft {
        Draft {
            contract,
            log,
            durability,
            event_type,
            data,
            key: None,
            trace: None,
            occurred_at: None,
            fields: None,
            id: None,
            audience: Vec::new(),
            changes: Vec::new(),
            version: None,
            retain: Vec::new(),
            states: Vec::new(),
            silent: false,
            except: None,
        }
    }
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
    /// Refused where it is not higher than the last of the same resource in the log.
    pub version: Option<Version>,
    /// Names under which it is the newest that is retained.
    pub retain: Vec<Arc<str>>,
    /// Further rows of state that are written with it.
    pub states: Vec<StateRow>,
    /// No event, only its rows of state: nothing is seen of it, and it takes no place in the log.
    pub silent: bool,
    /// The connection that is not to get it.
    pub except: Option<u64>,
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

/// The key under which an event is known that came with an id of its own.
pub fn id_key(id: &[u8; 16]) -> String {
    format!("id:{}", id::to_text(id))
}

/// The name of a channel's log in the store.
pub fn log_name(contract: &str, channel: &str) -> Arc<str> {
    format!("{contract}/{channel}").into()
}

/// Checks a backend's request against its contract.
pub fn from_backend(contract: &Arc<Contract>, request: Request) -> Result<Draft, Refusal> {
    admit(contract, request, Publisher::Backend, None)
}

/// The channel that a client's event goes to by the contract (`in:`), if it says so.
///
/// # Errors
/// The payload is not valid, so it does not say either.
pub fn destination(contract: &Contract, event_type: &str, data: &[u8], principal: &Principal) -> Result<Option<String>, Refusal> {
    let Some(event) = contract.event(event_type).filter(|event| event.channel.is_some()) else { return Ok(None) };
    let data: Value = serde_json::from_slice(data).unwrap_or_default();
    match event.destination(&data, principal) {
        Some(channel) => Ok(Some(channel)),
        None => match event.validate(&data) {
            violations if violations.is_empty() => Ok(None),
            violations => Err(Refusal::Invalid { event_type: event_type.to_owned(), violations }),
        },
    }
}

/// Checks a client's event against its contract. `request.channel` is where it would be published.
pub fn from_client(contract: &Arc<Contract>, request: Request, principal: &Principal) -> Result<Draft, Refusal> {
    admit(contract, request, Publisher::Client, Some(principal))
}

/// Checks an event that the server itself publishes of somebody who comes or goes.
///
/// # Errors
/// [`Refusal`]: the contract's template does not make what its own schema asks for.
pub fn from_presence(contract: &Arc<Contract>, request: Request) -> Result<Draft, Refusal> {
    admit(contract, request, Publisher::Presence, None)
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
    let key = request.key.clone().or_else(|| event.dedup_key(&data, principal)).or_else(|| request.id.as_ref().map(id_key));
    let shown = shown(contract, event, &request, &data, principal, key.as_deref())?;
    let mut audience = vec![event.audience(&data)];
    audience.extend(shown.event.filter(|shown| shown.name != event.name).map(|other| other.audience(&shown.data)));
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
    let event_type: Arc<str> = event.publishes.as_deref().unwrap_or(&request.event_type).into();
    let rule = event.version.as_ref().map(|rule| (rule, &data)).or_else(|| Some((shown.event?.version.as_ref()?, &shown.data)));
    let version = rule.map(|(rule, data)| version(rule, data)).transpose().map_err(|violation| invalid(vec![violation]))?;
    let mut changes = contract.member_changes(&request.event_type, &data);
    if *event_type != *request.event_type {
        changes.extend(contract.member_changes(&event_type, &shown.data));
    }
    let retain = &contract.channels[channel.log_kind].retain;
    Ok(Draft {
        log: log_name(&contract.name, &channel.log),
        durability: contract.channels[channel.log_kind].durability,
        changes,
        contract: contract.clone(),
        event_type: event_type.clone(),
        data: shown.bytes.unwrap_or(request.data),
        key: key.map(Into::into),
        trace: request.trace.map(Into::into),
        occurred_at: request.occurred_at.map(Into::into),
        fields: request.fields,
        id: request.id,
        except: request.except,
        audience,
        version,
        retain: retain.iter().filter(|(_, retained)| **retained == *event_type).map(|(name, _)| name.as_str().into()).collect(),
        states: Vec::new(),
        silent: false,
    })
}

/// What of an event is seen: itself, or what the contract publishes a client's event as.
struct Shown<'c> {
    event: Option<&'c Event>,
    data: Value,
    /// Where it is another payload.
    bytes: Option<Bytes>,
}

fn shown<'c>(
    contract: &'c Contract,
    event: &'c Event,
    request: &Request,
    data: &Value,
    principal: Option<&Principal>,
    key: Option<&str>,
) -> Result<Shown<'c>, Refusal> {
    let Some(published) = &event.publishes else { return Ok(Shown { event: Some(event), data: data.clone(), bytes: None }) };
    let shown = contract.event(published).map(|event| &**event);
    // Without a key each is another one.
    let only = || uuid::Uuid::new_v4().to_string();
    let payload = principal.and_then(|p| event.published(data, p, &request.channel, key.unwrap_or(&only())));
    let Some(payload) = payload else { return Ok(Shown { event: shown, data: data.clone(), bytes: None }) };
    let violations = shown.map(|shown| shown.validate(&payload)).unwrap_or_default();
    if !violations.is_empty() {
        return Err(Refusal::Invalid { event_type: published.clone(), violations });
    }
    let bytes = Some(Bytes::from(payload.to_string()));
    Ok(Shown { event: shown, data: payload, bytes })
}

/// The version that a payload has by the contract's rule.
fn version(rule: &tidewire_contract::Version, data: &Value) -> Result<Version, Violation> {
    let at = |path: &[String]| path.iter().try_fold(data, |value, part| value.get(part));
    let wrong = |path: &[String], value: Option<&Value>, message: &str| Violation {
        pointer: path.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect(),
        rule: "version".into(),
        found: value.map_or("nothing", json_type),
        message: message.into(),
    };
    let of = match at(&rule.of) {
        Some(Value::String(text)) if bounded("", text, MAX_TEXT).is_ok() => text.as_str().into(),
        Some(Value::Number(number)) => number.to_string().into(),
        other => {
            return Err(wrong(
                &rule.of,
                other,
                "what has versions is named by a text of 1 to 256 bytes without control characters, or by a number",
            ));
        }
    };
    let whole = |value: &Value| value.as_i64().or_else(|| value.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map(|f| f as i64));
    let is = at(&rule.is).and_then(whole).ok_or_else(|| wrong(&rule.is, at(&rule.is), "a version is a whole number of 64 bits"))?;
    Ok(Version { of, is })
}

fn belongs(contract: &Contract, event: &Event, request: &Request, channel: &ChannelName, publisher: Publisher) -> Result<(), Refusal> {
    let not_here = |reason| Err(Refusal::NotHere { event_type: request.event_type.clone(), channel: request.channel.clone(), reason });
    if event.from != publisher {
        return not_here(match publisher {
            Publisher::Backend => "it is sent by clients, not by backends",
            Publisher::Client => "it is published by backends, not by clients",
            Publisher::Presence => "the server itself publishes it",
        });
    }
    if contract.audit == Some(channel.kind) {
        return not_here("the audit trail is kept by the server alone");
    }
    if contract.handed == Some(channel.kind) {
        return not_here("what is handed to a backend is kept there by the server alone");
    }
    if contract.channels[channel.kind].mirrors.is_some() {
        return not_here("the channel mirrors another one: publish to that one");
    }
    if !event.on.is_empty() && !event.on.contains(&channel.kind) && contract.users != Some(channel.kind) {
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
