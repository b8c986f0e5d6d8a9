//! `wire:`: the templates, each with the `$names` of its place.

use super::{
    channels::Channels,
    fields::{Fields, word},
    hello,
    language::{WIRE, WIRE_CLIENT, WIRE_SERVER},
    names::{Names, template},
    payloads::Schemas,
    source::Reporter,
    yaml::{Entry, Kind, Node},
};
use crate::{
    template::{Segment, Template},
    wire::{ClientFrame, Protocol, ServerFrame, Wire},
};

/// `$names` of an event, beside the variables of the channels' addresses.
pub const EVENT_NAMES: &[&str] = &["id", "type", "at", "seq", "epoch", "key", "trace", "channel", "occurred_at", "position", "replay"];
/// Those that have parts: `$data.ticket.id`.
pub const EVENT_NAMES_DEEP: &[&str] = &["data", "fields"];
/// `$names` of the frames that the server sends, beside the variables of addresses and of the endpoints' paths.
pub const SERVER_NAMES: &[&str] = &[
    "at",
    "channel",
    "channels",
    "connection",
    "code",
    "message",
    "errors",
    "type",
    "id",
    "seq",
    "trace",
    "key",
    "position",
    "from",
    "to",
    "reason",
    "action",
    "since",
    "expires",
];
/// Those that have parts: what a client event became, `$reply.id`.
pub const SERVER_NAMES_DEEP: &[&str] = &["reply", "data"];
/// `$names` of `wire.server.gap`, beside the variables of the connection's address.
pub const GAP_NAMES: &[&str] = &["at", "channel", "from", "from_at", "to", "reason", "action", "position"];
/// `$names` of the frames that a client sends.
pub const CLIENT_NAMES: &[&str] = &["channel", "channels", "type", "data", "trace", "key", "since", "after", "token"];

/// Those that it may leave out.
pub const OPTIONAL_NAMES: &[&str] = &["after", "trace", "key", "channel"];

/// `paths` are the variables of the endpoints. `None` where the protocol or the event's template could not be read.
pub(crate) fn wire(report: &Reporter, entry: &Entry, channels: &Channels, paths: &[String], schemas: &Schemas) -> Option<Wire> {
    let fields = Fields::read(report, &entry.value, &entry.key_span, &WIRE, false)?;
    let vars = channels.variables();
    let with_vars = |names: &[&str]| Names::plain(names).with_vars(vars.iter().map(String::as_str)).open(!channels.whole());
    let said = fields.get("protocol").map(|e| word(report, &e.value, &e.key_span, "protocol", &[("pusher", Protocol::Pusher)]));
    // Of a protocol that could not be read, nothing follows.
    let (protocol, known) = (said.flatten().unwrap_or_default(), said != Some(None));
    let own_frames = protocol == Protocol::Templates;
    if !own_frames {
        for e in ["client", "server"].iter().filter_map(|key| fields.get(key)) {
            let message = format!("under `protocol: pusher` there is no `{}`: the protocol has frames of its own", e.key);
            report.add("unknown-key", e.key_span.clone(), message, Some("remove it".to_owned()));
        }
    }
    let event = fields.get("event").map(|e| {
        if own_frames && known {
            frame_shape(report, &e.value, "wire.event", true);
        }
        template(report, &e.value, &with_vars(EVENT_NAMES).with_deep(EVENT_NAMES_DEEP))
    });
    let mut client = Vec::new();
    if let Some(entry) = fields.get("client").filter(|_| own_frames)
        && let Some(fields) = Fields::read(report, &entry.value, &entry.key_span, &WIRE_CLIENT, false)
    {
        let mut seen: Vec<(&str, Template)> = Vec::new();
        for entry in fields.iter() {
            let Some(frame) = ClientFrame::ALL.into_iter().find(|frame| frame.as_str() == entry.key) else { continue };
            let name = frame.as_str();
            frame_shape(report, &entry.value, &entry.key, false);
            let template = template(report, &entry.value, &Names::plain(CLIENT_NAMES));
            needs(report, entry, frame, &template);
            if let Some((first, _)) = seen.iter().find(|(_, earlier)| takes(earlier, &template)) {
                let help = Some(format!("write `{name}` before it, or give `{first}` a constant that tells it apart"));
                let message = format!("the frame `{first}` stands first and takes what is meant for `{name}`");
                report.add("same-frame", entry.key_span.clone(), message, help);
            }
            seen.push((name, template.clone()));
            client.push((frame, template));
        }
    }
    let mut server = Vec::new();
    if let Some(entry) = fields.get("server").filter(|_| own_frames)
        && let Some(fields) = Fields::read(report, &entry.value, &entry.key_span, &WIRE_SERVER, false)
    {
        for entry in fields.iter() {
            let Some(frame) = ServerFrame::ALL.into_iter().find(|frame| frame.as_str() == entry.key) else { continue };
            frame_shape(report, &entry.value, &entry.key, true);
            let names = match frame {
                ServerFrame::Gap => with_vars(GAP_NAMES),
                ServerFrame::Hello => with_vars(SERVER_NAMES).with_vars(["presence"]).with_deep(SERVER_NAMES_DEEP).with_deep(&["retained"]),
                _ => with_vars(SERVER_NAMES).with_deep(SERVER_NAMES_DEEP),
            };
            let template = template(report, &entry.value, &names.with_vars(paths.iter().map(String::as_str)));
            if frame == ServerFrame::Hello {
                hello::check(report, &entry.value, &template, channels, schemas);
            }
            server.push((frame, template));
        }
    }
    known.then_some(Wire { protocol, event: event?, client, server })
}

