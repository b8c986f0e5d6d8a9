//! A contract's schema files as components of an AsyncAPI document, and back.
//!
//! Contracts are written in JSON Schema 2020-12, AsyncAPI's Schema Object is one of draft 7. Where draft 7 has another word for the same
//! thing, that is used; what it has no word for is kept under `x-tidewire`, in the schema that it stands in, and reported.

mod back;
mod forth;

use crate::name::{plain, unique};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub use back::{back, converted};

/// Where components are.
pub const AT: &str = "#/components/schemas/";
/// What is kept for the way back.
pub const KEPT: &str = "x-tidewire";

/// The schema files of a contract, each with the name of its component.
pub struct Shelf<'s> {
    files: &'s BTreeMap<String, Value>,
    /// Path → name.
    names: BTreeMap<String, String>,
}

/// The path that a component's name stands for, if nothing else is said.
pub fn path_of(name: &str) -> String {
    format!("schemas/{name}.json")
}

impl<'s> Shelf<'s> {
    pub fn new(files: &'s BTreeMap<String, Value>) -> Shelf<'s> {
        let mut taken = Vec::new();
        let names = files
            .keys()
            .map(|path| {
                // The folder says nothing that the component would need.
                let stem = path.rsplit('/').next().unwrap_or(path);
                let name = plain(stem.strip_suffix(".json").unwrap_or(stem));
                (path.clone(), unique(name, &mut taken))
            })
            .collect();
        Shelf { files, names }
    }

    /// The name of a file's component, by the path as a contract may write it.
    pub fn name(&self, path: &str) -> Option<&str> {
        self.names.get(path).or_else(|| self.names.get(&cleaned(path))).map(String::as_str)
    }

    /// All components, and what could not be said in them.
    pub fn components(&self) -> (Map<String, Value>, Vec<String>) {
        let mut all = Map::new();
        let mut notes = Vec::new();
        for (path, schema) in self.files {
            let Some(name) = self.names.get(path) else { continue };
            let made = forth::forth(self, path, schema, &mut notes);
            // What does not come back as it was is kept whole.
            let components = Map::from_iter([(name.clone(), made.clone())]);
            let came_back = back(&components, &self.names.iter().map(|(path, name)| (name.clone(), path.clone())).collect());
            let is_same = came_back.get(path) == Some(schema);
            all.insert(name.clone(), self.marked(path, name, schema, made, is_same));
        }
        (all, notes)
    }

    /// With what a reader needs to find the file's path, and the file as it was if it has to.
    fn marked(&self, path: &str, name: &str, schema: &Value, made: Value, is_same: bool) -> Value {
        let has_path = path_of(name) == path;
        if has_path && is_same {
            return made;
        }
        let mut made = match made {
            Value::Object(made) => made,
            Value::Bool(false) => Map::from_iter([("not".to_owned(), Value::Object(Map::new()))]),
            _ => Map::new(),
        };
        let kept = made.entry(KEPT).or_insert_with(|| Value::Object(Map::new()));
        if !has_path {
            kept["file"] = path.into();
        }
        if !is_same || schema.is_boolean() {
            kept["schema"] = schema.clone();
        }
        Value::Object(made)
    }
}

/// `./schemas/../a.json` is `a.json`.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// `reference` (without its fragment) as seen from the file `from`.
fn joined(from: &str, reference: &str) -> String {
    match from.rsplit_once('/') {
        Some((folder, _)) => cleaned(&format!("{folder}/{reference}")),
        None => cleaned(reference),
    }
}

/// How a file in the folder of `from` writes the path `to`.
fn relative(from: &str, to: &str) -> String {
    let mut folder: Vec<&str> = from.split('/').collect();
    folder.pop();
    let parts: Vec<&str> = to.split('/').collect();
    let same = folder.iter().zip(&parts).take_while(|(a, b)| a == b).count().min(parts.len().saturating_sub(1));
    let up = std::iter::repeat_n("..", folder.len() - same);
    up.chain(parts[same..].iter().copied()).collect::<Vec<_>>().join("/")
}

/// Words of a pointer that are others in draft 7.
const WORDS: [(&str, &str); 3] = [("$defs", "definitions"), ("prefixItems", "items"), ("dependentSchemas", "dependencies")];

fn pointer(pointer: &str, forth: bool) -> String {
    let word = |part: &str| {
        let found = WORDS.iter().find(|(new, old)| part == if forth { *new } else { *old });
        match found {
            Some((new, old)) => (if forth { *old } else { *new }).to_owned(),
            None => part.to_owned(),
        }
    };
    pointer.split('/').map(word).collect::<Vec<_>>().join("/")
}
