//! Reading a mapping by its section of the language, and scalars by their format.

use super::{
    language::Section,
    source::{Reporter, suggest},
    yaml::{Entry, Kind, Node},
};
use crate::limits::Rate;
use std::{ops::Range, time::Duration};

/// A mapping whose keys were checked against a section.
pub(crate) struct Fields<'n> {
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// Reports unknown and missing keys. `open` accepts any further key.
    pub fn read(report: &Reporter, node: &'n Node, at: &Range<usize>, section: &Section, open: bool) -> Option<Fields<'n>> {
        let entries = mapping(report, node, at, section.title)?;
        if !open {
            for entry in entries.iter().filter(|e| section.keys.iter().all(|k| k.name != e.key)) {
                let help = suggest(&entry.key, section.keys.iter().map(|k| k.name), "the keys here are");
                report.add("unknown-key", entry.key_span.clone(), format!("{} has no key `{}`", section.title, short(&entry.key)), help);
            }
        }
        for key in section.keys.iter().filter(|k| k.required && entries.iter().all(|e| e.key != k.name)) {
            let help = Some(format!("write `{}:`", key.name));
            report.add("missing-key", at.clone(), format!("{} needs the key `{}`", section.title, key.name), help);
        }
        Some(Fields { entries })
    }

    pub fn get(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|e| e.key == key)
    }

    /// The entries which are not keys of the section.
    pub fn others<'a>(&'a self, section: &'a Section) -> impl Iterator<Item = &'n Entry> + 'a {
        self.entries.iter().filter(move |e| section.keys.iter().all(|k| k.name != e.key))
    }

    pub fn iter(&self) -> impl Iterator<Item = &'n Entry> {
        self.entries.iter()
    }
}

/// The entries of a mapping, or a problem.
pub(crate) fn mapping<'n>(report: &Reporter, node: &'n Node, at: &Range<usize>, what: &str) -> Option<&'n [Entry]> {
    match &node.kind {
        Kind::Map(entries) => Some(entries),
        _ => {
            let span = if node.span.is_empty() { at.clone() } else { node.span.clone() };
            report.add(
                "wrong-type",
                span,
                format!("{what} is a mapping, and here is {}", node.describe()),
                Some("write `key: value` lines below it".to_owned()),
            );
            None
        }
    }
}

/// Text that is not empty.
pub(crate) fn text<'n>(report: &Reporter, entry: &'n Entry) -> Option<&'n str> {
    text_of(report, &entry.value, &entry.key_span, &entry.key)
}

pub(crate) fn text_of<'n>(report: &Reporter, node: &'n Node, at: &Range<usize>, what: &str) -> Option<&'n str> {
    match &node.kind {
        Kind::Str(s) if !s.trim().is_empty() => Some(s),
        Kind::Null | Kind::Str(_) => {
            report.add("wrong-type", at.clone(), format!("`{what}` is empty"), Some("write its text".to_owned()));
            None
        }
        Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => {
            let written = report.text.get(node.span.clone()).unwrap_or_default();
            let help = Some(format!("put it in quotes: \"{}\"", short(written)));
            report.add("wrong-type", node.span.clone(), format!("`{what}` is text, and here is {}", node.describe()), help);
            None
        }
        Kind::List(_) | Kind::Map(_) => {
            report.add("wrong-type", node.span.clone(), format!("`{what}` is text, and here is {}", node.describe()), None);
            None
        }
    }
}

/// A list, or a single value in place of a list of one.
pub(crate) fn list_or_one(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}

/// A whole number from 1.
pub(crate) fn count(report: &Reporter, entry: &Entry) -> Option<u64> {
    match entry.value.kind {
        Kind::Int(n) if n >= 1 => Some(n as u64),
        _ => {
            report.add(
                "bad-number",
                entry.value.span.clone(),
                format!("`{}` is a whole number from 1", entry.key),
                Some("e.g. 10000".to_owned()),
            );
            None
        }
    }
}

