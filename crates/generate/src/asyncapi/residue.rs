//! What one language says and the other does not: kept beside what was said, under `x-tidewire`.

use serde_json::{Map, Value};

/// Names the keys that were understood and that the contract does not have.
const WITHOUT: &str = "without";

/// What has to be added to `understood` to get `meant`, key by key.
pub fn residue(understood: &Map<String, Value>, meant: &Map<String, Value>) -> Map<String, Value> {
    let mut rest: Map<String, Value> =
        meant.iter().filter(|(key, value)| understood.get(*key) != Some(value)).map(|(key, value)| (key.clone(), value.clone())).collect();
    let without: Vec<Value> = understood.keys().filter(|key| !meant.contains_key(*key)).map(|key| key.as_str().into()).collect();
    if !without.is_empty() {
        rest.insert(WITHOUT.to_owned(), without.into());
    }
    rest
}

/// The way back: `understood` with the residue put into it.
pub fn complete(mut understood: Map<String, Value>, rest: Option<&Value>) -> Map<String, Value> {
    let Some(rest) = rest.and_then(Value::as_object) else { return understood };
    for key in rest.get(WITHOUT).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        understood.shift_remove(key);
    }
    for (key, value) in rest.iter().filter(|(key, _)| *key != WITHOUT) {
        understood.insert(key.clone(), value.clone());
    }
    understood
}
