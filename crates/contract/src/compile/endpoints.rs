//! `endpoints:`, and whether two of them could answer the same request.

use super::{
    address::{self, check_variables, is_word},
    auth::is_parameter,
    channels::Channels,
    fields::{Fields, list_or_one, mapping, short, text, text_of, word},
    language::ENDPOINT,
    names::{Names, text_template},
    rule::{self, Scope},
    source::{Reporter, suggest},
    yaml::{Entry, Kind, Node},
};
use crate::{
    address::{Address, Part},
    channel::Channel,
    endpoint::{Endpoint, EndpointKind, OptionRole},
    template::{Segment, Template},
};
use std::ops::Range;

const ROLES: &[(&str, OptionRole)] =
    &[("filter", OptionRole::Filter), ("resume", OptionRole::Resume), ("page", OptionRole::Page), ("subscribe", OptionRole::Subscribe)];

/// Paths of the server's own interface.
pub(crate) const RESERVED: &[&str] = &[
    "/v1/events",
    "/v1/channels",
    "/v1/disconnect",
    "/v1/unsubscribe",
    "/v1/devices",
    "/v1/bridges",
    "/apps",
    "/openapi.json",
    "/asyncapi",
];

/// The endpoints, each with the place of its path.
pub(crate) fn endpoints(
    report: &Reporter,
    entry: &Entry,
    attributes: &[String],
    channels: &Channels,
    subscribe_frame: bool,
) -> Vec<(Endpoint, Range<usize>)> {
    let Kind::List(items) = &entry.value.kind else {
        let help = Some("write `- websocket: /ws` below it".to_owned());
        report.add("wrong-type", entry.key_span.clone(), format!("endpoints is a list, and here is {}", entry.value.describe()), help);
        return Vec::new();
    };
    if items.is_empty() {
        report.add("missing-key", entry.key_span.clone(), "a contract needs at least one endpoint", None);
    }
    let mut all: Vec<(Endpoint, Range<usize>)> = Vec::new();
    for item in items {
        let Some((endpoint, span)) = endpoint(report, item, attributes, channels, subscribe_frame) else { continue };
        if let Some((first, _)) = all.iter().find(|(other, _)| collide(other, &endpoint)) {
            let message = format!("this and `{}` answer the same request", first.path.source);
            report.add("endpoint-collision", span.clone(), message, Some("give one of them another path".to_owned()));
        }
        all.push((endpoint, span));
    }
    all
}

/// Every variable of every endpoint's path and query, as far as they can be read.
pub(crate) fn variables(entry: Option<&Entry>) -> Vec<String> {
    let Some(Kind::List(items)) = entry.map(|e| &e.value.kind) else { return Vec::new() };
    let paths = items.iter().flat_map(|item| EndpointKind::ALL.into_iter().filter_map(|kind| item.entry(kind.as_str())));
    let mut all: Vec<String> = Vec::new();
    for entry in paths {
        let Kind::Str(path) = &entry.value.kind else { continue };
        let names = path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
        for name in names.filter(|name| is_word(name)) {
            if !all.iter().any(|n| n == name) {
                all.push(name.to_owned());
            }
        }
    }
    all
}

