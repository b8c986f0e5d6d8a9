//! Templates as schemas, and filled.

use super::value::Names;
use serde_json::{Map, Value, json};
use tidewire_contract::Template;

/// Names that a client may leave out of its frames.
const OPTIONAL: [&str; 4] = ["after", "trace", "key", "channel"];

/// The schema of what the server writes: every member is there.
pub fn written(template: &Template, names: &Names<'_, '_>) -> Value {
    schema(template, names, false)
}

/// The schema of what a client may send: what it may leave out is not required, and more is allowed.
pub fn read(template: &Template, names: &Names<'_, '_>) -> Value {
    schema(template, names, true)
}

fn schema(template: &Template, names: &Names<'_, '_>, lenient: bool) -> Value {
    match template {
        Template::Value(value) => json!({ "const": value }),
        Template::Name(path) => names.schema(path),
        Template::Text(segments) => names.pattern(segments),
        Template::Array(items) => {
            let items: Vec<Value> = items.iter().map(|item| schema(item, names, lenient)).collect();
            json!({ "type": "array", "minItems": items.len(), "prefixItems": items })
        }
        Template::Object(entries) => {
            let required: Vec<&String> = entries.iter().filter(|(_, inner)| !lenient || !may_lack(inner)).map(|(name, _)| name).collect();
            let members: Map<String, Value> = entries.iter().map(|(name, t)| (name.clone(), schema(t, names, lenient))).collect();
            let mut object = json!({ "type": "object", "properties": members });
            if !required.is_empty() {
                object["required"] = json!(required);
            }
            object
        }
    }
}

fn may_lack(template: &Template) -> bool {
    let optional = |t: &Template| matches!(t, Template::Name(path) if path.first().is_some_and(|n| OPTIONAL.contains(&n.as_str())));
    match template {
        Template::Object(entries) => entries.iter().all(|(_, inner)| optional(inner)),
        other => optional(other),
    }
}
