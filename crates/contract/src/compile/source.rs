//! The files of a contract, and the list of what is wrong with them.

use crate::problem::Problem;
use std::{
    cell::RefCell,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Problems of one contract; beyond so many, nobody reads on.
const PROBLEMS_MAX: usize = 500;

/// Reads the contract's own files by their relative path, and nothing else.
pub(crate) struct Files<'a> {
    pub folder: PathBuf,
    pub read: &'a dyn Fn(&str) -> Option<String>,
    /// The relative paths that there are, as far as they are known; for suggestions.
    pub names: Vec<String>,
}

/// Collects problems of one file.
pub(crate) struct Reporter {
    pub file: PathBuf,
    pub text: Arc<str>,
    problems: RefCell<Vec<Problem>>,
}

impl Reporter {
    pub fn new(file: PathBuf, text: Arc<str>) -> Reporter {
        Reporter { file, text, problems: RefCell::new(Vec::new()) }
    }

    pub fn add(&self, code: &'static str, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.add_in(&self.file, &self.text, code, span, message, help);
    }

    /// A problem of another file, e.g. a schema.
    pub fn add_in(
        &self,
        file: &Path,
        text: &Arc<str>,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        if self.count() >= PROBLEMS_MAX {
            return;
        }
        let problem = Problem::new(code, file.to_owned(), Arc::clone(text), span, message.into(), help);
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    pub fn count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// All of them, in the order of the source.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by(|a, b| (a.file != self.file, &a.file, a.span.start).cmp(&(b.file != self.file, &b.file, b.span.start)));
        problems
    }
}

/// `did you mean …?` of the nearest of `words`, else the list of them.
pub(crate) fn suggest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>, what: &str) -> Option<String> {
    let words: Vec<&str> = words.into_iter().collect();
    if words.is_empty() {
        return None;
    }
    let mut shown: Vec<&str> = words.iter().copied().take(40).collect();
    shown.dedup();
    let list = shown.join(", ");
    Some(match nearest(word, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {what}: {list}"),
        None => format!("{what}: {list}"),
    })
}

/// The word that is so near that it was probably meant.
pub(crate) fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if word.len() > 200 {
        return None;
    }
    let lower = word.to_lowercase();
    let near = |w: &&str| {
        let distance = strsim::damerau_levenshtein(&lower, &w.to_lowercase());
        let longest = lower.chars().count().max(w.chars().count());
        (distance, distance * 5 <= longest * 2)
    };
    let mut best: Option<(usize, &str)> = None;
    for w in words {
        let (distance, ok) = near(&w);
        let ok = ok || (lower.len() >= 3 && (w.starts_with(&lower) || lower.starts_with(w) && w.len() >= 3));
        if ok && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, w));
        }
    }
    best.map(|(_, w)| w)
}
