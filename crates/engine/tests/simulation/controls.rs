//! Negative controls: with a fault planted, the checkers turn red. A checker that cannot is worth nothing.

use crate::{
    check::Kind,
    run::{Plant, run},
    storage::Lie,
};

/// Within some schedules one of these findings is made.
fn turns_red(plant: Plant, kinds: &[Kind]) {
    let mut others = Vec::new();
    for seed in 0..5000 {
        let found = run(seed, Some(plant)).found;
        if found.iter().any(|v| kinds.contains(&v.kind)) {
            return;
        }
        others.extend(found);
    }
    panic!("{plant:?} was not seen as {kinds:?}, but as {others:#?}");
}

// G-1
#[test]
fn acknowledged_before_durable() {
    turns_red(Plant::Store(Lie::NeverSyncs), &[Kind::AckedEarly]);
}

// G-1
#[test]
fn shown_before_durable() {
    turns_red(Plant::ShowsEarly, &[Kind::ShownEarly]);
}

// G-3
#[test]
fn a_seam_that_skips_one() {
    turns_red(Plant::SkipsOne, &[Kind::Skipped]);
}

// G-3
#[test]
fn a_seam_that_repeats_one() {
    turns_red(Plant::RepeatsOne, &[Kind::Repeated]);
}

// W-7
#[test]
fn a_key_forgotten_at_restart() {
    turns_red(Plant::Store(Lie::ForgetsKeys), &[Kind::Twice]);
}

// W-4
#[test]
fn an_audience_settled_too_late() {
    turns_red(Plant::SettlesLate, &[Kind::Audience]);
}

// K-8
#[test]
fn a_repeated_seq_after_a_restart() {
    turns_red(Plant::Store(Lie::RepeatsSeq), &[Kind::Hole, Kind::Changed]);
}

// G-1
#[test]
fn a_torn_batch() {
    turns_red(Plant::Store(Lie::Tears), &[Kind::Torn]);
}

// W-6
#[test]
fn a_time_that_goes_back_with_the_clock() {
    turns_red(Plant::TrustsClock, &[Kind::Clock]);
}

// B-8
#[test]
fn a_watermark_that_is_too_high() {
    turns_red(Plant::WatermarkTooHigh, &[Kind::Skipped, Kind::Order]);
}

// C-3, P-5
#[test]
fn a_row_of_state_that_is_lost() {
    turns_red(Plant::Store(Lie::DropsStates), &[Kind::State, Kind::Version]);
}

// C-3, P-5
#[test]
fn a_row_of_state_without_its_event() {
    turns_red(Plant::Store(Lie::StatesFirst), &[Kind::State, Kind::Version]);
}

// G-3, K-10
#[test]
fn a_gap_that_is_not_told() {
    turns_red(Plant::HidesGaps, &[Kind::Skipped]);
}
