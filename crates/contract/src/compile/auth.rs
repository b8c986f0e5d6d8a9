//! `auth:`, `limits:` and `keepalive:`.

use super::{
    address::is_word,
    fields::{Fields, count, duration, list_or_one, mapping, rate, short, text_of, word},
    language::{AUTH, CONNECTIONS, KEEPALIVE, LIMITS},
    names::{Names, template},
    source::{Reporter, suggest},
    yaml::{Entry, Kind, Node},
};
use crate::{
    auth::{Auth, TokenPlace, Tokens},
    limits::{Keepalive, Limits},
    template::Template,
};
use std::ops::Range;

const TRANSPORTS: [&str; 4] = ["websocket", "sse", "poll", "history"];

pub(crate) fn auth(report: &Reporter, entry: &Entry) -> Option<Auth> {
    let fields = Fields::read(report, &entry.value, &entry.key_span, &AUTH, false)?;
    let shared = fields.get("token").map(|e| places(report, &e.value, &e.key_span));
    let mut of = TRANSPORTS.map(|transport| match fields.get(transport) {
        Some(entry) => Some(places(report, &entry.value, &entry.key_span)),
        None => shared.clone(),
    });
    let devices = fields.get("devices");
    if let Some(e) = devices {
        word(report, &e.value, &e.key_span, "devices", &[("registry", ())]);
        // A device shows its token in the header wherever nothing else is said.
        for places in of.iter_mut().filter(|places| places.is_none()) {
            *places = Some(vec![TokenPlace::Header]);
        }
    }
    let tokens = if devices.is_some() { Tokens::Devices } else { Tokens::Signed };
    let mut principal = Vec::new();
    if let Some(entry) = fields.get("principal")
        && let Some(attributes) = mapping(report, &entry.value, &entry.key_span, "principal")
    {
        for attribute in attributes {
            if !is_word(&attribute.key) {
                let message = format!("`{}` cannot be an attribute", short(&attribute.key));
                report.add("bad-name", attribute.key_span.clone(), message, Some("its name is made of letters, digits and _".to_owned()));
            }
            principal.push((attribute.key.clone(), value_of(report, &attribute.value, tokens)));
        }
        if attributes.iter().all(|a| a.key != "id") {
            let help = Some(if tokens == Tokens::Devices { "write `id: $device.id`" } else { "write `id: $claims.sub`" }.to_owned());
            report.add("missing-key", entry.key_span.clone(), "a principal needs an `id`", help);
        }
    }
    let [websocket, sse, poll, history] = of.each_mut().map(|places| places.take().unwrap_or_default());
    Some(Auth { tokens, websocket, sse, poll, history, principal })
}

/// What the registry knows of a device.
pub(crate) const DEVICE: &[&str] = &["id", "name", "type", "store", "abilities"];

/// A principal's attribute: of `$device` where tokens are the registry's, else of `$claims`, and never of both.
fn value_of(report: &Reporter, node: &Node, tokens: Tokens) -> Template {
    let (own, other) = if tokens == Tokens::Devices { ("device", "claims") } else { ("claims", "device") };
    let names = Names { told_elsewhere: Some(other), ..Names::default().with_deep(&[own]) };
    let template = template(report, node, &names);
    let mut paths = Vec::new();
    template.paths(&mut paths);
    for path in paths {
        let root = path.first().map_or("", String::as_str);
        if root == other && tokens == Tokens::Devices {
            let help = Some(format!("name what the registry knows: $device.{}; or remove `devices`", DEVICE.join(", $device.")));
            report.add("unknown-name", node.span.clone(), "with `devices: registry` a token has no claims", help);
        } else if root == other {
            let help = Some("write `devices: registry` beside `principal`, or name a claim: `$claims.sub`".to_owned());
            report.add("unknown-name", node.span.clone(), "there are devices only with `devices: registry`", help);
        } else if root == "device" && (path.len() != 2 || !DEVICE.contains(&path[1].as_str())) {
            let help = suggest(path.get(1).map_or("", String::as_str), DEVICE.iter().copied(), "a device has");
            report.add("unknown-name", node.span.clone(), format!("there is no `${}`", short(&path.join("."))), help);
        }
    }
    template
}