fn endpoint(
    report: &Reporter,
    node: &Node,
    attributes: &[String],
    channels: &Channels,
    subscribe_frame: bool,
) -> Option<(Endpoint, Range<usize>)> {
    let at = match &node.kind {
        Kind::Map(entries) => entries.first().map_or(node.span.clone(), |e| e.key_span.clone()),
        _ => node.span.clone(),
    };
    let fields = Fields::read(report, node, &at, &ENDPOINT, false)?;
    let mut kinds = EndpointKind::ALL.into_iter().filter_map(|kind| Some((kind, fields.get(kind.as_str())?)));
    let Some((kind, path_entry)) = kinds.next() else {
        let help = Some("begin with `websocket:`, `sse:`, `poll:`, `history:`, `pusher:` … and its path".to_owned());
        report.add("missing-key", at, "an endpoint does not say what it is", help);
        return None;
    };
    if let Some((_, second)) = kinds.next() {
        report.add(
            "endpoint-kind",
            second.key_span.clone(),
            "an endpoint is one thing",
            Some("write a second endpoint, with `- `".to_owned()),
        );
    }
    let source = text(report, path_entry)?;
    let span = path_entry.value.span.clone();
    let (path, query) = path_and_query(report, source, &path_entry.value)?;
    // The one that is the server's own is looked at with the protocol.
    if kind != EndpointKind::Replay
        && RESERVED.iter().any(|r| source == *r || source.strip_prefix(r).is_some_and(|rest| rest.starts_with(['/', '?'])))
    {
        report.add("endpoint-collision", span.clone(), "this path is the server's own", Some("give the endpoint another path".to_owned()));
    }
    if matches!(kind, EndpointKind::Pusher | EndpointKind::Authorize | EndpointKind::SignIn | EndpointKind::Replay) {
        for key in ["subscribes", "reads", "unless_asked", "allow"].iter().filter_map(|key| fields.get(key)) {
            let message = format!("this endpoint has no key `{}`", key.key);
            report.add("unknown-key", key.key_span.clone(), message, Some("the channels' `join` rules say who may what".to_owned()));
        }
        let options = fields.get("options").map_or_else(Vec::new, |e| {
            if kind != EndpointKind::Replay {
                report.add("unknown-key", e.key_span.clone(), "this endpoint has no options of its own", Some("remove them".to_owned()));
            }
            options(report, e, &query)
        });
        return Some((Endpoint { kind, path, query, channel: None, unless_asked: Vec::new(), options, allow: None }, span));
    }
    let mut vars: Vec<String> = path.variables().map(str::to_owned).collect();
    for (_, var) in &query {
        if vars.contains(var) {
            report.add("bad-address", span.clone(), format!("`{{{}}}` is in the path twice", short(var)), None);
        }
        vars.push(var.clone());
    }

    let (own, other) = if kind == EndpointKind::History { ("reads", "subscribes") } else { ("subscribes", "reads") };
    if let Some(e) = fields.get(other) {
        report.add("unknown-key", e.key_span.clone(), format!("this endpoint has no key `{other}`"), Some(format!("write `{own}:`")));
    }
    let channel = fields.get(own).or(fields.get(other)).and_then(|e| {
        let address = address::parse(report, text(report, e)?, &e.value)?;
        if check_variables(report, &address, &e.value, &vars, "the path has") {
            let sample = address.fill(|_| Some("x".to_owned()))?;
            is_a_channel(report, &e.value, e.value.span.clone(), &address.source, &sample, channels);
        }
        Some(address)
    });
    let unless_asked = fields.get("unless_asked").map_or_else(Vec::new, |e| {
        let names = Names::default().with_attributes(attributes);
        let read = |node: &Node| {
            let text = text_of(report, node, &e.key_span, "unless_asked")?;
            let template = text_template(report, text, node, &names);
            is_a_channel(report, node, node.span.clone(), text, &sample_of(&template), channels);
            Some(template)
        };
        list_or_one(&e.value).iter().filter_map(read).collect()
    });
    let options = fields.get("options").map_or_else(Vec::new, |e| options(report, e, &query));
    let asks = options.iter().any(|(_, role)| *role == OptionRole::Subscribe) || kind == EndpointKind::WebSocket && subscribe_frame;
    if channel.is_none() && fields.get(own).is_none() && fields.get(other).is_none() && unless_asked.is_empty() && !asks {
        let help = Some(format!("write `{own}:` with a channel's address, or an option with the role `subscribe`"));
        report.add("missing-key", path_entry.key_span.clone(), "this endpoint leads to no channel", help);
    }
    let scope = Scope { attributes, vars: &vars, data: None, absent_is_null: false };
    let allow = fields.get("allow").and_then(|e| rule::compile(report, &e.value, &e.key_span, "allow", &scope));
    Some((Endpoint { kind, path, query, channel, unless_asked, options, allow }, span))
}

fn options(report: &Reporter, entry: &Entry, query: &[(String, String)]) -> Vec<(String, OptionRole)> {
    let Some(entries) = mapping(report, &entry.value, &entry.key_span, "options") else { return Vec::new() };
    let mut all: Vec<(String, OptionRole)> = Vec::new();
    for e in entries {
        let Some(role) = word(report, &e.value, &e.key_span, &e.key, ROLES) else { continue };
        if !is_parameter(&e.key) || query.iter().any(|(name, _)| *name == e.key) {
            let message = format!("`{}` cannot be an option of this endpoint", short(&e.key));
            report.add("bad-name", e.key_span.clone(), message, Some("name a query parameter that the path does not have".to_owned()));
        }
        if let Some((first, _)) = all.iter().find(|(_, r)| *r == role) {
            report.add("same-role", e.value.span.clone(), format!("`{first}` does this already"), Some("keep one of the two".to_owned()));
        }
        all.push((e.key.clone(), role));
    }
    all
}

