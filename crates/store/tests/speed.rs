//! How fast: small here, at full size by `STORE_SPEED=1 cargo test --release -p tidewire-store --test speed -- --nocapture`.

mod common;

use common::*;
use rustix::time::{ClockId, clock_gettime};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tidewire_contract::Durability;
use tidewire_engine::log::{Batch, Log, LogId};
use tidewire_store::{Options, Store};

fn full_size() -> bool {
    std::env::var_os("STORE_SPEED").is_some()
}

/// Commits `events` in batches over 64 logs; events a second of the time spent in commit alone, and the CPU time (µs) of an event,
/// of this thread there.
fn throughput(store: &Store, durability: Durability, batch: u64, heads: &mut [(LogId, String, u64)], events: u64) -> (f64, f64) {
    let cpu = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
    };
    let (mut spent, mut used) = (Duration::ZERO, 0.0);
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
        let (began, before) = (Instant::now(), cpu());
        batches.iter().for_each(|b| store.commit(b).unwrap());
        spent += began.elapsed();
        used += cpu() - before;
    }
    (events as f64 / spent.as_secs_f64(), used / events as f64)
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
    let sizes: &[(u64, u64)] = if full_size() {
        &[(1, 5_000), (16, 80_000), (64, 400_000), (256, 500_000), (512, 500_000), (512, 3_000_000), (2048, 6_000_000)]
    } else {
        &[(64, 2_000)]
    };
    // `STORE_SPEED=512` measures this size alone.
    let only = std::env::var("STORE_SPEED").ok().and_then(|n| n.parse::<u64>().ok()).filter(|n| *n > 1);
    for durability in [Durability::Disk, Durability::Process] {
        for (batch, events) in sizes.iter().filter(|(batch, _)| only.is_none_or(|n| n == *batch)) {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path(), Options { boot_id: None, ..options() }).unwrap();
            let mut heads = logs(&store, durability);
            let (rate, cpu) = throughput(&store, durability, *batch, &mut heads, *events);
            let sync = fsync(folder.path(), *batch as usize * 300) * 1e6;
            println!(
                "{durability:?}, {batch} a batch: {rate:.0} events/s ({events} events, {cpu:.2} µs CPU each; an fdatasync of as much takes {sync:.0} µs)"
            );
            assert!(rate > 0.0);
        }
    }
}

/// Not a test of its own: writes so many events, says so, and waits to be killed.
#[test]
fn child() {
    let (Some(folder), Some(events)) = (std::env::var_os("STORE_CHILD"), std::env::var("STORE_EVENTS").ok()) else { return };
    let store = Store::open(folder, options()).unwrap();
    let mut heads = logs(&store, Durability::Process);
    let (rate, _) = throughput(&store, Durability::Process, 2048, &mut heads, events.parse().unwrap());
    println!("\nwritten {rate:.0}");
    std::thread::sleep(Duration::from_secs(600));
}

// What a start takes with many events kept, after a kill and after a close: it is printed (the promise is a second for ten
// million), and what it opened is whole.
#[test]
fn a_start_with_many_events_kept() {
    let events: u64 = if full_size() { 10_000_000 } else { 30_000 };
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("STORE_CHILD", folder.path())
        .env("STORE_EVENTS", events.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let rate = lines.find_map(|l| l.strip_prefix("written ").map(str::to_owned)).expect("it writes all of it");
    child.kill().unwrap();
    child.wait().unwrap();
    println!("{events} events written at {rate}/s");
    for how in ["a kill", "a close"] {
        let began = Instant::now();
        let store = Store::open(folder.path(), options()).unwrap();
        let took = began.elapsed();
        println!("opened {events} events after {how} in {took:?}");
        let heads = logs(&store, Durability::Process);
        assert!(heads.iter().map(|(_, _, head)| head).sum::<u64>() >= events);
        check_heads(&store, &heads);
    }
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
