//! A life of its own: something happens every second or so, and within a minute or two everything that can.

use crate::{Action, Backend, Targets, World, state::Freeze};
use std::{sync::Arc, time::Duration};
use tidewire_example_backend::life::Chance;

pub(crate) async fn live(backend: Arc<Backend>, seed: u64) {
    let mut chance = Chance::new(seed);
    let mut turn = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(400 + chance.below(1000) as u64)).await;
        let world = backend.look();
        if let Some(action) = next(&world, &mut chance, turn) {
            // What is not possible just now is not done.
            let _ = backend.act(action, None).await;
        }
        turn += 1;
    }
}

/// Every kind of action in turn, with whom and what by chance.
///
/// `None`: what this turn would do is not possible now.
pub fn next(world: &World, chance: &mut Chance, turn: usize) -> Option<Action> {
    let characters: Vec<&String> = world.characters.keys().collect();
    let character = chance.pick(&characters)?.to_string();
    let place = || world.places.keys().cloned().collect::<Vec<_>>();
    let here = world.characters.get(&character)?.place.clone();
    Some(match turn % 20 {
        0 | 7 | 13 => Action::Move { place: chance.pick(&place()).cloned()?, character },
        1 | 8 => {
            let to = if chance.below(3) == 0 { chance.pick(&characters).map(ToString::to_string) } else { None };
            let lines = ["Did you hear that?", "The market is full today.", "Follow me.", "Who has the lamp?"];
            Action::Say { character, content: chance.pick(&lines)?.to_string(), to }
        }
        2 => Action::EditMessage { message: world.messages.keys().next_back()?.clone(), content: "I meant: let us go.".into() },
        3 | 9 => {
            let (item, holder) =
                world.items.iter().find(|(_, i)| i.holder.kind == "character").map(|(id, i)| (id.clone(), i.holder.id.clone()))?;
            let place = &world.characters.get(&holder)?.place;
            let to = world.characters.iter().find(|(id, c)| **id != holder && c.place == *place).map(|(id, _)| id.clone())?;
            Action::Give { item, from: holder, to, visibility: if chance.below(2) == 0 { "public".into() } else { "private".into() } }
        }
        4 | 10 => {
            let item = world.items.iter().find(|(_, i)| i.container.is_some() && i.holder.id == here).map(|(id, _)| id.clone())?;
            Action::Open { character, item }
        }
        5 => Action::PlaySound {
            url: "/sounds/bell.ogg".into(),
            volume: 0.5,
            targets: Some(Targets { place_id: Some(here), ..Targets::default() }),
            by: "gm".into(),
        },
        6 => Action::RenamePlace {
            place: here.clone(),
            name: format!("{}, at {} o'clock", world.places.get(&here)?.name.split(',').next()?, 1 + chance.below(12)),
        },
        11 => {
            let group = world.groups.keys().next()?.clone();
            if world.groups.get(&group)?.contains(&character) {
                Action::LeaveGroup { character, group }
            } else {
                Action::JoinGroup { character, group }
            }
        }
        12 => Action::Notify { message: "A ship comes in.".into(), place: (chance.below(2) == 0).then_some(here), actors: None },
        14 => Action::Freeze { scope: Freeze { places: vec![here], reason: Some("a moment of quiet".into()), ..Freeze::default() } },
        15 => Action::Unfreeze { reason: None },
        16 => Action::RenameWorld { name: world.name.clone(), current_date: Some(format!("1204-05-{:02}", 1 + turn / 20 % 28)) },
        17 => Action::PlaySound {
            url: "/sounds/wind.ogg".into(),
            volume: 0.2,
            targets: Some(Targets { broadcast: Some(true), ..Targets::default() }),
            by: "gm".into(),
        },
        18 => Action::DeleteMessage { message: world.messages.keys().next()?.clone() },
        _ => Action::Rollback { by: "gm".into() },
    })
}
