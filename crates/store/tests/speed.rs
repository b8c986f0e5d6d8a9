//! How fast: small here, at full size by `STORE_SPEED=1 cargo test --release -p tidewire-store --test speed -- --nocapture`.

mod common;

use common::*;
use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};
use tidewire_contract::Durability;
use tidewire_engine::log::{Batch, Log, LogId};
use tidewire_store::{Options, Store};

fn full_size() -> bool {
    std::env::var_os("STORE_SPEED").is_some()
}

/// Commits `events` in batches over 64 logs; events a second of the time spent in commit alone.
fn throughput(store: &Store, durability: Durability, batch: u64, heads: &mut [(LogId, String, u64)], events: u64) -> f64 {
    let mut spent = Duration::ZERO;
    let (mut left, mut turn) = (events, 0);
    while left > 0 {
        let mut batches = Vec::new();
        while left > 0 && batches.len() < 64 {
            let mut appends = Vec::new();
            let mut room = batch;
            while room > 0 {
                let index = turn % heads.len();
                turn += 1;
                let (id, name, head) = &mut heads[index];
                let n = room.min(8);
                appends.push(append(name, *id, durability, *head + 1..=*head + n));
                *head += n;
                room -= n;
            }
            left = left.saturating_sub(batch);
            batches.push(Batch { appends });
        }
        let began = Instant::now();
        batches.iter().for_each(|b| store.commit(b).unwrap());
        spent += began.elapsed();
    }
    events as f64 / spent.as_secs_f64()
}

/// Seconds of one fdatasync after an append of so many bytes.
fn fsync(folder: &Path, bytes: usize) -> f64 {
    let mut file = std::fs::File::create(folder.join("probe")).unwrap();
    let data = vec![7; bytes];
    let began = Instant::now();
    for _ in 0..100 {
        file.write_all(&data).unwrap();
        file.sync_data().unwrap();
    }
    began.elapsed().as_secs_f64() / 100.0
}

fn logs(store: &Store, durability: Durability) -> Vec<(LogId, String, u64)> {
    let open = |n| {
        let name = format!("world:{n:03}");
        let state = store.open(&name, durability, EPOCH).unwrap();
        (state.id, name, state.head)
    };
    (0..64).map(open).collect()
}

#[test]
fn commits_a_second() {
    let sizes: &[(u64, u64)] =
        if full_size() { &[(1, 5_000), (16, 80_000), (64, 400_000), (256, 500_000), (512, 500_000), (512, 3_000_000), (2048, 6_000_000)] } else { &[(64, 2_000)] };
    // `STORE_SPEED=512` measures this size alone.
    let only = std::env::var("STORE_SPEED").ok().and_then(|n| n.parse::<u64>().ok()).filter(|n| *n > 1);
    for durability in [Durability::Disk, Durability::Process] {
        for (batch, events) in sizes.iter().filter(|(batch, _)| only.is_none_or(|n| n == *batch)) {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path(), Options { boot_id: None, ..options() }).unwrap();
            let mut heads = logs(&store, durability);
            let rate = throughput(&store, durability, *batch, &mut heads, *events);
            let sync = fsync(folder.path(), *batch as usize * 300) * 1e6;
            println!("{durability:?}, {batch} a batch: {rate:.0} events/s ({events} events; an fdatasync of as much takes {sync:.0} µs)");
            assert!(rate > 10.0);
        }
    }
}

// A start in under a second with ten million events kept.
#[test]
fn open_takes_under_a_second() {
    let events = if full_size() { 10_000_000 } else { 30_000 };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    let mut heads = logs(&store, Durability::Process);
    let rate = throughput(&store, Durability::Process, 2048, &mut heads, events);
    println!("{events} events written at {rate:.0}/s");
    // As after a kill: nothing is closed, all that is in the journals has to be read.
    let killed = folder.path().join("killed");
    let began = Instant::now();
    store.put(b"x", Some(b"y")).unwrap();
    copy_store(folder.path(), &killed);
    println!("copied in {:?}", began.elapsed());
    let in_flight = Instant::now();
    let after_kill = Store::open(&killed, options());
    let took = in_flight.elapsed();
    match after_kill {
        Ok(store) => {
            println!("opened {events} events after a kill in {took:?}");
            check_heads(&store, &heads);
        }
        // The tables moved while they were being copied.
        Err(e) => println!("the copy is not of one moment: {e}"),
    }
    drop(store);
    let began = Instant::now();
    let store = Store::open(folder.path(), options()).unwrap();
    let took = began.elapsed();
    println!("opened {events} events after a close in {took:?}");
    check_heads(&store, &heads);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

fn copy_store(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["state", "format"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
    copy(&from.join("log"), &to.join("log"));
}

fn check_heads(store: &Store, heads: &[(LogId, String, u64)]) {
    let began = Instant::now();
    for (id, name, head) in heads {
        assert_eq!(store.find(name).unwrap().map(|s| (s.id, s.head)), Some((*id, *head)));
        let read = store.read(*id, head - 3, 10, ALL).unwrap();
        assert_eq!(read.len(), 3);
    }
    println!("heads and newest events of {} logs in {:?}", heads.len(), began.elapsed());
}
