//! Figures, and how they compare.

use crate::seen::Seen;
use serde_json::{Map, Value, json};
use std::{fmt, io};

#[derive(Default)]
pub struct Report {
    figures: Vec<Figure>,
    /// Benchmarks that did not come to an end, and why.
    failed: Vec<(String, String)>,
}

pub struct Figure {
    name: String,
    values: Vec<(String, f64)>,
    verdicts: Vec<Verdict>,
    faults: u64,
}

/// Something measured that is held to a target.
struct Verdict {
    what: String,
    /// `None` where it could not be measured.
    measured: Option<f64>,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn met(self, value: f64) -> bool {
        match self {
            Bound::AtMost(most) => value <= most,
            Bound::AtLeast(least) => value >= least,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtMost(most) => write!(f, "at most {}", digits(*most)),
            Bound::AtLeast(least) => write!(f, "at least {}", digits(*least)),
        }
    }
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self.measured.map(|value| self.bound.met(value)) {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        }
    }
}

impl Figure {
    pub fn new(name: String) -> Figure {
        Figure { name, values: Vec::new(), verdicts: Vec::new(), faults: 0 }
    }

    pub fn with(mut self, what: &str, value: f64) -> Figure {
        self.values.push((what.to_owned(), value));
        self
    }

    /// A value that is to be at most this.
    pub fn at_most(self, what: &str, measured: Option<f64>, most: f64) -> Figure {
        self.held(what, measured, Bound::AtMost(most))
    }

    /// A value that is to be at least this.
    pub fn at_least(self, what: &str, measured: Option<f64>, least: f64) -> Figure {
        self.held(what, measured, Bound::AtLeast(least))
    }

    fn held(mut self, what: &str, measured: Option<f64>, bound: Bound) -> Figure {
        if let Some(value) = measured {
            self = self.with(what, value);
        }
        self.verdicts.push(Verdict { what: what.to_owned(), measured, bound });
        self
    }

    /// Events that were lost, repeated or out of order.
    pub fn faulty(mut self, what: &str, faults: u64) -> Figure {
        self.faults += faults;
        self.with(what, faults as f64)
    }

    pub fn faults(mut self, seen: &Seen) -> Figure {
        self.faults += seen.faults();
        self.with("lost", seen.lost.get() as f64)
            .with("repeated", seen.repeated.get() as f64)
            .with("out of order", seen.reordered.get() as f64)
            .with("connections ended", seen.ended.get() as f64)
    }

    /// Its rows of the closing table: each target, or what it says first.
    fn rows(&self) -> Vec<[String; 4]> {
        let row = |measured: String, target: String, word: &str| [self.name.clone(), measured, target, word.to_owned()];
        if self.verdicts.is_empty() {
            return self
                .values
                .first()
                .map(|(what, value)| row(format!("{} ({what})", digits(*value)), "-".into(), "-"))
                .into_iter()
                .collect();
        }
        let verdict = |v: &Verdict| {
            let value = v.measured.map_or_else(|| "-".to_owned(), digits);
            row(format!("{value} ({})", v.what), v.bound.to_string(), v.word())
        };
        self.verdicts.iter().map(verdict).collect()
    }
}

/// The middle one of these, which are sorted by it.
pub fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

impl Report {
    /// A benchmark that fails says why, and leaves the others their figures.
    pub fn add(&mut self, name: &str, result: io::Result<Vec<Figure>>) {
        match result {
            Ok(figures) => {
                eprintln!("{name}: done");
                self.figures.extend(figures);
            }
            Err(error) => {
                eprintln!("tidewire bench: {name}: {error}");
                self.failed.push((name.to_owned(), error.to_string()));
            }
        }
    }

    /// Benchmarks that did not come to an end.
    pub fn failed(&self) -> usize {
        self.failed.len()
    }

    /// Events that were lost, repeated or out of order.
    pub fn faults(&self) -> u64 {
        self.figures.iter().map(|f| f.faults).sum()
    }

    pub fn print(&self, as_json: bool) {
        for figure in &self.figures {
            let Figure { name, values, verdicts, .. } = figure;
            if as_json {
                let values: Map<String, Value> = values.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
                let verdicts: Vec<Value> = verdicts
                    .iter()
                    .map(|v| json!({ "value": v.what, "measured": v.measured, "target": v.bound.to_string(), "verdict": v.word() }))
                    .collect();
                println!("{}", json!({ "name": name, "values": values, "verdicts": verdicts }));
                continue;
            }
            println!("\n{name}");
            for (what, value) in values {
                println!("  {what:34} {}", digits(*value));
            }
        }
        if !as_json && self.figures.len() + self.failed.len() > 0 {
            println!("\n{}", self.table());
        }
    }

    /// Every benchmark with what it came to, its target, and whether it is met.
    fn table(&self) -> String {
        let title = ["benchmark", "measured", "target", "verdict"].map(str::to_owned);
        let failed = self.failed.iter().map(|(name, why)| {
            let why = why.lines().next().unwrap_or_default().to_owned();
            [name.clone(), why, "-".to_owned(), "failed".to_owned()]
        });
        let rows: Vec<[String; 4]> = std::iter::once(title).chain(self.figures.iter().flat_map(Figure::rows)).chain(failed).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2)];
        rows.iter().fold(String::new(), |table, [name, measured, target, word]| {
            let line = format!("{name:a$}  {measured:b$}  {target:c$}  {word}\n", a = widths[0], b = widths[1], c = widths[2]);
            table + &line
        })
    }
}

fn digits(value: f64) -> String {
    match value.abs() {
        v if v == v.trunc() || v >= 1000.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_every_target_and_every_benchmark() {
        let mut report = Report::default();
        let held = Figure::new("a".into()).at_most("ratio", Some(1.06), 1.05).at_least("rate", Some(5.0), 4.0).at_most("x", None, 1.0);
        report.add("a", Ok(vec![held]));
        report.add("b", Ok(vec![Figure::new("b".into()).with("rate", 12.345).with("more", 1.0)]));
        report.add("c", Err(io::Error::other("it broke\nand more")));
        let table = report.table();
        let lines: Vec<Vec<&str>> = table.lines().map(|l| l.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect()).collect();
        assert_eq!(lines[1], ["a", "1.060 (ratio)", "at most 1.050", "missed"]);
        assert_eq!(lines[2], ["a", "5 (rate)", "at least 4", "met"]);
        assert_eq!(lines[3], ["a", "- (x)", "at most 1", "not measured"]);
        assert_eq!(lines[4], ["b", "12.3 (rate)", "-", "-"]);
        assert_eq!(lines[5], ["c", "it broke", "-", "failed"]);
        assert_eq!((report.failed(), report.faults()), (1, 0));
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut []), None);
    }

    #[test]
    fn faults_add_up() {
        let seen = Seen::new().expect("a histogram");
        seen.lost.set(2);
        let mut report = Report::default();
        report.add("a", Ok(vec![Figure::new("a".into()).faults(&seen).faulty("live", 3)]));
        assert_eq!(report.faults(), 5);
    }
}
