//! The events' payloads, as far as other sections need them: which there are, and what their schemas say of a path.

use super::{
    fields::{short, text},
    names::inside,
    schema::{self, Schema},
    source::{Files, Reporter, suggest},
    types::{Cursor, Type},
    yaml::{Entry, Kind, Node},
};
use crate::{event::type_matches, template::Path};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The events' names and schemas, read before what refers to them.
pub(crate) struct Schemas {
    events: Vec<(String, Option<Arc<Schema>>)>,
}

impl Schemas {
    pub fn read(report: &Reporter, entry: Option<&Entry>, files: &Files) -> Schemas {
        let mut compiled: HashMap<String, Option<Arc<Schema>>> = HashMap::new();
        let mut events = Vec::new();
        let entries = match entry.map(|e| &e.value.kind) {
            Some(Kind::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        for event in entries {
            let data = match &event.value.kind {
                Kind::Map(fields) => fields.iter().find(|f| f.key == "data"),
                _ => None,
            };
            let schema = data.and_then(|data| {
                let path = text(report, data)?;
                if let Some(known) = compiled.get(path) {
                    return known.clone();
                }
                let schema = schema::compile(path, &data.value.span, files, report).map(Arc::new);
                compiled.insert(path.to_owned(), schema.clone());
                schema
            });
            events.push((event.key.clone(), schema));
        }
        Schemas { events }
    }

    /// Every schema file that was read, by its path in the folder.
    pub fn documents(&self) -> BTreeMap<String, Value> {
        let schemas = self.events.iter().filter_map(|(_, schema)| schema.as_ref());
        schemas.flat_map(|schema| schema.documents.iter().map(|(path, document)| (path.clone(), document.clone()))).collect()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(|(name, _)| name.as_str())
    }

    /// Whether there is such an event, by its name or by the pattern that covers it.
    pub fn has(&self, name: &str) -> bool {
        self.events.iter().any(|(n, _)| n == name || type_matches(n, name))
    }

    pub fn schema(&self, name: &str) -> Option<&Arc<Schema>> {
        let exact = self.events.iter().find(|(n, _)| n == name);
        exact.or_else(|| self.events.iter().find(|(n, _)| type_matches(n, name)))?.1.as_ref()
    }

    pub fn cursor(&self, name: &str) -> Option<Cursor> {
        self.schema(name).map(|schema| Cursor::root(schema))
    }

    /// Reports a path that the event's payload cannot have, or that leads to something else than `wanted`.
    pub fn check_path(&self, report: &Reporter, event: &str, path: &Path, node: &Node, wanted: Wanted) {
        let Some(cursor) = self.cursor(event) else { return };
        let text = if let Kind::Str(text) = &node.kind { text.as_str() } else { "" };
        let dotted = format!("$data.{}", path.join("."));
        let span = text.find(&dotted).map_or(node.span.clone(), |at| inside(report, node, text, at..at + dotted.len()));
        let (end, whole) = match cursor.follow(path) {
            Ok(end) => end.map_or((Type::Any, true), |end| (end.kind(), end.types().is_none_or(|types| types.contains(&"integer")))),
            Err((part, names)) => {
                let help = suggest(&part, names.iter().map(String::as_str), "its schema has");
                report.add("unknown-field", span, format!("the payload of `{}` has no `{}`", short(event), short(&part)), help);
                return;
            }
        };
        let (fits, what) = match wanted {
            Wanted::Names => (!matches!(end, Type::Bool | Type::Map(_) | Type::Null), "text, a number or a list of them"),
            Wanted::Name => (!matches!(end, Type::Bool | Type::Map(_) | Type::Null | Type::List(_)), "text or a number"),
            Wanted::Number => (matches!(end, Type::Any | Type::Number), "a number"),
            Wanted::Whole => (whole, "a whole number (`integer`)"),
        };
        if !fits {
            report.add("wrong-field", span, format!("here {what} is needed, and the schema says {}", end.describe()), None);
        }
    }
}

/// What a path has to lead to.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    /// Somebody or something, or a list of them.
    Names,
    /// Somebody or something.
    Name,
    Number,
    Whole,
}
