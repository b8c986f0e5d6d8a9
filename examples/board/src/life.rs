//! A life of its own: the keepers work.

use crate::{Backend, Board, Change, STATUSES};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tidewire_example_backend::life::Chance;

pub(crate) async fn live(backend: Arc<Backend>, seed: u64) {
    let mut chance = Chance::new(seed);
    let mut turn = 0u32;
    loop {
        tokio::time::sleep(Duration::from_millis(500 + chance.below(1500) as u64)).await;
        let board = backend.look();
        // What is not possible just now is not done.
        let _ = backend.act(|next| step(next, &board, &mut chance, turn)).await;
        turn += 1;
    }
}

fn step(
    next: &mut Board,
    board: &Board,
    chance: &mut Chance,
    turn: u32,
) -> Result<Vec<(String, &'static str, serde_json::Value)>, tidewire_example_backend::Refusal> {
    let ids: Vec<&String> = board.tickets.keys().collect();
    let id = chance.pick(&ids).map(|id| (*id).clone());
    let worker = |chance: &mut Chance| Some(if chance.below(2) == 0 { "w123".to_owned() } else { "w124".to_owned() });
    match (turn % 12, id) {
        (3, _) | (_, None) => {
            let titles = ["Feed the otters", "Mend the fence", "Count the flamingos", "Vaccinate the lynx"];
            let data = json!({ "title": chance.pick(&titles) });
            let change = Change {
                assignee_id: Some(worker(chance)),
                story_points: Some(1 + chance.below(5) as u32),
                data: Some(data),
                ..Change::default()
            };
            next.create(change).map(|(_, told)| told)
        }
        (6, Some(id)) => next.change(&id, Change { assignee_id: Some(worker(chance)), ..Change::default() }),
        (9, Some(id)) if board.tickets.len() > 6 => next.remove(&id, None),
        (11, Some(_)) if turn % 60 == 59 => {
            Ok(next.generate(format!("2026-{}", 48 + turn / 60), &["w123".into(), "w124".into()], 8, &crate::now()))
        }
        (_, Some(id)) => {
            let status = STATUSES[1 + chance.below(2)].to_owned();
            next.change(&id, Change { status: Some(status), ..Change::default() })
        }
    }
}
