//! `flows:`: text, a step a line.

mod check;
mod lines;
mod payload;
mod read;

use super::{
    fields::{mapping, short},
    source::Reporter,
    yaml::{Entry, Kind, Node},
};
use crate::flow::{Flow, Step};
pub(super) use check::check;
use lines::Line;
use std::ops::Range;

/// A flow with the places of what it is made of.
pub(super) struct Placed {
    pub flow: Flow,
    /// As long as the flow's steps.
    steps: Vec<Places>,
}

/// Where the parts of a step stand in the file.
#[derive(Default)]
struct Places {
    /// The whole of its first line.
    step: Range<usize>,
    who: Vec<Range<usize>>,
    /// Its event types, and its channel.
    types: Vec<Range<usize>>,
    channel: Range<usize>,
    /// Each payload as it was read, with the place of every value.
    payloads: Vec<Option<Node>>,
}

pub(super) fn flows(report: &Reporter, entry: &Entry) -> Vec<Placed> {
    let Some(entries) = mapping(report, &entry.value, &entry.key_span, "flows") else { return Vec::new() };
    let mut expansion = payload::Expansion::default();
    entries.iter().filter_map(|entry| flow(report, entry, &mut expansion)).collect()
}

fn flow(report: &Reporter, entry: &Entry, expansion: &mut payload::Expansion) -> Option<Placed> {
    let Kind::Str(text) = &entry.value.kind else {
        let help = Some("write `|` after the colon, and below it a step a line: `ana joins room:r1`".to_owned());
        let message = format!("a flow is text, a step a line, and here is {}", entry.value.describe());
        report.add("wrong-type", entry.key_span.clone(), message, help);
        return None;
    };
    if entry.key.trim().is_empty() {
        report.add("bad-name", entry.key_span.clone(), "a flow has a title", Some("say what it tells, in a few words".to_owned()));
    }
    let mut placed = Placed { flow: Flow { title: entry.key.clone(), steps: Vec::new() }, steps: Vec::new() };
    for line in lines::lines(report, &entry.value, text) {
        if let Some((action, places)) = read::step(report, &line, expansion) {
            placed.flow.steps.push(Step { line: line.number(report), text: line.text.clone(), action });
            placed.steps.push(places);
        }
    }
    if placed.flow.steps.is_empty() && lines::lines(report, &entry.value, text).is_empty() {
        let help = Some("write a step a line: `ana joins room:r1`".to_owned());
        report.add("missing-key", entry.key_span.clone(), format!("the flow `{}` has no steps", short(&entry.key)), help);
    }
    Some(placed)
}

impl Line {
    /// Of the file, from 1.
    fn number(&self, report: &Reporter) -> usize {
        report.text.get(..self.at(0..1).start).map_or(1, |before| before.matches('\n').count() + 1)
    }
}
