//! Who is where in one log, at its newest place.

use crate::{
    log::MemberRow,
    record::{AnyOf, Audience},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use tidewire_contract::{AudienceRequest, Contract, MemberChange};

/// A relation and one of its groups or members.
type Pair = (Arc<str>, Arc<str>);

/// Relation → group → members.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Members {
    groups: HashMap<Pair, BTreeSet<Arc<str>>>,
    /// `(relation, member)` → groups, so that a move finds what it leaves.
    places: HashMap<Pair, BTreeSet<Arc<str>>>,
}

impl Members {
    pub fn from_rows(rows: &[MemberRow]) -> Members {
        let mut members = Members::default();
        for row in rows {
            members.set(row);
        }
        members
    }

    /// Applies a change, and returns what it changed.
    pub fn apply(&mut self, change: &MemberChange) -> Vec<MemberRow> {
        let row = |relation: &str, group: &str, member: &str, present| MemberRow {
            relation: relation.into(),
            group: group.into(),
            member: member.into(),
            present,
        };
        let rows = match change {
            MemberChange::Join { relation, group, member } => vec![row(relation, group, member, true)],
            MemberChange::Leave { relation, group, member } => vec![row(relation, group, member, false)],
            MemberChange::Move { relation, member, to } => {
                let here = self.places.get(&(relation.as_str().into(), member.as_str().into()));
                let left = here.into_iter().flatten().filter(|g| to.as_deref() != Some(&***g));
                let mut rows: Vec<_> = left.map(|g| row(relation, g, member, false)).collect();
                rows.extend(to.as_deref().map(|to| row(relation, to, member, true)));
                rows
            }
        };
        rows.into_iter().filter(|row| self.set(row)).collect()
    }

    /// Whether it changed anything.
    fn set(&mut self, row: &MemberRow) -> bool {
        let group = (row.relation.clone(), row.group.clone());
        let place = (row.relation.clone(), row.member.clone());
        if row.present {
            self.places.entry(place).or_default().insert(row.group.clone());
            return self.groups.entry(group).or_default().insert(row.member.clone());
        }
        if let Some(places) = self.places.get_mut(&place) {
            places.remove(&row.group);
            if places.is_empty() {
                self.places.remove(&place);
            }
        }
        let Some(members) = self.groups.get_mut(&group) else { return false };
        let changed = members.remove(&row.member);
        if members.is_empty() {
            self.groups.remove(&group);
        }
        changed
    }

    /// Settles who an event is for: all requests must name a principal; relations become who is in them now.
    pub fn settle(&self, contract: &Contract, requests: &[AudienceRequest]) -> Audience {
        let mut all: Vec<AnyOf> = Vec::new();
        for request in requests {
            let AudienceRequest::Only(named) = request else { continue };
            let mut any: AnyOf = Vec::new();
            for part in named {
                let attribute = contract.attribute_of(&part.by);
                let values: Vec<String> = if attribute == part.by {
                    part.values.clone()
                } else {
                    let members = part.values.iter().filter_map(|g| self.groups.get(&(part.by.as_str().into(), g.as_str().into())));
                    members.flatten().map(|m| m.to_string()).collect()
                };
                match any.iter_mut().find(|(a, _)| **a == *attribute) {
                    Some((_, listed)) => listed.extend(values),
                    None => any.push((attribute.into(), values)),
                }
            }
            for (_, listed) in &mut any {
                listed.sort_unstable();
                listed.dedup();
            }
            all.push(any);
        }
        if all.is_empty() { Audience::Everyone } else { Audience::Only(all.into()) }
    }
}
