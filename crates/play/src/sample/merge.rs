//! Several schemas that hold at once, made one, as far as a payload is to be made from it.

use serde_json::{Map, Value};

/// References followed, `allOf` taken in, one of `oneOf` and `anyOf` chosen by `choose` (which is given how many there are), and
/// either `if` and `then`, or `else`. What cannot be settled here, the payload is validated for in the end.
pub fn settled(root: &Value, schema: &Value, choose: &mut dyn FnMut(usize) -> usize) -> Map<String, Value> {
    let mut whole = Map::new();
    take(root, schema, &mut whole, choose, 0);
    whole
}

/// References within references.
const DEPTH_MAX: usize = 32;

fn take(root: &Value, schema: &Value, whole: &mut Map<String, Value>, choose: &mut dyn FnMut(usize) -> usize, depth: usize) {
    let Some(members) = schema.as_object().filter(|_| depth < DEPTH_MAX) else { return };
    if let Some(target) = members.get("$ref").and_then(Value::as_str).and_then(|reference| resolve(root, reference)) {
        take(root, target, whole, choose, depth + 1);
    }
    for (key, value) in members {
        match key.as_str() {
            "$ref" | "$schema" | "$id" | "$defs" | "$comment" | "title" | "description" | "allOf" | "anyOf" | "oneOf" | "if" | "then"
            | "else" | "not" => {}
            _ => add(whole, key, value),
        }
    }
    for part in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        take(root, part, whole, choose, depth + 1);
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(branches) = members.get(key).and_then(Value::as_array).filter(|b| !b.is_empty()) {
            take(root, &branches[choose(branches.len()).min(branches.len() - 1)], whole, choose, depth + 1);
        }
    }
    if let Some(condition) = members.get("if") {
        if choose(2) == 0 {
            take(root, condition, whole, choose, depth + 1);
            members.get("then").into_iter().for_each(|then| take(root, then, whole, choose, depth + 1));
        } else if let Some(otherwise) = members.get("else") {
            take(root, otherwise, whole, choose, depth + 1);
        }
    }
}

fn add(whole: &mut Map<String, Value>, key: &str, value: &Value) {
    match (key, whole.get_mut(key), value) {
        ("properties" | "patternProperties" | "dependentRequired", Some(Value::Object(known)), Value::Object(more)) => {
            for (name, schema) in more {
                match known.get_mut(name) {
                    // Both hold.
                    Some(one) => *one = serde_json::json!({ "allOf": [one.clone(), schema] }),
                    None => {
                        known.insert(name.clone(), schema.clone());
                    }
                }
            }
        }
        ("required", Some(Value::Array(known)), Value::Array(more)) => {
            for name in more {
                if !known.contains(name) {
                    known.push(name.clone());
                }
            }
        }
        ("enum", Some(Value::Array(known)), Value::Array(more)) => known.retain(|value| more.contains(value)),
        ("minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties", Some(known), more) => {
            if more.as_f64() > known.as_f64() {
                *known = more.clone();
            }
        }
        ("maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties", Some(known), more) => {
            if more.as_f64() < known.as_f64() {
                *known = more.clone();
            }
        }
        _ => {
            whole.insert(key.to_owned(), value.clone());
        }
    }
}

/// What a reference within the bundled schema stands for.
fn resolve<'r>(root: &'r Value, reference: &str) -> Option<&'r Value> {
    let pointer = reference.strip_prefix('#')?;
    root.pointer(&pointer.replace("%25", "%"))
}
