//! A party in a run of the campaign: where it is, who is in it, and what it is about to decide.

mod steps;
mod telling;

use crate::{
    campaign::{self, Decides, Scene},
    character::{self, Character, Kind},
    combat::Combat,
    dice::Outcome,
    table::{Table, refused},
    vote::Vote,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use steps::Step;
use tidewire_example_backend::Refusal;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Party {
    pub id: String,
    pub run: String,
    pub scene: u32,
    /// What the scene remembers.
    pub flags: BTreeMap<String, bool>,
    pub characters: BTreeMap<String, Character>,
    pub vote: Option<Vote>,
    pub combat: Option<Combat>,
    /// What was answered to an action or a ballot, oldest first: the same again gets the same.
    pub answers: VecDeque<(String, Value)>,
}

/// Answers that are remembered.
const ANSWERS_MAX: usize = 1_000;
/// Characters that a party may have.
const CHARACTERS_MAX: usize = 64;

/// What a player wants to do.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Action {
    pub action_id: String,
    pub character_id: String,
    pub campaign_run_id: String,
    pub action_type: String,
    pub payload: Value,
}

/// What came of it, before it is told.
struct Came {
    outcome: Outcome,
    text: String,
    roll: Option<Value>,
    touched: Vec<String>,
}

impl Party {
    pub fn new(id: &str, run: &str) -> Party {
        Party {
            id: id.to_owned(),
            run: run.to_owned(),
            scene: campaign::FIRST,
            flags: BTreeMap::new(),
            characters: BTreeMap::new(),
            vote: None,
            combat: None,
            answers: VecDeque::new(),
        }
    }

    pub fn channel(&self) -> String {
        format!("party:{}", self.id)
    }

