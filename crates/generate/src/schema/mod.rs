//! JSON Schema 2020-12, walked by its keywords: what is a schema in it, and what is only data.

mod sample;

pub use sample::sample;

use serde_json::{Map, Value};

/// The dialect that contracts are written in.
pub const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// What stands under a keyword that holds schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Schema,
    List,
    /// Under names that are not keywords.
    Named,
}

/// What a keyword holds; `None` for one whose value is data (`const`, `enum`, `default`, `examples`) or a bound.
pub fn holds(keyword: &str) -> Option<Holds> {
    Some(match keyword {
        "additionalProperties"
        | "propertyNames"
        | "items"
        | "contains"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "not"
        | "if"
        | "then"
        | "else"
        | "contentSchema" => Holds::Schema,
        "prefixItems" | "allOf" | "anyOf" | "oneOf" => Holds::List,
        "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions" => Holds::Named,
        _ => return None,
    })
}

/// The schema with `change` applied to every schema right below it.
pub fn below(schema: &Map<String, Value>, change: &mut dyn FnMut(&Value) -> Value) -> Map<String, Value> {
    let mut changed = Map::new();
    for (keyword, value) in schema {
        changed.insert(keyword.clone(), child(keyword, value, change));
    }
    changed
}

/// The value of one keyword with `change` applied to the schemas that it holds.
pub fn child(keyword: &str, value: &Value, change: &mut dyn FnMut(&Value) -> Value) -> Value {
    match (holds(keyword), value) {
        (Some(Holds::Schema), value) if value.is_object() || value.is_boolean() => change(value),
        (Some(Holds::List), Value::Array(items)) => items.iter().map(change).collect(),
        (Some(Holds::Named), Value::Object(named)) => {
            named.iter().map(|(name, schema)| (name.clone(), change(schema))).collect::<Map<_, _>>().into()
        }
        _ => value.clone(),
    }
}

/// A whole schema that lies inside another document now, at `at` (`#/$defs/order`): its own references begin there.
/// One with an `$id` is a resource of its own, wherever it lies.
pub fn relocated(schema: &Value, at: &str) -> Value {
    fn walk(schema: &Value, at: &str, is_root: bool) -> Value {
        let Some(members) = schema.as_object() else { return schema.clone() };
        if !is_root && members.contains_key("$id") {
            return schema.clone();
        }
        let mut moved = below(members, &mut |inner| walk(inner, at, false));
        if let Some(Value::String(reference)) = moved.get_mut("$ref")
            && let Some(pointer) = reference.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'))
        {
            *reference = format!("{at}{pointer}");
        }
        if is_root {
            moved.remove("$schema");
        }
        Value::Object(moved)
    }
    if schema.get("$id").is_some() {
        return schema.clone();
    }
    walk(schema, at, true)
}

/// What a reference within the document points to: `#/$defs/order`.
pub fn resolve<'s>(document: &'s Value, reference: &str) -> Option<&'s Value> {
    let pointer = reference.strip_prefix('#')?;
    document.pointer(&percent_decoded(pointer))
}

/// The schema behind a chain of references, with what stands beside the first of them left out.
pub fn followed<'s>(document: &'s Value, schema: &'s Value) -> &'s Value {
    let mut at = schema;
    // A chain that comes back to itself ends somewhere.
    for _ in 0..16 {
        match at.get("$ref").and_then(Value::as_str).and_then(|reference| resolve(document, reference)) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = (*byte == b'%').then(|| text.get(at + 1..at + 3)).flatten().and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(hex.unwrap_or(*byte));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