/// Bytes: `1048576`, `64KB`, `10MB`, `1GB`.
pub(crate) fn size(report: &Reporter, entry: &Entry) -> Option<u64> {
    let parsed = match &entry.value.kind {
        Kind::Int(n) if *n >= 1 => Some(*n as u64),
        Kind::Str(s) => [("KB", 10), ("MB", 20), ("GB", 30)].iter().find_map(|(unit, shift)| {
            let number: u64 = s.strip_suffix(unit)?.trim().parse().ok()?;
            number.checked_mul(1 << shift).filter(|n| *n >= 1)
        }),
        _ => None,
    };
    if parsed.is_none() {
        let help = Some("e.g. 10485760, 64KB, 10MB or 1GB".to_owned());
        report.add("bad-size", entry.value.span.clone(), format!("`{}` is a size in bytes", entry.key), help);
    }
    parsed
}

/// `30d`, `12h`, `5m`, `30s`, `500ms`.
pub(crate) fn duration(report: &Reporter, entry: &Entry) -> Option<Duration> {
    let parsed = match &entry.value.kind {
        Kind::Str(s) => parse_duration(s),
        _ => None,
    };
    if parsed.is_none() {
        let help = Some("a number with d, h, m, s or ms, at most 100 years: 30d, 12h, 5m, 30s".to_owned());
        report.add("bad-duration", entry.value.span.clone(), format!("`{}` is a duration", entry.key), help);
    }
    parsed
}

/// A duration that may be none at all: `0s`.
pub(crate) fn wait(report: &Reporter, entry: &Entry) -> Option<Duration> {
    match &entry.value.kind {
        Kind::Str(s) if s == "0s" => Some(Duration::ZERO),
        _ => duration(report, entry),
    }
}

pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit_ms = match &text[digits..] {
        "d" => 86_400_000,
        "h" => 3_600_000,
        "m" => 60_000,
        "s" => 1_000,
        "ms" => 1,
        _ => return None,
    };
    const YEARS_100_MS: u64 = 100 * 366 * 86_400_000;
    number.checked_mul(unit_ms).filter(|ms| (1..=YEARS_100_MS).contains(ms)).map(Duration::from_millis)
}

/// `30/10s`, `5/minute`, `10/second`.
pub(crate) fn rate(report: &Reporter, entry: &Entry) -> Option<Rate> {
    let parsed = match &entry.value.kind {
        Kind::Str(s) => parse_rate(s),
        _ => None,
    };
    if parsed.is_none() {
        let help = Some("a number, a slash and a time: 30/10s, 5/minute, 10/second".to_owned());
        report.add("bad-rate", entry.value.span.clone(), format!("`{}` is a rate", entry.key), help);
    }
    parsed
}

pub(crate) fn parse_rate(text: &str) -> Option<Rate> {
    let (count, per) = text.split_once('/')?;
    let count = count.trim().parse().ok().filter(|n| *n >= 1)?;
    let per = match per.trim() {
        "second" => Duration::from_secs(1),
        "minute" => Duration::from_secs(60),
        "hour" => Duration::from_secs(3600),
        "day" => Duration::from_secs(86400),
        other => parse_duration(other)?,
    };
    Some(Rate { count, per })
}

/// `true` or `false`.
pub(crate) fn switch(report: &Reporter, entry: &Entry) -> bool {
    if let Kind::Bool(on) = entry.value.kind {
        return on;
    }
    let help = Some("write `true` or `false`, without quotes".to_owned());
    report.add("wrong-type", entry.value.span.clone(), format!("`{}` is true or false", entry.key), help);
    false
}

/// One word of a few.
pub(crate) fn word<T: Copy>(report: &Reporter, node: &Node, at: &Range<usize>, what: &str, words: &[(&str, T)]) -> Option<T> {
    let text = text_of(report, node, at, what)?;
    let found = words.iter().find(|(w, _)| *w == text).map(|(_, value)| *value);
    if found.is_none() {
        let help = suggest(text, words.iter().map(|(w, _)| *w), "it is one of");
        report.add("unknown-word", node.span.clone(), format!("`{what}` cannot be `{}`", short(text)), help);
    }
    found
}

/// A part of the source in a message, shortened if it is long.
pub(crate) fn short(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(60).collect();
    if chars.next().is_some() { format!("{head}…") } else { head }
}
