//! `audience:`: whom an event is for.

use super::{
    events::{Context, payload_type},
    fields::{Fields, list_or_one, short},
    language::AUDIENCE,
    names::data_path,
    payloads::Wanted,
    rule::{self, Scope},
    source::suggest,
    yaml::{Entry, Kind, Node},
};
use crate::audience::Clause;

pub(super) fn clause(context: &Context<'_>, event: &str, node: &Node, owner: &Entry, depth: usize) -> Option<Clause> {
    let report = context.report;
    let at = match &node.kind {
        Kind::Map(entries) if depth > 0 => entries.first().map_or(owner.key_span.clone(), |e| e.key_span.clone()),
        _ => owner.key_span.clone(),
    };
    let fields = Fields::read(report, node, &at, &AUDIENCE, true)?;
    let data = payload_type(context, event);
    let rule = |key: &str| {
        let e = fields.get(key)?;
        let scope = Scope { attributes: &[], vars: &[], data: Some(data.clone()), absent_is_null: true };
        rule::compile(report, &e.value, &e.key_span, key, &scope)
    };
    let (when, unless) = (rule("when"), rule("unless"));
    let mut named = Vec::new();
    for part in fields.others(&AUDIENCE) {
        let by = part.key.clone();
        if !context.attributes.contains(&by) && !context.relations.contains(&by) {
            let words = context.relations.iter().chain(context.attributes).map(String::as_str).chain(AUDIENCE.keys.iter().map(|k| k.name));
            let help = suggest(&by, words, "an audience is made of");
            let message = format!("`{}` is neither an attribute of principals nor a relation of `members`", short(&by));
            report.add("unknown-audience", part.key_span.clone(), message, help);
        }
        let paths = list_or_one(&part.value).iter().filter_map(|node| {
            let path = data_path(report, node, &part.key_span, &part.key)?;
            context.schemas.check_path(report, event, &path, node, Wanted::Names);
            Some(path)
        });
        named.push((by, paths.collect()));
    }
    let any = match fields.get("any") {
        Some(e) if depth > 0 => {
            report.add(
                "bad-audience",
                e.key_span.clone(),
                "`any` within `any` says nothing more",
                Some("write its clauses one level up".to_owned()),
            );
            Vec::new()
        }
        Some(e) => list_or_one(&e.value).iter().filter_map(|node| clause(context, event, node, e, 1)).collect(),
        None => Vec::new(),
    };
    if fields.others(&AUDIENCE).next().is_none() && fields.get("any").is_none() {
        let words = context.relations.iter().chain(context.attributes).map(String::as_str);
        report.add("bad-audience", at, "an audience names nobody", suggest("", words, "name them by"));
    }
    Some(Clause { when, unless, named, any })
}
