//! The frames that clients get beside events, by their types as the wire spells them.

use crate::{
    Contract,
    event::{Publisher, type_matches},
    template::{Path, Segment, Template},
    wire::{ClientFrame, Protocol, ServerFrame},
};
use serde_json::Value;

/// A frame of the server.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameType {
    /// `message.send.ack`; ends in `*` where the client's event does.
    pub name: String,
    /// `None` under [`Protocol::Pusher`], which has frames of its own.
    pub frame: Option<ServerFrame>,
    /// The client's event or frame that it answers, where its type says so.
    pub answers: Option<String>,
}

impl FrameType {
    pub fn matches(&self, name: &str) -> bool {
        type_matches(&self.name, name)
    }
}

/// Frames of the Pusher protocol.
const PUSHER: &[&str] = &[
    "pusher:connection_established",
    "pusher:error",
    "pusher:ping",
    "pusher:pong",
    "pusher:signin_success",
    "pusher:subscription_error",
    "pusher_internal:subscription_succeeded",
    "pusher_internal:member_added",
    "pusher_internal:member_removed",
    "pusher_internal:subscription_count",
    "pusher_internal:watchlist_events",
    "pusher:cache_miss",
];

impl Contract {
    /// Every frame that a client may get beside events. A frame's type stands where `wire.event` has `$type`, or is its first
    /// constant; `$type` in it is that of what it answers.
    pub fn frame_types(&self) -> Vec<FrameType> {
        if self.wire.protocol == Protocol::Pusher {
            let of = |name: &&str| FrameType { name: (*name).to_owned(), frame: None, answers: None };
            return PUSHER.iter().map(of).collect();
        }
        let place = place_of(&self.wire.event, "type").unwrap_or_default();
        let mut all = Vec::new();
        for (frame, template) in &self.wire.server {
            let constant = || constant(template).map(|text| Template::Value(Value::from(text)));
            let Some(spelled) = at(template, &place).cloned().filter(is_type).or_else(constant) else { continue };
            if let Template::Value(Value::String(name)) = &spelled {
                all.push(FrameType { name: name.clone(), frame: Some(*frame), answers: None });
                continue;
            }
            for answers in self.answered_by(*frame) {
                let filled = spelled.fill(&mut |path| (path == ["type"]).then(|| answers.clone().into()));
                if let Value::String(name) = filled {
                    all.push(FrameType { name, frame: Some(*frame), answers: Some(answers) });
                }
            }
        }
        all
    }

    /// What of a server's frame stands where an event has its payload; the whole frame, if nothing does.
    pub fn frame_payload(&self, frame: ServerFrame) -> Option<&Template> {
        let template = self.wire.server(frame)?;
        let place = place_of(&self.wire.event, "data").unwrap_or_default();
        at(template, &place).or(Some(template))
    }

    /// The types of what a frame may be the answer to.
    fn answered_by(&self, frame: ServerFrame) -> Vec<String> {
        let sent = self.events.iter().filter(|e| e.from == Publisher::Client).map(|e| e.name.clone());
        let frames = |wanted: Option<ClientFrame>| {
            let fitting = self.wire.client.iter().filter(move |(f, _)| wanted.is_none_or(|w| w == *f) && *f != ClientFrame::Send);
            fitting.filter_map(|(_, template)| constant(template)).map(str::to_owned)
        };
        match frame {
            ServerFrame::Ack | ServerFrame::Refused => sent.collect(),
            ServerFrame::Error => sent.chain(frames(None)).collect(),
            ServerFrame::Subscribed => frames(Some(ClientFrame::Subscribe)).collect(),
            ServerFrame::Unsubscribed => frames(Some(ClientFrame::Unsubscribe)).collect(),
            ServerFrame::Synced => frames(Some(ClientFrame::Sync)).collect(),
            ServerFrame::Pong => frames(Some(ClientFrame::Ping)).collect(),
            ServerFrame::Refreshed => frames(Some(ClientFrame::Refresh)).collect(),
            ServerFrame::Hello | ServerFrame::Ping | ServerFrame::Gap => Vec::new(),
        }
    }
}

/// Where a template has a name, alone: the keys that lead there.
fn place_of(template: &Template, name: &str) -> Option<Path> {
    match template {
        Template::Name(path) if path.as_slice() == [name] => Some(Path::new()),
        Template::Object(entries) => entries.iter().find_map(|(key, template)| {
            let mut place = place_of(template, name)?;
            place.insert(0, key.clone());
            Some(place)
        }),
        _ => None,
    }
}

fn at<'t>(template: &'t Template, place: &[String]) -> Option<&'t Template> {
    place.iter().try_fold(template, |template, key| match template {
        Template::Object(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, t)| t),
        _ => None,
    })
}

/// What can be a frame's type: a text, or one made of the type of what the frame answers.
fn is_type(template: &Template) -> bool {
    match template {
        Template::Value(value) => value.is_string(),
        Template::Name(path) => path.as_slice() == ["type"],
        Template::Text(segments) => {
            segments.iter().all(|s| matches!(s, Segment::Literal(_)) || matches!(s, Segment::Name(p) if p.as_slice() == ["type"]))
        }
        Template::Array(_) | Template::Object(_) => false,
    }
}

/// What tells a frame's type: its first constant, those of the outer level before those within.
pub(crate) fn constant(template: &Template) -> Option<&str> {
    let Template::Object(entries) = template else { return None };
    let own = entries.iter().find_map(|(_, t)| match t {
        Template::Value(Value::String(text)) => Some(text.as_str()),
        _ => None,
    });
    own.or_else(|| entries.iter().find_map(|(_, t)| constant(t)))
}
