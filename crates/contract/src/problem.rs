//! What is wrong with a contract, where, and what to write instead.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;
use std::{ops::Range, path::PathBuf, sync::Arc};

/// One mistake. As JSON: `{code, file, line, column, message, help}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// A stable name, e.g. `unknown-key`.
    pub code: &'static str,
    pub file: PathBuf,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// Byte range in the file.
    #[serde(skip)]
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What was expected, or what to write instead.
    pub help: Option<String>,
    /// The text of the file, for [`Problem::render`].
    #[serde(skip)]
    text: Text,
}

/// Kept out of debug output: it would bury what is wrong.
#[derive(Clone, PartialEq)]
struct Text(Arc<str>);

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Problem {
    /// A problem at `span` (bytes) of `text`, which is what `file` holds. A span outside of the text is moved into it.
    pub fn new(code: &'static str, file: PathBuf, text: Arc<str>, span: Range<usize>, message: String, help: Option<String>) -> Problem {
        let floor = |at: usize| (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let start = floor(span.start);
        let end = floor(span.end).max(start);
        // Blanks at the end belong to nobody, and a span of many lines is shown by its first.
        let shown = text[start..end].split('\n').next().unwrap_or_default().trim_end().len();
        let before = &text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Problem { code, file, line, column, span: start..start + shown, message, help, text: Text(text) }
    }

    /// The problem as a compiler shows it: place, source line, caret, help. Without colours; ends without a line break.
    pub fn render(&self) -> String {
        let path = self.file.display().to_string();
        let title = Level::ERROR.primary_title(self.message.as_str()).id(self.code);
        let mut group: Group = if self.text.0.is_empty() {
            title.element(annotate_snippets::Origin::path(path.as_str()))
        } else {
            let annotation = AnnotationKind::Primary.span(self.span.clone());
            title.element(Snippet::source(&*self.text.0).path(path.as_str()).annotation(annotation))
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        Renderer::plain().render(&[group])
    }
}

/// All of them as a compiler shows them, an empty line after each.
pub fn render_all(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        text.push_str(&problem.render());
        text.push_str("\n\n");
    }
    text
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file.display(), self.line, self.column, self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
