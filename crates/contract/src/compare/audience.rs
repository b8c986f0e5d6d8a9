//! Whom an event is for.

use super::{finding::Who, findings::Findings};
use crate::{audience::Clause, compile::rule::Rule};
use std::collections::BTreeSet;

/// A clause, in a form that can be compared: its conditions, whom it names, and the clauses under it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    when: Option<String>,
    unless: Option<String>,
    named: BTreeSet<(String, Vec<String>)>,
    any: BTreeSet<Shape>,
}

fn shape(clause: &Clause) -> Shape {
    let said = |rule: &Option<Rule>| rule.as_ref().map(|rule| format!("{:?}", rule.expr()));
    Shape {
        when: said(&clause.when),
        unless: said(&clause.unless),
        named: clause.named.iter().flat_map(|(by, paths)| paths.iter().map(move |path| (by.clone(), path.clone()))).collect(),
        any: clause.any.iter().map(shape).collect(),
    }
}

/// The key of an audience that is not what it was; none, where all of it came or went.
fn changed(old: &[Shape], new: &[Shape]) -> String {
    let ([old], [new]) = (old, new) else { return String::new() };
    let by = old.named.symmetric_difference(&new.named).next().map(|(by, _)| by.as_str());
    let key = match (old.when != new.when, old.unless != new.unless, by) {
        (true, _, _) => "when",
        (_, true, _) => "unless",
        (_, _, Some(by)) => by,
        _ => "any",
    };
    format!("/{key}")
}

/// `places` are the events in the two contracts.
pub(super) fn audience(findings: &mut Findings<'_>, event: &str, old: &[Clause], new: &[Clause], places: (&str, &str)) {
    let who: &[Who] = &[Who::OldClients];
    let (before, now): (Vec<Shape>, Vec<Shape>) = (old.iter().map(shape).collect(), new.iter().map(shape).collect());
    if before == now {
        return;
    }
    let key = changed(&before, &now);
    let spot = findings.at(&format!("{}/audience{key}", places.0), &format!("{}/audience{key}", places.1));
    match (&before[..], &now[..]) {
        ([], _) => findings.add("audience-narrowed", spot, who, format!("`{event}` was everybody's, and is for some now")),
        (_, []) => findings.add("audience-widened", spot, who, format!("`{event}` was for some, and is everybody's now")),
        // A clause with a condition restricts by the condition alone: whom it names besides only adds.
        ([old], [new]) if old.when.is_some() && (&old.when, &old.unless) == (&new.when, &new.unless) => {
            let fewer = new.named.is_subset(&old.named) && new.any.is_subset(&old.any);
            let more = old.named.is_subset(&new.named) && old.any.is_subset(&new.any);
            match (fewer, more) {
                (true, _) => findings.add("audience-narrowed", spot, who, format!("`{event}` is for fewer than before")),
                (_, true) => findings.add("audience-widened", spot, who, format!("`{event}` is for more than before")),
                _ => findings.add("audience-undecided", spot, who, format!("`{event}` is for others than before")),
            }
        }
        _ => findings.add("audience-undecided", spot, who, format!("whom `{event}` is for changed")),
    }
}
