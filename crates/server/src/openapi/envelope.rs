//! The schema of an event as clients see it, from the contract's template.

use super::parts;
use serde_json::{Map, Value, json};
use tidewire_contract::{Event, Template, template::Segment};

/// The envelope of one event; `data` is the schema of its payload.
pub fn schema(template: &Template, event: &Event, data: &str) -> Value {
    match template {
        Template::Value(value) => json!({ "const": value }),
        Template::Name(path) => named(path, event, data),
        Template::Text(segments) => json!({ "type": "string", "pattern": text(segments) }),
        Template::Array(items) => {
            let items: Vec<Value> = items.iter().map(|item| schema(item, event, data)).collect();
            json!({ "type": "array", "prefixItems": items })
        }
        Template::Object(entries) => {
            let names: Vec<&String> = entries.iter().map(|(name, _)| name).collect();
            let members: Map<String, Value> = entries.iter().map(|(name, t)| (name.clone(), schema(t, event, data))).collect();
            json!({ "type": "object", "required": names, "properties": members })
        }
    }
}

fn named(path: &[String], event: &Event, data: &str) -> Value {
    let one = match path {
        [only] => only.as_str(),
        _ => return json!({}),
    };
    match one {
        "data" => parts::schema(data),
        "type" => type_of(event),
        "id" => json!({ "type": "string", "format": "uuid" }),
        "seq" => json!({ "type": "integer", "minimum": 1 }),
        "at" => json!({ "type": "string", "format": "date-time" }),
        "occurred_at" => json!({ "type": ["string", "null"], "format": "date-time" }),
        "key" | "trace" => json!({ "type": ["string", "null"] }),
        "channel" | "position" | "epoch" => json!({ "type": "string" }),
        _ => json!({}),
    }
}

/// The types of one event kind.
pub fn type_of(event: &Event) -> Value {
    match event.name.strip_suffix('*') {
        Some(prefix) => json!({ "type": "string", "maxLength": 256, "pattern": format!("^{}[A-Za-z0-9_.-]+$", escape(prefix)) }),
        None => json!({ "const": event.name }),
    }
}

fn text(segments: &[Segment]) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Literal(text) => escape(text),
        Segment::Name(path) if path.len() == 1 && path[0] == "id" => "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}".to_owned(),
        Segment::Name(_) => ".*".to_owned(),
    };
    format!("^{}$", segments.iter().map(part).collect::<String>())
}

/// Text as a regular expression that matches it alone.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if r"\.+*?()|[]{}^$/".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
