//! One schema of many files: what others (an OpenAPI document, generated types) can read by itself.

use super::{Documents, decode, join};
use serde_json::{Map, Value};

/// The document `root` with all others under `$defs`, and every reference made a local one.
pub(super) fn bundle(root: &str, documents: &Documents) -> Value {
    let mut bundled = documents.get(root).cloned().unwrap_or(Value::Bool(true));
    if documents.len() < 2 {
        return bundled;
    }
    relink(&mut bundled, root, root, documents);
    let mut definitions = Map::new();
    for (path, document) in documents.iter().filter(|(path, _)| *path != root) {
        let mut document = document.clone();
        relink(&mut document, path, root, documents);
        if let Some(document) = document.as_object_mut() {
            document.remove("$schema");
        }
        definitions.insert(path.clone(), document);
    }
    if let Some(bundled) = bundled.as_object_mut()
        && let Some(own) = bundled.entry("$defs").or_insert_with(|| Value::Object(Map::new())).as_object_mut()
    {
        own.append(&mut definitions);
    }
    bundled
}

/// Makes the references of `value`, a part of the file `from`, point into the bundle.
fn relink(value: &mut Value, from: &str, root: &str, documents: &Documents) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(reference) if key == "$ref" => {
                        if let Some(local) = local(reference, from, root, documents) {
                            *reference = local;
                        }
                    }
                    value => relink(value, from, root, documents),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| relink(item, from, root, documents)),
        _ => {}
    }
}

fn local(reference: &str, from: &str, root: &str, documents: &Documents) -> Option<String> {
    let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
    let target = if file.is_empty() { from.to_owned() } else { join(from, &decode(file))? };
    if target == root {
        return Some(format!("#{pointer}"));
    }
    documents
        .contains_key(&target)
        .then(|| format!("#/$defs/{}{pointer}", target.replace('~', "~0").replace('/', "~1").replace('%', "%25")))
}
