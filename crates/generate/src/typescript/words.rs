//! What a schema says that a type cannot: as comments.

use serde_json::Value;

/// Title, description, format and limits, a line each.
pub(super) fn about(schema: &Value) -> Vec<String> {
    let text = |keyword: &str| schema.get(keyword).and_then(Value::as_str).map(str::to_owned);
    let mut lines: Vec<String> = text("title").into_iter().chain(text("description")).collect();
    let limits = limits(schema);
    if !limits.is_empty() {
        lines.push(limits.join(", "));
    }
    if let Some(value) = schema.get("default") {
        lines.push(format!("@default {value}"));
    }
    if schema.get("deprecated") == Some(&Value::Bool(true)) {
        lines.push("@deprecated".to_owned());
    }
    lines
}

fn limits(schema: &Value) -> Vec<String> {
    let is_integer = match schema.get("type") {
        Some(Value::String(one)) => one == "integer",
        Some(Value::Array(several)) => several.iter().any(|one| one == "integer"),
        _ => false,
    };
    let mut found: Vec<String> = Vec::new();
    found.extend(is_integer.then(|| "a whole number".to_owned()));
    found.extend(schema.get("format").and_then(Value::as_str).map(|format| format!("format {format}")));
    let between = |least: &str, most: &str, unit: &str| {
        let number = |keyword: &str| schema.get(keyword).filter(|value| value.is_number()).map(ToString::to_string);
        let counted = |number: &str| if number == "1" { unit.trim_end_matches('s') } else { unit }.to_owned();
        match (number(least), number(most)) {
            (Some(least), Some(most)) if least == most => Some(format!("exactly {least}{}", counted(&least))),
            (Some(least), Some(most)) => Some(format!("{least} to {most}{}", counted(&most))),
            (Some(least), None) => Some(format!("at least {least}{}", counted(&least))),
            (None, Some(most)) => Some(format!("at most {most}{}", counted(&most))),
            (None, None) => None,
        }
    };
    found.extend(between("minLength", "maxLength", " characters"));
    found.extend(between("minimum", "maximum", ""));
    found.extend(between("minItems", "maxItems", " items"));
    found.extend(between("minProperties", "maxProperties", " members"));
    for (keyword, words) in [("exclusiveMinimum", "more than"), ("exclusiveMaximum", "less than"), ("multipleOf", "a multiple of")] {
        found.extend(schema.get(keyword).map(|value| format!("{words} {value}")));
    }
    found.extend((schema.get("uniqueItems") == Some(&Value::Bool(true))).then(|| "no item twice".to_owned()));
    found.extend(schema.get("pattern").and_then(Value::as_str).map(|pattern| format!("pattern `{pattern}`")));
    found
}
