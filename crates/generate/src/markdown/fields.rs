//! Payloads in words: their fields, and what each has to be.

use super::words::code;
use crate::schema::{followed, resolve};
use serde_json::Value;
use tidewire_contract::json_type;

/// Levels of fields that are listed; deeper ones are the schema's.
const DEPTH_MAX: usize = 6;

/// A field of a payload.
#[derive(Debug, PartialEq)]
pub struct Field {
    /// `payload.items[].name`
    pub path: String,
    pub kind: String,
    pub required: bool,
    pub description: String,
    /// `Max 500 characters`
    pub rules: Vec<String>,
}

/// Every field of a payload whose schema is `document`, below `prefix`.
pub fn fields(document: &Value, prefix: &str) -> Vec<Field> {
    let mut found = Vec::new();
    let mut walk = Walk { document, found: &mut found, open: Vec::new() };
    walk.members(document, prefix, true, 0);
    found
}

/// What the whole payload has to be, beside its fields.
pub fn whole(document: &Value) -> Vec<String> {
    let schema = followed(document, document);
    let mut rules = Vec::new();
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) || schema.get("unevaluatedProperties") == Some(&Value::Bool(false)) {
        rules.push("No other fields".to_owned());
    }
    rules.extend(of_object(schema));
    rules
}

struct Walk<'d, 'f> {
    document: &'d Value,
    found: &'f mut Vec<Field>,
    /// References that are being followed: a schema may refer to itself.
    open: Vec<String>,
}

impl Walk<'_, '_> {
    /// The members of an object. `certain`: whether the object has this form in any case.
    fn members(&mut self, schema: &Value, prefix: &str, certain: bool, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        let reference = schema.get("$ref").and_then(Value::as_str).map(str::to_owned);
        if let Some(reference) = &reference {
            if self.open.contains(reference) {
                return;
            }
            self.open.push(reference.clone());
            if let Some(target) = resolve(self.document, reference) {
                self.members(target, prefix, certain, depth);
            }
        }
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            self.field(property, path, certain && required.contains(&name.as_str()), depth);
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.members(part, prefix, certain, depth);
        }
        for keyword in ["oneOf", "anyOf"] {
            for part in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
                self.members(part, prefix, false, depth);
            }
        }
        for keyword in ["then", "else"] {
            if let Some(part) = schema.get(keyword) {
                self.members(part, prefix, false, depth);
            }
        }
        if reference.is_some() {
            self.open.pop();
        }
    }

    fn field(&mut self, property: &Value, path: String, required: bool, depth: usize) {
        let target = followed(self.document, property);
        if let Some(known) = self.found.iter_mut().find(|field| field.path == path) {
            // Said again elsewhere: there it may be required, or have one more rule.
            known.required |= required;
            let new: Vec<String> = rules(self.document, property).into_iter().filter(|rule| !known.rules.contains(rule)).collect();
            known.rules.extend(new);
            return;
        }
        let word = |schema: &Value, keyword: &str| schema.get(keyword).and_then(Value::as_str).map(str::to_owned);
        let description = ["description", "title"].iter().find_map(|k| word(property, k).or_else(|| word(target, k))).unwrap_or_default();
        let kind = kind(self.document, property, 0);
        self.found.push(Field { path: path.clone(), kind, required, description, rules: rules(self.document, property) });
        self.members(property, &path, true, depth + 1);
        if let Some(items) = target.get("items").filter(|items| items.is_object()) {
            self.members(items, &format!("{path}[]"), true, depth + 1);
        }
    }
}

/// The type as the template calls it: `string`, `UUID`, `ISO8601`, `number`, `string[]`.
fn kind(document: &Value, schema: &Value, depth: usize) -> String {
    if depth > DEPTH_MAX {
        return "object".to_owned();
    }
    let schema = followed(document, schema);
    let format = schema.get("format").and_then(Value::as_str);
    let one = |name: &str| match (name, format) {
        ("string", Some("uuid")) => "UUID".to_owned(),
        ("string", Some("date-time" | "date" | "time" | "duration")) => "ISO8601".to_owned(),
        ("array", _) => match schema.get("items").filter(|items| items.is_object()) {
            Some(items) => {
                let of = kind(document, items, depth + 1);
                if of.contains(' ') { format!("({of})[]") } else { format!("{of}[]") }
            }
            None => "array".to_owned(),
        },
        (name, _) => name.to_owned(),
    };
    match schema.get("type") {
        Some(Value::String(name)) => one(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" | "),
        _ => {
            let value = schema.get("const").or_else(|| schema.get("enum").and_then(|e| e.get(0)));
            if let Some(value) = value {
                return json_type(value).to_owned();
            }
            for keyword in ["oneOf", "anyOf"] {
                if let Some(parts) = schema.get(keyword).and_then(Value::as_array) {
                    let mut kinds: Vec<String> = parts.iter().map(|part| kind(document, part, depth + 1)).collect();
                    kinds.dedup();
                    return kinds.join(" | ");
                }
            }
            if let Some(part) = schema.get("allOf").and_then(|parts| parts.get(0)) {
                return kind(document, part, depth + 1);
            }
            if schema.get("properties").is_some() { "object".to_owned() } else { "any".to_owned() }
        }
    }
}

