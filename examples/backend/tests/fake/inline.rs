//! JSON Schemas whole, as a validator of a test takes them.

use serde_json::Value;
use std::path::Path;

/// Puts other files of the folder in where a schema refers to them.
pub fn put_in(schema: &mut Value, folder: &Path) {
    if let Some(file) = schema.get("$ref").and_then(Value::as_str).filter(|file| file.ends_with(".json")) {
        let path = folder.join(file);
        *schema = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        schema.as_object_mut().unwrap().remove("$schema");
        return put_in(schema, path.parent().unwrap());
    }
    match schema {
        Value::Object(members) => members.values_mut().for_each(|value| put_in(value, folder)),
        Value::Array(values) => values.iter_mut().for_each(|value| put_in(value, folder)),
        _ => {}
    }
}
