//! Validators of parts of a schema: what a comparison asks when it wants to be sure.

use super::{BASE, Documents, OwnFiles, encode};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Value, json};
use std::sync::Arc;

/// A place in a schema, compiled by itself.
pub(crate) struct Part(Validator);

impl Part {
    /// The schema at a JSON pointer of a file; `None` where it cannot be compiled.
    pub(crate) fn new(documents: &Arc<Documents>, file: &str, pointer: &str) -> Option<Part> {
        let reference = format!("{BASE}{}#{}", encode(file), fragment(pointer));
        Part::build(&json!({ "$ref": reference }), documents)
    }

    /// A schema of one keyword that refers to nothing, such as a pattern.
    pub(crate) fn keyword(keyword: &str, value: &Value) -> Option<Part> {
        Part::build(&json!({ keyword: value }), &Arc::default())
    }

    /// Whether it is a JSON Schema, by the schema of schemas.
    pub(crate) fn is_schema(value: &Value) -> bool {
        jsonschema::draft202012::meta::validator().is_valid(value)
    }

    fn build(schema: &Value, documents: &Arc<Documents>) -> Option<Part> {
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_retriever(OwnFiles(Arc::clone(documents)))
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false);
        options.build(schema).ok().map(Part)
    }

    pub(crate) fn admits(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }
}

fn fragment(pointer: &str) -> String {
    pointer
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"-._~/$:@!".contains(&b) { (b as char).to_string() } else { format!("%{b:02X}") })
        .collect()
}
