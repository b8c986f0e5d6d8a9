//! Templates of JSON with `$names` for values.

use serde_json::Value;

/// A JSON value in which strings may name values: `$data` alone is the value itself, `evt_$id` puts it into text.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// A constant.
    Value(Value),
    /// `$name` or `$name.path.into.it`, alone: whatever JSON value it is.
    Name(Path),
    /// Text with names in it.
    Text(Vec<Segment>),
    Array(Vec<Template>),
    Object(Vec<(String, Template)>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    Literal(String),
    Name(Path),
}

/// `$claims.sub` is `["claims", "sub"]`.
pub type Path = Vec<String>;

impl Template {
    /// Appends the first part of every name in it.
    pub fn names<'t>(&'t self, found: &mut Vec<&'t str>) {
        let mut paths = Vec::new();
        self.paths(&mut paths);
        found.extend(paths.into_iter().filter_map(|path| path.first().map(String::as_str)));
    }

    /// Appends every name in it, whole.
    pub fn paths<'t>(&'t self, found: &mut Vec<&'t Path>) {
        match self {
            Template::Value(_) => {}
            Template::Name(path) => found.push(path),
            Template::Text(segments) => found.extend(segments.iter().filter_map(|segment| match segment {
                Segment::Name(path) => Some(path),
                Segment::Literal(_) => None,
            })),
            Template::Array(items) => items.iter().for_each(|t| t.paths(found)),
            Template::Object(entries) => entries.iter().for_each(|(_, t)| t.paths(found)),
        }
    }

    /// Fills the template. A name that `lookup` does not know is null.
    pub fn fill(&self, lookup: &mut dyn FnMut(&[String]) -> Option<Value>) -> Value {
        match self {
            Template::Value(v) => v.clone(),
            Template::Name(path) => lookup(path).unwrap_or(Value::Null),
            Template::Text(segments) => {
                let mut text = String::new();
                for segment in segments {
                    match segment {
                        Segment::Literal(s) => text.push_str(s),
                        Segment::Name(path) => match lookup(path) {
                            Some(Value::String(s)) => text.push_str(&s),
                            Some(Value::Null) | None => {}
                            Some(v) => text.push_str(&v.to_string()),
                        },
                    }
                }
                Value::String(text)
            }
            Template::Array(items) => Value::Array(items.iter().map(|t| t.fill(lookup)).collect()),
            Template::Object(entries) => Value::Object(entries.iter().map(|(k, t)| (k.clone(), t.fill(lookup))).collect()),
        }
    }
}
