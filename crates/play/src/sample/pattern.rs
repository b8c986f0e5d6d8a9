//! Texts that match a regular expression.

use rand::{Rng, distr::Distribution};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

/// Repetitions without an end are at most so many.
const REPEAT: u32 = 8;

/// A text that `pattern` matches; `None` where none can be made. It is of printable ASCII where the pattern lets it.
pub fn matching(pattern: &str, rng: &mut impl Rng) -> Option<String> {
    let hir = regex_syntax::Parser::new().parse(pattern).ok()?;
    let generator = rand_regex::Regex::with_hir(plain(&hir), REPEAT).ok()?;
    Some(generator.sample(rng))
}

/// Without what is no text itself (the text's ends), and of few characters.
fn plain(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(_) | HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0.clone()),
        HirKind::Class(Class::Unicode(class)) => Hir::class(Class::Unicode(printable(class))),
        HirKind::Class(class) => Hir::class(class.clone()),
        HirKind::Repetition(repetition) => {
            let mut repetition = repetition.clone();
            repetition.sub = Box::new(plain(&repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Capture(capture) => plain(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(plain).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(plain).collect()),
    }
}

/// What of a class is printable ASCII, letters and digits if there are some; the class itself if nothing of it is.
fn printable(class: &ClassUnicode) -> ClassUnicode {
    let sets = [vec![('0', '9'), ('A', 'Z'), ('a', 'z')], vec![('!', '~')], vec![(' ', '~')]];
    for set in sets {
        let mut few = ClassUnicode::new(set.into_iter().map(|(from, to)| ClassUnicodeRange::new(from, to)));
        few.intersect(class);
        if !few.ranges().is_empty() {
            return few;
        }
    }
    class.clone()
}
