//! Consistency of payloads: what they carry by what their event is called, and the types of their fields.

use super::Finding;
use crate::{
    Contract,
    compile::types::{Cursor, Field},
    event::{Event, Publisher},
};
use std::collections::BTreeMap;

/// What happened to the resource, by the event's name.
enum Change {
    Created,
    Updated,
    Deleted,
}

fn change(name: &str) -> Option<Change> {
    let last = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    let ends = |word: &str| last.ends_with(word);
    if ends("created") {
        Some(Change::Created)
    } else if ends("updated") {
        Some(Change::Updated)
    } else if ends("deleted") || ends("removed") {
        Some(Change::Deleted)
    } else {
        None
    }
}

pub(super) fn shapes(contract: &Contract) -> Vec<Finding> {
    let seen = contract.events.iter().filter(|e| e.from != Publisher::Client && !e.is_pattern());
    seen.filter_map(|event| Some((event, change(&event.name)?))).flat_map(|(event, change)| shape(event, &change)).collect()
}

fn shape(event: &Event, change: &Change) -> Vec<Finding> {
    let Some(schema) = &event.schema else {
        let message = format!("`{}` does not say what it carries", event.name);
        return vec![Finding::of(event, "", "payload", message, "write `data:` and a schema")];
    };
    let root = Cursor::root(schema);
    let fields = root.fields();
    let is_id = |name: &str| name == "id" || name.ends_with("_id") || name.ends_with("Id");
    let inner = |name: &String| match root.field(name) {
        Field::Known(field) => field.fields(),
        _ => Vec::new(),
    };
    let id = fields.iter().any(|name| is_id(name)) || fields.iter().flat_map(inner).any(|name| is_id(&name));
    let mut lacking = Vec::new();
    if !id {
        lacking.push("the id of what it is about");
    }
    match change {
        Change::Created if fields.iter().filter(|name| !is_id(name)).count() == 0 => lacking.push("what was created"),
        Change::Updated => {
            if !fields.iter().any(|name| name == "changes") {
                lacking.push("`changes`");
            }
            if !fields.iter().any(|name| name == "version") {
                lacking.push("`version`");
            }
        }
        _ => {}
    }
    let help = match change {
        Change::Created => "let it carry `id` and `data`",
        Change::Updated => "let it carry `id`, `changes` and `version`",
        Change::Deleted => "let it carry `id`",
    };
    let of = |what| Finding::of(event, "data", "payload", format!("the payload of `{}` lacks {what}", event.name), help);
    lacking.into_iter().map(of).collect()
}

pub(super) fn fields(contract: &Contract) -> Vec<Finding> {
    let mut seen: BTreeMap<String, (Vec<String>, String)> = BTreeMap::new();
    let mut found = Vec::new();
    for event in contract.events.iter() {
        let Some(schema) = &event.schema else { continue };
        let root = Cursor::root(schema);
        for name in root.fields() {
            let Field::Known(field) = root.field(&name) else { continue };
            let types = types(&field);
            if types.is_empty() {
                continue;
            }
            match seen.get(&name) {
                None => {
                    seen.insert(name, (types, event.name.clone()));
                }
                Some((first, other)) if !types.iter().any(|t| first.contains(t)) => {
                    let message =
                        format!("`{name}` is {} in `{}`, and {} in `{other}`", types.join(" or "), event.name, first.join(" or "));
                    let help = "give one of them another name, or both the same type".to_owned();
                    found.push(Finding::of(event, "data", "field-type", message, help));
                }
                Some(_) => {}
            }
        }
    }
    found
}

/// The types of a field but for null; a whole number is a number.
fn types(field: &Cursor) -> Vec<String> {
    let types = field.types().unwrap_or_default().into_iter().filter(|t| *t != "null");
    types.map(|t| if t == "integer" { "number".to_owned() } else { t.to_owned() }).collect()
}
