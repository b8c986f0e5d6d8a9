//! What is wrong with a contract, where, and what to write instead.

use std::{ops::Range, path::PathBuf};

/// One mistake.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// A stable name, e.g. `unknown-key`.
    pub code: &'static str,
    pub file: PathBuf,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// Byte range in the file.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What was expected, or what to write instead.
    pub help: Option<String>,
}
