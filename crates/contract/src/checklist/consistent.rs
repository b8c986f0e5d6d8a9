//! Consistency: names, and moments in time.

use super::Finding;
use crate::{Contract, compile::schema::Schema, conventions::NameStyle, event::Event};
use serde_json::Value;

/// Levels of a schema that are looked at.
const DEPTH_MAX: usize = 32;

pub(super) fn names(contract: &Contract) -> Vec<Finding> {
    let style = contract.conventions.names;
    let wrong = contract.events.iter().filter(|event| !is_called(style, &event.name));
    wrong
        .map(|event| {
            let message = format!("`{}` is not called by the convention {}", event.name, style.as_str());
            let styles: Vec<&str> = NameStyle::ALL.iter().map(|(name, _)| *name).collect();
            let help = format!(
                "call it e.g. `{}`, or name the convention: `conventions: {{ names: … }}`, one of {}",
                example(style),
                styles.join(", ")
            );
            Finding::of(event, "", "name", message, help)
        })
        .collect()
}

fn example(style: NameStyle) -> &'static str {
    match style {
        NameStyle::ResourceAction => "message.created",
        NameStyle::Pascal => "MessageCreated",
        NameStyle::Camel => "messageCreated",
        NameStyle::Snake => "message_created",
        NameStyle::Kebab => "message-created",
    }
}

fn is_called(style: NameStyle, name: &str) -> bool {
    // What clients send under the Pusher protocol has to begin so; a `*` stands for a word.
    let name = name.strip_prefix("client-").unwrap_or(name).replace('*', "x");
    let word = |part: &str, extra: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase()) && part.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    let lower = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    match style {
        NameStyle::ResourceAction => name.contains('.') && name.split('.').all(|part| word(part, "_-")),
        NameStyle::Pascal => name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric()),
        NameStyle::Camel => word(&name, ""),
        NameStyle::Snake => name.split('_').all(lower),
        NameStyle::Kebab => name.split('-').all(lower),
    }
}

pub(super) fn timestamps(contract: &Contract) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut names = Vec::new();
    contract.wire.event.names(&mut names);
    if !names.contains(&"at") && !names.contains(&"occurred_at") {
        let message = "an event on the wire does not say when it was";
        found.push(Finding::at("/wire/event", "timestamp", message, "name `$at` in it: ISO 8601, and never twice the same"));
    }
    for event in &contract.events {
        let Some(schema) = &event.schema else { continue };
        let mut fields = Vec::new();
        for (file, document) in schema.documents.iter() {
            moments(document, &mut String::new(), 0, &mut |path| fields.push((file.clone(), path.to_owned())));
        }
        found.extend(fields.into_iter().map(|(file, path)| of_field(event, schema, &file, &path)));
    }
    found
}

fn of_field(event: &Event, schema: &Schema, file: &str, path: &str) -> Finding {
    let place = if file == schema.root { String::new() } else { format!(" (in {file})") };
    let message = format!("`{path}` of `{}`{place} is called like a moment, and may be any text", event.name);
    Finding::of(event, "data", "timestamp", message, "write `\"format\": \"date-time\"` at it in the schema")
}

/// Finds the fields of a schema that are called like a moment in time and are text without a format.
fn moments(schema: &Value, path: &mut String, depth: usize, found: &mut dyn FnMut(&str)) {
    if depth > DEPTH_MAX {
        return;
    }
    match schema {
        Value::Object(keywords) => {
            for (name, field) in keywords.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let length = path.len();
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
                if is_moment(name) && is_loose_text(field) {
                    found(path);
                }
                moments(field, path, depth + 1, found);
                path.truncate(length);
            }
            for (_, inner) in keywords
                .iter()
                .filter(|(name, _)| !matches!(name.as_str(), "properties" | "example" | "examples" | "const" | "enum" | "default"))
            {
                moments(inner, path, depth + 1, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| moments(item, path, depth + 1, found)),
        _ => {}
    }
}

/// `at`, `created_at`, `plannedDate`, `since`.
fn is_moment(name: &str) -> bool {
    const WORDS: [&str; 5] = ["at", "time", "timestamp", "date", "since"];
    const HUMPS: [&str; 4] = ["At", "Time", "Timestamp", "Date"];
    let last = name.rsplit(['_', '-']).next().unwrap_or(name);
    WORDS.contains(&last)
        || HUMPS.iter().any(|hump| name.strip_suffix(hump).is_some_and(|head| head.ends_with(|c: char| c.is_ascii_lowercase())))
}

/// Whether a field may be text of any form: no format, no pattern, no list of values.
fn is_loose_text(field: &Value) -> bool {
    let text = match field.get("type") {
        Some(Value::String(name)) => name == "string",
        Some(Value::Array(names)) => names.iter().any(|n| n == "string"),
        _ => false,
    };
    let bound = ["format", "pattern", "enum", "const"].iter().any(|keyword| field.get(keyword).is_some());
    let choices = ["anyOf", "oneOf"].iter().filter_map(|keyword| field.get(keyword)?.as_array()).flatten();
    text && !bound || choices.into_iter().any(is_loose_text)
}
