//! The world: who is where, who holds what, what was said.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct World {
    pub id: String,
    pub name: String,
    /// The date in the world, not ours.
    pub current_date: String,
    /// What is frozen, and why; nobody moves there.
    pub frozen: Option<Freeze>,
    pub places: BTreeMap<String, Place>,
    pub characters: BTreeMap<String, Character>,
    pub groups: BTreeMap<String, BTreeSet<String>>,
    pub items: BTreeMap<String, Item>,
    pub messages: BTreeMap<String, Message>,
}

/// A state to go back to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Earlier {
    /// Since when the world was so.
    pub at: String,
    pub world: World,
}

/// Everything, if nothing is named.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    #[serde(default)]
    pub places: Vec<String>,
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub characters: Vec<String>,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub name: String,
    pub attributes: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Character {
    pub name: String,
    pub place: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub name: String,
    /// A character or a place.
    pub holder: Holder,
    /// A container: locked, open.
    pub container: Option<(bool, bool)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    #[serde(rename = "type")]
    pub kind: String,
    pub id: String,
}

impl Holder {
    pub fn character(id: &str) -> Holder {
        Holder { kind: "character".into(), id: id.into() }
    }

    pub fn place(id: &str) -> Holder {
        Holder { kind: "place".into(), id: id.into() }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub from: String,
    pub to: Option<String>,
    pub content: String,
    pub at: String,
    pub edited: bool,
}

impl World {
    /// The world as it begins.
    pub fn new(id: &str) -> World {
        let place = |name: &str| Place { name: name.into(), attributes: json!({ "light": "day" }) };
        let character = |name: &str, place: &str| Character { name: name.into(), place: place.into() };
        World {
            id: id.into(),
            name: "The harbour".into(),
            current_date: "1204-05-01".into(),
            frozen: None,
            places: [("p1", place("The tavern")), ("p2", place("The market")), ("p3", place("The tower"))]
                .map(|(k, v)| (k.into(), v))
                .into(),
            characters: [("c1", character("Ana", "p1")), ("c2", character("Boris", "p1")), ("c3", character("Chloe", "p2"))]
                .map(|(k, v)| (k.into(), v))
                .into(),
            groups: BTreeMap::from([("g1".into(), BTreeSet::from(["c1".into(), "c3".into()]))]),
            items: [
                ("i1", Item { name: "A lamp".into(), holder: Holder::character("c1"), container: None }),
                ("i2", Item { name: "A chest".into(), holder: Holder::place("p1"), container: Some((false, false)) }),
                ("i3", Item { name: "A safe".into(), holder: Holder::place("p2"), container: Some((true, false)) }),
            ]
            .map(|(k, v)| (k.into(), v))
            .into(),
            messages: BTreeMap::new(),
        }
    }

    /// Whether a character cannot act.
    pub fn is_frozen(&self, character: &str) -> bool {
        let Some(freeze) = &self.frozen else { return false };
        let everything = freeze.places.is_empty() && freeze.groups.is_empty() && freeze.characters.is_empty();
        let place = self.characters.get(character).map(|c| c.place.as_str());
        everything
            || freeze.characters.iter().any(|c| c == character)
            || freeze.places.iter().any(|p| Some(p.as_str()) == place)
            || freeze.groups.iter().any(|g| self.groups.get(g).is_some_and(|members| members.contains(character)))
    }
}
