//! What a comparison finds, and how it is told.

use super::kinds::Kind;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;
use serde_json::Value;
use std::{ops::Range, path::PathBuf, sync::Arc};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Somebody who did all right until now does not any more.
    Breaks,
    /// It depends on who is out there, or cannot be decided.
    MayBreak,
    /// Safe; good to know.
    Notable,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Breaks => "breaks",
            Severity::MayBreak => "may break",
            Severity::Notable => "notable",
        }
    }
}

/// Who breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Clients that are out there.
    OldClients,
    /// Backends that are out there.
    OldBackends,
    /// New clients, while there are old servers, or old events in the history.
    NewClients,
    /// New backends, while there are old servers.
    NewBackends,
    /// What reads the bridges.
    BridgeReaders,
}

impl Who {
    pub fn words(self) -> &'static str {
        match self {
            Who::OldClients => "old clients",
            Who::OldBackends => "old backends",
            Who::NewClients => "new clients, while there are old servers or old events",
            Who::NewBackends => "new backends, while there are old servers",
            Who::BridgeReaders => "what reads the bridges",
        }
    }
}

/// One difference that matters. As JSON: `{id, severity, contract, events, version, file, line, column, pointer, message,
/// breaks, safely, witness, accept}`.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub id: &'static str,
    pub severity: Severity,
    pub contract: String,
    /// The events that it is about, if it is about a payload.
    pub events: Vec<String>,
    /// Whether `file` and `line` are those of the old contract: what is gone is not in the new one.
    pub version: Version,
    pub file: PathBuf,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// JSON pointer into the file.
    pub pointer: String,
    pub message: String,
    pub breaks: Vec<Who>,
    /// How to do it so that nobody breaks.
    pub safely: &'static str,
    /// A payload that was right under one version and is not under the other.
    pub witness: Option<Value>,
    /// What accepts this one: `ID@CONTRACT/FILE#POINTER`.
    pub accept: String,
    #[serde(skip)]
    pub(super) kind: &'static Kind,
    #[serde(skip)]
    pub(super) span: Range<usize>,
    #[serde(skip)]
    pub(super) text: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Version {
    Old,
    New,
}

impl Finding {
    /// What kind of finding it is.
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// The finding as a compiler shows it. Without colours; ends without a line break.
    pub fn render(&self, accepted: bool) -> String {
        let level = match (self.severity, accepted) {
            (Severity::Breaks, false) => Level::ERROR.with_name("breaks"),
            (Severity::MayBreak, false) => Level::WARNING.with_name("may break"),
            (Severity::Notable, _) => Level::NOTE.with_name("notable"),
            (_, true) => Level::NOTE.with_name("accepted"),
        };
        let path = self.file.display().to_string();
        let title = level.primary_title(self.message.as_str()).id(self.id);
        let mut group: Group<'_> = if self.text.is_empty() {
            title.element(Origin::path(path.as_str()))
        } else {
            let annotation = AnnotationKind::Primary.span(self.span.clone());
            title.element(Snippet::source(&*self.text).path(path.as_str()).annotation(annotation))
        };
        let mut notes = Vec::new();
        if !self.events.is_empty() {
            notes.push(format!("in {}", self.events.iter().map(|event| format!("`{event}`")).collect::<Vec<_>>().join(", ")));
        }
        if let Some(witness) = &self.witness {
            notes.push(format!("for example {}", short(witness)));
        }
        if !self.breaks.is_empty() {
            notes.push(format!("who: {}", self.breaks.iter().map(|who| who.words()).collect::<Vec<_>>().join("; ")));
        }
        let safely = format!("safely: {}", self.safely);
        for note in &notes {
            group = group.element(Level::NOTE.message(note.as_str()));
        }
        group = group.element(Level::HELP.message(safely.as_str()));
        let accept = format!("to do it on purpose: --allow {}", self.accept);
        if self.severity != Severity::Notable && !accepted {
            group = group.element(Level::HELP.message(accept.as_str()));
        }
        Renderer::plain().render(&[group])
    }
}

/// A value on one line, cut off if it is long.
fn short(value: &Value) -> String {
    const CHARS_MAX: usize = 200;
    let text = value.to_string();
    match text.char_indices().nth(CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
