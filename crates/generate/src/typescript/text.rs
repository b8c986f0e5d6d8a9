//! Words of the language: names, literals, comments.

use serde_json::Value;
use std::collections::BTreeSet;

/// `task.updated` is `TaskUpdated`; never empty, never begins with a digit.
pub(super) fn pascal(text: &str) -> String {
    let mut name = String::new();
    for word in text.split(|c: char| !c.is_alphanumeric() || !c.is_ascii()).filter(|word| !word.is_empty()) {
        let (first, rest) = word.split_at(1);
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    match name.chars().next() {
        None => "Unnamed".to_owned(),
        Some(c) if c.is_ascii_digit() => format!("_{name}"),
        Some(_) => name,
    }
}

/// Names of the module that are given away.
#[derive(Default)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    /// `name`, or with a number behind it if that is taken.
    pub(super) fn take(&mut self, name: &str) -> String {
        self.take_with(name, &[])
    }

    /// The same, together with the names that have one of these ends behind it.
    pub(super) fn take_with(&mut self, name: &str, ends: &[&str]) -> String {
        let mut unique = name.to_owned();
        let mut number = 2;
        while self.0.contains(&unique) || ends.iter().any(|end| self.0.contains(&format!("{unique}{end}"))) {
            unique = format!("{name}{number}");
            number += 1;
        }
        self.0.extend(ends.iter().map(|end| format!("{unique}{end}")));
        self.0.insert(unique.clone());
        unique
    }
}

/// A member's name: bare where it may be.
pub(super) fn key(name: &str) -> String {
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '$');
    if first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$') { name.to_owned() } else { quote(name) }
}

pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\u{2028}' | '\u{2029}' => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// Text between backticks; what stands for a type is put in by the caller.
pub(super) fn within_backticks(text: &str) -> String {
    text.replace('\\', "\\\\").replace('`', "\\`").replace("${", "\\${")
}

/// A value as a type that only it has.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if members.is_empty() => "Record<string, never>".to_owned(),
        Value::Object(members) => {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{}: {}", key(name), literal(value))).collect();
            format!("{{ {} }}", members.join("; "))
        }
        other => other.to_string(),
    }
}

/// A value as an expression, over several lines where it is long.
pub(super) fn value(value: &Value, depth: usize) -> String {
    let (open, close, items): (_, _, Vec<String>) = match value {
        Value::String(text) => return quote(text),
        Value::Array(items) => ('[', ']', items.iter().map(|item| self::value(item, depth + 1)).collect()),
        Value::Object(members) => {
            ('{', '}', members.iter().map(|(name, value)| format!("{}: {}", key(name), self::value(value, depth + 1))).collect())
        }
        other => return other.to_string(),
    };
    if items.is_empty() {
        return format!("{open}{close}");
    }
    let line = items.join(", ");
    if !line.contains('\n') && line.len() + 2 * depth < 110 {
        return if open == '{' { format!("{{ {line} }}") } else { format!("[{line}]") };
    }
    let margin = "  ".repeat(depth + 1);
    format!("{open}\n{margin}{}\n{}{close}", items.join(&format!(",\n{margin}")), "  ".repeat(depth))
}

/// A documentation comment with its line end; nothing of nothing.
pub(super) fn comment(lines: &[String], margin: &str) -> String {
    let lines: Vec<String> = lines.iter().flat_map(|line| line.lines()).map(|line| line.trim_end().replace("*/", "*\u{200b}/")).collect();
    match lines.as_slice() {
        [] => String::new(),
        [one] => format!("{margin}/** {one} */\n"),
        many => {
            let body: String = many.iter().map(|line| format!("{margin} *{}{line}\n", if line.is_empty() { "" } else { " " })).collect();
            format!("{margin}/**\n{body}{margin} */\n")
        }
    }
}
