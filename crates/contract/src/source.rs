//! A contract as it was written: for generators, and for comparing one with another.

use crate::problem::Problem;
use serde_json::Value;
use std::{collections::BTreeMap, ops::Range, path::PathBuf, sync::Arc};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Source {
    /// `contract.yaml`, as JSON; keys in the order of the file.
    pub document: Value,
    /// The schema files that it refers to, and those that they refer to, by their path in the folder.
    pub schemas: BTreeMap<String, Value>,
    /// JSON pointer into `document` → line of `contract.yaml`, from 1.
    pub lines: BTreeMap<String, usize>,
    /// The file of `document`, and its text.
    pub file: PathBuf,
    pub text: Arc<str>,
    /// JSON pointer into `document` → the bytes of the key or item in `text`.
    pub spans: BTreeMap<String, Range<usize>>,
}

impl Source {
    /// A problem at a place of the contract; where there is no such place, at the nearest above it.
    pub fn problem(&self, pointer: &str, code: &'static str, message: String, help: Option<String>) -> Problem {
        let mut at = pointer;
        let span = loop {
            match (self.spans.get(at), at.rfind('/')) {
                (Some(span), _) => break span.clone(),
                (None, Some(above)) => at = &at[..above],
                (None, None) => break 0..0,
            }
        };
        Problem::new(code, self.file.clone(), Arc::clone(&self.text), span, message, help)
    }
}
