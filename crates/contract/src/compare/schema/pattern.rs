//! Texts that fit a pattern.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Repetitions that are written out.
const REPEAT_MAX: u32 = 200;

/// A few texts that fit it, most likely.
pub(super) fn texts(pattern: &str) -> Vec<String> {
    let Ok(hir) = regex_syntax::parse(pattern) else { return Vec::new() };
    let mut all: Vec<String> = (0..4)
        .map(|choice| {
            let mut text = String::new();
            write(&hir, choice, &mut text);
            text
        })
        .collect();
    all.dedup();
    all
}

/// `choice` says which of several is taken.
fn write(hir: &Hir, choice: usize, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => {
            let ranges = class.ranges();
            // What people can read comes first.
            let readable = ranges.iter().filter(|range| range.end() >= ' ').cycle().nth(choice).or(ranges.first());
            text.extend(readable.map(|range| range.start().max(' ').min(range.end())));
        }
        HirKind::Class(Class::Bytes(class)) => text.extend(class.ranges().first().map(|range| char::from(range.start()))),
        HirKind::Repetition(repetition) => {
            let wanted = repetition.min + choice as u32;
            for _ in 0..wanted.min(repetition.max.unwrap_or(wanted)).min(REPEAT_MAX) {
                write(&repetition.sub, choice, text);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, choice, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, choice, text)),
        HirKind::Alternation(ways) => {
            if let Some(way) = ways.get(choice % ways.len().max(1)) {
                write(way, choice, text);
            }
        }
    }
}
