//! JSON Schema 2020-12 as types: as strict as the language can say it, and `unknown` where a schema says nothing.

use super::{
    text::{Taken, comment, key, literal, pascal, within_backticks},
    words,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How a type may stand beside others without parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binds {
    Union,
    Intersection,
    Tight,
}

#[derive(Clone)]
struct Type(String, Binds);

impl Type {
    fn tight(text: impl Into<String>) -> Type {
        Type(text.into(), Binds::Tight)
    }

    fn at_least(self, binds: Binds) -> String {
        if self.1 < binds { format!("({})", self.0) } else { self.0 }
    }
}

/// The named types of a module.
#[derive(Default)]
pub(super) struct Types {
    pub(super) taken: Taken,
    /// In the order in which they were first met.
    pub(super) declarations: Vec<String>,
    /// Definitions that have a name, told apart by all that they say.
    named: BTreeMap<String, String>,
}

/// One schema document while it is read: `$ref`s are local to it.
struct Document<'a> {
    root: &'a Value,
    /// The type of the whole of it.
    name: &'a str,
}

impl Types {
    /// Declares the type of a payload; its name is taken already.
    pub(super) fn declare(&mut self, name: &str, root: &Value, about: &[String]) {
        let at = self.declarations.len();
        let document = Document { root, name };
        let mut lines = about.to_vec();
        lines.extend(words::about(root));
        let text = self.declaration(name, root, &document, &lines);
        self.declarations.insert(at, text);
    }

    fn declaration(&mut self, name: &str, schema: &Value, document: &Document<'_>, about: &[String]) -> String {
        let of = self.of(schema, document, 0, false);
        let head = comment(about, "");
        // An interface is shown by its name where something is wrong.
        match of.1 == Binds::Tight && of.0.starts_with("{\n") && of.0.ends_with('}') {
            true => format!("{head}export interface {name} {}\n", of.0),
            false => format!("{head}export type {name} = {}\n", of.0),
        }
    }

