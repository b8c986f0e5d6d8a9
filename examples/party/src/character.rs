//! Characters and what is upon them.

use crate::dice::Dice;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub const SKILLS: [&str; 4] = ["strength", "agility", "lore", "charm"];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Character {
    pub id: String,
    pub name: String,
    pub hp: u32,
    pub max_hp: u32,
    /// In the order of [`SKILLS`].
    pub skills: [i32; 4],
    pub effects: Vec<Effect>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    pub name: Kind,
    /// Turns of its bearer that it lasts.
    pub rounds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Harder to hit.
    Guarded,
    /// Worse at everything.
    Shaken,
    /// Loses a hit point each turn.
    Poisoned,
}

/// What being shaken costs at every roll.
const SHAKEN: i32 = 2;

impl Character {
    /// A newcomer, with the skills that the dice give to this name.
    pub fn new(id: &str, name: &str, dice: &Dice) -> Character {
        let skill = |skill: &str| dice.roll(id, skill, 5) as i32 - 1;
        Character { id: id.to_owned(), name: name.to_owned(), hp: 12, max_hp: 12, skills: SKILLS.map(skill), effects: Vec::new() }
    }

    pub fn is_up(&self) -> bool {
        self.hp > 0
    }

    /// What is added to a roll for a skill.
    pub fn modifier(&self, skill: &str) -> i32 {
        let skill = SKILLS.iter().position(|s| *s == skill).map_or(0, |place| self.skills[place]);
        skill - if has(&self.effects, Kind::Shaken) { SHAKEN } else { 0 }
    }

    pub fn hurt(&mut self, by: u32) {
        self.hp = self.hp.saturating_sub(by);
    }

    pub fn heal(&mut self, by: u32) {
        self.hp = (self.hp + by).min(self.max_hp);
    }

    pub fn json(&self) -> Value {
        json!({ "character_id": self.id, "display_name": self.name, "hp": self.hp, "max_hp": self.max_hp, "effects": self.effects })
    }
}

pub fn has(effects: &[Effect], kind: Kind) -> bool {
    effects.iter().any(|e| e.name == kind)
}

/// Puts an effect on, or makes it last longer.
pub fn put(effects: &mut Vec<Effect>, kind: Kind, rounds: u32) {
    match effects.iter_mut().find(|e| e.name == kind) {
        Some(effect) => effect.rounds = effect.rounds.max(rounds),
        None => effects.push(Effect { name: kind, rounds }),
    }
}

/// A turn of its bearer begins: what poison takes, and what wears off.
pub fn begin_turn(hp: &mut u32, effects: &mut Vec<Effect>) {
    if has(effects, Kind::Poisoned) {
        *hp = hp.saturating_sub(1);
    }
    for effect in effects.iter_mut() {
        effect.rounds -= 1;
    }
    effects.retain(|e| e.rounds > 0);
}