fn places(report: &Reporter, node: &Node, at: &Range<usize>) -> Vec<TokenPlace> {
    let items = list_or_one(node);
    if items.is_empty() {
        report.add("wrong-type", at.clone(), "no place for a token is named", Some("write `[bearer header]`".to_owned()));
    }
    items
        .iter()
        .filter_map(|item| {
            let text = text_of(report, item, at, "token")?;
            let place = match text.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["bearer", "header"] => Some(TokenPlace::Header),
                ["bearer", query] => query.strip_prefix("query.").filter(|n| is_parameter(n)).map(|n| TokenPlace::Query(n.to_owned())),
                ["cookie", name] if is_parameter(name) => Some(TokenPlace::Cookie((*name).to_owned())),
                _ => None,
            };
            if place.is_none() {
                let help = Some("it is `bearer header`, `bearer query.NAME` or `cookie NAME`".to_owned());
                report.add("bad-token-place", item.span.clone(), format!("`{}` is not a place for a token", short(text)), help);
            }
            place
        })
        .collect()
}

/// A query parameter's or a cookie's name.
pub(crate) fn is_parameter(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

pub(crate) fn limits(report: &Reporter, entry: &Entry) -> Limits {
    let mut limits = Limits::default();
    let Some(fields) = Fields::read(report, &entry.value, &entry.key_span, &LIMITS, true) else { return limits };
    if let (Some(_), Some(e)) = (fields.get("messages"), fields.get("total")) {
        report.add("duplicate-key", e.key_span.clone(), "`total` is another word for `messages`", Some("write one of them".to_owned()));
    }
    limits.total = fields.get("messages").or(fields.get("total")).and_then(|e| rate(report, e));
    if let Some(e) = fields.get("per") {
        let words = [("principal.id", true), ("connection", false)];
        limits.per_principal = word(report, &e.value, &e.key_span, "per", &words).unwrap_or_default();
    }
    if let Some(e) = fields.get("connections") {
        let (at_most, newest_wins) = connections(report, e);
        limits.newest_wins = newest_wins;
        limits.connections = at_most.and_then(|n| {
            let fits = u32::try_from(n).ok();
            if fits.is_none() {
                report.add("bad-number", e.value.span.clone(), "so many connections cannot be", None);
            }
            fits
        });
    }
    limits.frames = fields.others(&LIMITS).filter_map(|e| Some((e.key.clone(), rate(report, e)?))).collect();
    limits
}

/// A number, or `{ at_most: 1, newest: wins }`.
fn connections(report: &Reporter, entry: &Entry) -> (Option<u64>, bool) {
    if !matches!(entry.value.kind, Kind::Map(_)) {
        return (count(report, entry), false);
    }
    let Some(fields) = Fields::read(report, &entry.value, &entry.key_span, &CONNECTIONS, false) else { return (None, false) };
    let words = [("wins", true), ("waits", false)];
    let newest = fields.get("newest").and_then(|e| word(report, &e.value, &e.key_span, "newest", &words));
    (fields.get("at_most").and_then(|e| count(report, e)), newest.unwrap_or_default())
}

pub(crate) fn keepalive(report: &Reporter, entry: &Entry) -> Keepalive {
    let mut keepalive = Keepalive::default();
    let Some(fields) = Fields::read(report, &entry.value, &entry.key_span, &KEEPALIVE, false) else { return keepalive };
    let ping = fields.get("ping").and_then(|e| duration(report, e));
    let timeout = fields.get("timeout").and_then(|e| duration(report, e));
    keepalive.ping = ping.unwrap_or(keepalive.ping);
    keepalive.timeout = timeout.unwrap_or(keepalive.timeout.max(keepalive.ping * 2));
    if let Some(e) = fields.get("timeout").or(fields.get("ping"))
        && keepalive.timeout <= keepalive.ping
    {
        let help = Some("clients would be cut off before they are asked: make `timeout` longer than `ping`".to_owned());
        report.add("bad-duration", e.value.span.clone(), "`timeout` is not longer than `ping`", help);
    }
    keepalive
}