    /// `refines`: it says more of an object that is described beside it, and so does not say that there may be other members.
    fn of(&mut self, schema: &Value, document: &Document<'_>, depth: usize, refines: bool) -> Type {
        let schema = match schema {
            Value::Bool(false) => return Type::tight("never"),
            Value::Object(schema) if depth < 64 => schema,
            _ => return Type::tight("unknown"),
        };
        let mut parts: Vec<Type> = Vec::new();
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            parts.push(self.reference(target, document));
        }
        if let Some(constant) = schema.get("const") {
            parts.push(Type::tight(literal(constant)));
        } else if let Some(options) = schema.get("enum").and_then(Value::as_array) {
            parts.push(union(options.iter().map(|option| Type::tight(literal(option)))));
        } else {
            parts.extend(self.by_type(schema, document, depth, refines));
        }
        let closed = schema.get("unevaluatedProperties") == Some(&Value::Bool(false));
        let is_object = refines || schema.contains_key("properties") || schema.contains_key("additionalProperties");
        let says_more = |part: &Value| closed || is_object && part.get("type").is_none();
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            parts.push(self.of(part, document, depth, says_more(part)));
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(options) = schema.get(keyword).and_then(Value::as_array) {
                let options: Vec<Type> = options.iter().map(|option| self.of(option, document, depth, says_more(option))).collect();
                parts.push(union(options));
            }
        }
        intersection(parts)
    }

    fn by_type(&mut self, schema: &Map<String, Value>, document: &Document<'_>, depth: usize, refines: bool) -> Option<Type> {
        let has = |keywords: &[&str]| keywords.iter().any(|keyword| schema.contains_key(*keyword));
        let types: Vec<&str> = match schema.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            // Nobody who names members means a number.
            _ if has(&["properties", "required", "additionalProperties", "patternProperties"]) => vec!["object"],
            _ if has(&["items", "prefixItems"]) => vec!["array"],
            _ => return None,
        };
        let parts: Vec<Type> = types
            .into_iter()
            .map(|name| match name {
                "string" => Type::tight("string"),
                "number" | "integer" => Type::tight("number"),
                "boolean" => Type::tight("boolean"),
                "null" => Type::tight("null"),
                "array" => self.array(schema, document, depth),
                "object" => self.object(schema, document, depth, refines),
                _ => Type::tight("unknown"),
            })
            .collect();
        Some(union(parts))
    }

    fn array(&mut self, schema: &Map<String, Value>, document: &Document<'_>, depth: usize) -> Type {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        let most = schema.get("maxItems").and_then(Value::as_u64);
        let rest = match schema.get("items") {
            Some(Value::Bool(false)) => None,
            Some(items) => Some(self.of(items, document, depth, false).at_least(Binds::Tight)),
            None => Some("unknown".to_owned()),
        };
        let mut places: Vec<String> = Vec::new();
        for item in schema.get("prefixItems").and_then(Value::as_array).into_iter().flatten() {
            places.push(self.of(item, document, depth, false).at_least(Binds::Tight));
        }
        // A few that have to be there are worth saying; of many it would be a page.
        if let Some(rest) = rest.as_ref().filter(|_| least <= 4) {
            while (places.len() as u64) < least {
                places.push(rest.clone());
            }
        }
        let open = rest.filter(|_| most.is_none_or(|most| most > places.len() as u64));
        match (places.is_empty(), open) {
            (true, Some(rest)) => Type::tight(format!("{rest}[]")),
            (_, open) => {
                let mut parts: Vec<String> = places
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| most.is_none_or(|most| (*at as u64) < most))
                    .map(|(at, place)| if (at as u64) < least { place.clone() } else { format!("{place}?") })
                    .collect();
                parts.extend(open.map(|rest| format!("...{rest}[]")));
                Type::tight(format!("[{}]", parts.join(", ")))
            }
        }
    }

    fn object(&mut self, schema: &Map<String, Value>, document: &Document<'_>, depth: usize, refines: bool) -> Type {
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let margin = "  ".repeat(depth + 1);
        let mut members = String::new();
        let mut kinds: Vec<Type> = Vec::new();
        let mut some_optional = false;
        for (name, property) in properties {
            let of = self.of(property, document, depth + 1, false);
            let optional = !required.contains(&name.as_str());
            some_optional |= optional;
            members.push_str(&comment(&words::about(property), &margin));
            members.push_str(&format!("{margin}{}{}: {}\n", key(name), if optional { "?" } else { "" }, of.0));
            kinds.push(of);
        }
        for name in required.iter().filter(|name| !properties.contains_key(**name)) {
            let of = match schema.get("additionalProperties") {
                Some(additional) => self.of(additional, document, depth + 1, false),
                None => Type::tight("unknown"),
            };
            members.push_str(&format!("{margin}{}: {}\n", key(name), of.0));
            kinds.push(of);
        }
        let mut others: Vec<Type> = Vec::new();
        for (pattern, property) in schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
            let of = self.of(property, document, depth + 1, false);
            match prefix(pattern).filter(|prefix| !properties.keys().any(|name| name.starts_with(prefix))) {
                Some(prefix) => {
                    members.push_str(&format!("{margin}[name: `{}${{string}}`]: {}\n", within_backticks(prefix), of.0));
                    kinds.push(of);
                }
                None => others.push(of),
            }
        }
        match schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties")) {
            Some(Value::Bool(false)) => {}
            Some(additional) if additional.as_object().is_some_and(|a| !a.is_empty()) => {
                others.push(self.of(additional, document, depth + 1, false))
            }
            _ if refines => {}
            _ => others.push(Type::tight("unknown")),
        }
        let index = match others.is_empty() {
            true => None,
            false if others.iter().any(|other| other.0 == "unknown") => Some(Type::tight("unknown")),
            // A member that has a name is one of all members, too.
            false => {
                others.extend(kinds);
                others.extend(some_optional.then(|| Type::tight("undefined")));
                Some(union(others))
            }
        };
        match (members.is_empty(), index) {
            (true, None) if refines => Type::tight("unknown"),
            (true, None) => Type::tight("Record<string, never>"),
            (true, Some(index)) => Type::tight(format!("Record<string, {}>", index.0)),
            (false, index) => {
                if let Some(index) = index {
                    members.push_str(&format!("{margin}[name: string]: {}\n", index.0));
                }
                Type::tight(format!("{{\n{members}{}}}", "  ".repeat(depth)))
            }
        }
    }

    fn reference(&mut self, target: &str, document: &Document<'_>) -> Type {
        if target == "#" || target == "#/" {
            return Type::tight(document.name);
        }
        let Some(schema) = resolve(document.root, target) else { return Type::tight("unknown") };
        let identity = closure(document.root, target, schema);
        if let Some(name) = self.named.get(&identity) {
            return Type::tight(name.clone());
        }
        let last = target.rsplit(['/', '#']).next().unwrap_or_default().replace("~1", "/");
        let last = last.rsplit('/').next().unwrap_or_default().trim_end_matches(".json").to_owned();
        let name = self.taken.take(&pascal(&last));
        // Before its parts are read: they may lead back to it.
        self.named.insert(identity, name.clone());
        let at = self.declarations.len();
        let text = self.declaration(&name, schema, document, &words::about(schema));
        self.declarations.insert(at, text);
        Type::tight(name)
    }
}

