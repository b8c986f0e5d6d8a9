//! Address patterns: `world:{world_id}`.

use super::{
    fields::short,
    names::inside,
    source::{Reporter, suggest},
    yaml::Node,
};
use crate::address::{Address, Part};

/// Reads a pattern. What is wrong with it is reported at its place.
pub(crate) fn parse(report: &Reporter, text: &str, node: &Node) -> Option<Address> {
    let mut parts: Vec<Part> = Vec::new();
    let mut good = true;
    let mut bad = |range: std::ops::Range<usize>, message: String, help: Option<&str>| {
        good = false;
        report.add("bad-address", inside(report, node, text, range), message, help.map(str::to_owned));
    };
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if let Some(inner) = rest.strip_prefix('{') {
            let Some(end) = inner.find('}') else {
                bad(at..text.len(), "a `{` is not closed".to_owned(), Some("write `{name}`"));
                break;
            };
            let name = &inner[..end];
            let range = at..at + end + 2;
            if !is_word(name) {
                bad(
                    range.clone(),
                    format!("`{{{}}}` is not a variable", short(name)),
                    Some("its name is made of a-z, 0-9 and _, and begins with a letter"),
                );
            } else if parts.iter().any(|p| matches!(p, Part::Variable(v) if **v == *name)) {
                bad(range.clone(), format!("`{{{name}}}` is in the address twice"), Some("give them different names"));
            } else if matches!(parts.last(), Some(Part::Variable(_))) {
                bad(
                    range.clone(),
                    "two variables side by side: nobody can tell where the first ends".to_owned(),
                    Some("put a `:` or `.` between them"),
                );
            }
            parts.push(Part::Variable(name.into()));
            at = range.end;
        } else {
            let end = rest.find('{').unwrap_or(rest.len());
            let literal = &rest[..end];
            if let Some((offset, c)) = literal.char_indices().find(|(_, c)| *c == '}' || c.is_whitespace() || c.is_control() || *c == ',') {
                let range = at + offset..at + offset + c.len_utf8();
                bad(range, format!("an address cannot have {c:?} in it"), None);
            }
            parts.push(Part::Literal(literal.to_owned()));
            at += end;
        }
    }
    good.then(|| Address { source: text.to_owned(), parts })
}

pub(crate) fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Reports the variables of `address` that are not among `known`.
pub(crate) fn check_variables(report: &Reporter, address: &Address, node: &Node, known: &[String], what: &str) -> bool {
    let mut good = true;
    for name in address.variables().filter(|name| known.iter().all(|k| k != name)) {
        good = false;
        let help = suggest(name, known.iter().map(String::as_str), what).or_else(|| Some(format!("{what}: none")));
        let at = address.source.find(&format!("{{{name}}}")).unwrap_or(0);
        let span = inside(report, node, &address.source, at..at + name.len() + 2);
        report.add("unknown-variable", span, format!("there is no `{{{}}}` here", short(name)), help);
    }
    good
}
