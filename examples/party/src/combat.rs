//! Fights: initiative, turns, and what foes do when it is theirs.

use crate::{
    campaign::{Fight, FoeKind},
    character::{self, Character, Effect, Kind},
    dice::Outcome,
    table::{Table, refused},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write};
use tidewire_example_backend::Refusal;

pub type Characters = BTreeMap<String, Character>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Combat {
    pub id: String,
    pub round: u32,
    /// Characters and foes, the first first.
    pub order: Vec<String>,
    /// Whose turn it is, by place in the order.
    pub at: usize,
    /// Counts turns over all rounds: it names a turn's end.
    pub turns: u64,
    pub foes: Vec<Foe>,
    /// When whoever is in turn has thought long enough; ms since 1970.
    pub ends_at: i64,
    /// Where each end leads.
    pub won: u32,
    pub fled: u32,
    pub lost: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Foe {
    pub id: String,
    pub name: String,
    pub hp: u32,
    pub max_hp: u32,
    pub armour: u32,
    pub damage: u32,
    pub poisons: bool,
    pub effects: Vec<Effect>,
}

/// How a fight stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    GoingOn,
    Won,
    Fled,
    Lost,
}

/// What came of a move.
pub struct Moved {
    pub outcome: Outcome,
    pub text: String,
    pub roll: Option<Value>,
    pub fled: bool,
}

/// What is to be reached to hit a character, and one that guards itself.
const GUARD: (u32, u32) = (10, 14);

impl Foe {
    fn new(kind: &FoeKind) -> Foe {
        Foe {
            id: kind.id.to_owned(),
            name: kind.name.to_owned(),
            hp: kind.hp,
            max_hp: kind.hp,
            armour: kind.armour,
            damage: kind.damage,
            poisons: kind.poisons,
            effects: Vec::new(),
        }
    }

    pub fn json(&self) -> Value {
        json!({ "foe_id": self.id, "name": self.name, "hp": self.hp, "max_hp": self.max_hp, "effects": self.effects })
    }
}

impl Combat {
    /// A fight begins; foes that are faster act at once. What they did is in the text.
    pub fn begin(fight: &Fight, characters: &mut Characters, table: &Table<'_>, text: &mut String) -> Combat {
        let foes: Vec<Foe> = fight.foes.iter().map(Foe::new).collect();
        let names = characters.keys().map(|id| (id, characters[id].modifier("agility"))).chain(foes.iter().map(|f| (&f.id, 1)));
        let mut order: Vec<(i32, String)> =
            names.map(|(id, bonus)| (table.roll(&format!("initiative/{id}"), 20) as i32 + bonus, id.clone())).collect();
        order.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let mut combat = Combat {
            id: table.name("c"),
            round: 1,
            order: order.into_iter().map(|(_, id)| id).collect(),
            at: 0,
            turns: 0,
            foes,
            ends_at: 0,
            won: fight.won,
            fled: fight.fled,
            lost: fight.lost,
        };
        combat.until_a_player(characters, table, text);
        combat
    }

    /// Whose turn it is.
    pub fn in_turn(&self) -> &str {
        &self.order[self.at]
    }

    pub fn standing(&self, characters: &Characters) -> Standing {
        if self.foes.iter().all(|f| f.hp == 0) {
            Standing::Won
        } else if self.order.iter().filter_map(|id| characters.get(id)).all(|c| !c.is_up()) {
            Standing::Lost
        } else {
            Standing::GoingOn
        }
    }

    /// Somebody who came late is last in the order.
    pub fn admit(&mut self, id: &str) {
        if !self.order.iter().any(|o| o == id) {
            self.order.push(id.to_owned());
        }
    }

