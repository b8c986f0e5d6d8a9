//! The JSON files of a schema: read, and every mistake of theirs given its place.

use super::{Documents, decode, truncate};
use crate::compile::{
    source::{Files, Reporter, nearest},
    yaml,
};
use serde_json::Value;
use std::{ops::Range, path::PathBuf, sync::Arc};

/// Schema files that one schema may reach.
const FILES_MAX: usize = 200;
/// Levels of nesting of a schema file; the JSON reader has a like bound.
const DEPTH_MAX: usize = 128;
/// What a schema may refer to beside the contract's files: the schemas of JSON Schema itself.
const META: &str = "https://json-schema.org/";

/// A path inside the contract's folder, or a problem.
pub(super) fn clean(path: &str, at: &Range<usize>, report: &Reporter) -> Option<String> {
    let joined = join("", path);
    if joined.is_none() {
        let help = Some("write a path relative to the contract, e.g. `schemas/order.json`".to_owned());
        report.add("bad-path", at.clone(), "a schema is a file in the contract's folder", help);
    }
    joined
}

/// `reference` as seen from the file `from`; `None` if it leaves the folder.
pub(crate) fn join(from: &str, reference: &str) -> Option<String> {
    if reference.starts_with('/') || reference.contains('\\') || reference.contains(':') || reference.is_empty() {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in reference.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The file and all that it refers to.
pub(super) fn load(path: &str, at: &Range<usize>, files: &Files, report: &Reporter) -> Option<Documents> {
    let mut documents = Documents::new();
    let mut wanted = vec![(path.to_owned(), None::<(String, String)>)];
    let mut whole = true;
    while let Some((path, from)) = wanted.pop() {
        if documents.contains_key(&path) || documents.len() >= FILES_MAX {
            continue;
        }
        let Some(text) = (files.read)(&path) else {
            if files.names.contains(&path) {
                let help = Some(format!("it has to be UTF-8, and at most {} bytes", yaml::FILE_BYTES_MAX));
                report.add("missing-schema", at.clone(), format!("the file `{path}` cannot be read"), help);
                whole = false;
                continue;
            }
            let near = nearest(&path, files.names.iter().map(String::as_str));
            let help = near.map(|near| format!("did you mean `{near}`?"));
            match from {
                None => report.add("missing-schema", at.clone(), format!("there is no file `{path}`"), help),
                Some((from, reference)) => {
                    report_text(&from, &reference, format!("there is no file `{path}`"), "missing-schema", help, files, report);
                }
            }
            whole = false;
            continue;
        };
        let document: Value = match serde_json::from_str(&text) {
            Ok(document) => document,
            Err(error) => {
                let start = place(&text, error.line(), error.column());
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or_default();
                report.add_in(
                    &file_of(&path, files),
                    &text.as_str().into(),
                    "bad-json",
                    start..start + 1,
                    format!("this is not JSON: {}", truncate(message.to_owned())),
                    None,
                );
                whole = false;
                continue;
            }
        };
        let mut outside = Vec::new();
        references(&document, 0, &mut |reference| {
            let file = reference.split('#').next().unwrap_or_default();
            if file.is_empty() || file.starts_with(META) {
                return;
            }
            match join(&path, &decode(file)) {
                Some(next) => wanted.push((next, Some((path.clone(), reference.to_owned())))),
                None => outside.push(reference.to_owned()),
            }
        });
        for reference in outside {
            let help = Some("copy what is needed into a file beside it".to_owned());
            report_text(&path, &reference, "a schema refers to files of its own contract only".to_owned(), "bad-path", help, files, report);
            whole = false;
        }
        documents.insert(path, document);
    }
    whole.then_some(documents)
}

fn references(value: &Value, depth: usize, found: &mut dyn FnMut(&str)) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(reference) if key == "$ref" || key == "$dynamicRef" => found(reference),
                    value => references(value, depth + 1, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, depth + 1, found)),
        _ => {}
    }
}

fn file_of(path: &str, files: &Files) -> PathBuf {
    files.folder.join(path)
}

/// The byte at a line (from 1) and column (from 1, in bytes) of a text.
fn place(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (start + column.saturating_sub(1)).min(text.len().saturating_sub(1))
}

/// A problem of the schema at a pointer into it.
pub(super) fn report_schema(path: &str, pointer: &str, message: String, help: Option<String>, files: &Files, report: &Reporter) {
    let text: Arc<str> = (files.read)(path).unwrap_or_default().into();
    // JSON is YAML: the same reader gives every value its place.
    let places = Reporter::new(PathBuf::new(), Arc::clone(&text));
    let span = yaml::read(&text, &places).map_or(0..0, |document| document.at_pointer(pointer).0.unwrap_or(0..1));
    report.add_in(&file_of(path, files), &text, "bad-schema", span, message, help);
}

/// A problem at the first place where a schema file spells `reference`.
fn report_text(path: &str, reference: &str, message: String, code: &'static str, help: Option<String>, files: &Files, report: &Reporter) {
    let text: Arc<str> = (files.read)(path).unwrap_or_default().into();
    let span = text.find(reference).map_or(0..0, |at| at..at + reference.len());
    report.add_in(&file_of(path, files), &text, code, span, message, help);
}
