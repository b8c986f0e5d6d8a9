//! The members that this node knows, by log: a look at one channel does not pass over all others.

use super::{Key, Local};
use std::{collections::HashMap, sync::Arc};

#[derive(Default)]
pub(super) struct Locals(HashMap<Arc<str>, HashMap<Arc<str>, Local>>);

impl Locals {
    pub fn get(&self, (log, member): &Key) -> Option<&Local> {
        self.0.get(log)?.get(member)
    }

    pub fn get_mut(&mut self, (log, member): &Key) -> Option<&mut Local> {
        self.0.get_mut(log)?.get_mut(member)
    }

    pub fn or_insert(&mut self, (log, member): &Key, new: impl FnOnce() -> Local) -> &mut Local {
        self.0.entry(log.clone()).or_default().entry(member.clone()).or_insert_with(new)
    }

    pub fn remove(&mut self, (log, member): &Key) {
        if let Some(members) = self.0.get_mut(log) {
            members.remove(member);
            if members.is_empty() {
                self.0.remove(log);
            }
        }
    }

    /// Those of one log.
    pub fn of(&self, log: &str) -> impl Iterator<Item = &Local> {
        self.0.get(log).into_iter().flat_map(HashMap::values)
    }

    pub fn all(&self) -> impl Iterator<Item = (Key, &Local)> {
        self.0.iter().flat_map(|(log, members)| members.iter().map(|(member, local)| ((log.clone(), member.clone()), local)))
    }
}
