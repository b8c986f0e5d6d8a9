//! From JSON Schema 2020-12 to the Schema Object of AsyncAPI.

use super::{AT, KEPT, Shelf, joined, pointer};
use crate::schema::{DRAFT, child};
use serde_json::{Map, Value, json};

/// Keywords that draft 7 has nothing for: a reader of the document takes what they forbid.
const WEAKER: [&str; 6] = ["unevaluatedProperties", "unevaluatedItems", "minContains", "maxContains", "$dynamicRef", "contentSchema"];
/// Keywords that only say how the schema itself is found, and ones that another draft gave another meaning.
const QUIET: [&str; 7] = ["$id", "$anchor", "$dynamicAnchor", "$vocabulary", "dependencies", "additionalItems", "definitions"];

pub(super) fn forth(shelf: &Shelf<'_>, file: &str, schema: &Value, notes: &mut Vec<String>) -> Value {
    let mut at = At { shelf, file, notes };
    at.schema(schema, true)
}

struct At<'a, 's> {
    shelf: &'a Shelf<'s>,
    file: &'a str,
    notes: &'a mut Vec<String>,
}

impl At<'_, '_> {
    fn schema(&mut self, schema: &Value, is_root: bool) -> Value {
        let Some(members) = schema.as_object() else { return schema.clone() };
        let (mut made, mut kept) = (Map::new(), Map::new());
        for (keyword, value) in members {
            self.keyword(members, keyword, value, is_root, &mut made, &mut kept);
        }
        if is_root && !members.contains_key("$schema") {
            kept.insert("without".to_owned(), json!(["$schema"]));
        }
        // What stands beside a reference does not count in draft 7.
        if made.contains_key("$ref") && made.len() > 1 {
            let reference = made.shift_remove("$ref");
            let mut all = vec![json!({ "$ref": reference })];
            if let Some(Value::Array(more)) = made.shift_remove("allOf") {
                all.extend(more);
            }
            made.insert("allOf".to_owned(), all.into());
            kept.insert("beside".to_owned(), true.into());
        }
        if !kept.is_empty() {
            // An extension beside a reference would be lost with the rest.
            if let Some(reference) = made.shift_remove("$ref") {
                made.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
                kept.insert("beside".to_owned(), true.into());
            }
            made.insert(KEPT.to_owned(), Value::Object(kept));
        }
        Value::Object(made)
    }

    fn keyword(
        &mut self,
        all: &Map<String, Value>,
        keyword: &str,
        value: &Value,
        is_root: bool,
        made: &mut Map<String, Value>,
        kept: &mut Map<String, Value>,
    ) {
        let mut inner = |value: &Value| child(keyword, value, &mut |schema| self.schema(schema, false));
        match keyword {
            "$schema" if is_root && value == DRAFT => {}
            "$ref" => {
                let text = value.as_str().unwrap_or_default();
                match self.reference(text) {
                    Some((reference, is_plain)) => {
                        made.insert("$ref".to_owned(), reference.into());
                        if !is_plain {
                            kept.insert("$ref".to_owned(), value.clone());
                        }
                    }
                    None => {
                        self.note("a `$ref` out of the contract");
                        kept.insert("$ref".to_owned(), value.clone());
                    }
                }
            }
            "$defs" if !all.contains_key("definitions") => {
                made.insert("definitions".to_owned(), inner(value));
            }
            "prefixItems" => {
                made.insert("items".to_owned(), inner(value));
            }
            "items" if all.contains_key("prefixItems") => {
                made.insert("additionalItems".to_owned(), inner(value));
            }
            "dependentRequired" | "dependentSchemas" if !all.contains_key("dependencies") => {
                let more = inner(value);
                let dependencies = made.entry("dependencies").or_insert_with(|| Value::Object(Map::new()));
                if let (Some(dependencies), Some(more)) = (dependencies.as_object_mut(), more.as_object()) {
                    dependencies.extend(more.clone());
                }
            }
            weaker if WEAKER.contains(&weaker) => {
                self.note(&format!("`{weaker}`"));
                kept.insert(keyword.to_owned(), value.clone());
            }
            quiet if QUIET.contains(&quiet) || quiet == "$schema" => {
                kept.insert(keyword.to_owned(), value.clone());
            }
            _ => {
                made.insert(keyword.to_owned(), inner(value));
            }
        }
    }

    fn note(&mut self, what: &str) {
        let note = format!("{}: AsyncAPI's schemas have nothing for {what}; it is kept under `{KEPT}`", self.file);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The reference within the document, and whether it comes back as it was.
    fn reference(&self, text: &str) -> Option<(String, bool)> {
        let (file, fragment) = text.split_once('#').unwrap_or((text, ""));
        let target = if file.is_empty() { self.file.to_owned() } else { joined(self.file, file) };
        let name = self.shelf.name(&target)?;
        let fragment = match fragment {
            "" => String::new(),
            pointer if pointer.starts_with('/') => pointer.to_owned(),
            anchor => anchored(self.shelf.files.get(&target)?, anchor, "")?,
        };
        let reference = format!("{AT}{name}{}", pointer(&fragment, true));
        let plain = super::back::reference(&reference, self.file, &|name| {
            self.shelf.names.iter().find(|(_, known)| known.as_str() == name).map(|(path, _)| path.clone())
        });
        Some((reference, plain.as_deref() == Some(text)))
    }
}

/// The pointer to the schema that has this anchor.
fn anchored(value: &Value, anchor: &str, at: &str) -> Option<String> {
    match value {
        Value::Object(members) => {
            if members.get("$anchor").is_some_and(|name| name == anchor) {
                return Some(at.to_owned());
            }
            members.iter().find_map(|(key, inner)| anchored(inner, anchor, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))))
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(place, inner)| anchored(inner, anchor, &format!("{at}/{place}"))),
        _ => None,
    }
}
