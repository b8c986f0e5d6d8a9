//! `$names`: which there are where, and the templates and paths made of them.

use super::{
    fields::short,
    source::{Reporter, suggest},
    yaml::{Kind, Node},
};
use crate::template::{Path, Segment, Template};
use std::ops::Range;

/// Levels of a path such as `$data.a.b`.
const PATH_MAX: usize = 16;

/// The names of a place in the contract.
#[derive(Clone, Default)]
pub(crate) struct Names {
    /// Values without parts: `$id`.
    pub plain: Vec<String>,
    /// Values with parts: `$data.ticket.version`.
    pub deep: Vec<&'static str>,
    /// `$principal.…`: only these attributes, where `principal` is among `deep`.
    pub attributes: Vec<String>,
    /// There may be more, in a part of the contract that could not be read.
    pub open: bool,
    /// Not a name of this place, but its caller says so itself, with more to say.
    pub told_elsewhere: Option<&'static str>,
}

impl Names {
    pub fn plain(names: &[&str]) -> Names {
        Names { plain: names.iter().map(|n| (*n).to_owned()).collect(), ..Names::default() }
    }

    pub fn with_deep(mut self, names: &[&'static str]) -> Names {
        self.deep.extend(names);
        self
    }

    pub fn with_attributes(mut self, attributes: &[String]) -> Names {
        self.deep.push("principal");
        self.attributes = attributes.to_vec();
        self
    }

    pub fn with_vars<'v>(mut self, vars: impl IntoIterator<Item = &'v str>) -> Names {
        for var in vars {
            if !self.plain.iter().any(|n| n == var) {
                self.plain.push(var.to_owned());
            }
        }
        self
    }

    pub fn open(mut self, open: bool) -> Names {
        self.open |= open;
        self
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.plain.iter().map(String::as_str).chain(self.deep.iter().copied())
    }
}

/// A template of JSON with `$names`.
pub(crate) fn template(report: &Reporter, node: &Node, names: &Names) -> Template {
    match &node.kind {
        Kind::Str(text) => text_template(report, text, node, names),
        Kind::List(items) => Template::Array(items.iter().map(|n| template(report, n, names)).collect()),
        Kind::Map(entries) => Template::Object(entries.iter().map(|e| (e.key.clone(), template(report, &e.value, names))).collect()),
        _ => Template::Value(node.to_json()),
    }
}

/// Text with `$names` in it; `$$` is a dollar.
pub(crate) fn text_template(report: &Reporter, text: &str, node: &Node, names: &Names) -> Template {
    let mut segments: Vec<Segment> = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        literal.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(tail) = after.strip_prefix('$') {
            literal.push('$');
            rest = tail;
            continue;
        }
        let offset = text.len() - rest.len() + at;
        let (path, len) = name(after, names);
        let span = inside(report, node, text, offset..offset + 1 + len);
        if path.is_empty() {
            report.add("bad-name", span, "a `$` is followed by a name", Some("write `$$` for a dollar".to_owned()));
            literal.push('$');
        } else {
            check_name(report, &path, span, names);
            if !literal.is_empty() {
                segments.push(Segment::Literal(std::mem::take(&mut literal)));
            }
            segments.push(Segment::Name(path));
        }
        rest = &after[len..];
    }
    literal.push_str(rest);
    if segments.is_empty() {
        return Template::Value(serde_json::Value::String(literal));
    }
    if !literal.is_empty() {
        segments.push(Segment::Literal(literal));
    }
    match segments.as_mut_slice() {
        [Segment::Name(path)] => Template::Name(std::mem::take(path)),
        _ => Template::Text(segments),
    }
}

/// The path at the start of `text`, and its length. A name without parts ends before a dot: `$type.ack`.
fn name(text: &str, names: &Names) -> (Path, usize) {
    let word = |text: &str| text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let mut len = word(text);
    if len == 0 {
        return (Path::new(), 0);
    }
    let mut path = vec![text[..len].to_owned()];
    if names.plain.contains(&path[0]) {
        return (path, len);
    }
    while text[len..].starts_with('.') && path.len() < PATH_MAX {
        let part = word(&text[len + 1..]);
        if part == 0 {
            break;
        }
        path.push(text[len + 1..len + 1 + part].to_owned());
        len += 1 + part;
    }
    (path, len)
}

fn check_name(report: &Reporter, path: &Path, span: Range<usize>, names: &Names) {
    let root = path[0].as_str();
    if !names.all().any(|n| n == root) {
        if names.open || names.told_elsewhere == Some(root) {
            return;
        }
        let help = suggest(root, names.all(), "the names here are");
        report.add("unknown-name", span, format!("there is no `${}` here", short(root)), help);
    } else if root == "principal" {
        match path.get(1) {
            None => report.add("unknown-name", span, "`$principal` is not a value", Some("name an attribute: `$principal.id`".to_owned())),
            Some(attribute) if !names.attributes.contains(attribute) => {
                let help = suggest(attribute, names.attributes.iter().map(String::as_str), "its attributes are");
                report.add("unknown-attribute", span, format!("a principal has no `{}`", short(attribute)), help);
            }
            Some(_) => {}
        }
    }
}

/// A path into the payload, `$data.ticket.version`, without its root.
pub(crate) fn data_path(report: &Reporter, node: &Node, at: &Range<usize>, what: &str) -> Option<Path> {
    let text = super::fields::text_of(report, node, at, what)?;
    let names = Names::default().with_deep(&["data"]);
    let parsed = text.strip_prefix('$').map(|after| (name(after, &names), after.len()));
    match parsed {
        Some(((path, len), all)) if len == all && path.first().is_some_and(|root| root == "data") && path.len() > 1 => {
            Some(path[1..].to_vec())
        }
        _ => {
            let help = Some("a path into the payload is written `$data.id`".to_owned());
            report.add("bad-path", node.span.clone(), format!("`{what}` is a path into the payload"), help);
            None
        }
    }
}

/// Where in the file a part of a scalar's text stands: exact for what is written without escapes, else the whole scalar.
pub(crate) fn inside(report: &Reporter, node: &Node, text: &str, part: Range<usize>) -> Range<usize> {
    let written = report.text.get(node.span.clone()).unwrap_or_default();
    match written.find(text) {
        Some(at) if at <= 1 => node.span.start + at + part.start..node.span.start + at + part.end,
        _ => node.span.clone(),
    }
}