fn union(parts: impl IntoIterator<Item = Type>) -> Type {
    let mut seen: Vec<Type> = Vec::new();
    for part in parts {
        if part.0 != "never" && !seen.iter().any(|other| other.0 == part.0) {
            seen.push(part);
        }
    }
    if seen.iter().any(|part| part.0 == "unknown") {
        return Type::tight("unknown");
    }
    // As one reads it: something, or nothing.
    seen.sort_by_key(|part| part.0 == "null");
    match seen.len() {
        0 => Type::tight("never"),
        1 => seen.remove(0),
        _ => Type(seen.into_iter().map(|part| part.0).collect::<Vec<_>>().join(" | "), Binds::Union),
    }
}

fn intersection(parts: Vec<Type>) -> Type {
    let mut seen: Vec<Type> = Vec::new();
    for part in parts {
        if part.0 != "unknown" && !seen.iter().any(|other| other.0 == part.0) {
            seen.push(part);
        }
    }
    match seen.len() {
        0 => Type::tight("unknown"),
        1 => seen.remove(0),
        _ => Type(seen.into_iter().map(|part| part.at_least(Binds::Intersection)).collect::<Vec<_>>().join(" & "), Binds::Intersection),
    }
}

/// `^x-` is the prefix `x-`.
fn prefix(pattern: &str) -> Option<&str> {
    let prefix = pattern.strip_prefix('^')?;
    let plain = !prefix.is_empty() && prefix.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '/' | ' '));
    plain.then_some(prefix)
}

/// What a local reference leads to: a JSON pointer, or the name that an `$anchor` gives.
fn resolve<'a>(root: &'a Value, target: &str) -> Option<&'a Value> {
    let fragment = percent(target.strip_prefix('#')?);
    if fragment.starts_with('/') { root.pointer(&fragment) } else { anchored(root, &fragment) }
}

fn anchored<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) if members.get("$anchor").and_then(Value::as_str) == Some(name) => Some(value),
        Value::Object(members) => members.values().find_map(|member| anchored(member, name)),
        Value::Array(items) => items.iter().find_map(|item| anchored(item, name)),
        _ => None,
    }
}

fn percent(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(hex.unwrap_or(*first));
        rest = if hex.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// All that a definition says, that of those it refers to included: what tells it apart.
fn closure(root: &Value, target: &str, schema: &Value) -> String {
    let mut said = BTreeMap::from([(target.to_owned(), schema.to_string())]);
    let mut waiting = vec![schema];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(members) => {
                if let Some(further) = members.get("$ref").and_then(Value::as_str)
                    && !said.contains_key(further)
                    && let Some(schema) = if further == "#" { Some(root) } else { resolve(root, further) }
                {
                    said.insert(further.to_owned(), schema.to_string());
                    waiting.push(schema);
                }
                waiting.extend(members.values());
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    said.into_iter().map(|(name, text)| format!("{name}={text}\n")).collect()
}
