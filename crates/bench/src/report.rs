//! Figures, and how they compare.

use crate::clients::Seen;
use serde_json::{Map, Value, json};
use std::io;

#[derive(Default)]
pub struct Report {
    figures: Vec<Figure>,
    failed: usize,
}

pub struct Figure {
    name: String,
    values: Vec<(String, f64)>,
    /// What it is held to, and whether it is.
    verdict: Option<(String, bool)>,
    faults: u64,
}

impl Figure {
    pub fn new(name: String) -> Figure {
        Figure { name, values: Vec::new(), verdict: None, faults: 0 }
    }

    pub fn with(mut self, what: &str, value: f64) -> Figure {
        self.values.push((what.to_owned(), value));
        self
    }

    /// CPU time as a ratio to the floor's, round by round.
    pub fn ratio(self, ratios: &mut [f64]) -> Figure {
        ratios.sort_by(f64::total_cmp);
        let (least, median) = (ratios.first().copied().unwrap_or_default(), ratios.get(ratios.len() / 2).copied().unwrap_or_default());
        self.with("cpu ratio to the floor, least", least).with("cpu ratio to the floor, median", median)
    }

    /// The median ratio is to be at most this.
    pub fn target(self, most: f64) -> Figure {
        let ratio = self.values.iter().find(|(name, _)| name.ends_with("median") && name.contains("ratio")).map_or(0.0, |(_, v)| *v);
        self.bound(ratio, most)
    }

    pub fn bound(mut self, value: f64, most: f64) -> Figure {
        self.verdict = Some((format!("at most {most}"), value <= most));
        self
    }

    pub fn least(mut self, value: f64, least: f64) -> Figure {
        self.verdict = Some((format!("at least {least}"), value >= least));
        self
    }

    /// Lost, repeated or out of order with those who listened meanwhile.
    pub fn live_faults(mut self, faults: u64) -> Figure {
        self.faults += faults;
        self.with("live events at fault", faults as f64)
    }

    pub fn faults(mut self, seen: &Seen) -> Figure {
        self.faults += seen.faults();
        self.with("lost", seen.lost.get() as f64)
            .with("repeated", seen.repeated.get() as f64)
            .with("out of order", seen.reordered.get() as f64)
            .with("connections ended", seen.ended.get() as f64)
    }
}

impl Report {
    /// A benchmark that fails says why, and leaves the others their figures.
    pub fn add(&mut self, result: io::Result<Figure>) {
        match result {
            Ok(figure) => {
                eprintln!("{}: done", figure.name);
                self.figures.push(figure);
            }
            Err(error) => {
                eprintln!("tidewire bench: {error}");
                self.failed += 1;
            }
        }
    }

    /// Benchmarks that did not come to an end.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Events that were lost, repeated or out of order.
    pub fn faults(&self) -> u64 {
        self.figures.iter().map(|f| f.faults).sum()
    }

    pub fn print(&self, as_json: bool) {
        for Figure { name, values, verdict, .. } in &self.figures {
            if as_json {
                let values: Map<String, Value> = values.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
                let verdict = verdict.as_ref().map(|(bound, met)| json!({ "target": bound, "met": met }));
                println!("{}", json!({ "name": name, "values": values, "verdict": verdict }));
                continue;
            }
            println!("\n{name}");
            for (what, value) in values {
                println!("  {what:34} {}", digits(*value));
            }
            if let Some((bound, met)) = verdict {
                println!("  {:34} {bound}: {}", "target", if *met { "met" } else { "missed" });
            }
        }
    }
}

fn digits(value: f64) -> String {
    match value.abs() {
        v if v == v.trunc() || v >= 1000.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
