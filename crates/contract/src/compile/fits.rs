//! Whether what a template makes matches a schema, as far as it can be told before anything happens.

use super::{
    fields::short,
    source::{Reporter, suggest},
    types::{Cursor, Field},
    yaml::{Kind, Node},
};
use crate::template::Template;
use serde_json::Value;
use std::ops::Range;

/// What is known of a `$name`: the JSON types that it may have; nothing, if nothing is known.
pub(crate) type Known<'k> = &'k dyn Fn(&[String]) -> Vec<String>;

/// Reports what of a pattern, which names only a part of a payload, no payload can have.
pub(crate) fn pattern(report: &Reporter, node: &Node, template: &Template, cursor: &Cursor, event: &str) {
    walk(report, node, template, cursor, event, &|_| Vec::new(), false);
}

/// Reports what of `node`, which was compiled to `template`, cannot match the schema at `cursor`. `event` is whose payload it is.
pub(crate) fn check(report: &Reporter, node: &Node, template: &Template, cursor: &Cursor, event: &str, known: Known<'_>) {
    walk(report, node, template, cursor, event, known, true);
}

/// `whole`: what is required has to be there.
fn walk(report: &Reporter, node: &Node, template: &Template, cursor: &Cursor, event: &str, known: Known<'_>, whole: bool) {
    let types = match template {
        Template::Value(value) => {
            if let Some(allowed) = cursor.constants()
                && !allowed.contains(&value)
            {
                let words: Vec<String> = allowed.iter().map(ToString::to_string).collect();
                let help = suggest(&value.to_string(), words.iter().map(String::as_str), "the schema allows");
                let message = format!("the schema of `{}` does not allow {} here", short(event), short(&value.to_string()));
                return report.add("wrong-field", node.span.clone(), message, help);
            }
            vec![type_of(value).to_owned()]
        }
        Template::Name(path) => known(path),
        Template::Text(_) => vec!["string".to_owned()],
        Template::Array(_) => vec!["array".to_owned()],
        Template::Object(_) => vec!["object".to_owned()],
    };
    if let (Some(allowed), Some(found)) = (cursor.types(), types.first())
        && !types.iter().any(|t| fits(t, &allowed))
    {
        let message = format!("the schema of `{}` needs {} here, and this is {found}", short(event), allowed.join(" or "));
        return report.add("wrong-field", node.span.clone(), message, None);
    }
    match (template, &node.kind) {
        (Template::Array(items), Kind::List(nodes)) => {
            let Some(cursor) = cursor.items() else { return };
            for (node, template) in nodes.iter().zip(items) {
                walk(report, node, template, &cursor, event, known, whole);
            }
        }
        (Template::Object(fields), Kind::Map(entries)) => {
            for (entry, (name, template)) in entries.iter().zip(fields) {
                match cursor.field(name) {
                    Field::Known(cursor) => walk(report, &entry.value, template, &cursor, event, known, whole),
                    Field::Unknown => {}
                    Field::Forbidden(names) => {
                        let help = suggest(name, names.iter().map(String::as_str), "its schema has");
                        let message = format!("the payload of `{}` has no `{}`", short(event), short(name));
                        report.add("unknown-field", entry.key_span.clone(), message, help);
                    }
                }
            }
            if !whole {
                return;
            }
            let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            lacking(report, entries.first().map_or(node.span.clone(), |e| e.key_span.clone()), cursor, &names, event);
        }
        (Template::Value(Value::Object(fields)), _) if whole && fields.is_empty() => lacking(report, node.span.clone(), cursor, &[], event),
        _ => {}
    }
}

/// Reports the fields that the schema needs and that are not among `names`.
pub(crate) fn lacking(report: &Reporter, at: Range<usize>, cursor: &Cursor, names: &[&str], event: &str) {
    for field in cursor.required().into_iter().filter(|field| !names.contains(field)) {
        let help = Some(format!("write `{field}:` and what it is made of"));
        report.add("missing-field", at.clone(), format!("the payload of `{}` needs `{}`", short(event), short(field)), help);
    }
}

fn fits(found: &str, allowed: &[&str]) -> bool {
    allowed.contains(&found) || found == "integer" && allowed.contains(&"number") || found == "number" && allowed.contains(&"integer")
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
