//! A frame of the server, read: an event, an answer, an error.

use super::bind::{Names, bind};
use serde_json::Value;
use tidewire_contract::{Contract, Protocol, ServerFrame, Template, template::Segment};

/// What a client was told.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub kind: Kind,
    /// As the wire spells it: an event's type, or what tells a frame of the server from others.
    pub spelled: String,
    /// What a flow's pattern is held against: an event's payload, a frame's fields.
    pub payload: Value,
    pub whole: Value,
    /// What the template's names stood for.
    pub names: Names,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Event,
    Server(ServerFrame),
    /// The client was not let in: what HTTP answered, as an error of the protocol.
    Refused,
    /// The connection ended, and nobody had asked for it.
    Ended,
    /// Of no template.
    Unknown,
}

impl Frame {
    /// Whether a client has to do something about it that no flow leaves unsaid.
    pub fn is_trouble(&self) -> bool {
        match self.kind {
            Kind::Server(frame) => matches!(frame, ServerFrame::Error | ServerFrame::Refused | ServerFrame::Gap),
            Kind::Refused | Kind::Ended | Kind::Unknown => true,
            Kind::Event => false,
        }
    }

    pub fn is_event(&self) -> bool {
        self.kind == Kind::Event
    }

    /// A name of the template, as text.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.names.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Whether a flow may call it so.
    pub fn is_called(&self, spelled: &str) -> bool {
        // Libraries of the Pusher protocol give what the server says to them under a public name.
        self.spelled == spelled || self.spelled.strip_prefix("pusher_internal:").is_some_and(|n| spelled.strip_prefix("pusher:") == Some(n))
    }

    /// What the client is told when HTTP refuses it: in the words that the protocol has for errors.
    pub fn refused(contract: &Contract, status: u16, problem: &Value) -> Frame {
        let code = match status {
            401 | 403 => "UNAUTHORIZED",
            404 => "NOT_FOUND",
            409 => "CONFLICT",
            429 => "RATE_LIMITED",
            400..=499 => "INVALID_PAYLOAD",
            _ => "UNAVAILABLE",
        };
        let message = problem["detail"].as_str().unwrap_or_default();
        let spelled = match contract.wire.protocol {
            Protocol::Pusher => "pusher:subscription_error".to_owned(),
            Protocol::Templates => {
                let template = contract.wire.server(ServerFrame::Error);
                template.and_then(constant).unwrap_or_else(|| "error".to_owned())
            }
        };
        let payload = serde_json::json!({ "code": code, "status": status, "message": message, "problem": problem });
        Frame { kind: Kind::Refused, spelled, payload: payload.clone(), whole: payload, names: Names::new() }
    }

    /// The connection ended.
    pub fn ended(code: Option<u16>, reason: &str) -> Frame {
        let payload = serde_json::json!({ "code": code, "reason": reason });
        Frame { kind: Kind::Ended, spelled: "close".to_owned(), payload: payload.clone(), whole: payload, names: Names::new() }
    }
}

/// Reads what came over any transport of the contract.
pub fn read(contract: &Contract, whole: Value) -> Frame {
    match contract.wire.protocol {
        Protocol::Pusher => pusher(contract, whole),
        Protocol::Templates => templates(contract, whole),
    }
}

fn templates(contract: &Contract, whole: Value) -> Frame {
    let mut best: Option<(usize, Kind, Names, &Template)> = None;
    for (frame, template) in &contract.wire.server {
        let mut names = Names::new();
        let Some(sure) = bind(template, &whole, &mut names) else { continue };
        if best.as_ref().is_none_or(|(most, ..)| sure > *most) {
            best = Some((sure, Kind::Server(*frame), names, template));
        }
    }
    // A frame of the server that is spelled like an event is told from it by its constants.
    if best.as_ref().is_none_or(|(sure, ..)| *sure == 0) {
        let mut names = Names::new();
        let bound = bind(&contract.wire.event, &whole, &mut names).is_some();
        if bound && names.get("type").and_then(Value::as_str).is_some_and(|t| contract.event(t).is_some()) {
            best = Some((0, Kind::Event, names, &contract.wire.event));
        }
    }
    let Some((_, kind, names, template)) = best else { return plain(whole) };
    if kind == Kind::Event {
        let spelled = names.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let payload = names.get("data").cloned().unwrap_or(Value::Null);
        return Frame { kind, spelled, payload, whole, names };
    }
    let spelled = spelled(&contract.wire.event, template, &whole).unwrap_or_default();
    let place = place_of(&contract.wire.event, "data").unwrap_or_default();
    let payload = place.iter().try_fold(&whole, |value, key| value.get(key)).filter(|v| v.is_object()).unwrap_or(&whole).clone();
    Frame { kind, spelled, payload, whole, names }
}

