//! One of the two schemas: its files, and validators for its parts.

use crate::compile::schema::{Documents, Part, decode, join};
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
};

/// A place in the files of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct At {
    /// Relative to the contract's folder.
    pub file: Rc<str>,
    /// JSON pointer.
    pub pointer: String,
}

impl At {
    pub fn below(&self, parts: &[&str]) -> At {
        let mut pointer = self.pointer.clone();
        for part in parts {
            pointer.push('/');
            pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
        }
        At { file: Rc::clone(&self.file), pointer }
    }

    pub fn item(&self, keyword: &str, at: usize) -> At {
        self.below(&[keyword, &at.to_string()])
    }
}

/// How often it is looked deeper, in one comparison and for one question of it: schemas may be such that there is no end.
const FUEL_TOTAL: u32 = 100_000;
const FUEL_QUESTION: u32 = 3_000;

pub(super) struct Side {
    /// What is left, of the whole and of the question at hand.
    fuel: Cell<(u32, u32)>,
    documents: Arc<Documents>,
    root: At,
    /// Whether references mean what they seem to: no part gives itself another base, and all is of one draft.
    plain: bool,
    parts: RefCell<HashMap<At, Option<Rc<Part>>>>,
    patterns: RefCell<HashMap<String, Option<Rc<Part>>>>,
}

impl Side {
    pub fn new(documents: Arc<Documents>, root: &str) -> Side {
        let plain = documents.values().all(|document| is_plain(document, true));
        Side {
            fuel: Cell::new((FUEL_TOTAL, FUEL_QUESTION)),
            documents,
            root: At { file: root.into(), pointer: String::new() },
            plain,
            parts: RefCell::default(),
            patterns: RefCell::default(),
        }
    }

    /// Another question begins.
    pub fn refuel(&self) {
        self.fuel.set((self.fuel.get().0, FUEL_QUESTION));
    }

    /// Whether it may be looked deeper. If not, what is not known stays so.
    pub fn spend(&self) -> bool {
        let (total, question) = self.fuel.get();
        let some = total > 0 && question > 0;
        if some {
            self.fuel.set((total - 1, question - 1));
        }
        some
    }

    pub fn root(&self) -> &At {
        &self.root
    }

    pub fn value(&self, at: &At) -> Option<&Value> {
        self.documents.get(&*at.file)?.pointer(&at.pointer)
    }

    /// Whether the schema at `at` accepts the value; `None` if it cannot be asked.
    pub fn admits(&self, at: &At, value: &Value) -> Option<bool> {
        let part = self.parts.borrow().get(at).cloned();
        let part = part.unwrap_or_else(|| {
            let part = Part::new(&self.documents, &at.file, &at.pointer).map(Rc::new);
            self.parts.borrow_mut().insert(at.clone(), part.clone());
            part
        });
        Some(part?.admits(value))
    }

    /// Whether a name fits a pattern; `None` if it cannot be asked.
    pub fn fits(&self, pattern: &str, name: &str) -> Option<bool> {
        let part = self.patterns.borrow().get(pattern).cloned();
        let part = part.unwrap_or_else(|| {
            let part = Part::keyword("pattern", &Value::from(pattern)).map(Rc::new);
            self.patterns.borrow_mut().insert(pattern.to_owned(), part.clone());
            part
        });
        Some(part?.admits(&Value::from(name)))
    }

    /// What a `$ref` at `at` refers to; `None` if that cannot be said.
    pub fn target(&self, at: &At, reference: &str) -> Option<At> {
        if !self.plain {
            return None;
        }
        let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let file: Rc<str> = if file.is_empty() { Rc::clone(&at.file) } else { join(&at.file, &decode(file))?.into() };
        let pointer = decode(pointer);
        // An anchor is a name that has to be looked for.
        if !pointer.is_empty() && !pointer.starts_with('/') {
            let found = anchored(self.documents.get(&*file)?, &pointer, String::new())?;
            return Some(At { file, pointer: found });
        }
        let target = At { file, pointer };
        self.value(&target).is_some().then_some(target)
    }
}

fn is_plain(value: &Value, root: bool) -> bool {
    match value {
        Value::Object(map) => {
            let draft = map.get("$schema").and_then(Value::as_str);
            (root || !map.get("$id").is_some_and(Value::is_string))
                && draft.is_none_or(|draft| draft.contains("2020-12"))
                && map.values().all(|value| is_plain(value, false))
        }
        Value::Array(items) => items.iter().all(|value| is_plain(value, false)),
        _ => true,
    }
}

fn anchored(value: &Value, anchor: &str, pointer: String) -> Option<String> {
    match value {
        Value::Object(map) => {
            if map.get("$anchor").and_then(Value::as_str) == Some(anchor) {
                return Some(pointer);
            }
            map.iter().find_map(|(key, value)| anchored(value, anchor, format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))))
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(at, value)| anchored(value, anchor, format!("{pointer}/{at}"))),
        _ => None,
    }
}
