//! The findings as they are gathered, each given its place at the end.

use super::{
    edition::{CONTRACT_FILE, Edition},
    finding::{Finding, Version, Who},
    kinds::{Kind, kind_of},
};
use crate::problem::Problem;
use serde_json::Value;
use std::sync::Arc;

/// A place in one of the two contracts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spot {
    pub version: Version,
    /// Relative to the folder.
    pub file: String,
    pub pointer: String,
}

impl Spot {
    /// In the new `contract.yaml`.
    pub fn new(pointer: &str) -> Spot {
        Spot { version: Version::New, file: CONTRACT_FILE.to_owned(), pointer: pointer.to_owned() }
    }

    /// In the old one, for what is gone.
    pub fn old(pointer: &str) -> Spot {
        Spot { version: Version::Old, ..Spot::new(pointer) }
    }
}

#[derive(Debug)]
struct Found {
    kind: &'static Kind,
    spot: Spot,
    message: String,
    who: Vec<Who>,
    events: Vec<String>,
    witness: Option<Value>,
}

/// The two contracts, and what was found so far.
pub(super) struct Findings<'e> {
    pub old: &'e Edition<'e>,
    pub new: &'e Edition<'e>,
    found: Vec<Found>,
}

impl<'e> Findings<'e> {
    pub fn new(old: &'e Edition<'e>, new: &'e Edition<'e>) -> Findings<'e> {
        Findings { old, new, found: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Where it is said now, or where it was said.
    pub fn here(&self, pointer: &str) -> Spot {
        self.at(pointer, pointer)
    }

    /// The same, where the two places are called otherwise.
    pub fn at(&self, old: &str, new: &str) -> Spot {
        if !self.new.says(new) && self.old.says(old) { Spot::old(old) } else { Spot::new(new) }
    }

    pub fn add(&mut self, id: &'static str, spot: Spot, who: &[Who], message: impl Into<String>) {
        self.add_of(id, spot, who, message.into(), None, None);
    }

    /// The same of an event's payload; what is found of several events at one place is told once.
    pub fn add_of(&mut self, id: &'static str, spot: Spot, who: &[Who], message: String, event: Option<&str>, witness: Option<Value>) {
        let Some(kind) = kind_of(id) else { return };
        let events: Vec<String> = event.map(str::to_owned).into_iter().collect();
        if let Some(known) = self.found.iter_mut().find(|f| f.kind.id == id && f.spot == spot && f.message == message) {
            known.events.extend(events.into_iter().filter(|event| !known.events.contains(event)).collect::<Vec<_>>());
            known.who.extend(who.iter().filter(|who| !known.who.contains(who)).copied().collect::<Vec<_>>());
            known.witness = known.witness.take().or(witness);
            return;
        }
        self.found.push(Found { kind, spot, message, who: who.to_vec(), events, witness });
    }

    /// All of them, the worst first, and then in the order of the files.
    pub fn finish(self) -> Vec<Finding> {
        let contract = &self.new.contract.name;
        let mut all: Vec<Finding> = self
            .found
            .into_iter()
            .map(|found| {
                let edition = if found.spot.version == Version::Old { self.old } else { self.new };
                place(found, edition, contract)
            })
            .collect();
        all.sort_by(|a, b| {
            (a.severity, a.file.file_name() != Some(CONTRACT_FILE.as_ref()), &a.file, a.line, a.column, a.id).cmp(&(
                b.severity,
                b.file.file_name() != Some(CONTRACT_FILE.as_ref()),
                &b.file,
                b.line,
                b.column,
                b.id,
            ))
        });
        all
    }
}

fn place(found: Found, edition: &Edition<'_>, contract: &str) -> Finding {
    let Found { kind, spot, message, mut who, events, witness } = found;
    who.sort_unstable();
    let file = edition.file(&spot.file);
    let (span, _) = file.find(&spot.pointer);
    // The one place that knows how bytes become lines.
    let placed = Problem::new(kind.id, edition.folder.join(&spot.file), Arc::clone(&file.text), span, String::new(), None);
    Finding {
        id: kind.id,
        severity: kind.severity,
        contract: contract.to_owned(),
        accept: format!("{}@{contract}/{}#{}", kind.id, spot.file, spot.pointer),
        events,
        version: spot.version,
        file: placed.file,
        line: placed.line,
        column: placed.column,
        pointer: spot.pointer,
        message,
        breaks: who,
        safely: kind.safely,
        witness,
        kind,
        span: placed.span,
        text: Arc::clone(&file.text),
    }
}
