//! The payload of a step: a YAML flow mapping.

use super::lines::Line;
use crate::compile::{
    source::Reporter,
    yaml::{self, Kind, Node},
};
use std::{ops::Range, path::PathBuf};

/// Characters that `($ N characters)` may make, of a contract's flows together.
const EXPANSION_MAX: usize = 4 << 20;

/// What `($ N characters)` has made so far.
#[derive(Default)]
pub(super) struct Expansion(usize);

/// Reads the payload at `part` of a step.
pub(super) fn read(report: &Reporter, line: &Line, part: Range<usize>, expansion: &mut Expansion) -> Option<Node> {
    let text = &line.text[part.clone()];
    let own = Reporter::new(PathBuf::new(), text.into());
    let node = yaml::read(text, &own);
    let problems = own.into_problems();
    for problem in &problems {
        let span = line.at(part.start + problem.span.start..part.start + problem.span.end.max(problem.span.start + 1));
        let help = problem.help.clone().or_else(|| Some("a payload is written as in YAML: `{ text: Hello, tags: [a, b] }`".to_owned()));
        report.add(problem.code, span, problem.message.clone(), help);
    }
    let mut node = node.filter(|_| problems.is_empty())?;
    place(report, &mut node, line, part.start, expansion);
    Some(node)
}

/// Gives every value its place in the file, and makes the texts of a length that stand for themselves.
fn place(report: &Reporter, node: &mut Node, line: &Line, offset: usize, expansion: &mut Expansion) {
    let moved = |span: &Range<usize>| line.at(span.start + offset..span.end + offset);
    node.span = moved(&node.span);
    match &mut node.kind {
        Kind::Str(text) => {
            if let Some(count) = length(text) {
                match count.filter(|count| expansion.0.saturating_add(*count) <= EXPANSION_MAX) {
                    Some(count) => {
                        expansion.0 += count;
                        *text = "x".repeat(count);
                    }
                    None => {
                        let help = Some(format!("write `($ 501 characters)`; all flows together may have {EXPANSION_MAX}"));
                        report.add("bad-number", node.span.clone(), "this is no number of characters", help);
                    }
                }
            }
        }
        Kind::List(items) => items.iter_mut().for_each(|item| place(report, item, line, offset, expansion)),
        Kind::Map(entries) => {
            for entry in entries {
                entry.key_span = moved(&entry.key_span);
                place(report, &mut entry.value, line, offset, expansion);
            }
        }
        _ => {}
    }
}

/// The number of `($ 501 characters)`: nothing if the text is another one, `Some(None)` if it is no number.
fn length(text: &str) -> Option<Option<usize>> {
    let inner = text.strip_prefix("($")?.strip_suffix(')')?.trim();
    let number = inner.strip_suffix("characters").or_else(|| inner.strip_suffix("character"))?;
    Some(number.trim().parse().ok())
}

/// Whether a text stands for a value that the flow has met, or meets here: `$message`.
pub(super) fn is_name(text: &str) -> bool {
    text.strip_prefix('$').is_some_and(crate::compile::address::is_word)
}
