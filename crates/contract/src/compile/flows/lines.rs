//! The steps of a flow as text, each with its place in the file.

use crate::compile::{source::Reporter, yaml::Node};
use std::ops::Range;

/// A step: one line, and the more indented lines below it.
pub(super) struct Line {
    /// Its lines without comments, with a blank between them.
    pub text: String,
    /// Where each line begins in `text`, and in the file; the latter is nothing where the flow is not written line by line.
    pieces: Vec<(usize, Option<usize>)>,
    /// The place of the whole flow.
    whole: Range<usize>,
}

impl Line {
    /// Where a part of the step's text stands in the file.
    pub fn at(&self, part: Range<usize>) -> Range<usize> {
        let piece = self.pieces.iter().rev().find(|(start, _)| *start <= part.start).or(self.pieces.first());
        let Some((start, Some(place))) = piece.copied() else { return self.whole.clone() };
        let next = self.pieces.iter().map(|(start, _)| *start).find(|start| *start > part.start).unwrap_or(self.text.len());
        place + part.start.saturating_sub(start)..place + part.end.min(next).max(part.start).saturating_sub(start)
    }

    pub fn all(&self) -> Range<usize> {
        self.at(0..self.text.len())
    }
}

pub(super) fn lines(report: &Reporter, node: &Node, text: &str) -> Vec<Line> {
    let mut places = Places::new(report, node);
    let mut steps: Vec<Line> = Vec::new();
    let mut base = None;
    for written in text.lines() {
        let place = places.next(written);
        let line = without_comment(written);
        let (indent, trimmed) = (line.len() - line.trim_start().len(), line.trim());
        if trimmed.is_empty() {
            continue;
        }
        let place = place.map(|at| at + indent);
        let base = *base.get_or_insert(indent);
        match steps.last_mut() {
            Some(step) if indent > base => {
                step.text.push(' ');
                step.pieces.push((step.text.len(), place));
                step.text.push_str(trimmed);
            }
            _ => steps.push(Line { text: trimmed.to_owned(), pieces: vec![(0, place)], whole: node.span.clone() }),
        }
    }
    steps
}

/// What stands before a `#` that begins the line or follows a blank, outside of quotes.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in line.char_indices() {
        match (c, quote) {
            ('#', None) if before.is_whitespace() => return &line[..at],
            ('"' | '\'', None) if " {[,:".contains(before) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
        before = c;
    }
    line
}

/// Finds the lines of a block of text in the file, one after the other.
struct Places<'r> {
    /// What is left to look through, and where that begins.
    rest: &'r str,
    start: usize,
}

impl<'r> Places<'r> {
    fn new(report: &'r Reporter, node: &Node) -> Places<'r> {
        // From the line that the value begins on: of a block that is the one with the `|`, or the first of its text.
        let start = report.text.get(..node.span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        Places { rest: report.text.get(start..).unwrap_or_default(), start }
    }

    /// Where the text of this line begins in the file.
    fn next(&mut self, line: &str) -> Option<usize> {
        let wanted = line.trim_end();
        if wanted.is_empty() {
            return None;
        }
        let (mut rest, mut start) = (self.rest, self.start);
        while !rest.is_empty() {
            let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
            if let Some(at) = rest[..end].trim_end().strip_suffix(wanted).map(str::len) {
                (self.rest, self.start) = (&rest[end..], start + end);
                return Some(start + at);
            }
            (rest, start) = (&rest[end..], start + end);
        }
        None
    }
}