/// What a value has to be, in words; of what a reference leads to as well as of what stands beside it.
fn rules(document: &Value, schema: &Value) -> Vec<String> {
    let mut rules = of_value(schema);
    let target = followed(document, schema);
    if !std::ptr::eq(target, schema) {
        rules.extend(of_value(target));
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        rules.extend(of_value(followed(document, part)));
    }
    if let Some(items) = target.get("items").filter(|items| items.is_object()) {
        rules.extend(of_value(followed(document, items)).into_iter().map(|rule| format!("Each: {}", lower(&rule))));
    }
    rules.dedup();
    rules
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn of_value(schema: &Value) -> Vec<String> {
    let count = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
    let number = |keyword: &str| schema.get(keyword).filter(|value| value.is_number()).map(Value::to_string);
    let plural = |n: u64, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let mut rules = Vec::new();
    if let Some(value) = schema.get("const") {
        rules.push(format!("Always {}", code(&value.to_string())));
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        rules.push(format!("One of {}", values.iter().map(|v| code(&plain(v))).collect::<Vec<_>>().join(", ")));
    }
    match (count("minLength").filter(|n| *n > 0), count("maxLength")) {
        (Some(1), None) => rules.push("Not empty".to_owned()),
        (Some(1), Some(most)) => rules.push(format!("Not empty, max {}", plural(most, "character"))),
        (Some(least), Some(most)) if least == most => rules.push(format!("Exactly {}", plural(most, "character"))),
        (Some(least), Some(most)) => rules.push(format!("{least}–{}", plural(most, "character"))),
        (Some(least), None) => rules.push(format!("Min {}", plural(least, "character"))),
        (None, Some(most)) => rules.push(format!("Max {}", plural(most, "character"))),
        (None, None) => {}
    }
    match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => rules.push(format!("Range {least}–{most}")),
        (Some(least), None) => rules.push(format!("At least {least}")),
        (None, Some(most)) => rules.push(format!("At most {most}")),
        (None, None) => {}
    }
    rules.extend(number("exclusiveMinimum").map(|bound| format!("More than {bound}")));
    rules.extend(number("exclusiveMaximum").map(|bound| format!("Less than {bound}")));
    rules.extend(number("multipleOf").map(|step| format!("A multiple of {step}")));
    rules.extend(schema.get("pattern").and_then(Value::as_str).map(|pattern| format!("Matches {}", code(pattern))));
    rules.extend(schema.get("format").and_then(Value::as_str).and_then(format));
    match (count("minItems").filter(|n| *n > 0), count("maxItems")) {
        (Some(least), Some(most)) if least == most => rules.push(format!("Exactly {}", plural(most, "item"))),
        (Some(least), Some(most)) => rules.push(format!("{least}–{}", plural(most, "item"))),
        (Some(least), None) => rules.push(format!("Min {}", plural(least, "item"))),
        (None, Some(most)) => rules.push(format!("Max {}", plural(most, "item"))),
        (None, None) => {}
    }
    if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
        rules.push("No item twice".to_owned());
    }
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        rules.push("No other fields in it".to_owned());
    }
    rules.extend(of_object(schema));
    rules
}

fn of_object(schema: &Value) -> Vec<String> {
    let count = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
    let mut rules = Vec::new();
    rules.extend(count("minProperties").map(|n| format!("At least {n} of the fields")));
    rules.extend(count("maxProperties").map(|n| format!("At most {n} of the fields")));
    for (name, needs) in schema.get("dependentRequired").and_then(Value::as_object).into_iter().flatten() {
        let needs: Vec<String> = needs.as_array().into_iter().flatten().filter_map(Value::as_str).map(code).collect();
        rules.push(format!("With {} also {}", code(name), needs.join(", ")));
    }
    let forms = ["oneOf", "anyOf"].iter().find_map(|k| schema.get(k).and_then(Value::as_array).map(|parts| (*k, parts)));
    if let Some((keyword, parts)) = forms {
        let named = |part: &Value| part.get("title").or_else(|| part.get("description")).and_then(Value::as_str).map(str::to_owned);
        let wanted = |part: &Value| {
            let names: Vec<String> = part.get("required")?.as_array()?.iter().filter_map(Value::as_str).map(code).collect();
            Some(format!("with {}", names.join(", ")))
        };
        let names: Vec<String> = parts.iter().filter_map(|part| named(part).or_else(|| wanted(part))).collect();
        if names.len() == parts.len() && schema.get("type").is_none_or(|t| t == "object") {
            rules.push(format!("{}: {}", if keyword == "oneOf" { "Exactly one of" } else { "At least one of" }, names.join("; ")));
        }
    }
    if schema.get("if").is_some() {
        rules.push("What is required depends on other fields: see the schema".to_owned());
    }
    rules
}

/// A value as people write it: text without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn format(name: &str) -> Option<String> {
    Some(match name {
        "uuid" => "A UUID".to_owned(),
        "date-time" => "An ISO 8601 time with its zone".to_owned(),
        "date" => "An ISO 8601 date".to_owned(),
        "time" => "An ISO 8601 time of day".to_owned(),
        "duration" => "An ISO 8601 duration".to_owned(),
        "email" | "idn-email" => "An e-mail address".to_owned(),
        "uri" | "iri" => "An absolute URL".to_owned(),
        "uri-reference" | "iri-reference" => "A URL".to_owned(),
        "hostname" | "idn-hostname" => "A host's name".to_owned(),
        "ipv4" => "An IPv4 address".to_owned(),
        "ipv6" => "An IPv6 address".to_owned(),
        other => format!("Format {}", code(other)),
    })
}
