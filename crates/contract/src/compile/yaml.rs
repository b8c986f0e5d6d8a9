//! YAML with a place in the text for every node: what the rest of the compiler reads.
//!
//! Bounded in size and depth. Anchors, aliases and tags are refused: a contract is read by people, top to bottom,
//! and an alias that expands to a billion nodes cannot be written in it.

use super::source::Reporter;
use saphyr::Scalar;
use saphyr_parser::{Event, Parser, Span};
use std::{collections::HashSet, ops::Range};

/// Bytes of a contract file.
pub(crate) const FILE_BYTES_MAX: usize = 1 << 20;
/// Levels of nesting in a contract file.
const DEPTH_MAX: usize = 48;
/// Values in a contract file.
const NODES_MAX: usize = 100_000;
/// Anchors, aliases and tags that are reported.
const FEATURES_MAX: usize = 20;

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub span: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

impl Node {
    /// The kind of value, for messages: `a list`.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Int(_) | Kind::Float(_) => "a number",
            Kind::Str(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// Where the value at a JSON pointer stands, an entry with its key, or the nearest around it that is not this node; and whether it
    /// is the value itself.
    pub fn at_pointer(&self, pointer: &str) -> (Option<Range<usize>>, bool) {
        let (mut node, mut span) = (self, None);
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let next = match &node.kind {
                Kind::Map(_) => node.entry(&part).map(|e| (&e.value, e.key_span.start..e.value.span.end)),
                Kind::List(items) => part.parse::<usize>().ok().and_then(|at| items.get(at)).map(|n| (n, n.span.clone())),
                _ => None,
            };
            let Some((next, at)) = next else { return (span, false) };
            (node, span) = (next, Some(at));
        }
        (span, true)
    }

    /// The entry of a mapping.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|e| e.key == key),
            _ => None,
        }
    }

    /// The node as JSON; a number that JSON lacks (`.inf`) is null.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(b) => Value::Bool(*b),
            Kind::Int(i) => Value::from(*i),
            Kind::Float(f) => Value::from(*f),
            Kind::Str(s) => Value::String(s.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Kind::Map(entries) => Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect()),
        }
    }
}

/// A collection that is still open.
enum Open {
    List(Range<usize>, Vec<Node>),
    /// With the keys so far, and the key whose value comes next.
    Map(Range<usize>, Vec<Entry>, HashSet<String>, Option<(String, Range<usize>)>),
}

/// Reads the one document of `text`. What is wrong with it is reported; `None` if nothing can be made of it.
pub(crate) fn read(text: &str, report: &Reporter) -> Option<Node> {
    if text.len() > FILE_BYTES_MAX {
        report.add("too-large", 0..0, format!("the file has {} bytes; at most {FILE_BYTES_MAX} are read", text.len()), None);
        return None;
    }
    let bytes_of = CharOffsets::new(text);
    let mut open: Vec<Open> = Vec::new();
    let mut document: Option<Node> = None;
    let mut documents = 0;
    let (mut nodes, mut features) = (0, 0);
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let at = bytes_of.byte(error.marker().index());
                report.add("yaml", at..at, format!("this is not YAML: {}", error.info()), None);
                return None;
            }
        };
        let range = bytes_of.range(&span);
        let (anchor, tagged) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => (*anchor, tag.is_some()),
            Event::Alias(id) => (*id, false),
            _ => (0, false),
        };
        if anchor != 0 || tagged {
            let help = Some("write the value out where it is needed".to_owned());
            report.add("yaml-feature", range.clone(), "a contract has no anchors, aliases or tags", help);
            features += 1;
            if features > FEATURES_MAX {
                return None;
            }
        }
        nodes += 1;
        if nodes > NODES_MAX {
            report.add("too-large", range, format!("more than {NODES_MAX} values"), None);
            return None;
        }
        let node = match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    report.add(
                        "yaml-feature",
                        range,
                        "a contract is one YAML document",
                        Some("remove the `---` and what follows it".to_owned()),
                    );
                    return document;
                }
                continue;
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(range, Vec::new()));
                if open.len() > DEPTH_MAX {
                    return too_deep(&open, report);
                }
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(range, Vec::new(), HashSet::new(), None));
                if open.len() > DEPTH_MAX {
                    return too_deep(&open, report);
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(start, items)) => Node { span: start.start..range.end.max(start.end), kind: Kind::List(items) },
                Some(Open::Map(start, entries, ..)) => Node { span: start.start..range.end.max(start.end), kind: Kind::Map(entries) },
                None => continue,
            },
            Event::Scalar(value, style, _, _) => Node {
                span: range,
                kind: match Scalar::parse_from_cow_and_metadata(value, style, None) {
                    Some(Scalar::Null) | None => Kind::Null,
                    Some(Scalar::Boolean(b)) => Kind::Bool(b),
                    Some(Scalar::Integer(i)) => Kind::Int(i),
                    Some(Scalar::FloatingPoint(f)) => Kind::Float(f.into_inner()),
                    Some(Scalar::String(s)) => Kind::Str(s.into_owned()),
                },
            },
            // Refused already; the place is kept, so that keys and values stay in step.
            Event::Alias(_) => Node { span: range, kind: Kind::Null },
            _ => continue,
        };
        match open.last_mut() {
            None => document = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, _, seen, key @ None)) => *key = Some(key_of(node, seen, text, report)),
            Some(Open::Map(_, entries, _, key @ Some(_))) => {
                if let Some((name, key_span)) = key.take() {
                    entries.push(Entry { key: name, key_span, value: node });
                }
            }
        }
    }
    if features > 0 {
        return None;
    }
    if document.is_none() {
        report.add("yaml", 0..0, "the file is empty", Some("begin with `tidewire: 1`".to_owned()));
    }
    document
}

fn too_deep(open: &[Open], report: &Reporter) -> Option<Node> {
    let at = match open.last() {
        Some(Open::List(range, _) | Open::Map(range, ..)) => range.clone(),
        None => 0..0,
    };
    report.add("too-deep", at, format!("nested more than {DEPTH_MAX} levels deep"), None);
    None
}

fn key_of(node: Node, seen: &mut HashSet<String>, text: &str, report: &Reporter) -> (String, Range<usize>) {
    let name = match node.kind {
        Kind::Str(name) => name,
        Kind::List(_) | Kind::Map(_) => {
            report.add("wrong-type", node.span.clone(), "a key is text", None);
            String::new()
        }
        // `on`, `1`, `true`: what is written is meant.
        _ => text.get(node.span.clone()).unwrap_or_default().to_owned(),
    };
    if !name.is_empty() && !seen.insert(name.clone()) {
        report.add("duplicate-key", node.span.clone(), format!("`{name}` is here twice"), Some("keep one of the two".to_owned()));
    }
    (name, node.span)
}

/// From the parser's character positions to byte positions.
struct CharOffsets {
    /// Empty for ASCII, where they are the same.
    bytes: Vec<u32>,
    len: usize,
}

impl CharOffsets {
    fn new(text: &str) -> CharOffsets {
        let bytes = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at as u32).collect() };
        CharOffsets { bytes, len: text.len() }
    }

    fn byte(&self, char: usize) -> usize {
        if self.bytes.is_empty() { char.min(self.len) } else { self.bytes.get(char).map_or(self.len, |at| *at as usize) }
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }
}
