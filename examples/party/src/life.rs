//! A life of its own: a guide plays along, so that there is something to see with nobody there.

use crate::{Action, Engine, Party, Roster, campaign::Decides};
use serde_json::{Value, json};
use std::time::Duration;
use tidewire_example_backend::{Refusal, life::Chance};

const GUIDE: (&str, &str) = ("cora", "Cora the guide");

pub(crate) async fn live(engine: &Engine, rosters: &[Roster], seed: u64) {
    let mut chance = Chance::new(seed);
    loop {
        for roster in rosters {
            tokio::time::sleep(Duration::from_millis(1500 + chance.below(2500) as u64)).await;
            // What is not possible just now is not done.
            let _ = step(engine, roster, &mut chance).await;
        }
    }
}

async fn step(engine: &Engine, roster: &Roster, chance: &mut Chance) -> Result<Value, Refusal> {
    let world = engine.look();
    let Some(party) = world.parties.get(&roster.party) else { return Ok(Value::Null) };
    let id = format!("life-{}", uuid::Uuid::new_v4());
    if let Some(vote) = &party.vote {
        let Some(option) = chance.pick(&vote.options).filter(|_| vote.voters.iter().any(|v| v == GUIDE.0)) else { return Ok(Value::Null) };
        let cause = crate::party::ballot(&vote.id, GUIDE.0);
        return engine.change(&party.id, "", &cause, |party, table| party.cast(GUIDE.0, &vote.id, &option.id, table).map(drop)).await;
    }
    let Some((action_type, payload)) = idea(party, chance) else { return Ok(Value::Null) };
    let action = Action {
        action_id: id.clone(),
        character_id: GUIDE.0.to_owned(),
        campaign_run_id: party.run.clone(),
        action_type: action_type.to_owned(),
        payload,
    };
    engine.change(&party.id, &party.run, &id, |party, table| party.act(&action, Some(GUIDE.1), table).map(drop)).await
}

fn idea(party: &Party, chance: &mut Chance) -> Option<(&'static str, Value)> {
    if let Some(combat) = &party.combat {
        if combat.order.iter().any(|id| id == GUIDE.0) && combat.in_turn() != GUIDE.0 {
            return None;
        }
        let foe = combat.foes.iter().find(|f| f.hp > 0)?;
        return Some(("combat", json!({ "move": "attack", "target": foe.id })));
    }
    let scene = party.scene();
    let choice = chance.pick(scene.choices).map(|c| ("choice", json!({ "choice": c.id })));
    let check = chance.pick(scene.checks).map(|c| ("skill_check", json!({ "skill": c.skill })));
    // Where the party decides, a vote is what there is to see.
    let rather = if scene.decides == Decides::Party { 4 } else { 2 };
    if chance.below(5) < rather { choice.or(check) } else { check.or(choice) }
}
