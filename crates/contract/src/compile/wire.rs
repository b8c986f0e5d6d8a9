//! `wire:`: the templates, each with the `$names` of its place.

use super::{
    channels::Channels,
    fields::Fields,
    language::{WIRE, WIRE_CLIENT, WIRE_SERVER},
    names::{Names, template},
    source::Reporter,
    yaml::{Entry, Kind, Node},
};
use crate::{
    template::{Segment, Template},
    wire::{ClientFrame, ServerFrame, Wire},
};

/// `$names` of an event, beside the variables of the channels' addresses.
pub const EVENT_NAMES: &[&str] = &["id", "type", "at", "seq", "epoch", "key", "trace", "channel", "occurred_at", "position"];
/// Those that have parts: `$data.ticket.id`.
pub const EVENT_NAMES_DEEP: &[&str] = &["data", "fields"];
/// `$names` of the frames that the server sends, beside the variables of the connection's address.
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

const CLIENT_FRAMES: &[(&str, ClientFrame)] = &[
    ("subscribe", ClientFrame::Subscribe),
    ("unsubscribe", ClientFrame::Unsubscribe),
    ("sync", ClientFrame::Sync),
    ("ping", ClientFrame::Ping),
    ("pong", ClientFrame::Pong),
    ("send", ClientFrame::Send),
    ("refresh", ClientFrame::Refresh),
];

const SERVER_FRAMES: &[(&str, ServerFrame)] = &[
    ("hello", ServerFrame::Hello),
    ("subscribed", ServerFrame::Subscribed),
    ("unsubscribed", ServerFrame::Unsubscribed),
    ("synced", ServerFrame::Synced),
    ("ack", ServerFrame::Ack),
    ("refused", ServerFrame::Refused),
    ("error", ServerFrame::Error),
    ("ping", ServerFrame::Ping),
    ("pong", ServerFrame::Pong),
    ("refreshed", ServerFrame::Refreshed),
    ("gap", ServerFrame::Gap),
];

pub(crate) fn wire(report: &Reporter, entry: &Entry, channels: &Channels) -> Option<Wire> {
    let fields = Fields::read(report, &entry.value, &entry.key_span, &WIRE, false)?;
    let vars = channels.variables();
    let with_vars = |names: &[&str]| Names::plain(names).with_vars(vars.iter().map(String::as_str)).open(!channels.whole());
    let event = fields.get("event").map(|e| {
        frame_shape(report, &e.value, "wire.event", true);
        template(report, &e.value, &with_vars(EVENT_NAMES).with_deep(EVENT_NAMES_DEEP))
    });
    let mut client = Vec::new();
    if let Some(entry) = fields.get("client")
        && let Some(fields) = Fields::read(report, &entry.value, &entry.key_span, &WIRE_CLIENT, false)
    {
        let mut seen: Vec<(&str, Template)> = Vec::new();
        for entry in fields.iter() {
            let Some((name, frame)) = CLIENT_FRAMES.iter().find(|(n, _)| *n == entry.key) else { continue };
            frame_shape(report, &entry.value, &entry.key, false);
            let template = template(report, &entry.value, &Names::plain(CLIENT_NAMES));
            needs(report, entry, *frame, &template);
            if let Some((first, _)) = seen.iter().find(|(_, earlier)| takes(earlier, &template)) {
                let help = Some(format!("write `{name}` before it, or give `{first}` a constant that tells it apart"));
                let message = format!("the frame `{first}` stands first and takes what is meant for `{name}`");
                report.add("same-frame", entry.key_span.clone(), message, help);
            }
            seen.push((name, template.clone()));
            client.push((*frame, template));
        }
    }
    let mut server = Vec::new();
    if let Some(entry) = fields.get("server")
        && let Some(fields) = Fields::read(report, &entry.value, &entry.key_span, &WIRE_SERVER, false)
    {
        for entry in fields.iter() {
            let Some((_, frame)) = SERVER_FRAMES.iter().find(|(n, _)| *n == entry.key) else { continue };
            frame_shape(report, &entry.value, &entry.key, true);
            let names =
                if *frame == ServerFrame::Gap { with_vars(GAP_NAMES) } else { with_vars(SERVER_NAMES).with_deep(SERVER_NAMES_DEEP) };
            server.push((*frame, template(report, &entry.value, &names)));
        }
    }
    Some(Wire { event: event?, client, server })
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