    /// The move of whoever is in turn.
    ///
    /// # Errors
    /// When it is somebody else's turn, or there is no such move or target; nothing has changed then.
    pub fn make(&mut self, who: &str, data: &Value, characters: &mut Characters, table: &Table<'_>) -> Result<Moved, Refusal> {
        if self.in_turn() != who {
            return Err(refused("NOT_YOUR_TURN", format!("it is the turn of {}", self.in_turn())));
        }
        let target = data["target"].as_str();
        let actor = characters.get_mut(who).ok_or_else(|| refused("NOT_NOW", "you are not in this fight"))?;
        match data["move"].as_str().unwrap_or_default() {
            "attack" => {
                let foe = self.foes.iter_mut().find(|f| Some(f.id.as_str()) == target && f.hp > 0);
                let foe = foe.ok_or_else(|| refused("NO_SUCH_CHOICE", "an attack has a `target`: a foe that stands"))?;
                let check = table.check("attack", actor.modifier("strength"), foe.armour, 3);
                let damage = match check.outcome() {
                    Outcome::Success => table.roll("damage", 6) + 1,
                    Outcome::Partial => 1,
                    Outcome::Failure => 0,
                };
                foe.hp = foe.hp.saturating_sub(damage);
                let text = match damage {
                    0 => format!("{} misses the {}.", actor.name, foe.name),
                    n if foe.hp == 0 => format!("{} hits the {} for {n}, and it falls.", actor.name, foe.name),
                    n => format!("{} hits the {} for {n}.", actor.name, foe.name),
                };
                Ok(Moved { outcome: check.outcome(), text, roll: Some(check.json()), fled: false })
            }
            "defend" => {
                character::put(&mut actor.effects, Kind::Guarded, 1);
                Ok(Moved { outcome: Outcome::Success, text: format!("{} stands guarded.", actor.name), roll: None, fled: false })
            }
            "heal" => {
                let check = table.check("heal", actor.modifier("lore"), 8, 4);
                let healer = actor.name.clone();
                let target = characters.get_mut(target.unwrap_or(who));
                let target = target.ok_or_else(|| refused("NO_SUCH_CHOICE", "there is no such character to heal"))?;
                let by = match check.outcome() {
                    Outcome::Success => table.roll("healing", 6),
                    Outcome::Partial => 1,
                    Outcome::Failure => 0,
                };
                target.heal(by);
                if check.outcome() == Outcome::Success {
                    target.effects.retain(|e| e.name != Kind::Poisoned);
                }
                let text = format!("{healer} tends to {}: {by} hit points back.", target.name);
                Ok(Moved { outcome: check.outcome(), text, roll: Some(check.json()), fled: false })
            }
            "flee" => {
                let check = table.check("flee", actor.modifier("agility"), 11, 4);
                let (text, fled) = match check.outcome() {
                    Outcome::Success => (format!("{} finds a way out, and all run.", actor.name), true),
                    Outcome::Partial => (format!("{} nearly finds a way out.", actor.name), false),
                    Outcome::Failure => {
                        character::put(&mut actor.effects, Kind::Shaken, 2);
                        (format!("{} runs into the wall.", actor.name), false)
                    }
                };
                Ok(Moved { outcome: check.outcome(), text, roll: Some(check.json()), fled })
            }
            _ => Err(refused("NO_SUCH_CHOICE", "a move is one of attack, defend, heal, flee")),
        }
    }

    /// The next turn of a player; foes in between do what they do.
    pub fn next(&mut self, characters: &mut Characters, table: &Table<'_>, text: &mut String) {
        self.step();
        self.until_a_player(characters, table, text);
    }

    fn step(&mut self) {
        self.turns += 1;
        self.at += 1;
        if self.at == self.order.len() {
            self.at = 0;
            self.round += 1;
        }
    }

    fn until_a_player(&mut self, characters: &mut Characters, table: &Table<'_>, text: &mut String) {
        while self.standing(characters) == Standing::GoingOn {
            let id = self.in_turn().to_owned();
            if let Some(character) = characters.get_mut(&id) {
                if character.is_up() {
                    character::begin_turn(&mut character.hp, &mut character.effects);
                }
                if character.is_up() {
                    self.ends_at = table.now + table.settings.turn;
                    return;
                }
            } else if let Some(foe) = self.foes.iter_mut().find(|f| f.id == id && f.hp > 0) {
                character::begin_turn(&mut foe.hp, &mut foe.effects);
                let foe = foe.clone();
                if foe.hp > 0 {
                    foe.act(self.turns, &self.order, characters, table, text);
                }
            }
            self.step();
        }
    }

    pub fn json(&self, status: &str, text: &str, characters: &Characters) -> Value {
        let over = !matches!(status, "started" | "going_on");
        let fighters: Vec<Value> = self.order.iter().filter_map(|id| characters.get(id)).map(Character::json).collect();
        let foes: Vec<Value> = self.foes.iter().map(Foe::json).collect();
        json!({
            "combat_id": self.id, "status": status, "round": self.round,
            "turn": if over { Value::Null } else { self.in_turn().into() },
            "turn_ends_at": if over { Value::Null } else { crate::iso(self.ends_at).into() },
            "order": self.order, "characters": fighters, "foes": foes, "text": text,
        })
    }
}

impl Foe {
    /// Hits one of those who stand, or misses.
    fn act(&self, turn: u64, order: &[String], characters: &mut Characters, table: &Table<'_>, text: &mut String) {
        let up: Vec<&String> = order.iter().filter(|id| characters.get(*id).is_some_and(Character::is_up)).collect();
        let roll = |what: &str, sides| table.roll(&format!("{}/{turn}/{what}", self.id), sides);
        let Some(target) = up.get(roll("target", up.len() as u32) as usize - 1) else { return };
        let Some(target) = characters.get_mut(*target) else { return };
        let guard = if character::has(&target.effects, Kind::Guarded) { GUARD.1 } else { GUARD.0 };
        if roll("hit", 20) + 1 < guard {
            let _ = write!(text, " The {} misses {}.", self.name, target.name);
            return;
        }
        let damage = roll("damage", self.damage);
        target.hurt(damage);
        let _ = write!(text, " The {} hits {} for {damage}.", self.name, target.name);
        if self.poisons && target.is_up() {
            character::put(&mut target.effects, Kind::Poisoned, 2);
        }
    }
}