/// `/ws?world_id={world_id}`: the path, and the query's parameters with their variables.
fn path_and_query(report: &Reporter, source: &str, node: &Node) -> Option<(Address, Vec<(String, String)>)> {
    let (path, query) = source.split_once('?').unwrap_or((source, ""));
    let bad = |message: &str, help: &str| {
        report.add("bad-path", node.span.clone(), message, Some(help.to_owned()));
        None::<()>
    };
    if !path.starts_with('/') || path.contains("//") || path.contains('#') || (path.len() > 1 && path.ends_with('/')) {
        bad("a path begins with `/`, and has no empty part", "e.g. `/ws` or `/worlds/{world_id}/history`")?;
    }
    let mut parameters = Vec::new();
    for pair in query.split('&').filter(|_| source.contains('?')) {
        let parsed = pair.split_once('=').and_then(|(name, value)| {
            let var = value.strip_prefix('{')?.strip_suffix('}')?;
            (is_parameter(name) && is_word(var)).then(|| (name.to_owned(), var.to_owned()))
        });
        match parsed {
            Some(parsed) => parameters.push(parsed),
            None => bad("a parameter of the path is written `name={variable}`", "e.g. `/ws?world_id={world_id}`")?,
        }
    }
    Some((address::parse(report, path, node)?, parameters))
}

fn sample_of(template: &Template) -> String {
    match template {
        Template::Value(value) => value.as_str().unwrap_or_default().to_owned(),
        Template::Text(segments) => segments.iter().map(|s| if let Segment::Literal(text) = s { text } else { "x" }).collect(),
        _ => "x".to_owned(),
    }
}

fn is_a_channel(report: &Reporter, node: &Node, span: Range<usize>, source: &str, sample: &str, channels: &Channels) {
    let matches = |channel: &Channel| channel.address.parse(sample).is_some();
    if !channels.list.iter().any(matches) && channels.whole() && !node.span.is_empty() {
        let help = suggest(source, channels.list.iter().map(|c| c.address.source.as_str()), "the channels' addresses are");
        report.add("unknown-channel", span, format!("no channel has the address `{}`", short(source)), help);
    }
}

/// Whether one request could be meant for both: the same path, and nothing else to tell them apart by.
/// A WebSocket asks for an upgrade, an event stream for `text/event-stream`; what is signed is asked for by POST.
/// Apps share a path, and take whatever is below it; the server's own route is everybody's.
pub(crate) fn collide(a: &Endpoint, b: &Endpoint) -> bool {
    let alike = |kind| match kind {
        EndpointKind::History => EndpointKind::Poll,
        EndpointKind::SignIn => EndpointKind::Authorize,
        other => other,
    };
    let (first, second) = (segments(&a.path), segments(&b.path));
    match (a.kind, b.kind) {
        (EndpointKind::Replay, _) | (_, EndpointKind::Replay) | (EndpointKind::Pusher, EndpointKind::Pusher) => false,
        (EndpointKind::Pusher, _) => below(&first, &second),
        (_, EndpointKind::Pusher) => below(&second, &first),
        (a, b) => alike(a) == alike(b) && overlap(&first, &second),
    }
}

/// Whether a path could be among those of apps: `/app/x` and, by its beginning, `/app` are among `/app/{key}`.
fn below(apps: &[Piece], path: &[Piece]) -> bool {
    let above = &apps[..apps.len().saturating_sub(1)];
    above.len() > 1 && path.len() >= above.len() && overlap(above, &path[..above.len()])
}

/// A path's part between slashes: its text, or what stands before and after its variables.
type Piece = (String, Option<String>);

fn segments(path: &Address) -> Vec<Piece> {
    let mut all = vec![(String::new(), None::<String>)];
    for part in &path.parts {
        match part {
            Part::Variable(_) => {
                if let Some((_, tail)) = all.last_mut() {
                    *tail = Some(String::new());
                }
            }
            Part::Literal(text) => {
                for (i, piece) in text.split('/').enumerate() {
                    if i > 0 {
                        all.push((String::new(), None));
                    }
                    match all.last_mut() {
                        Some((_, Some(tail))) => tail.push_str(piece),
                        Some((head, None)) => head.push_str(piece),
                        None => {}
                    }
                }
            }
        }
    }
    all
}

fn overlap(a: &[Piece], b: &[Piece]) -> bool {
    let fits = |text: &str, head: &str, tail: &str| text.len() > head.len() + tail.len() && text.starts_with(head) && text.ends_with(tail);
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| match (a, b) {
            ((a, None), (b, None)) => a == b,
            ((text, None), (head, Some(tail))) | ((head, Some(tail)), (text, None)) => fits(text, head, tail),
            ((a, Some(x)), (b, Some(y))) => (a.starts_with(b) || b.starts_with(a)) && (x.ends_with(y) || y.ends_with(x)),
        })
}
