//! A newcomer sees everything that there is within about a minute.

use std::collections::BTreeSet;
use tidewire_example_world::{Action, Chance, Held, Moment, World, wish};

const AT: &str = "2026-01-01T00:00:00Z";
/// Turns in a minute: one takes 0.9 seconds on average.
const MINUTE: usize = 66;

// W-3
#[test]
fn within_a_minute_or_so_a_newcomer_sees_all_fifteen_types() {
    let (mut all, mut late) = (0, Vec::new());
    for seed in 0..50 {
        let mut chance = Chance::new(seed);
        let mut held = Held::new(World::new("w1"), AT.into());
        let mut seen: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); 10];
        for turn in 0..MINUTE * 10 {
            let Some(action) = wish(&held.world, &mut chance, turn) else { continue };
            let moment = Moment { at: AT.into(), new_id: format!("n-{turn:05}") };
            if let Ok((next, told)) = held.step(action, &moment) {
                seen[turn / MINUTE].extend(told.iter().map(|(event_type, _)| *event_type));
                held = next;
            }
        }
        all += seen.len();
        late.extend(seen.into_iter().filter(|types| types.len() < 15).map(|types| (seed, types.len())));
    }
    assert!(late.len() * 20 < all, "of {all} minutes these had less: {late:?}");
}

// A rollback that went back into a frozen moment left the world standing still.
#[test]
fn no_rollback_leads_into_a_frozen_moment() {
    let step = |held: &Held, n: usize, action: &str| {
        let action: Action = serde_json::from_str(action).unwrap();
        held.step(action, &Moment { at: AT.into(), new_id: format!("n-{n}") }).unwrap().0
    };
    let talk = r#"{"action":"rename_world","name":"Brume"}"#;
    let mut held = step(&Held::new(World::new("w1"), AT.into()), 0, r#"{"action":"freeze"}"#);
    for n in 1..12 {
        held = step(&held, n, talk);
    }
    held = step(&held, 12, r#"{"action":"unfreeze"}"#);
    held = step(&held, 13, r#"{"action":"rollback"}"#);
    assert_eq!(held.world.frozen, None);
}
