//! JSON Schema 2020-12: the one module that knows the validator.
//!
//! A schema reaches the contract's own files by relative `$ref`, and nothing else: no network, no other folder.

use super::{
    source::{Files, Reporter, nearest},
    yaml::{self, Kind, Node},
};
use crate::event::Violation;
use jsonschema::{Draft, PatternOptions, Retrieve, Uri, ValidationError, Validator};
use serde_json::Value;
use std::{collections::BTreeMap, ops::Range, path::PathBuf, sync::Arc};

/// Where the contract's files are, as far as the validator is concerned.
const BASE: &str = "contract:///";
/// Violations reported of one payload.
const VIOLATIONS_MAX: usize = 50;
/// Characters of a violation's message.
const MESSAGE_CHARS_MAX: usize = 240;
/// Schema files that one schema may reach.
const FILES_MAX: usize = 200;

/// The JSON files of a schema, by relative path.
pub(crate) type Documents = BTreeMap<String, Value>;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
    bundled: Value,
    /// For reading types off it while the contract is compiled.
    pub(crate) documents: Arc<Documents>,
    /// The schema's own file among them.
    pub(crate) root: String,
}

impl Schema {
    pub(crate) fn validate(&self, data: &Value) -> Vec<Violation> {
        if self.validator.is_valid(data) {
            return Vec::new();
        }
        self.validator.iter_errors(data).take(VIOLATIONS_MAX).map(|error| violation(&error)).collect()
    }

    pub(crate) fn bundled(&self) -> &Value {
        &self.bundled
    }
}

fn violation(error: &ValidationError<'_>) -> Violation {
    let found = match &**error.instance() {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let long = match &**error.instance() {
        Value::String(s) => s.len() > 80,
        Value::Array(_) | Value::Object(_) => true,
        _ => false,
    };
    let message = if long { error.masked().to_string() } else { error.to_string() };
    Violation {
        pointer: error.instance_path().as_str().to_owned(),
        rule: error.kind().keyword().to_owned(),
        found,
        message: truncate(message),
    }
}

fn truncate(message: String) -> String {
    match message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message,
    }
}

/// Compiles the schema in the file `path`; what is wrong with it is reported at its own place, or at `at` if it is not there.
pub(crate) fn compile(path: &str, at: &Range<usize>, files: &Files, report: &Reporter) -> Option<Schema> {
    let path = clean(path, at, report)?;
    let documents = Arc::new(load(&path, at, files, report)?);
    let root = documents.get(&path)?;
    let options = || {
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_base_uri(format!("{BASE}{}", encode(&path)))
            .with_retriever(OwnFiles(Arc::clone(&documents)))
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
    };
    let validator = options().build(root).map_err(|error| {
        let pointer = error.instance_path().as_str().to_owned();
        report_schema(&path, &pointer, truncate(error.to_string()), files, report);
    });
    let bundled = options().bundle(root).unwrap_or_else(|_| root.clone());
    Some(Schema { validator: validator.ok()?, bundled, root: path, documents })
}

struct OwnFiles(Arc<Documents>);

impl Retrieve for OwnFiles {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let path = uri.as_str().strip_prefix(BASE).map(decode);
        match path.and_then(|path| self.0.get(&path)) {
            Some(document) => Ok(document.clone()),
            None => Err("a schema refers to files of its own contract only".into()),
        }
    }
}

fn encode(path: &str) -> String {
    const SET: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS.add(b' ').add(b'#').add(b'?').add(b'%');
    percent_encoding::utf8_percent_encode(path, SET).to_string()
}

fn decode(path: &str) -> String {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// A path inside the contract's folder, or a problem.
fn clean(path: &str, at: &Range<usize>, report: &Reporter) -> Option<String> {
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
fn load(path: &str, at: &Range<usize>, files: &Files, report: &Reporter) -> Option<Documents> {
    let mut documents = Documents::new();
    let mut wanted = vec![(path.to_owned(), None::<(String, String)>)];
    let mut whole = true;
    while let Some((path, from)) = wanted.pop() {
        if documents.contains_key(&path) || documents.len() >= FILES_MAX {
            continue;
        }
        let Some(text) = (files.read)(&path) else {
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
                    format!("this is not JSON: {message}"),
                    None,
                );
                whole = false;
                continue;
            }
        };
        references(&document, 0, &mut |reference| {
            let file = reference.split('#').next().unwrap_or_default();
            if let Some(next) = join(&path, &decode(file)) {
                wanted.push((next, Some((path.clone(), reference.to_owned()))));
            }
        });
        documents.insert(path, document);
    }
    whole.then_some(documents)
}

fn references(value: &Value, depth: usize, found: &mut dyn FnMut(&str)) {
    if depth > 128 {
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
fn report_schema(path: &str, pointer: &str, message: String, files: &Files, report: &Reporter) {
    let text: Arc<str> = (files.read)(path).unwrap_or_default().into();
    // JSON is YAML: the same reader gives every value its place.
    let places = Reporter::new(PathBuf::new(), Arc::clone(&text));
    let span = yaml::read(&text, &places).map_or(0..0, |document| at_pointer(&document, pointer));
    report.add_in(&file_of(path, files), &text, "bad-schema", span, message, None);
}

/// A problem at the first place where a schema file spells `reference`.
fn report_text(path: &str, reference: &str, message: String, code: &'static str, help: Option<String>, files: &Files, report: &Reporter) {
    let text: Arc<str> = (files.read)(path).unwrap_or_default().into();
    let span = text.find(reference).map_or(0..0, |at| at..at + reference.len());
    report.add_in(&file_of(path, files), &text, code, span, message, help);
}

fn at_pointer(document: &Node, pointer: &str) -> Range<usize> {
    let mut node = document;
    let mut span = 0..1;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let next = match &node.kind {
            Kind::Map(entries) => entries.iter().find(|e| e.key == part).map(|e| (&e.value, e.key_span.start..e.value.span.end)),
            Kind::List(items) => part.parse::<usize>().ok().and_then(|i| items.get(i)).map(|n| (n, n.span.clone())),
            _ => None,
        };
        let Some((next, at)) = next else { break };
        (node, span) = (next, at);
    }
    span
}
