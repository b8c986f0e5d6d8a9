//! How a party is told of.

use super::{Action, Came, Party};
use crate::{campaign::Decides, character::Character, table::Table};
use serde_json::{Map, Value, json};

impl Party {
    pub(super) fn result(&self, action: &Action, result: &Came) -> Value {
        let characters: Vec<Value> = result.touched.iter().filter_map(|id| self.characters.get(id)).map(Character::json).collect();
        let foes = self.combat.iter().flat_map(|c| &c.foes).filter(|f| result.touched.contains(&f.id));
        let mut told = Map::new();
        told.insert("action_id".into(), action.action_id.clone().into());
        told.insert("character_id".into(), action.character_id.clone().into());
        told.insert("action_type".into(), action.action_type.clone().into());
        told.insert("outcome".into(), result.outcome.as_str().into());
        told.insert("text".into(), result.text.clone().into());
        if let Some(roll) = &result.roll {
            told.insert("roll".into(), roll.clone());
        }
        let foes: Vec<Value> = foes.map(crate::combat::Foe::json).collect();
        told.insert("state".into(), json!({ "characters": characters, "foes": foes, "flags": self.flags }));
        told.into()
    }

    /// `party.state`.
    pub fn state(&self) -> Value {
        let ends = self.scene().ends;
        let status = match (&self.combat, &self.vote) {
            (Some(_), _) => "fighting",
            (None, Some(_)) => "voting",
            (None, None) if ends => "finished",
            (None, None) => "exploring",
        };
        let characters: Vec<Value> = self.characters.values().map(Character::json).collect();
        json!({
            "party_id": self.id, "campaign_run_id": self.run, "status": status,
            "run_status": if ends { "finished" } else { "active" }, "scene_number": self.scene, "characters": characters,
        })
    }

    pub(super) fn tell_state(&self, table: &mut Table<'_>) {
        table.tell(&self.channel(), "party.state", self.state());
        table.tell(&format!("run:{}", self.run), "party.state", self.state());
    }

    pub(super) fn tell_scene(&self, table: &mut Table<'_>) {
        let scene = self.scene();
        let choices: Vec<Value> = scene.choices.iter().map(|c| json!({ "id": c.id, "title": c.title })).collect();
        let checks: Vec<&str> = scene.checks.iter().map(|c| c.skill).collect();
        let decides = if scene.decides == Decides::Party { "party" } else { "anyone" };
        let told = json!({
            "scene_number": scene.number, "title": scene.title, "text": scene.text, "decides": decides, "choices": choices,
            "skill_checks": checks, "flags": self.flags,
        });
        table.tell(&self.channel(), "scene.update", told);
    }
}
