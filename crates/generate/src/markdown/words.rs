//! Markdown, and numbers in words.

use serde_json::Value;
use std::time::Duration;
use tidewire_contract::Rate;

/// The document as far as it is written.
#[derive(Default)]
pub struct Page {
    pub text: String,
}

impl Page {
    pub fn heading(&mut self, level: usize, text: &str) {
        self.paragraph(&format!("{} {text}", "#".repeat(level)));
    }

    /// A block, with an empty line behind it.
    pub fn paragraph(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push_str("\n\n");
    }

    pub fn rule(&mut self) {
        self.paragraph("---");
    }

    pub fn code(&mut self, language: &str, text: &str) {
        // A fence that is longer than any in the text.
        let mut fence = "```".to_owned();
        while text.contains(&fence) {
            fence.push('`');
        }
        self.paragraph(&format!("{fence}{language}\n{}\n{fence}", text.trim_end()));
    }

    pub fn json(&mut self, value: &Value) {
        self.code("json", &format!("{value:#}"));
    }

    /// `> **Trigger**: …`, a line each.
    pub fn quote(&mut self, lines: &[(&str, String)]) {
        let lines: Vec<String> = lines.iter().map(|(word, text)| format!("> **{word}**: {text}")).collect();
        // Two spaces end a line within a paragraph.
        self.paragraph(&lines.join("  \n"));
    }

    pub fn list(&mut self, items: &[String]) {
        self.paragraph(&items.iter().map(|item| format!("- {item}")).collect::<Vec<_>>().join("\n"));
    }

    pub fn steps(&mut self, items: &[String]) {
        self.paragraph(&items.iter().enumerate().map(|(at, item)| format!("{}. {item}", at + 1)).collect::<Vec<_>>().join("\n"));
    }

    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let line = |cells: &[String]| format!("| {} |", cells.iter().map(|cell| escaped(cell)).collect::<Vec<_>>().join(" | "));
        let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
        let mut lines = vec![line(&head), format!("|{}", "---|".repeat(head.len()))];
        lines.extend(rows.iter().map(|row| line(row)));
        self.paragraph(&lines.join("\n"));
    }
}

/// A cell: a bar would end it, also within code.
fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// Text as code, whatever it has in it.
pub fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// `` `a`, `b` and `c` ``.
pub fn codes<'t>(texts: impl IntoIterator<Item = &'t str>, last: &str) -> String {
    listed(&texts.into_iter().map(code).collect::<Vec<_>>(), last)
}

/// `a, b and c`, with the word before the last.
pub fn listed(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

/// `30 seconds`, `60 seconds`, `2 minutes`, `7 days`.
pub fn duration(of: Duration) -> String {
    let ms = of.as_millis();
    let units = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second"), (1, "millisecond")];
    let (size, unit) = units
        .into_iter()
        .find(|(size, unit)| ms.is_multiple_of(*size) && ms >= *size * if *unit == "minute" { 2 } else { 1 })
        .unwrap_or((1, "millisecond"));
    let count = ms / size;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// `1s`, as contracts write it.
pub fn short(of: Duration) -> String {
    let text = duration(of);
    let (count, unit) = text.split_once(' ').unwrap_or((&text, "second"));
    let unit = if unit.starts_with("milli") { "ms" } else { unit.get(..1).unwrap_or("s") };
    format!("{count}{unit}")
}

/// `per second`, `per 10 seconds`.
pub fn window(rate: Rate) -> String {
    let text = if rate.per == Duration::from_secs(60) { "minute".to_owned() } else { duration(rate.per) };
    format!("per {}", text.strip_prefix("1 ").unwrap_or(&text))
}
