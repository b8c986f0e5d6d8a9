//! What only the first frame of a connection can name: who is there, and what is retained.

use super::{
    channels::Channels,
    fields::short,
    names::inside,
    payloads::Schemas,
    source::{Reporter, suggest},
    yaml::{Kind, Node},
};
use crate::template::{Path, Template};

/// Reports `$presence` where no channel shows it, and `$retained.…` that no channel retains.
pub(super) fn check(report: &Reporter, node: &Node, template: &Template, channels: &Channels, schemas: &Schemas) {
    match (template, &node.kind) {
        (Template::Object(fields), Kind::Map(entries)) => {
            fields.iter().zip(entries).for_each(|((_, t), e)| check(report, &e.value, t, channels, schemas));
        }
        (Template::Array(items), Kind::List(nodes)) => {
            items.iter().zip(nodes).for_each(|(t, n)| check(report, n, t, channels, schemas));
        }
        _ => {
            let mut found = Vec::new();
            template.paths(&mut found);
            // A channel that could not be read may have been the one.
            for path in found.into_iter().filter(|_| channels.whole()) {
                name(report, node, path, channels, schemas);
            }
        }
    }
}

fn name(report: &Reporter, node: &Node, path: &Path, channels: &Channels, schemas: &Schemas) {
    let written = format!("${}", path.join("."));
    let span = match &node.kind {
        Kind::Str(text) => text.find(&written).map_or(node.span.clone(), |at| inside(report, node, text, at..at + written.len())),
        _ => node.span.clone(),
    };
    let retained = || channels.list.iter().flat_map(|c| &c.retain);
    match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["presence"] if channels.list.iter().all(|c| c.presence.is_none()) => {
            let help = Some("write `presence: { member: $principal.id, info: … }` at the channel".to_owned());
            report.add("unknown-name", span, "no channel shows who is on it", help);
        }
        ["retained"] => {
            let help = suggest("", retained().map(|(name, _)| name.as_str()), "name one of them: `$retained.NAME`; they are");
            report.add(
                "unknown-name",
                span,
                "`$retained` is not a value",
                help.or_else(|| Some("write `retain:` at a channel".to_owned())),
            );
        }
        ["retained", name, ..] => {
            let Some((_, event)) = retained().find(|(n, _)| n == name) else {
                let help = suggest(name, retained().map(|(name, _)| name.as_str()), "what channels retain is");
                let help = help.or_else(|| Some(format!("write `retain: {{ {}: EVENT }}` at the channel", short(name))));
                return report.add("unknown-name", span, format!("no channel retains `{}`", short(name)), help);
            };
            if let Some(Err((part, names))) = schemas.cursor(event).map(|cursor| cursor.follow(&path[2..])) {
                let help = suggest(&part, names.iter().map(String::as_str), "its schema has");
                report.add("unknown-field", span, format!("the payload of `{}` has no `{}`", short(event), short(&part)), help);
            }
        }
        _ => {}
    }
}
