//! Random schemas, pairs of them that have something to do with each other, and values for them.

use crate::Files;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

#[derive(Debug, Clone)]
pub struct Pair {
    pub a: Files,
    pub b: Files,
}

const NAMES: [&str; 4] = ["a", "b", "c", "x1"];
const TEXTS: [&str; 10] = ["", "a", "b", "ab", "abc", "aab", "é", "2026-01-31", "ana@example.org", "x1"];

fn scalar() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..7_i64).prop_map(Value::from),
        (-6..12_i64).prop_map(|n| json!(n as f64 / 2.0)),
        select(&TEXTS[..]).prop_map(Value::from),
    ]
    .boxed()
}

fn value() -> BoxedStrategy<Value> {
    scalar()
        .prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Value::from),
                vec((select(&NAMES[..]), inner), 0..4).prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
            ]
        })
        .boxed()
}

pub fn values() -> BoxedStrategy<Vec<Value>> {
    vec(value(), 60).boxed()
}

/// A keyword with what stands under it.
fn keyword(inner: BoxedStrategy<Value>) -> BoxedStrategy<(String, Value)> {
    let named = |name: &'static str, value: BoxedStrategy<Value>| value.prop_map(move |value| (name.to_owned(), value)).boxed();
    let number = || prop_oneof![(-2..6_i64).prop_map(Value::from), (-4..9_i64).prop_map(|n| json!(n as f64 / 2.0))].boxed();
    let small = || (0..4_u64).prop_map(Value::from).boxed();
    let names = || {
        vec(select(&NAMES[..]), 0..3)
            .prop_map(|mut names| {
                names.sort_unstable();
                names.dedup();
                json!(names)
            })
            .boxed()
    };
    let types = ["null", "boolean", "integer", "number", "string", "array", "object"];
    let members = |inner: &BoxedStrategy<Value>| {
        vec((select(&NAMES[..]), inner.clone()), 1..4)
            .prop_map(|members| Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
            .boxed()
    };
    let several = |inner: &BoxedStrategy<Value>| vec(inner.clone(), 1..4).prop_map(Value::from).boxed();
    let scalars = prop_oneof![
        4 => named("type", select(types.to_vec()).prop_map(Value::from).boxed()),
        2 => named("type", vec(select(types.to_vec()), 1..3).prop_map(|mut t| { t.sort_unstable(); t.dedup(); json!(t) }).boxed()),
        1 => named("const", value()),
        2 => named("enum", vec(scalar(), 1..4).prop_map(|mut values| { let mut once = Vec::new(); values.drain(..).for_each(|v| if !once.contains(&v) { once.push(v) }); Value::from(once) }).boxed()),
        2 => named("minimum", number()),
        1 => named("exclusiveMinimum", number()),
        2 => named("maximum", number()),
        1 => named("exclusiveMaximum", number()),
        1 => named("multipleOf", prop_oneof![(1..5_i64).prop_map(Value::from), Just(json!(0.5))].boxed()),
        2 => named("minLength", small()),
        2 => named("maxLength", small()),
        1 => named("pattern", select(vec!["^a", "b$", "^[a-z]+$", "^x", "^$"]).prop_map(Value::from).boxed()),
        1 => named("format", select(vec!["date", "email"]).prop_map(Value::from).boxed()),
        1 => named("minItems", small()),
        1 => named("maxItems", small()),
        1 => named("uniqueItems", any::<bool>().prop_map(Value::from).boxed()),
        1 => named("minProperties", small()),
        1 => named("maxProperties", small()),
        3 => named("required", names()),
        1 => named("dependentRequired", (select(&NAMES[..]), names()).prop_map(|(name, names)| json!({ name: names })).boxed()),
    ];
    let structure = prop_oneof![
        4 => named("properties", members(&inner)),
        3 => named("additionalProperties", prop_oneof![2 => Just(json!(false)), 1 => inner.clone()].boxed()),
        1 => named("patternProperties", (select(vec!["^a", "^x", "^[ab]$"]), inner.clone()).prop_map(|(p, v)| json!({ p: v })).boxed()),
        1 => named("propertyNames", inner.clone()),
        3 => named("items", inner.clone()),
        1 => named("prefixItems", several(&inner)),
        1 => named("contains", inner.clone()),
        1 => named("dependentSchemas", (select(&NAMES[..]), inner.clone()).prop_map(|(name, v)| json!({ name: v })).boxed()),
        1 => named("unevaluatedProperties", inner.clone()),
        1 => named("unevaluatedItems", inner.clone()),
        2 => named("anyOf", several(&inner)),
        2 => named("oneOf", several(&inner)),
        1 => named("allOf", several(&inner)),
        1 => named("not", inner.clone()),
        1 => named("if", inner.clone()),
        1 => named("then", inner.clone()),
        1 => named("else", inner.clone()),
        1 => named("$ref", select(vec!["#/$defs/one", "#/$defs/two", "other.json", "other.json#/$defs/one"]).prop_map(Value::from).boxed()),
    ];
    prop_oneof![3 => scalars, 2 => structure].boxed()
}

fn schema() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        6 => Just(json!({})),
        1 => any::<bool>().prop_map(Value::from),
        6 => select(vec![json!({ "type": "string" }), json!({ "type": "integer" }), json!({ "type": "object" }), json!({ "type": "null" }), json!({ "type": "number" })]),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        vec(keyword(inner.boxed()), 1..5).prop_map(|keywords| Value::Object(keywords.into_iter().collect::<Map<String, Value>>()))
    })
    .boxed()
}

