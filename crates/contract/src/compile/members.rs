//! `members:`.

use super::{
    auth::is_parameter,
    fields::{Fields, mapping, short, text},
    language::MEMBERS,
    names::data_path,
    payloads::{Schemas, Wanted},
    source::{Reporter, suggest},
    yaml::Entry,
};
use crate::members::{Change, Membership};

/// The names of the relations, for audiences: also of those that could not be read.
pub(crate) fn names(entry: Option<&Entry>) -> Vec<String> {
    match entry.map(|e| &e.value.kind) {
        Some(super::yaml::Kind::Map(entries)) => entries.iter().map(|e| e.key.clone()).collect(),
        _ => Vec::new(),
    }
}

pub(crate) fn members(report: &Reporter, entry: &Entry, attributes: &[String], events: &Schemas) -> Vec<Membership> {
    let Some(entries) = mapping(report, &entry.value, &entry.key_span, "members") else { return Vec::new() };
    entries.iter().filter_map(|entry| membership(report, entry, attributes, events)).collect()
}

fn membership(report: &Reporter, entry: &Entry, attributes: &[String], events: &Schemas) -> Option<Membership> {
    let relation = entry.key.clone();
    if attributes.contains(&relation) || ["when", "unless", "any"].contains(&relation.as_str()) || !is_parameter(&relation) {
        let message = format!("a relation cannot be called `{}`", short(&relation));
        report.add("bad-name", entry.key_span.clone(), message, Some("choose a name that is not an attribute of principals".to_owned()));
    }
    let fields = Fields::read(report, &entry.value, &entry.key_span, &MEMBERS, true)?;
    for other in fields.others(&MEMBERS).filter(|e| e.key != relation) {
        let words = MEMBERS.keys.iter().map(|k| k.name).chain([relation.as_str()]);
        let help = suggest(&other.key, words, "the keys here are");
        report.add("unknown-key", other.key_span.clone(), format!("{} has no key `{}`", MEMBERS.title, short(&other.key)), help);
    }
    let of = fields.get("of").and_then(|e| {
        let name = text(report, e)?;
        if !attributes.iter().any(|a| a == name) {
            let help = suggest(name, attributes.iter().map(String::as_str), "its attributes are");
            report.add("unknown-attribute", e.value.span.clone(), format!("a principal has no `{}`", short(name)), help);
        }
        Some(name.to_owned())
    });
    let on = fields.get("on").and_then(|e| {
        let name = text(report, e)?;
        if !events.has(name) {
            let help = suggest(name, events.names(), "the events are");
            report.add("unknown-event", e.value.span.clone(), format!("there is no event `{}`", short(name)), help);
        }
        Some(name.to_owned())
    });
    let path = |key: &str| {
        let e = fields.get(key)?;
        let path = data_path(report, &e.value, &e.key_span, key)?;
        let wanted = if ["joins", "leaves"].contains(&key) { Wanted::Names } else { Wanted::Name };
        events.check_path(report, on.as_deref()?, &path, &e.value, wanted);
        Some(path)
    };
    let (group, joins, leaves) = (path(&relation), path("joins"), path("leaves"));
    let (member, now_in) = (path("member"), path("now_in"));
    let written = |keys: &[&str]| keys.iter().any(|key| fields.get(key).is_some());
    let moves = written(&["member", "now_in"]);
    let groups = written(&[&relation, "joins", "leaves"]);
    let lacking = match (moves, groups) {
        (true, false) => !(written(&["member"]) && written(&["now_in"])),
        (false, true) => !(written(&[&relation]) && written(&["joins", "leaves"])),
        _ => true,
    };
    if lacking {
        let help = format!("write `member:` and `now_in:`, or `{relation}:` with `joins:` and `leaves:`");
        report.add("missing-key", entry.key_span.clone(), "a relation says how an event changes it, in one of two ways", Some(help));
        return None;
    }
    let change =
        if moves { Change::Moves { member: member?, now_in: now_in? } } else { Change::JoinsLeaves { group: group?, joins, leaves } };
    Some(Membership { relation, of: of?, on: on?, change })
}
