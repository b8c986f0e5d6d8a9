//! What is known of a payload's parts from its schema: for paths and rules.

use super::schema::{Documents, Schema, join};
use serde_json::Value;
use std::sync::Arc;

/// The type of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    /// Not known before it is seen.
    Any,
    Null,
    Bool,
    Number,
    Text,
    List(Box<Type>),
    Map(Option<Cursor>),
}

impl Type {
    pub fn describe(&self) -> &'static str {
        match self {
            Type::Any => "a value",
            Type::Null => "null",
            Type::Bool => "true or false",
            Type::Number => "a number",
            Type::Text => "text",
            Type::List(_) => "a list",
            Type::Map(_) => "an object",
        }
    }
}

/// A place in a schema.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    documents: Arc<Documents>,
    file: String,
    /// JSON pointer.
    pointer: String,
}

impl PartialEq for Cursor {
    fn eq(&self, other: &Cursor) -> bool {
        self.file == other.file && self.pointer == other.pointer
    }
}

/// What a schema says of a field.
pub(crate) enum Field {
    Known(Cursor),
    /// It may be there, and nothing is known of it.
    Unknown,
    /// It cannot be there; these can.
    Forbidden(Vec<String>),
}

impl Cursor {
    pub fn root(schema: &Schema) -> Cursor {
        Cursor { documents: Arc::clone(&schema.documents), file: schema.root.clone(), pointer: String::new() }.resolved()
    }

    fn value(&self) -> Option<&Value> {
        self.documents.get(&self.file)?.pointer(&self.pointer)
    }

    fn below(&self, parts: &[&str]) -> Cursor {
        let mut pointer = self.pointer.clone();
        for part in parts {
            pointer.push('/');
            pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
        }
        Cursor { documents: Arc::clone(&self.documents), file: self.file.clone(), pointer }.resolved()
    }

    /// Follows `$ref`, as long as it stays within the contract's files.
    fn resolved(mut self) -> Cursor {
        for _ in 0..16 {
            let Some(reference) = self.value().and_then(|v| v.get("$ref")).and_then(Value::as_str) else { break };
            let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
            let next = if file.is_empty() { Some(self.file.clone()) } else { join(&self.file, file) };
            let Some(next) = next.filter(|next| self.documents.contains_key(next)) else { break };
            if !(pointer.is_empty() || pointer.starts_with('/')) {
                break;
            }
            self = Cursor { documents: Arc::clone(&self.documents), file: next, pointer: pointer.to_owned() };
        }
        self
    }

    /// The one type of the values here, if the schema allows one alone.
    pub fn kind(&self) -> Type {
        let Some(schema) = self.value() else { return Type::Any };
        let name = match schema.get("type") {
            Some(Value::String(name)) => name.as_str(),
            // `[string, null]`: null is what `has` asks about.
            Some(Value::Array(names)) => match names.iter().filter_map(Value::as_str).filter(|n| *n != "null").collect::<Vec<_>>()[..] {
                [name] => name,
                _ => return Type::Any,
            },
            _ => return Type::Any,
        };
        match name {
            "string" => Type::Text,
            "number" | "integer" => Type::Number,
            "boolean" => Type::Bool,
            "null" => Type::Null,
            "array" => Type::List(Box::new(if schema.get("items").is_some() { self.below(&["items"]).kind() } else { Type::Any })),
            "object" => Type::Map(Some(self.clone())),
            _ => Type::Any,
        }
    }

    /// The names of the types that the schema allows here; `None` where it does not say.
    pub fn types(&self) -> Option<Vec<&str>> {
        match self.value()?.get("type")? {
            Value::String(name) => Some(vec![name]),
            Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect()),
            _ => None,
        }
    }

    /// The fields that may be there, as far as the schema names them.
    pub fn fields(&self) -> Vec<String> {
        let properties = self.value().and_then(|schema| schema.get("properties")).and_then(Value::as_object);
        properties.into_iter().flat_map(|properties| properties.keys().cloned()).collect()
    }

    /// The fields that have to be there.
    pub fn required(&self) -> Vec<&str> {
        let required = self.value().and_then(|schema| schema.get("required")).and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The values that the schema allows here, where it lists them.
    pub fn constants(&self) -> Option<Vec<&Value>> {
        let schema = self.value()?;
        match (schema.get("const"), schema.get("enum").and_then(Value::as_array)) {
            (Some(only), _) => Some(vec![only]),
            (None, Some(all)) => Some(all.iter().collect()),
            (None, None) => None,
        }
    }

    pub fn items(&self) -> Option<Cursor> {
        self.value()?.get("items").map(|_| self.below(&["items"]))
    }

    pub fn field(&self, name: &str) -> Field {
        let Some(schema) = self.value() else { return Field::Unknown };
        let properties = schema.get("properties").and_then(Value::as_object);
        if properties.is_some_and(|p| p.contains_key(name)) {
            return Field::Known(self.below(&["properties", name]));
        }
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false)) && schema.get("patternProperties").is_none();
        match properties {
            Some(properties) if closed => Field::Forbidden(properties.keys().cloned().collect()),
            _ => Field::Unknown,
        }
    }

    /// Follows a path. `Ok(None)`: the schema does not say. `Err`: it cannot be there, with the part that is wrong and those that are right.
    pub fn follow(&self, path: &[String]) -> Result<Option<Cursor>, (String, Vec<String>)> {
        let mut at = self.clone();
        for part in path {
            if !matches!(at.kind(), Type::Any | Type::Map(_)) {
                return Err((part.clone(), Vec::new()));
            }
            match at.field(part) {
                Field::Known(next) => at = next,
                Field::Unknown => return Ok(None),
                Field::Forbidden(names) => return Err((part.clone(), names)),
            }
        }
        Ok(Some(at))
    }
}
