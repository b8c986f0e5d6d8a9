//! From an AsyncAPI document to a contract.

use super::{EXTENSION, foreign, object, read, residue::complete, schemas, understand};
use crate::{
    files::{File, Files},
    yaml,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tidewire_contract::language;

/// Why nothing can be made of a document.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    #[error("this cannot be read: {0}")]
    Unreadable(String),
    #[error("this is no AsyncAPI document: it has no `asyncapi` that says its version")]
    NoAsyncApi,
    #[error("this is AsyncAPI {0}, and 3.x is read here: `npx @asyncapi/cli convert FILE --target-version 3.0.0` makes it one")]
    OtherVersion(String),
}

/// A contract, as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Restored {
    pub name: String,
    /// `contract.yaml` as JSON.
    pub document: Value,
    /// Schema files by their path in the contract's folder.
    pub schemas: BTreeMap<String, Value>,
    /// What was not in the document and was assumed, and what of it a contract cannot say; a sentence each.
    pub notes: Vec<String>,
}

impl Restored {
    /// The contract's folder: `contract.yaml` and its schemas.
    pub fn files(&self) -> Files {
        let mut text = String::new();
        for note in &self.notes {
            text += &format!("# {note}\n");
        }
        text += &yaml::text(&self.document);
        let mut files = vec![File { path: "contract.yaml".to_owned(), text }];
        files.extend(self.schemas.iter().map(|(path, schema)| File { path: path.clone(), text: format!("{schema:#}\n") }));
        Files { files, notes: self.notes.clone() }
    }
}

/// The contract that a document was made of; of a document that never was a contract, as much of one as can be made.
///
/// # Errors
/// A document that is none, or of another version.
pub fn restore(text: &str) -> Result<Restored, Failure> {
    let document = read::read(text).map_err(Failure::Unreadable)?;
    let version = match document.get("asyncapi") {
        Some(Value::String(version)) => version.clone(),
        Some(other) => other.to_string(),
        None => return Err(Failure::NoAsyncApi),
    };
    if !version.starts_with("3.") {
        return Err(Failure::OtherVersion(version));
    }
    if document.get(EXTENSION).and_then(|own| own.get("view")).is_none() {
        return Ok(foreign::contract(&document));
    }
    Ok(ours(&document))
}

fn ours(document: &Value) -> Restored {
    let own = object(document.get(EXTENSION));
    let sections = ["channels", "events", "endpoints"];
    let rest: Map<String, Value> = own
        .iter()
        .filter(|(key, _)| *key != "view" && *key != "auth" && !sections.contains(&key.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let mut made = complete(understand::root(document), Some(&Value::Object(rest)));
    let auth = complete(understand::auth(document), own.get("auth"));
    made.insert("auth".to_owned(), Value::Object(auth));
    for section in sections {
        let came_back = understand::section(document, section);
        if came_back.as_object().is_none_or(|all| !all.is_empty()) {
            made.insert(section.to_owned(), came_back);
        }
    }
    let files = schemas::back(object(document.pointer("/components/schemas")), &BTreeMap::new());
    let name = made.get("name").and_then(Value::as_str).unwrap_or("contract").to_owned();
    Restored { name, document: ordered(made), schemas: files, notes: Vec::new() }
}

/// Everything in the order of the language.
pub fn ordered(mut made: Map<String, Value>) -> Value {
    for (name, section) in [("channels", &language::CHANNEL), ("events", &language::EVENT)] {
        for one in made.get_mut(name).and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
            if let Some(members) = one.as_object_mut() {
                *members = in_order(std::mem::take(members), section);
            }
        }
    }
    Value::Object(in_order(made, &language::CONTRACT))
}

/// The keys of a section in its order, then those that are no words of the language.
fn in_order(mut members: Map<String, Value>, section: &language::Section) -> Map<String, Value> {
    let mut all = Map::new();
    for key in section.keys {
        if let Some(value) = members.shift_remove(key.name) {
            all.insert(key.name.to_owned(), value);
        }
    }
    all.extend(members);
    all
}