/// Where a protocol has no word of its own, errors and gaps are told in a plain form.
fn plain(whole: Value) -> Frame {
    let spelled = whole["type"].as_str().unwrap_or_default().to_owned();
    let kind = match spelled.as_str() {
        "error" => Kind::Server(ServerFrame::Error),
        "gap" => Kind::Server(ServerFrame::Gap),
        _ => Kind::Unknown,
    };
    Frame { kind, spelled, payload: whole.clone(), whole, names: Names::new() }
}

/// Where a template has a name, alone: the keys that lead there.
fn place_of(template: &Template, name: &str) -> Option<Vec<String>> {
    match template {
        Template::Name(path) if path[..] == [name] => Some(Vec::new()),
        Template::Object(entries) => entries.iter().find_map(|(key, template)| {
            let mut place = place_of(template, name)?;
            place.insert(0, key.clone());
            Some(place)
        }),
        _ => None,
    }
}

/// A frame's type stands where an event has its own, or is its first constant; as [`Contract::frame_types`] has it.
fn spelled(event: &Template, template: &Template, whole: &Value) -> Option<String> {
    let place = place_of(event, "type").unwrap_or_default();
    let own = place.iter().try_fold(template, |template, key| match template {
        Template::Object(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, t)| t),
        _ => None,
    });
    let tells = own.is_some_and(|own| match own {
        Template::Value(value) => value.is_string(),
        Template::Name(path) => path[..] == ["type"],
        Template::Text(segments) => segments.iter().all(|s| !matches!(s, Segment::Name(path) if path[..] != ["type"])),
        Template::Array(_) | Template::Object(_) => false,
    });
    let there = place.iter().try_fold(whole, |value, key| value.get(key)).and_then(Value::as_str);
    there.filter(|_| tells).map(str::to_owned).or_else(|| constant(template))
}

/// What tells a frame's type: its first constant, those of the outer level before those within.
fn constant(template: &Template) -> Option<String> {
    let Template::Object(entries) = template else { return None };
    let own = entries.iter().find_map(|(_, template)| match template {
        Template::Value(Value::String(text)) => Some(text.clone()),
        _ => None,
    });
    own.or_else(|| entries.iter().find_map(|(_, template)| constant(template)))
}

fn pusher(contract: &Contract, whole: Value) -> Frame {
    let spelled = whole["event"].as_str().unwrap_or_default().to_owned();
    // Under this protocol `data` is JSON within a text; some frames have it as it is.
    let data = match &whole["data"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| whole["data"].clone()),
        other => other.clone(),
    };
    let mut names = Names::new();
    let own = spelled.strip_prefix("pusher:").or_else(|| spelled.strip_prefix("pusher_internal:"));
    let (kind, payload) = match own {
        Some("connection_established") => (Kind::Server(ServerFrame::Hello), data),
        Some("subscription_succeeded") => (Kind::Server(ServerFrame::Subscribed), data),
        Some("error" | "subscription_error") => (Kind::Server(ServerFrame::Error), data),
        Some("ping") => (Kind::Server(ServerFrame::Ping), data),
        Some("pong") => (Kind::Server(ServerFrame::Pong), data),
        // Members that come and go, counts, watchlists: news, as much as an event is.
        Some(_) => (Kind::Event, data),
        None if spelled == "tidewire:gap" => (Kind::Server(ServerFrame::Gap), data),
        None => {
            let payload = match bind(&contract.wire.event, &data, &mut names) {
                Some(_) => names.get("data").cloned().unwrap_or(data),
                None => data,
            };
            (Kind::Event, payload)
        }
    };
    if let Some(channel) = whole.get("channel") {
        names.insert("channel".to_owned(), channel.clone());
    }
    Frame { kind, spelled, payload, whole, names }
}
