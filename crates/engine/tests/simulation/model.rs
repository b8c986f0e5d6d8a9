//! What should be: audiences settled once more, naively, from the log as it is kept.

use crate::world::{Looker, Spec, number};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use tidewire_contract::{AudienceRequest, MemberChange};
use tidewire_engine::Record;

/// Who sees an event: `None` everybody, else the characters that every part must name.
type Seen = Option<Vec<BTreeSet<String>>>;

/// One log of one epoch, with who sees each of its events.
#[derive(Debug, Default)]
pub struct Lineage {
    pub records: Vec<Arc<Record>>,
    settled: Vec<Seen>,
    groups: HashMap<(String, String), BTreeSet<String>>,
}

impl Lineage {
    /// Takes over how the log goes on.
    pub fn grow(&mut self, records: &[Arc<Record>], specs: &HashMap<u64, Spec>) {
        for record in records.iter().skip(self.records.len()) {
            self.records.push(record.clone());
            let Some(spec) = number(&record.data).and_then(|n| specs.get(&n)) else {
                self.settled.push(None);
                continue;
            };
            let mut parts = Vec::new();
            for request in &spec.audience {
                let AudienceRequest::Only(named) = request else { continue };
                let mut who = BTreeSet::new();
                for part in named {
                    for value in &part.values {
                        if part.by == "character" {
                            who.insert(value.clone());
                        } else if let Some(members) = self.groups.get(&(part.by.clone(), value.clone())) {
                            who.extend(members.iter().cloned());
                        }
                    }
                }
                parts.push(who);
            }
            self.settled.push((!parts.is_empty()).then_some(parts));
            for change in &spec.changes {
                match change.clone() {
                    MemberChange::Join { relation, group, member } => {
                        self.groups.entry((relation, group)).or_default().insert(member);
                    }
                    MemberChange::Leave { relation, group, member } => {
                        self.groups.entry((relation, group)).or_default().remove(&member);
                    }
                    MemberChange::Move { relation, member, to } => {
                        for (_, members) in self.groups.iter_mut().filter(|((r, _), _)| *r == relation) {
                            members.remove(&member);
                        }
                        if let Some(to) = to {
                            self.groups.entry((relation, to)).or_default().insert(member);
                        }
                    }
                }
            }
        }
    }

    /// Whether this looker is to be given the event `seq`.
    pub fn is_for(&self, looker: &Looker, seq: u64) -> bool {
        let index = seq as usize - 1;
        let Some(record) = self.records.get(index) else { return false };
        if !looker.filter.matches(&record.event_type) {
            return false;
        }
        let Some(character) = looker.character else { return true };
        self.settled[index].as_ref().is_none_or(|parts| parts.iter().all(|who| who.contains(character)))
    }
}
