//! `feature:`, `reconnect:` and `errors:`: what a contract says to those who read it.

use super::{
    fields::{Fields, mapping, parse_duration, short, text, wait},
    language::{ERROR, FEATURE, RECONNECT},
    source::{Reporter, suggest},
    yaml::Entry,
};
use crate::{
    document::{ErrorCode, Feature, Reconnect},
    wire::Protocol,
};

pub(crate) fn feature(report: &Reporter, entry: &Entry) -> Option<Feature> {
    let fields = Fields::read(report, &entry.value, &entry.key_span, &FEATURE, false)?;
    let said = |key: &str| fields.get(key).and_then(|e| text(report, e)).map(str::to_owned);
    let date = said("date");
    if let (Some(date), Some(e)) = (&date, fields.get("date"))
        && !is_date(date)
    {
        let help = Some("write year, month and day: 2026-01-31".to_owned());
        report.add("bad-date", e.value.span.clone(), format!("`{}` is not a date", short(date)), help);
    }
    Some(Feature { branch: said("branch"), date, spec: said("spec") })
}

/// `2026-01-31`, and a day that there is.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    if [year.len(), month.len(), day.len()] != [4, 2, 2] || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) = (year.parse::<u32>(), month.parse::<u32>(), day.parse::<u32>()) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

pub(crate) fn reconnect(report: &Reporter, entry: &Entry) -> Reconnect {
    let mut reconnect = Reconnect::default();
    let Some(fields) = Fields::read(report, &entry.value, &entry.key_span, &RECONNECT, false) else { return reconnect };
    if let Some(e) = fields.get("clean") {
        reconnect.clean = wait(report, e).unwrap_or(reconnect.clean);
    }
    if let Some(e) = fields.get("network")
        && let Some(text) = text(report, e)
    {
        match text.split_once("..").and_then(|(first, most)| Some((parse_duration(first.trim())?, parse_duration(most.trim())?))) {
            Some((first, most)) if first <= most => reconnect.network = (first, most),
            Some(_) => {
                let help = Some("the first wait, then the longest: 1s..30s".to_owned());
                report.add("bad-duration", e.value.span.clone(), "the longest wait is shorter than the first", help);
            }
            None => {
                let help = Some("the first wait, two dots, and the longest: 1s..30s".to_owned());
                report.add("bad-duration", e.value.span.clone(), "`network` is a range of durations", help);
            }
        }
    }
    for (key, into) in [("auth", &mut reconnect.auth), ("restart", &mut reconnect.restart)] {
        if let Some(text) = fields.get(key).and_then(|e| text(report, e)) {
            text.clone_into(into);
        }
    }
    reconnect
}

/// The codes that a server gives its clients, with what each means and what a client can do; contracts may say it better.
const CODES: &[(&str, &str, &str)] = &[
    ("INVALID_PAYLOAD", "Malformed event data", "Fix what `errors` point at, and send it again"),
    ("UNAUTHORIZED", "The token is invalid or expired, or does not allow this", "Refresh the token, or ask for the right"),
    ("RATE_LIMITED", "Too many events", "Wait, and send it again later"),
    ("NOT_FOUND", "There is no such channel, event or resource", "Refresh what is shown"),
    ("CONFLICT", "Somebody changed it in between", "Fetch the latest, and merge"),
    ("TOO_DEEP", "The frame nests too deep", "Send a flatter payload"),
    ("UNAVAILABLE", "The server or a backend cannot answer now", "Send it again with the same key: it counts once"),
    ("RESTARTING", "The server is going down", "Reconnect, and send it again with the same key"),
];

/// Those of the Pusher protocol alone.
const PUSHER_CODES: &[(&str, &str, &str)] = &[
    ("INVALID_JSON", "The frame is not JSON", "Fix the frame, and send it again"),
    ("INVALID_FRAME", "The frame is none of the protocol's", "Fix the frame, and send it again"),
];

/// Every code that clients can get: the server's, and those of the contract, which may say the former better.
pub(crate) fn errors(report: &Reporter, entry: Option<&Entry>, protocol: Protocol) -> Vec<ErrorCode> {
    let own = if protocol == Protocol::Pusher { PUSHER_CODES } else { &[] };
    let defaults = CODES.iter().chain(own).map(|(code, means, action)| ErrorCode {
        code: (*code).to_owned(),
        means: (*means).to_owned(),
        action: (*action).to_owned(),
    });
    let mut all: Vec<ErrorCode> = defaults.collect();
    let entries = entry.and_then(|e| mapping(report, &e.value, &e.key_span, "errors")).unwrap_or_default();
    for entry in entries {
        let known = all.iter().position(|e| e.code == entry.key);
        if entry.key.is_empty() || !entry.key.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
            let help = Some("letters, digits and _ . - : `NOT_FOUND`".to_owned());
            report.add("bad-name", entry.key_span.clone(), format!("`{}` cannot be an error's code", short(&entry.key)), help);
        }
        let Some(fields) = Fields::read(report, &entry.value, &entry.key_span, &ERROR, false) else { continue };
        let said = |key: &str| fields.get(key).and_then(|e| text(report, e)).map(str::to_owned);
        let (means, action) = (said("means"), said("action"));
        match known {
            Some(at) => {
                all[at].means = means.unwrap_or(std::mem::take(&mut all[at].means));
                all[at].action = action.unwrap_or(std::mem::take(&mut all[at].action));
            }
            None => {
                for key in ["means", "action"].into_iter().filter(|key| fields.get(key).is_none()) {
                    let codes = all.iter().map(|e| e.code.as_str());
                    let help = suggest(&entry.key, codes, &format!("write `{key}:`; the codes that have one already are"));
                    let message = format!("`{}` is a code of the contract's own, and needs `{key}`", short(&entry.key));
                    report.add("missing-key", entry.key_span.clone(), message, help);
                }
                all.push(ErrorCode { code: entry.key.clone(), means: means.unwrap_or_default(), action: action.unwrap_or_default() });
            }
        }
    }
    all
}
