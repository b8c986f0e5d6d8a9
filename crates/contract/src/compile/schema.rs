//! JSON Schema 2020-12: the one module that knows the validator.
//!
//! A schema reaches the contract's own files by relative `$ref`, and nothing else: no network, no other folder.

mod bundle;
mod documents;
mod part;

use super::source::{Files, Reporter, suggest};
use crate::event::{Violation, json_type};
pub(crate) use documents::join;
use documents::{clean, load, report_schema};
use jsonschema::{Draft, PatternOptions, Retrieve, Uri, ValidationError, Validator};
pub(crate) use part::Part;
use serde_json::Value;
use std::{collections::BTreeMap, ops::Range, sync::Arc};

/// Where the contract's files are, as far as the validator is concerned.
const BASE: &str = "contract:///";
/// Violations reported of one payload.
const VIOLATIONS_MAX: usize = 50;
/// Characters of a violation's message.
const MESSAGE_CHARS_MAX: usize = 240;

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
    let found = json_type(error.instance());
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
    let before = report.count();
    for (file, document) in documents.iter() {
        for error in jsonschema::draft202012::meta::validator().iter_errors(document) {
            let (message, help) = explain(&error);
            report_schema(file, error.instance_path().as_str(), message, help, files, report);
        }
    }
    let root = documents.get(&path).filter(|_| report.count() == before)?;
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_base_uri(format!("{BASE}{}", encode(&path)))
        .with_retriever(OwnFiles(Arc::clone(&documents)))
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false);
    let validator = options.build(root).map_err(|error| {
        let (message, help) = explain(&error);
        report_schema(&path, error.instance_path().as_str(), message, help, files, report);
    });
    Some(Schema { validator: validator.ok()?, bundled: bundle::bundle(&path, &documents), root: path, documents })
}

/// What is wrong with a schema, in words for the one who writes it.
fn explain(error: &ValidationError<'_>) -> (String, Option<String>) {
    const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "object", "array", "null"];
    const FORMATS: [&str; 14] = [
        "date-time",
        "date",
        "time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uri-reference",
        "uuid",
        "regex",
        "json-pointer",
        "iri",
    ];
    let message = error.to_string();
    let wrong = error.instance().as_str().unwrap_or_default();
    if let Some(rest) = message.strip_prefix("Unknown format: '") {
        let format = rest.split('\'').next().unwrap_or_default();
        return (format!("there is no format `{}`", truncate(format.to_owned())), suggest(format, FORMATS, "formats are"));
    }
    if error.instance_path().as_str().ends_with("/type") && !wrong.is_empty() {
        return (format!("there is no type `{}`", truncate(wrong.to_owned())), suggest(wrong, TYPES, "types are"));
    }
    (format!("this is not a JSON Schema: {}", truncate(message)), None)
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

pub(crate) fn decode(path: &str) -> String {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()
}
