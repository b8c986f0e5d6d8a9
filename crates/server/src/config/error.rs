//! What is wrong with the configuration, where, and what to write instead.

use std::{fmt, path::Path};

/// A mistake in the configuration; the server does not start on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// `tidewire.toml:3:1`, `TIDEWIRE_LISTEN`, `--listen`; empty where no one place is to blame.
    pub place: String,
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The line of the file, with a mark under what is meant.
    pub excerpt: Option<String>,
}

impl ConfigError {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> ConfigError {
        ConfigError { place: place.into(), message: message.into(), help: None, excerpt: None }
    }

    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> ConfigError {
        self.help = Some(help.into());
        self
    }

    /// A mistake that the TOML reader found in a file.
    pub(super) fn in_file(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
        let mut found = ConfigError::explained(file.display().to_string(), error.message());
        if let Some(span) = error.span() {
            let start = span.start.min(text.len());
            let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
            let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
            let (line, column) = (text[..start].matches('\n').count() + 1, text[line_start..start].chars().count() + 1);
            found.place = format!("{}:{line}:{column}", file.display());
            let source = &text[line_start..line_end];
            if is_near_keys(&text[..line_end]) {
                found.message = without_values(&found.message);
            } else {
                let marks = text[start..span.end.clamp(start, line_end)].chars().count().max(1);
                let gutter = " ".repeat(line.to_string().len());
                found.excerpt = Some(format!("{gutter} |\n{line} | {source}\n{gutter} | {}{}", " ".repeat(column - 1), "^".repeat(marks)));
            }
        }
        found
    }

    /// Takes the reader's `unknown field` sentence apart and finds the nearest word.
    pub(super) fn explained(place: impl Into<String>, message: &str) -> ConfigError {
        let mut quoted = message.split('`').skip(1).step_by(2);
        if message.starts_with("unknown field") || message.starts_with("unknown variant") {
            let word = quoted.next().unwrap_or_default().to_owned();
            let known: Vec<&str> = quoted.collect();
            let what = if message.starts_with("unknown field") { "key" } else { "value" };
            let error = ConfigError::new(place, format!("unknown {what} `{word}`"));
            return error.help(match nearest(&word, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            });
        }
        ConfigError::new(place, message.trim())
    }
}

/// Whether what the text ends in belongs to a contract, where secrets are: also under a misspelled name.
fn is_near_keys(text: &str) -> bool {
    let header = text.lines().rev().map(str::trim_start).find(|line| line.starts_with('[') && !line.starts_with("[\""));
    let line = text.lines().last().unwrap_or_default();
    header.is_some_and(|header| {
        header.trim_start_matches(['[', ' ']).starts_with("contracts") || header.trim_start_matches(['[', ' ']).starts_with("apps")
    }) || line.contains("contracts")
        || line.contains("apps")
}

/// The message, with whatever stands between double quotes left out.
fn without_values(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(from), Some(to)) if from < to => format!("{}\"…\"{}", &message[..from], &message[to + 1..]),
        _ => message.to_owned(),
    }
}

/// The known word that is most like `word`, if one is alike enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.map(|k| (strsim::damerau_levenshtein(word, k), k)).filter(|(d, k)| *d <= 1 + k.len() / 4).min().map(|(_, k)| k)
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.message)?;
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
