//! The party's JSON Schemas, as a client would check frames with them: nothing of the server's own reading of them.

#[path = "../../../../../examples/backend/tests/fake/inline.rs"]
mod inline;

use super::root;
use inline::put_in;
use jsonschema::Validator;
use serde_json::Value;
use std::{collections::BTreeMap, fs};

pub struct Payloads(BTreeMap<String, Validator>);

/// Frames that the document does not list: answers to what a client sent.
const BESIDE: [&str; 2] = ["action.request.ack", "vote.cast.ack"];

impl Payloads {
    pub fn read() -> Payloads {
        let folder = root().join("contracts/party/jsonschema/party_sync");
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_file()) {
            let mut schema: Value = serde_json::from_slice(&fs::read(&entry).unwrap()).unwrap();
            put_in(&mut schema, &folder);
            let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
            all.insert(entry.file_stem().unwrap().to_str().unwrap().to_owned(), validator);
        }
        Payloads(all)
    }

    pub fn types(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Envelope and payload of a frame.
    pub fn check(&self, frame: &Value) {
        let mut members: Vec<&String> = frame.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, ["payload", "timestamp", "trace_id", "type"], "{frame}");
        let event_type = frame["type"].as_str().unwrap();
        assert!(frame["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{frame}");
        assert!(frame["trace_id"].is_null() || frame["trace_id"].is_string(), "{frame}");
        if BESIDE.contains(&event_type) {
            return;
        }
        let validator = self.0.get(event_type).unwrap_or_else(|| panic!("no schema for {frame}"));
        let wrong: Vec<String> = validator.iter_errors(&frame["payload"]).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{frame}");
    }
}
