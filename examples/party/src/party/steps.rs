//! What comes after a result: another scene, a vote, the next turn of a fight.

use super::{Party, ballot};
use crate::{
    character::{self, Kind},
    combat::{Combat, Standing},
    table::Table,
    vote::{Opt, Vote},
};
use serde_json::json;
use std::collections::BTreeMap;

/// What a result leads to.
pub(super) enum Step {
    Go(u32),
    /// The scene is another than before.
    Look,
    /// The party is to vote; this is the first vote.
    Vote(&'static str),
    Fight {
        text: String,
        fled: bool,
    },
}

impl Party {
    pub(super) fn take(&mut self, step: Step, who: &str, table: &mut Table<'_>) {
        match step {
            Step::Go(scene) => self.go(scene, table),
            Step::Look => self.tell_scene(table),
            Step::Vote(option) => self.call_vote(who, option, table),
            Step::Fight { text, fled } => self.go_on_fighting(text, fled, table),
        }
    }

    pub(super) fn call_vote(&mut self, who: &str, option: &str, table: &mut Table<'_>) {
        let scene = self.scene();
        let options = scene.choices.iter().map(|c| Opt {
            id: c.id.to_owned(),
            title: c.title.to_owned(),
            leads_to: c.leads_to,
            text: c.text.to_owned(),
        });
        let vote = Vote {
            id: table.name("v"),
            question: format!("{}: where to?", scene.title),
            options: options.collect(),
            ballots: BTreeMap::from([(who.to_owned(), option.to_owned())]),
            voters: self.characters.keys().cloned().collect(),
            timeout: table.settings.vote,
            ends_at: table.now + table.settings.vote,
        };
        table.tell(&self.channel(), "vote.started", vote.started());
        table.tell(&self.channel(), "vote.update", vote.update());
        // Who called it has voted: that is what a ballot of theirs would be answered.
        let answer = json!({ "vote_id": vote.id, "option": option });
        self.remember(&ballot(&vote.id, who), answer);
        let complete = vote.is_complete();
        self.vote = Some(vote);
        if complete {
            self.finish_vote("all_voted", table);
        }
    }

    pub(super) fn finish_vote(&mut self, reason: &str, table: &mut Table<'_>) {
        let Some(vote) = self.vote.take() else { return };
        let Some(winner) = vote.winner() else { return };
        table.tell(&self.channel(), "vote.finished", vote.finished(winner, reason));
        self.go(winner.leads_to, table);
    }

    pub(super) fn go_on_fighting(&mut self, mut text: String, fled: bool, table: &mut Table<'_>) {
        let Some(mut combat) = self.combat.take() else { return };
        if !fled && combat.standing(&self.characters) == Standing::GoingOn {
            combat.next(&mut self.characters, table, &mut text);
        }
        let standing = if fled { Standing::Fled } else { combat.standing(&self.characters) };
        let (status, to) = match standing {
            Standing::GoingOn => ("going_on", None),
            Standing::Won => ("won", Some(combat.won)),
            Standing::Fled => ("fled", Some(combat.fled)),
            Standing::Lost => ("lost", Some(combat.lost)),
        };
        table.tell(&self.channel(), "combat.update", combat.json(status, &text, &self.characters));
        match to {
            None => self.combat = Some(combat),
            Some(scene) => {
                for character in self.characters.values_mut() {
                    character.hp = character.hp.max(1);
                    character.effects.clear();
                    if standing == Standing::Lost {
                        character::put(&mut character.effects, Kind::Shaken, 3);
                    }
                }
                self.go(scene, table);
            }
        }
    }

    pub(super) fn go(&mut self, scene: u32, table: &mut Table<'_>) {
        if self.scene().ends {
            self.characters.values_mut().for_each(|c| c.hp = c.max_hp);
        }
        self.scene = scene;
        self.flags.clear();
        self.tell_scene(table);
        if let Some(fight) = &self.scene().fight {
            let mut text = self.scene().text.to_owned();
            let combat = Combat::begin(fight, &mut self.characters, table, &mut text);
            table.tell(&self.channel(), "combat.update", combat.json("started", &text, &self.characters));
            self.combat = Some(combat);
            // Foes may be so fast that nobody is left to fight them.
            if self.combat.as_ref().is_some_and(|c| c.standing(&self.characters) != Standing::GoingOn) {
                self.go_on_fighting("It is over before it begins.".to_owned(), false, table);
            }
        }
    }
}