/// Whether `wire:` means to say `protocol`, well or badly.
pub(crate) fn says_protocol(entry: Option<&Entry>) -> bool {
    matches!(entry.map(|e| &e.value.kind), Some(Kind::Map(entries)) if entries.iter().any(|e| e.key == "protocol"))
}

/// A frame is an object, or a list where it is not to be told from others; anything else is not a frame.
fn frame_shape(report: &Reporter, node: &Node, what: &str, list: bool) {
    let filled = match &node.kind {
        Kind::Map(entries) => !entries.is_empty(),
        Kind::List(items) => list && !items.is_empty(),
        _ => false,
    };
    if !filled {
        let help = Some("e.g. `{ type: $type, data: $data }`".to_owned());
        let shape = if list { "an object or a list" } else { "an object" };
        report.add("wrong-type", node.span.clone(), format!("`{what}` is {shape}, and here is {}", node.describe()), help);
    }
}

/// What a frame has to carry to mean anything.
fn needs(report: &Reporter, entry: &Entry, frame: ClientFrame, template: &Template) {
    let wanted: &[&str] = match frame {
        ClientFrame::Subscribe | ClientFrame::Unsubscribe => &["channel", "channels"],
        ClientFrame::Sync => &["since"],
        ClientFrame::Send => &["type"],
        ClientFrame::Refresh => &["token"],
        ClientFrame::Ping | ClientFrame::Pong => return,
    };
    if !wanted.iter().any(|name| names_it(template, name)) {
        let names: Vec<String> = wanted.iter().map(|n| format!("`${n}`")).collect();
        let message = format!("the frame `{}` has no {}", entry.key, names.join(" or "));
        report.add("missing-name", entry.key_span.clone(), message, Some("name where in the frame it stands".to_owned()));
    }
}

fn names_it(template: &Template, name: &str) -> bool {
    match template {
        Template::Value(_) => false,
        Template::Name(path) => path.first().is_some_and(|root| root == name),
        Template::Text(segments) => {
            segments.iter().any(|s| matches!(s, Segment::Name(path) if path.first().is_some_and(|root| root == name)))
        }
        Template::Array(items) => items.iter().any(|t| names_it(t, name)),
        Template::Object(entries) => entries.iter().any(|(_, t)| names_it(t, name)),
    }
}

/// Whether every frame that is like `later` is like `earlier`, too.
fn takes(earlier: &Template, later: &Template) -> bool {
    match (earlier, later) {
        (Template::Name(_), _) => true,
        (Template::Value(a), Template::Value(b)) => a == b,
        (Template::Object(earlier), Template::Object(later)) => earlier.iter().all(|(key, template)| {
            let there = later.iter().find(|(k, _)| k == key);
            there.map_or_else(|| may_lack(template), |(_, other)| takes(template, other))
        }),
        _ => false,
    }
}

/// What a client may leave out of a frame.
fn may_lack(template: &Template) -> bool {
    matches!(template, Template::Name(path) if path.first().is_some_and(|name| OPTIONAL_NAMES.contains(&name.as_str())))
}