    pub fn scene(&self) -> &'static Scene {
        campaign::scene(self.scene)
    }

    /// What was answered to this before.
    pub fn answer(&self, cause: &str) -> Option<&Value> {
        self.answers.iter().find(|(of, _)| of == cause).map(|(_, answer)| answer)
    }

    /// Somebody is in the party from now on, if they were not.
    ///
    /// # Errors
    /// When the party is full.
    pub fn enrol(&mut self, id: &str, name: Option<&str>, table: &Table<'_>) -> Result<(), Refusal> {
        if self.characters.contains_key(id) {
            return Ok(());
        }
        if self.characters.len() >= CHARACTERS_MAX {
            return Err(refused("NOT_NOW", format!("the party is full: {CHARACTERS_MAX} characters")));
        }
        self.characters.insert(id.to_owned(), Character::new(id, name.filter(|n| !n.is_empty()).unwrap_or(id), table.dice));
        if let Some(combat) = &mut self.combat {
            combat.admit(id);
        }
        Ok(())
    }

    /// Tells where the party is.
    pub fn introduce(&self, table: &mut Table<'_>) {
        self.tell_scene(table);
        self.tell_state(table);
    }

    /// Does what a player wants, once; what it came to.
    ///
    /// # Errors
    /// When the rules do not allow it; nothing has changed then.
    pub fn act(&mut self, action: &Action, name: Option<&str>, table: &mut Table<'_>) -> Result<Value, Refusal> {
        if let Some(known) = self.answer(&action.action_id) {
            return Ok(known.clone());
        }
        if action.campaign_run_id != self.run {
            return Err(refused("NOT_NOW", format!("the party plays the run {}", self.run)));
        }
        let before = self.state();
        self.enrol(&action.character_id, name, table)?;
        if let Some(actor) = self.characters.get_mut(&action.character_id).filter(|_| self.combat.is_none()) {
            character::begin_turn(&mut actor.hp, &mut actor.effects);
        }
        let mut after = Vec::new();
        let result = match action.action_type.as_str() {
            "choice" => self.choose(action, &mut after)?,
            "skill_check" => self.try_skill(action, table, &mut after)?,
            "combat" => self.fight(action, table, &mut after)?,
            other => return Err(refused("NO_SUCH_CHOICE", format!("there is no action_type '{other}'"))),
        };
        let told = self.result(action, &result);
        table.tell(&self.channel(), "action.result", told);
        for step in after {
            self.take(step, &action.character_id, table);
        }
        if self.state() != before {
            self.tell_state(table);
        }
        let answer = json!({
            "action_id": action.action_id, "outcome": result.outcome.as_str(), "text": result.text,
            "scene_number": self.scene, "vote_id": self.vote.as_ref().map(|v| &v.id),
        });
        self.remember(&action.action_id, answer.clone());
        Ok(answer)
    }

    /// Somebody votes.
    ///
    /// # Errors
    /// When that vote is over, has no such option, or is not theirs.
    pub fn cast(&mut self, voter: &str, vote_id: &str, option: &str, table: &mut Table<'_>) -> Result<Value, Refusal> {
        let cause = ballot(vote_id, voter);
        if let Some(known) = self.answer(&cause) {
            return Ok(known.clone());
        }
        let before = self.state();
        let Some(vote) = self.vote.as_mut().filter(|v| v.id == vote_id) else {
            return Err(refused("VOTE_OVER", format!("the vote {vote_id} is over, or there was none")));
        };
        if !vote.voters.iter().any(|v| v == voter) {
            return Err(refused("NOT_NOW", "this vote began before you were in the party"));
        }
        if !vote.options.iter().any(|o| o.id == option) {
            let options: Vec<&str> = vote.options.iter().map(|o| o.id.as_str()).collect();
            return Err(refused("NO_SUCH_CHOICE", format!("the options are {}", options.join(", "))));
        }
        let counted = vote.ballots.entry(voter.to_owned()).or_insert_with(|| option.to_owned()).clone();
        let answer = json!({ "vote_id": vote_id, "option": counted });
        let update = vote.update();
        table.tell(&self.channel(), "vote.update", update);
        if self.vote.as_ref().is_some_and(Vote::is_complete) {
            self.finish_vote("all_voted", table);
        }
        if self.state() != before {
            self.tell_state(table);
        }
        self.remember(&cause, answer.clone());
        Ok(answer)
    }

    /// When something ends by itself, and what that end is called.
    pub fn deadline(&self) -> Option<(i64, String)> {
        let vote = self.vote.as_ref().map(|v| (v.ends_at, format!("{}/end", v.id)));
        let turn = self.combat.as_ref().map(|c| (c.ends_at, format!("{}/turn-{}", c.id, c.turns)));
        [vote, turn].into_iter().flatten().min()
    }

    /// The time of a vote or of a turn is over, if it is.
    pub fn expire(&mut self, table: &mut Table<'_>) {
        let before = self.state();
        if self.vote.as_ref().is_some_and(|v| v.ends_at <= table.now) {
            self.finish_vote("timeout", table);
        } else if self.combat.as_ref().is_some_and(|c| c.ends_at <= table.now) {
            let who = self.combat.as_ref().map(|c| c.in_turn().to_owned()).unwrap_or_default();
            let text = match self.characters.get_mut(&who) {
                Some(idle) => {
                    character::put(&mut idle.effects, Kind::Guarded, 1);
                    format!("{} waits, guarded.", idle.name)
                }
                None => "Nobody moves.".to_owned(),
            };
            self.go_on_fighting(text, false, table);
        }
        if self.state() != before {
            self.tell_state(table);
        }
    }

    fn choose(&mut self, action: &Action, after: &mut Vec<Step>) -> Result<Came, Refusal> {
        self.nothing_else_goes_on()?;
        let scene = self.scene();
        let id = action.payload["choice"].as_str().unwrap_or_default();
        let Some(choice) = scene.choices.iter().find(|c| c.id == id) else {
            let ids: Vec<&str> = scene.choices.iter().map(|c| c.id).collect();
            return Err(refused("NO_SUCH_CHOICE", format!("the choices here are: {}", ids.join(", "))));
        };
        let actor = self.name(&action.character_id);
        let text = match scene.decides {
            Decides::Anyone => {
                after.push(Step::Go(choice.leads_to));
                choice.text.to_owned()
            }
            Decides::Party => {
                after.push(Step::Vote(choice.id));
                format!("{actor} is for: {}. The party is to decide.", choice.title)
            }
        };
        Ok(Came { outcome: Outcome::Success, text, roll: None, touched: Vec::new() })
    }

    fn try_skill(&mut self, action: &Action, table: &Table<'_>, after: &mut Vec<Step>) -> Result<Came, Refusal> {
        self.nothing_else_goes_on()?;
        let skill = action.payload["skill"].as_str().unwrap_or_default();
        let scene = self.scene();
        let Some(check) = scene.checks.iter().find(|c| c.skill == skill) else {
            let skills: Vec<&str> = scene.checks.iter().map(|c| c.skill).collect();
            return Err(refused("NO_SUCH_CHOICE", format!("what can be tried here: {}", skills.join(", "))));
        };
        let Some(actor) = self.characters.get_mut(&action.character_id) else { return Err(refused("NOT_NOW", "you are not in the party")) };
        let roll = table.check(skill, actor.modifier(skill), check.difficulty, 4);
        let outcome = roll.outcome();
        match outcome {
            Outcome::Success => {}
            Outcome::Partial => character::put(&mut actor.effects, Kind::Shaken, 2),
            Outcome::Failure => {
                // Nobody dies of trying.
                actor.hp = actor.hp.saturating_sub(2).max(1);
                character::put(&mut actor.effects, Kind::Shaken, 2);
            }
        }
        if outcome != Outcome::Failure {
            let is_new = self.flags.insert(check.flag.to_owned(), true).is_none();
            match check.leads_to.filter(|_| outcome == Outcome::Success) {
                Some(scene) => after.push(Step::Go(scene)),
                None if is_new => after.push(Step::Look),
                None => {}
            }
        }
        let text = check.texts[outcome as usize].to_owned();
        Ok(Came { outcome, text, roll: Some(roll.json()), touched: vec![action.character_id.clone()] })
    }

    fn fight(&mut self, action: &Action, table: &Table<'_>, after: &mut Vec<Step>) -> Result<Came, Refusal> {
        let combat = self.combat.as_mut().ok_or_else(|| refused("NOT_NOW", "there is no fight"))?;
        let moved = combat.make(&action.character_id, &action.payload, &mut self.characters, table)?;
        let target = action.payload["target"].as_str().map(str::to_owned);
        after.push(Step::Fight { text: moved.text.clone(), fled: moved.fled });
        let touched = [Some(action.character_id.clone()), target].into_iter().flatten().collect();
        Ok(Came { outcome: moved.outcome, text: moved.text, roll: moved.roll, touched })
    }

    fn nothing_else_goes_on(&self) -> Result<(), Refusal> {
        if self.combat.is_some() {
            return Err(refused("NOT_NOW", "a fight is going on"));
        }
        match &self.vote {
            Some(vote) => Err(refused("NOT_NOW", format!("the party decides just now: cast a vote in {}", vote.id))),
            None => Ok(()),
        }
    }

    /// It was told that an action was not possible: asked again it is that, although it may be possible by then.
    pub(crate) fn refuse(&mut self, action_id: &str, why: &str) {
        let answer = json!({ "action_id": action_id, "outcome": Outcome::Failure.as_str(), "text": why, "scene_number": self.scene });
        self.remember(action_id, answer);
    }

    fn remember(&mut self, cause: &str, answer: Value) {
        while self.answers.len() >= ANSWERS_MAX {
            self.answers.pop_front();
        }
        self.answers.push_back((cause.to_owned(), answer));
    }

    fn name(&self, character: &str) -> String {
        self.characters.get(character).map_or_else(|| character.to_owned(), |c| c.name.clone())
    }
}

/// A ballot's name.
pub fn ballot(vote_id: &str, voter: &str) -> String {
    format!("{vote_id}/{voter}")
}
