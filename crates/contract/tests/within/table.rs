//! Pairs with a known answer.

use serde_json::{Value, json};
use tidewire_contract::compare::{Answer, is_within};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Expected {
    Yes,
    No,
    Unknown,
}
use Expected::{No, Unknown, Yes};

fn ask(a: &Value, b: &Value) -> (Expected, Answer) {
    let answer = is_within(&[("a.json", a.clone())], &[("b.json", b.clone())]);
    let said = match answer {
        Answer::Yes => Yes,
        Answer::No(_) => No,
        Answer::Unknown => Unknown,
    };
    (said, answer)
}

#[test]
fn what_is_known_is_said() {
    let closed = |fields: Value, required: &[&str]| json!({ "type": "object", "properties": fields, "required": required, "additionalProperties": false });
    let tree = |extra: Value| {
        let mut schema = json!({ "type": "object", "properties": { "name": { "type": "string" }, "children": { "type": "array", "items": { "$ref": "#" } } }, "required": ["name"] });
        schema.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        schema
    };
    let variants = |kinds: &[(&str, &str)]| {
        let ways: Vec<Value> = kinds
            .iter()
            .map(|(kind, field)| closed(json!({ "type": { "const": kind }, (*field): { "type": "string" } }), &["type", field]))
            .collect();
        json!({ "oneOf": ways })
    };
    let text = json!({ "type": "string" });
    let cases = [
        (json!(true), json!({}), Yes),
        (json!(false), json!({ "type": "string" }), Yes),
        (json!({}), json!(false), No),
        (json!({ "type": "integer" }), json!({ "type": "number" }), Yes),
        (json!({ "type": "number" }), json!({ "type": "integer" }), No),
        (json!({ "type": "integer", "minimum": 1 }), json!({ "type": "integer", "exclusiveMinimum": 0 }), Yes),
        (json!({ "type": "number", "minimum": 1 }), json!({ "exclusiveMinimum": 0.5 }), Yes),
        (json!({ "type": "number", "exclusiveMinimum": 0 }), json!({ "minimum": 1 }), No),
        (json!({ "type": "integer", "multipleOf": 6 }), json!({ "multipleOf": 3 }), Yes),
        (json!({ "type": "integer", "multipleOf": 3 }), json!({ "multipleOf": 6 }), No),
        (json!({ "enum": ["a", "b"] }), json!({ "enum": ["b", "a", "c"] }), Yes),
        (json!({ "enum": ["a", "b"] }), json!({ "type": "string", "pattern": "^[a-z]$" }), Yes),
        (json!({ "enum": ["a", "B"] }), json!({ "type": "string", "pattern": "^[a-z]$" }), No),
        (json!({ "const": "a" }), json!({ "enum": ["a"] }), Yes),
        (json!({ "type": "boolean" }), json!({ "enum": [true, false] }), Yes),
        (json!({ "type": ["string", "null"] }), json!({ "anyOf": [{ "type": "null" }, { "type": "string" }] }), Yes),
        (json!({ "type": ["string", "null"] }), text.clone(), No),
        (json!({ "type": "string", "maxLength": 5 }), json!({ "maxLength": 4 }), No),
        (json!({ "type": "string", "maxLength": 4 }), json!({ "maxLength": 5 }), Yes),
        (json!({ "type": "string", "pattern": "^a" }), json!({ "type": "string", "pattern": "^a" }), Yes),
        (json!({ "type": "string", "pattern": "^ab" }), json!({ "type": "string", "pattern": "^a" }), Unknown),
        (json!({ "type": "string", "pattern": "^a" }), json!({ "type": "string", "pattern": "^ab" }), No),
        (text.clone(), json!({ "type": "string", "format": "date-time" }), No),
        (json!({ "type": "string", "format": "date-time" }), text.clone(), Yes),
        (json!({ "type": "array", "items": { "type": "integer" } }), json!({ "items": { "type": "number" } }), Yes),
        (json!({ "type": "array", "items": { "type": "number" } }), json!({ "items": { "type": "integer" } }), No),
        (json!({ "type": "array", "maxItems": 1 }), json!({ "uniqueItems": true }), Yes),
        (json!({ "type": "array" }), json!({ "uniqueItems": true }), No),
        (json!({ "type": "array", "prefixItems": [{ "type": "string" }], "items": false }), json!({ "maxItems": 1 }), Unknown),
        (
            json!({ "prefixItems": [text.clone()], "items": { "type": "integer" }, "type": "array" }),
            json!({ "items": { "type": ["string", "integer"] } }),
            Yes,
        ),
        (closed(json!({ "a": text }), &["a"]), closed(json!({ "a": text, "b": text }), &[]), Yes),
        (closed(json!({ "a": text, "b": text }), &["a"]), closed(json!({ "a": text }), &["a"]), No),
        (closed(json!({ "a": text }), &[]), closed(json!({ "a": text }), &["a"]), No),
        (closed(json!({ "a": text }), &["a"]), json!({ "type": "object", "properties": { "b": { "type": "integer" } } }), Yes),
        (json!({ "type": "object" }), closed(json!({}), &[]), No),
        (json!({ "type": "object", "properties": { "a": text } }), json!({ "additionalProperties": text }), No),
        (
            json!({ "type": "object", "additionalProperties": { "type": "integer" } }),
            json!({ "additionalProperties": { "type": "number" } }),
            Yes,
        ),
        (json!({ "type": "object", "patternProperties": { "^x": text } }), json!({ "patternProperties": { "^x": {} } }), Yes),
        (
            json!({ "allOf": [{ "type": "object", "properties": { "a": text } }, { "required": ["a"] }] }),
            json!({ "type": "object", "properties": { "a": text }, "required": ["a"] }),
            Yes,
        ),
        (tree(json!({})), tree(json!({})), Yes),
        (tree(json!({ "description": "a node" })), tree(json!({ "title": "a node" })), Yes),
        (tree(json!({ "required": ["name", "children"] })), tree(json!({})), Yes),
        (tree(json!({})), tree(json!({ "required": ["name", "children"] })), No),
        (variants(&[("one", "a")]), variants(&[("one", "a"), ("two", "b")]), Yes),
        (variants(&[("one", "a"), ("two", "b")]), variants(&[("one", "a")]), No),
        (variants(&[("one", "a"), ("two", "b")]), variants(&[("two", "b"), ("one", "a")]), Yes),
        (json!({ "type": "integer", "not": { "const": 1 } }), json!({ "not": { "const": 1 } }), Yes),
        (json!({ "type": "integer", "minimum": 2 }), json!({ "not": { "maximum": 1, "type": "number" } }), Yes),
        (json!({ "type": "integer" }), json!({ "not": { "const": 1 } }), No),
        (json!({ "type": "array", "contains": { "const": 1 } }), json!({ "contains": { "const": 1 } }), Yes),
        (json!({ "type": "array", "contains": { "const": 1 } }), json!({ "contains": { "type": "integer" } }), Unknown),
    ];
    let mut wrong = Vec::new();
    for (a, b, expected) in &cases {
        let (said, answer) = ask(a, b);
        if said != *expected {
            wrong.push(format!("{a}\n  within {b}\n  is {expected:?}, and was said to be {answer:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Numbers that are too great for a float are still told apart.
#[test]
fn great_numbers_are_compared_exactly() {
    let most = |n: u64| json!({ "type": "integer", "maximum": n });
    assert_eq!(ask(&most(9_007_199_254_740_992), &most(9_007_199_254_740_993)).0, Yes);
    assert_ne!(ask(&most(9_007_199_254_740_993), &most(9_007_199_254_740_992)).0, Yes);
}

/// References to files, to anchors, and to what is not there.
#[test]
fn references_are_followed() {
    let a = [
        ("a.json", json!({ "$ref": "parts/b.json#/$defs/id" })),
        ("parts/b.json", json!({ "$defs": { "id": { "type": "integer", "minimum": 3 } } })),
    ];
    let b = [("b.json", json!({ "$ref": "#small", "$defs": { "x": { "$anchor": "small", "type": "integer", "minimum": 1 } } }))];
    assert_eq!(is_within(&a, &b), Answer::Yes);
    assert!(matches!(is_within(&b, &a), Answer::No(_)));
    let nowhere = [("c.json", json!({ "$ref": "#/$defs/nothing" }))];
    assert_eq!(is_within(&b, &nowhere), Answer::Unknown);
}
