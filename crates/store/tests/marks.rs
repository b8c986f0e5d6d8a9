//! The store's clock, and its marks: by these a cursor that is only a time knows whether the log is still its own. // G-3

mod common;

use common::*;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};
use tidewire_contract::Durability;
use tidewire_engine::log::{Batch, Log, Marks};
use tidewire_store::{Options, Store};

const BOTH: [Durability; 2] = [Durability::Process, Durability::Disk];

fn at(now: i64, boot: &str) -> Options {
    Options { now: Some(EPOCH + now), boot_id: Some(boot.to_owned()), ..options() }
}

fn marks(store: &Store) -> [Marks; 2] {
    BOTH.map(|durability| store.marks(durability))
}

/// Made at the first time, lost at these (0: never), as `process` and `disk` logs have it.
fn made(process: i64, disk: i64) -> [Marks; 2] {
    let lost = |at: i64| if at == 0 { 0 } else { EPOCH + at };
    [process, disk].map(|at| Marks { made: EPOCH, lost: lost(at) })
}

/// Not a test of its own: writes, tells its clock after each commit, and waits to be killed.
#[test]
fn child() {
    let Some(folder) = std::env::var_os("STORE_CHILD") else { return };
    let store = Store::open(folder, at(1, "boot 1")).unwrap();
    for (name, durability) in [("process", Durability::Process), ("disk", Durability::Disk)] {
        let state = store.open(name, durability, EPOCH).unwrap();
        store.commit(&one(append(name, state.id, durability, state.head + 1..=state.head + 10))).unwrap();
        println!("\nclock {}", store.clock().unwrap());
    }
    println!("\ndone");
    std::thread::sleep(std::time::Duration::from_secs(600));
}

/// Writes in a process of its own, kills it, and returns the clock that it told last.
fn write_and_kill(folder: &Path) -> i64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("STORE_CHILD", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = lines.take_while(|line| line != "done").filter_map(|line| line.strip_prefix("clock ")?.parse().ok()).last();
    child.kill().unwrap();
    child.wait().unwrap();
    told.expect("it comes to write")
}

#[test]
fn the_clock_is_the_newest_time_of_all_logs_and_never_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut newest = 0;
    let mut heads = [0; 2];
    for round in 0..6 {
        let store = Store::open(folder.path(), at(round, "boot 1")).unwrap();
        assert_eq!(store.clock().unwrap(), newest, "it survives being closed");
        // Now one log, now the other, each event later than all before it.
        for (n, (name, durability)) in [("process", Durability::Process), ("disk", Durability::Disk)].into_iter().enumerate() {
            let id = store.open(name, durability, EPOCH).unwrap().id;
            let seqs = heads[n] + 1..=heads[n] + 3;
            heads[n] = *seqs.end();
            store.commit(&one(append(name, id, durability, seqs))).unwrap();
            newest = newest.max(event(id, heads[n]).at);
            assert_eq!(store.clock().unwrap(), newest);
            // What is let go was there all the same.
            store.trim(id, &by_count(0), newest).unwrap();
            assert_eq!(store.clock().unwrap(), newest);
        }
        store.commit(&Batch::default()).unwrap();
        store.put(b"value", Some(b"x")).unwrap();
        assert_eq!(store.clock().unwrap(), newest, "only events move it");
        store.close().unwrap();
    }
}

#[test]
fn clock_and_marks_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path(), at(0, "boot 1")).unwrap());
    let mut clock = 0;
    for round in 1..5 {
        let told = write_and_kill(folder.path());
        assert!(told > clock);
        let store = Store::open(folder.path(), at(round, "boot 1")).unwrap();
        clock = store.clock().unwrap();
        assert!(clock >= told, "the clock goes on behind what was told");
        assert_eq!(marks(&store), made(0, 0), "a killed process loses nothing");
        store.close().unwrap();
    }
}

// `lost` moves exactly when something that was acknowledged may be gone, for those logs of which it is true.
#[test]
fn lost_moves_when_the_power_fails_and_at_no_other_time() {
    let folder = tempfile::tempdir().unwrap();
    let open = |now, boot: &str| Store::open(folder.path(), at(now, boot)).unwrap();
    let store = open(0, "boot 1");
    assert_eq!(marks(&store), made(0, 0));
    fill(&store, "disk", Durability::Disk, 1..=5);
    fill(&store, "process", Durability::Process, 1..=5);
    drop(store);
    assert_eq!(marks(&open(1, "boot 1")), made(0, 0), "closed and opened");
    assert_eq!(marks(&open(2, "boot 2")), made(0, 0), "closed before the machine went down");
    write_and_kill(folder.path());
    assert_eq!(marks(&open(3, "boot 1")), made(0, 0), "killed");
    write_and_kill(folder.path());
    // Killed under one boot and opened under the next: the kernel may have kept what was not synced to itself.
    let store = open(4, "boot 2");
    assert_eq!(marks(&store), made(4, 0), "logs that are synced have lost nothing");
    assert_eq!(store.find("process").unwrap().unwrap().epoch, EPOCH + 4);
    assert_eq!(store.find("disk").unwrap().unwrap().epoch, EPOCH);
    drop(store);
    let store = open(5, "boot 3");
    assert_eq!(marks(&store), made(4, 0), "it stays at the last time that something was lost");
    fill(&store, "late", Durability::Process, 1..=5);
    drop(store);
    write_and_kill(folder.path());
    assert_eq!(marks(&open(6, "boot 4")), made(6, 0), "and moves with the next");
}

// A loss that was accepted is one of every log, and stays known.
#[test]
fn an_accepted_loss_moves_lost_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), at(0, "boot 1")).unwrap();
    fill(&store, "disk", Durability::Disk, 1..=100);
    drop(store);
    let journal = files(&folder.path().join("log")).into_iter().find(|f| f.extension().is_some_and(|e| e == "jnl")).unwrap();
    let mut bytes = std::fs::read(&journal).unwrap();
    let end = bytes.iter().rposition(|b| *b != 0).unwrap();
    bytes[end / 2] ^= 0x55;
    std::fs::write(&journal, bytes).unwrap();
    Store::open(folder.path(), at(1, "boot 1")).expect_err("damage is not passed over");
    let store = Store::open(folder.path(), Options { accept_loss: true, ..at(2, "boot 1") }).unwrap();
    assert_eq!(marks(&store), made(2, 2));
    let clock = store.clock().unwrap();
    let (id, head) = check_log(&store, "disk").unwrap();
    assert!(head < 100 && (head == 0 || clock >= event(id, head).at));
    drop(store);
    let store = Store::open(folder.path(), Options { accept_loss: true, ..at(3, "boot 1") }).unwrap();
    assert_eq!(marks(&store), made(2, 2), "nothing more is lost by opening it so once more");
}
