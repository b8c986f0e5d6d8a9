//! A pattern held against what came.

use crate::wire::Frame;
use serde_json::{Map, Value};
use tidewire_contract::Expected;

/// One field that is not as written.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Field {
    /// Where it is: `ticket.version`; empty for the whole.
    pub path: String,
    pub expected: Value,
    /// Absent: there is no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub came: Option<Value>,
}

/// What of the pattern is not so. What a pattern does not name may be anything; a list has as many items as the pattern's.
pub fn fields(pattern: &Value, value: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    compare(pattern, Some(value), "", &mut found);
    found
}

/// Whether a text stands for a value that the flow meets: `$message`.
fn name(value: &Value) -> Option<&str> {
    let name = value.as_str()?.strip_prefix('$')?;
    let word =
        !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    word.then_some(name)
}

/// A payload or a pattern with the values that the flow has met in the places of their names.
pub fn filled(value: &Value, met: &Map<String, Value>) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), filled(value, met))).collect(),
        Value::Array(items) => items.iter().map(|item| filled(item, met)).collect(),
        plain => name(plain).and_then(|name| met.get(name)).unwrap_or(plain).clone(),
    }
}

/// What names that are still free stand for in what came.
pub fn meet(pattern: &Value, value: &Value, met: &mut Map<String, Value>) {
    match (pattern, value) {
        (Value::Object(wanted), Value::Object(members)) => {
            wanted.iter().filter_map(|(key, pattern)| Some((pattern, members.get(key)?))).for_each(|(p, v)| meet(p, v, met));
        }
        (Value::Array(wanted), Value::Array(items)) => wanted.iter().zip(items).for_each(|(p, v)| meet(p, v, met)),
        _ => {
            if let Some(name) = name(pattern) {
                met.entry(name).or_insert_with(|| value.clone());
            }
        }
    }
}

fn compare(pattern: &Value, value: Option<&Value>, path: &str, found: &mut Vec<Field>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (pattern, value) {
        (Value::Object(wanted), Some(Value::Object(members))) => {
            for (key, pattern) in wanted {
                compare(pattern, members.get(key), &below(key), found);
            }
        }
        (Value::Array(wanted), Some(Value::Array(items))) if wanted.len() == items.len() => {
            for (at, (pattern, item)) in wanted.iter().zip(items).enumerate() {
                compare(pattern, Some(item), &below(&at.to_string()), found);
            }
        }
        (Value::Number(a), Some(Value::Number(b))) if a == b || a.as_f64() == b.as_f64() => {}
        (_, Some(value)) if pattern == value || name(pattern).is_some() => {}
        _ => found.push(Field { path: path.to_owned(), expected: pattern.clone(), came: value.cloned() }),
    }
}

/// What of an expectation a frame does not have: of its payload, or of the whole frame, whichever is nearer. `None`: it is called
/// something else.
pub fn unlike(expected: &Expected, frame: &Frame) -> Option<Vec<Field>> {
    if !frame.is_called(&expected.event_type) {
        return None;
    }
    let Some(pattern) = &expected.data else { return Some(Vec::new()) };
    let of_payload = fields(pattern, &frame.payload);
    let of_whole = if frame.is_event() { None } else { Some(fields(pattern, &frame.whole)) };
    Some(of_whole.filter(|whole| whole.len() < of_payload.len()).unwrap_or(of_payload))
}