fn files(root: Value, one: Value, two: Value, other: Value) -> Files {
    let with = |mut schema: Value, definitions: Value| {
        if let Some(map) = schema.as_object_mut() {
            map.insert("$defs".into(), definitions);
        }
        schema
    };
    vec![
        ("root.json", with(root, json!({ "one": one.clone(), "two": two }))),
        ("other.json", with(other, json!({ "one": one, "two": true }))),
    ]
}

fn document() -> BoxedStrategy<Files> {
    // What refers to itself without going deeper into the value means nothing: no validator ends on it.
    (schema(), schema(), schema(), schema())
        .prop_map(|(root, one, two, other)| files(root, shallow(one), shallow(two), shallow(other)))
        .boxed()
}

/// Without references, but for those below a member or an item.
fn shallow(mut schema: Value) -> Value {
    fn walk(schema: &mut Value, safe: bool) {
        match schema {
            Value::Object(map) => {
                if !safe {
                    map.shift_remove("$ref");
                }
                for (key, value) in map.iter_mut() {
                    let deeper =
                        ["properties", "additionalProperties", "patternProperties", "items", "prefixItems"].contains(&key.as_str());
                    walk(value, safe || deeper);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|value| walk(value, safe)),
            _ => {}
        }
    }
    walk(&mut schema, false);
    schema
}

/// One place changed: a keyword more, one less, or another schema.
fn changed(files: &Files, place: usize, how: u8, keyword: (String, Value), other: &Value) -> Files {
    let mut files = files.clone();
    let mut places = Vec::new();
    for (at, (_, schema)) in files.iter().enumerate() {
        schemas(schema, String::new(), &mut |pointer| places.push((at, pointer)));
    }
    let (at, pointer) = places[place % places.len()].clone();
    let Some(schema) = files[at].1.pointer_mut(&pointer) else { return files };
    let is_reference = |value: &Value| value.to_string().contains("$ref");
    match (how % 4, schema) {
        (0 | 1, Value::Object(map)) if keyword.0 != "$ref" && !is_reference(&keyword.1) => {
            map.insert(keyword.0, keyword.1);
        }
        (2, Value::Object(map)) => {
            let keys: Vec<String> = map.keys().filter(|key| *key != "$defs").cloned().collect();
            if !keys.is_empty() {
                map.shift_remove(&keys[place % keys.len()]);
            }
        }
        (_, schema) if !pointer.is_empty() && !is_reference(other) => *schema = other.clone(),
        _ => {}
    }
    files
}

/// The places of schemas in a schema.
fn schemas(schema: &Value, pointer: String, found: &mut dyn FnMut(String)) {
    found(pointer.clone());
    let Some(map) = schema.as_object() else { return };
    for (key, value) in map {
        let below = format!("{pointer}/{key}");
        match (key.as_str(), value) {
            ("properties" | "patternProperties" | "dependentSchemas" | "$defs", Value::Object(members)) => {
                for (name, schema) in members {
                    schemas(schema, format!("{below}/{name}"), found);
                }
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(parts)) => {
                for (at, schema) in parts.iter().enumerate() {
                    schemas(schema, format!("{below}/{at}"), found);
                }
            }
            ("additionalProperties" | "items" | "not" | "if" | "then" | "else" | "contains" | "propertyNames", schema) => {
                schemas(schema, below, found)
            }
            _ => {}
        }
    }
}

/// Two schemas: of the same make but for one or two places, most times, and sometimes of no kin at all.
pub fn pair() -> BoxedStrategy<Pair> {
    let edit = || (any::<usize>(), any::<u8>(), keyword(schema()), schema());
    let near = (document(), edit(), proptest::option::of(edit())).prop_map(|(a, (place, how, keyword, other), second)| {
        let mut b = changed(&a, place, how, keyword, &other);
        if let Some((place, how, keyword, other)) = second {
            b = changed(&b, place, how, keyword, &other);
        }
        Pair { a, b }
    });
    let far = (document(), document()).prop_map(|(a, b)| Pair { a, b });
    prop_oneof![3 => near.clone().boxed(), 3 => near.prop_map(|Pair { a, b }| Pair { a: b, b: a }).boxed(), 1 => far.boxed()].boxed()
}
