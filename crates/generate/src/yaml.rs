//! JSON as YAML that people read: what is short on one line, text without quotes where it can be.

use serde_json::{Map, Value};

/// Characters of a line that a list or a mapping may be written on.
const LINE_MAX: usize = 110;

/// The document's text. It ends in a newline.
pub fn text(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => mapping(members, 0, &mut out),
        Value::Array(items) if !items.is_empty() => list(items, 0, &mut out),
        other => {
            out.push_str(&flow(other));
            out.push('\n');
        }
    }
    out
}

fn indent(depth: usize, out: &mut String) {
    out.push_str(&"  ".repeat(depth));
}

fn mapping(members: &Map<String, Value>, depth: usize, out: &mut String) {
    for (name, value) in members {
        indent(depth, out);
        out.push_str(&scalar(name, false));
        out.push(':');
        below(value, depth, name.len() + 2, out);
    }
}

fn list(items: &[Value], depth: usize, out: &mut String) {
    for item in items {
        indent(depth, out);
        out.push('-');
        match item {
            // The first key stands beside the dash.
            Value::Object(members) if !members.is_empty() && !fits(item, depth, 2) => {
                let mut inner = String::new();
                mapping(members, depth + 1, &mut inner);
                out.push(' ');
                out.push_str(inner.trim_start());
            }
            item => below(item, depth, 2, out),
        }
    }
}

/// What follows a key or a dash: on its line if it is short.
fn below(value: &Value, depth: usize, taken: usize, out: &mut String) {
    match value {
        Value::String(text) if is_block(text) => {
            out.push_str(" |\n");
            for line in text.trim_end_matches('\n').split('\n') {
                if !line.is_empty() {
                    indent(depth + 1, out);
                }
                out.push_str(line);
                out.push('\n');
            }
        }
        Value::Object(members) if !members.is_empty() && (depth == 0 && members.len() > 3 || !fits(value, depth, taken)) => {
            out.push('\n');
            mapping(members, depth + 1, out);
        }
        Value::Array(items) if !items.is_empty() && !fits(value, depth, taken) => {
            out.push('\n');
            list(items, depth + 1, out);
        }
        Value::String(text) => {
            out.push(' ');
            out.push_str(&scalar(text, false));
            out.push('\n');
        }
        other => {
            out.push(' ');
            out.push_str(&flow(other));
            out.push('\n');
        }
    }
}

fn fits(value: &Value, depth: usize, taken: usize) -> bool {
    !has_lines(value) && depth * 2 + taken + flow(value).chars().count() <= LINE_MAX
}

fn has_lines(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\n'),
        Value::Array(items) => items.iter().any(has_lines),
        Value::Object(members) => members.values().any(has_lines),
        _ => false,
    }
}

/// Text of several lines that a block gives back as it is: it ends in one newline, and no line begins or ends in white space.
fn is_block(text: &str) -> bool {
    text.ends_with('\n')
        && !text.ends_with("\n\n")
        && text.len() > 1
        && !text.starts_with([' ', '\n'])
        && text
            .trim_end_matches('\n')
            .split('\n')
            .all(|line| line.trim_end() == line && !line.chars().any(|c| c.is_control() || c == '\u{feff}'))
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text, true),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{}: {}", scalar(name, true), flow(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        other => other.to_string(),
    }
}

/// Text, in quotes where it would be read as something else.
fn scalar(text: &str, in_flow: bool) -> String {
    if is_plain(text, in_flow) { text.to_owned() } else { Value::from(text).to_string() }
}

fn is_plain(text: &str, in_flow: bool) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let lower = text.to_ascii_lowercase();
    let words = ["true", "false", "null", "yes", "no", "off", "y", "n", "nan", "inf"];
    let begins = first.is_ascii_alphabetic() || "$/_".contains(first) || is_amount(text);
    let allowed = |c: char| c.is_alphanumeric() || " $/_.-:;+*=!<>()?@|&'%^~,{}[]\"\\".contains(c);
    // Between braces some characters end the text.
    let ends = text.ends_with([' ', ':']) || text.contains(": ") || in_flow && text.contains([',', '[', ']', '{', '}']);
    begins && text.chars().all(allowed) && !ends && !words.contains(&lower.as_str())
}

/// `7d`, `1s..30s`, `10/second`: a number that cannot be read as one.
fn is_amount(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < text.len() && ["ms", "s", "m", "h", "d", "KB", "MB", "GB", "/"].iter().any(|unit| rest.starts_with(unit))
}
