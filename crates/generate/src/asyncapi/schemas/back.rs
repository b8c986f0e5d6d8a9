//! From the Schema Object of AsyncAPI, or any schema of draft 7, to JSON Schema 2020-12.

use super::{AT, KEPT, path_of, pointer, relative};
use crate::schema::DRAFT;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The files of these components, by their paths. `elsewhere`: name → path of components whose path is known otherwise.
pub fn back(components: &Map<String, Value>, elsewhere: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    let mut paths = elsewhere.clone();
    for (name, schema) in components {
        let said = schema.get(KEPT).and_then(|kept| kept.get("file")).and_then(Value::as_str);
        let path = said.map(str::to_owned).or_else(|| elsewhere.get(name).cloned()).unwrap_or_else(|| path_of(name));
        paths.insert(name.clone(), path);
    }
    let mut files = BTreeMap::new();
    for (name, schema) in components {
        let Some(path) = paths.get(name) else { continue };
        let whole = schema.get(KEPT).and_then(|kept| kept.get("schema"));
        let file = whole.cloned().unwrap_or_else(|| converted(schema, path, &paths, true));
        files.insert(path.clone(), file);
    }
    files
}

/// One schema, wherever it was, as the file at `path`.
pub fn converted(schema: &Value, path: &str, paths: &BTreeMap<String, String>, is_root: bool) -> Value {
    let Some(members) = schema.as_object() else { return schema.clone() };
    let kept = members.get(KEPT).and_then(Value::as_object);
    let mut inner = |schema: &Value| converted(schema, path, paths, false);
    let mut made = Map::new();
    if is_root {
        made.insert("$schema".to_owned(), DRAFT.into());
    }
    let mut beside = kept.is_some_and(|kept| kept.get("beside") == Some(&Value::Bool(true)));
    for (keyword, value) in members {
        match (keyword.as_str(), value) {
            (KEPT, _) => {}
            ("$schema", _) => {}
            ("$ref", Value::String(text)) => {
                let reference = reference(text, path, &|name| paths.get(name).cloned()).unwrap_or_else(|| text.clone());
                made.insert("$ref".to_owned(), reference.into());
            }
            ("allOf", Value::Array(all)) if beside => {
                beside = false;
                if let Some(Value::Object(first)) = all.first().map(&mut inner) {
                    made.extend(first);
                }
                let more: Vec<Value> = all.iter().skip(1).map(&mut inner).collect();
                if !more.is_empty() {
                    made.insert("allOf".to_owned(), more.into());
                }
            }
            ("definitions", value) => {
                made.insert("$defs".to_owned(), crate::schema::child("$defs", value, &mut inner));
            }
            ("items", Value::Array(items)) => {
                made.insert("prefixItems".to_owned(), items.iter().map(&mut inner).collect());
            }
            ("additionalItems", value) => {
                if members.get("items").is_some_and(Value::is_array) {
                    made.insert("items".to_owned(), inner(value));
                }
            }
            ("dependencies", Value::Object(dependencies)) => {
                let (required, schemas): (Vec<_>, Vec<_>) = dependencies.iter().partition(|(_, value)| value.is_array());
                if !required.is_empty() {
                    made.insert(
                        "dependentRequired".to_owned(),
                        required.into_iter().map(|(k, v)| (k.clone(), v.clone())).collect::<Map<_, _>>().into(),
                    );
                }
                if !schemas.is_empty() {
                    made.insert(
                        "dependentSchemas".to_owned(),
                        schemas.into_iter().map(|(k, v)| (k.clone(), inner(v))).collect::<Map<_, _>>().into(),
                    );
                }
            }
            (keyword, value) => {
                made.insert(keyword.to_owned(), crate::schema::child(keyword, value, &mut inner));
            }
        }
    }
    for (keyword, value) in kept.into_iter().flatten() {
        match keyword.as_str() {
            "beside" | "file" | "schema" => {}
            "without" => {
                for name in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    made.shift_remove(name);
                }
            }
            keyword => {
                made.insert(keyword.to_owned(), value.clone());
            }
        }
    }
    Value::Object(made)
}

/// A reference to a component as the file `from` writes it; `None` for one to somewhere else.
pub(super) fn reference(text: &str, from: &str, path: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let rest = text.strip_prefix(AT)?;
    let (name, fragment) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let file = path(name)?;
    let fragment = pointer(fragment, false);
    Some(match (file == from, fragment.is_empty()) {
        (true, _) => format!("#{fragment}"),
        (false, true) => relative(from, &file),
        (false, false) => format!("{}#{fragment}", relative(from, &file)),
    })
}
