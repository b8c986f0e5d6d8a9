//! A value that a schema describes, for examples where the contract has none.

use super::{followed, resolve};
use serde_json::{Map, Value, json};

/// Levels of a sample: a schema may refer to itself.
const DEPTH_MAX: usize = 8;

/// A plain value for the schema, the same one every time. Whoever shows it checks it first: a pattern, or bounds that need each other, are
/// not solved here.
pub fn sample(document: &Value) -> Value {
    of(document, document, "", 0)
}

fn of(document: &Value, schema: &Value, name: &str, depth: usize) -> Value {
    if let Some(example) = schema.get("examples").and_then(|e| e.get(0)) {
        return example.clone();
    }
    for keyword in ["const", "default"] {
        if let Some(value) = schema.get(keyword) {
            return value.clone();
        }
    }
    if let Some(first) = schema.get("enum").and_then(|e| e.get(0)) {
        return first.clone();
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str)
        && depth < DEPTH_MAX
        && let Some(target) = resolve(document, reference)
    {
        let whole = of(document, target, name, depth + 1);
        return match (whole, structured(document, schema, name, depth)) {
            (Value::Object(mut whole), Some(Value::Object(beside))) => {
                whole.extend(beside);
                Value::Object(whole)
            }
            (whole, _) => whole,
        };
    }
    for keyword in ["oneOf", "anyOf"] {
        if let Some(first) = schema.get(keyword).and_then(|list| list.get(0)) {
            return of(document, first, name, depth + 1);
        }
    }
    let mut all = Map::new();
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        if let Value::Object(members) = of(document, part, name, depth + 1) {
            all.extend(members);
        }
    }
    match structured(document, schema, name, depth) {
        Some(Value::Object(members)) => {
            all.extend(members);
            Value::Object(all)
        }
        Some(other) => other,
        None if !all.is_empty() => Value::Object(all),
        None => json!({}),
    }
}

/// By `type`, or by the keywords that only one type has.
fn structured(document: &Value, schema: &Value, name: &str, depth: usize) -> Option<Value> {
    let said = match schema.get("type") {
        Some(Value::String(one)) => Some(one.as_str()),
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).find(|t| *t != "null"),
        _ if schema.get("properties").is_some() || schema.get("required").is_some() => Some("object"),
        _ if schema.get("items").is_some() => Some("array"),
        _ => None,
    };
    Some(match said? {
        "object" => object(document, schema, depth),
        "array" => {
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).min(4);
            let prefix = schema.get("prefixItems").and_then(Value::as_array).cloned().unwrap_or_default();
            let rest = schema.get("items").filter(|items| !items.is_boolean());
            if depth >= DEPTH_MAX {
                return Some(json!([]));
            }
            let mut items: Vec<Value> = prefix.iter().map(|item| of(document, item, name, depth + 1)).collect();
            while let Some(rest) = rest.filter(|_| (items.len() as u64) < least) {
                items.push(of(document, rest, name, depth + 1));
            }
            items.into()
        }
        "string" => text(schema, name).into(),
        "integer" => json!(number(schema) as i64),
        "number" => json!(number(schema)),
        "boolean" => json!(true),
        _ => Value::Null,
    })
}

fn object(document: &Value, schema: &Value, depth: usize) -> Value {
    let mut members = Map::new();
    let required: Vec<&str> = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let is_required = required.contains(&name.as_str());
        // What may be left out is shown where it is plain.
        let plain = depth < 2 && followed(document, property).is_object();
        if is_required || plain && depth < DEPTH_MAX {
            members.insert(name.clone(), of(document, property, name, depth + 1));
        }
    }
    Value::Object(members)
}

fn text(schema: &Value, name: &str) -> String {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    let plain = match format {
        "uuid" => "550e8400-e29b-41d4-a716-446655440000",
        "date-time" => "2026-01-31T10:00:00Z",
        "date" => "2026-01-31",
        "time" => "10:00:00Z",
        "duration" => "PT10M",
        "email" | "idn-email" => "ana@example.org",
        "uri" | "iri" => "https://example.org/",
        "uri-reference" | "iri-reference" => "/",
        "hostname" | "idn-hostname" => "example.org",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "json-pointer" => "/text",
        _ if name.is_empty() => "text",
        _ => name,
    };
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let mut text = plain.to_owned();
    if format.is_empty() {
        while text.chars().count() < bound("minLength").unwrap_or(0).min(500) {
            text.push('x');
        }
        text = text.chars().take(bound("maxLength").unwrap_or(usize::MAX)).collect();
    }
    text
}

/// The number within the bounds that is nearest to 1.
fn number(schema: &Value) -> f64 {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|n| n + 1.0));
    let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|n| n - 1.0));
    let number = most.unwrap_or(f64::INFINITY).min(least.unwrap_or(1.0).max(1.0));
    match bound("multipleOf").filter(|step| *step > 0.0) {
        Some(step) => (number / step).ceil() * step,
        None => number,
    }
}
