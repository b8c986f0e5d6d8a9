//! The text of a document: JSON, or YAML.

use saphyr::Scalar;
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Bytes of a document.
const BYTES_MAX: usize = 8 << 20;
/// Values in a document, with those that aliases stand for.
const NODES_MAX: usize = 500_000;
/// Levels of nesting; the JSON reader has a like bound.
const DEPTH_MAX: usize = 120;

/// The document as JSON.
///
/// # Errors
/// What is wrong with the text, and where.
pub fn read(text: &str) -> Result<Value, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("it has {} bytes; at most {BYTES_MAX} are read", text.len()));
    }
    if text.trim_start().starts_with(['{', '[']) {
        return serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"));
    }
    yaml(text)
}

enum Open {
    List(Vec<Value>, usize),
    Map(Map<String, Value>, Option<String>, usize),
}

fn yaml(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut known: HashMap<usize, Value> = HashMap::new();
    let mut document = None;
    let mut nodes = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| format!("it is neither JSON nor YAML: line {}: {}", error.marker().line(), error.info()))?;
        nodes += 1;
        let (value, anchor) = match event {
            Event::SequenceStart(anchor, _) => {
                open.push(Open::List(Vec::new(), anchor));
                (None, 0)
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Map(Map::new(), None, anchor));
                (None, 0)
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items, anchor)) => (Some(Value::Array(items)), anchor),
                Some(Open::Map(members, _, anchor)) => (Some(Value::Object(members)), anchor),
                None => (None, 0),
            },
            Event::Scalar(text, style, anchor, _) => {
                let value = match Scalar::parse_from_cow_and_metadata(text, style, None) {
                    Some(Scalar::Boolean(b)) => b.into(),
                    Some(Scalar::Integer(i)) => i.into(),
                    Some(Scalar::FloatingPoint(f)) => f.into_inner().into(),
                    Some(Scalar::String(s)) => s.into_owned().into(),
                    Some(Scalar::Null) | None => Value::Null,
                };
                (Some(value), anchor)
            }
            Event::Alias(id) => {
                let value = known.get(&id).cloned().unwrap_or_default();
                nodes += count(&value);
                (Some(value), 0)
            }
            _ => (None, 0),
        };
        if nodes > NODES_MAX || open.len() > DEPTH_MAX {
            return Err(format!("it is too large: more than {NODES_MAX} values, or nested more than {DEPTH_MAX} levels deep"));
        }
        let Some(value) = value else { continue };
        if anchor != 0 {
            known.insert(anchor, value.clone());
        }
        match open.last_mut() {
            None => document = Some(value),
            Some(Open::List(items, _)) => items.push(value),
            Some(Open::Map(_, key @ None, _)) => {
                *key = Some(match value {
                    Value::String(text) => text,
                    Value::Array(_) | Value::Object(_) => return Err(format!("line {}: a key is text", span.start.line())),
                    other => other.to_string(),
                });
            }
            Some(Open::Map(members, key, _)) => {
                if let Some(key) = key.take() {
                    members.insert(key, value);
                }
            }
        }
    }
    document.ok_or_else(|| "it is empty".to_owned())
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}
