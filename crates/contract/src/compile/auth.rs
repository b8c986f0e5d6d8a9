//! `auth:`, `limits:` and `keepalive:`.

use super::{
    address::is_word,
    fields::{Fields, count, duration, list_or_one, mapping, rate, short, text_of},
    language::{AUTH, KEEPALIVE, LIMITS},
    names::{Names, template},
    source::Reporter,
    yaml::{Entry, Node},
};
use crate::{
    auth::{Auth, TokenPlace},
    limits::{Keepalive, Limits},
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
    if of.iter().all(Option::is_none) {
        let help = Some("write `token: [bearer header]`".to_owned());
        report.add("missing-key", entry.key_span.clone(), "auth does not say where a client puts its token", help);
    }
    let claims = Names::default().with_deep(&["claims"]);
    let mut principal = Vec::new();
    if let Some(entry) = fields.get("principal")
        && let Some(attributes) = mapping(report, &entry.value, &entry.key_span, "principal")
    {
        for attribute in attributes {
            if !is_word(&attribute.key) {
                let message = format!("`{}` cannot be an attribute", short(&attribute.key));
                report.add("bad-name", attribute.key_span.clone(), message, Some("its name is made of letters, digits and _".to_owned()));
            }
            principal.push((attribute.key.clone(), template(report, &attribute.value, &claims)));
        }
        if attributes.iter().all(|a| a.key != "id") {
            let help = Some("write `id: $claims.sub`".to_owned());
            report.add("missing-key", entry.key_span.clone(), "a principal needs an `id`", help);
        }
    }
    let [websocket, sse, poll, history] = of.each_mut().map(|places| places.take().unwrap_or_default());
    Some(Auth { websocket, sse, poll, history, principal })
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
    limits.total = fields.get("total").and_then(|e| rate(report, e));
    limits.connections = fields.get("connections").and_then(|e| {
        let n = count(report, e)?;
        let fits = u32::try_from(n).ok();
        if fits.is_none() {
            report.add("bad-number", e.value.span.clone(), "so many connections cannot be", None);
        }
        fits
    });
    limits.frames = fields.others(&LIMITS).filter_map(|e| Some((e.key.clone(), rate(report, e)?))).collect();
    limits
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
