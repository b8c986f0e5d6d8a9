//! All parties: what the engine keeps.

use crate::{
    Roster,
    party::Party,
    table::{Table, refused},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tidewire_example_backend::{Event, Keys, Refusal};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct World {
    pub parties: BTreeMap<String, Party>,
}

/// Parties that are kept.
const PARTIES_MAX: usize = 10_000;

impl World {
    /// The parties of these rosters are there, and each says where it is.
    ///
    /// # Errors
    /// When there are too many.
    pub fn begin<'t>(&mut self, rosters: &[Roster], table: impl Fn(&str) -> Table<'t>, keys: &Keys) -> Result<Vec<Event>, Refusal> {
        let mut events = Vec::new();
        for roster in rosters {
            let mut table = table("begin");
            let party = self.parties.entry(roster.party.clone()).or_insert_with(|| Party::new(&roster.party, &roster.run));
            for (id, name) in &roster.characters {
                party.enrol(id, Some(name), &table)?;
            }
            party.introduce(&mut table);
            events.extend(table.events(keys, &roster.party));
        }
        Ok(events)
    }

    /// The party of this name; it begins now if there was none.
    ///
    /// # Errors
    /// When there are too many, or no run to begin it in.
    pub fn party(&mut self, id: &str, run: &str, table: &mut Table<'_>) -> Result<&mut Party, Refusal> {
        if !self.parties.contains_key(id) {
            if run.is_empty() {
                return Err(refused("NOT_NOW", "the party has not begun: nobody has acted in it"));
            }
            if self.parties.len() >= PARTIES_MAX {
                return Err(refused("NOT_NOW", "there are too many parties"));
            }
            let party = Party::new(id, run);
            party.introduce(table);
            self.parties.insert(id.to_owned(), party);
        }
        self.parties.get_mut(id).ok_or_else(|| Refusal::not_found("there is no such party"))
    }

    /// What ends by itself next: when, in which party, and what that end is called.
    pub fn deadline(&self) -> Option<(i64, String, String)> {
        let of = |p: &Party| p.deadline().map(|(at, cause)| (at, p.id.clone(), cause));
        self.parties.values().filter_map(of).min()
    }
}
