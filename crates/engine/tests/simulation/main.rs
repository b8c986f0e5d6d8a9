//! A deterministic simulation of the engine: many publishers and readers, crashes between any two steps, power loss, a failing
//! disk, a clock that jumps. One seed is one schedule, always the same.
//!
//! `TIDEWIRE_SCHEDULES=100000` runs so many; `TIDEWIRE_SEED=…` replays one, `TIDEWIRE_TRACE=1` prints its steps.

mod check;
mod client;
mod controls;
mod doubts;
mod model;
mod rng;
mod run;
mod storage;
mod world;

use run::run;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

// G-1, G-2, G-3, G-4, W-4, W-5, W-6, W-7, W-8, K-8, B-8, C-3, P-5
#[test]
fn whatever_happens_nothing_is_lost() {
    let seeds = match setting("TIDEWIRE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("TIDEWIRE_SCHEDULES").unwrap_or(3000),
    };
    let (mut answered, mut given, mut crashes, mut conflicts) = (0, 0, 0, 0);
    for seed in seeds.clone() {
        let outcome = std::panic::catch_unwind(|| run(seed, None)).unwrap_or_else(|_| panic!("replay with TIDEWIRE_SEED={seed}"));
        let found: Vec<_> = outcome.found.iter().map(|v| format!("{:?}: {}", v.kind, v.what)).collect();
        assert!(found.is_empty(), "{found:#?}\nreplay with TIDEWIRE_SEED={seed}");
        answered += outcome.answered;
        given += outcome.given;
        crashes += outcome.crashes;
        conflicts += outcome.conflicts;
    }
    println!("{} schedules: {answered} answers, {given} deliveries, {conflicts} conflicts, {crashes} crashes", seeds.end - seeds.start);
    assert!(
        seeds.end - seeds.start < 100 || (answered > 1000 && given > 1000 && conflicts > 100 && crashes > 100),
        "the schedules do next to nothing"
    );
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..50 {
        assert_eq!(run(seed, None).trace, run(seed, None).trace, "seed {seed}");
    }
}
