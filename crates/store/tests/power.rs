//! Power loss: what had been synced is there, whatever became of the bytes that had not.

mod common;

use common::*;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};
use tidewire_contract::Durability;
use tidewire_engine::log::Log;
use tidewire_store::{Options, Store};

fn journals(folder: &Path) -> Vec<PathBuf> {
    files(&folder.join("log")).into_iter().filter(|f| f.extension().is_some_and(|e| e == "jnl")).collect()
}

/// The bytes of a journal without the zeros that nobody has written yet.
fn contents(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).unwrap();
    bytes.truncate(bytes.iter().rposition(|b| *b != 0).map_or(0, |n| n + 1));
    bytes
}

/// How the bytes behind the synced ones look afterwards.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Gone,
    Zeros,
    Kept,
    CutAt(usize),
    /// Of the pieces of this size, every second one was written.
    Pieces(usize),
    Garbage,
}

fn afterwards(synced: &[u8], all: &[u8], fate: Fate) -> Vec<u8> {
    let (kept, rest) = all.split_at(synced.len());
    assert_eq!(kept, synced, "what was synced does not change");
    let rest: Vec<u8> = match fate {
        Fate::Gone => Vec::new(),
        Fate::Zeros => vec![0; rest.len() + 5000],
        Fate::Kept => rest.to_vec(),
        Fate::CutAt(n) => rest[..n.min(rest.len())].to_vec(),
        Fate::Pieces(size) => {
            rest.chunks(size).enumerate().flat_map(|(n, part)| if n % 2 == 1 { part.to_vec() } else { vec![0; part.len()] }).collect()
        }
        Fate::Garbage => (0..4000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
    };
    [kept, &rest].concat()
}

// G-1: power loss at any moment after an acknowledgement, for channels that ask for it; the others are told that they lost.
#[test]
fn synced_events_survive_and_the_rest_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    let disk = fill(&store, "disk", Durability::Disk, 1..=200);
    let process = fill(&store, "process", Durability::Process, 1..=50);
    store.commit(&one(append("disk", disk, Durability::Disk, 201..=230))).unwrap();
    let synced: HashMap<PathBuf, Vec<u8>> = journals(folder.path()).into_iter().map(|p| (p.clone(), contents(&p))).collect();
    for seq in 51..=90 {
        store.commit(&one(append("process", process, Durability::Process, [seq]))).unwrap();
    }
    let fates = [Fate::Gone, Fate::Zeros, Fate::Kept, Fate::Pieces(512), Fate::Pieces(4096), Fate::Pieces(97), Fate::Garbage];
    let cuts = (0..3000).step_by(211).map(Fate::CutAt);
    for fate in fates.into_iter().chain(cuts) {
        let after = folder.path().join("after");
        let _ = std::fs::remove_dir_all(&after);
        copy_at_rest(&folder.path().join("log"), &after.join("log"));
        for name in ["format", "state"] {
            std::fs::copy(folder.path().join(name), after.join(name)).unwrap();
        }
        for (path, synced) in &synced {
            let bytes = afterwards(synced, &contents(path), fate);
            std::fs::write(after.join("log").join(path.file_name().unwrap()), bytes).unwrap();
        }
        let rebooted = Options { boot_id: Some("boot 2".to_owned()), now: Some(EPOCH + 5), ..options() };
        let store = Store::open(&after, rebooted).unwrap_or_else(|e| panic!("{fate:?}: {e}"));
        assert_eq!(check_log(&store, "disk").unwrap(), (disk, 230), "{fate:?}");
        let (_, head) = check_log(&store, "process").unwrap();
        assert!((50..=90).contains(&head), "{fate:?}: {head}");
        assert_eq!(store.find("disk").unwrap().unwrap().epoch, EPOCH);
        assert_eq!(store.find("process").unwrap().unwrap().epoch, EPOCH + 5, "it may have lost events, and says so");
        // It goes on where it stands.
        store.commit(&one(append("process", process, Durability::Process, head + 1..=head + 3))).unwrap();
        store.commit(&one(append("disk", disk, Durability::Disk, 231..=233))).unwrap();
        drop(store);
        let store = Store::open(&after, options()).unwrap();
        assert_eq!(check_log(&store, "disk").unwrap().1, 233);
        assert_eq!(check_log(&store, "process").unwrap().1, head + 3);
        assert_eq!(store.find("process").unwrap().unwrap().epoch, EPOCH + 5, "closed cleanly: nothing was lost this time");
    }
}

// The same, but the tail that was synced is missing: noticed, not served as if nothing had been there.
#[test]
fn synced_events_that_are_missing_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    fill(&store, "disk", Durability::Disk, 1..=100);
    let journal = journals(folder.path()).pop().unwrap();
    let all = contents(&journal);
    for (cut, boot) in [(all.len() - 1, "boot 2"), (all.len() / 2, "boot 2"), (all.len() - 1, "boot 1"), (0, "boot 1")] {
        let after = folder.path().join("after");
        let _ = std::fs::remove_dir_all(&after);
        copy_at_rest(&folder.path().join("log"), &after.join("log"));
        for name in ["format", "state"] {
            std::fs::copy(folder.path().join(name), after.join(name)).unwrap();
        }
        std::fs::write(after.join("log").join(journal.file_name().unwrap()), &all[..cut]).unwrap();
        let options = || Options { boot_id: Some(boot.to_owned()), now: Some(EPOCH + 7), ..options() };
        for _ in 0..2 {
            let error = Store::open(&after, options()).expect_err("what was synced is missing").to_string();
            assert!(error.contains("--accept-loss") && error.contains("batch"), "{error}");
        }
        // Accepted: it goes on with what is there, and says that something is missing.
        let store = Store::open(&after, Options { accept_loss: true, ..options() }).unwrap();
        if let Some(state) = store.find("disk").unwrap() {
            assert_eq!(state.epoch, EPOCH + 7);
            let (id, head) = check_log(&store, "disk").unwrap();
            assert!(head < 100);
            store.commit(&one(append("disk", id, Durability::Disk, head + 1..=head + 5))).unwrap();
            drop(store);
            let store = Store::open(&after, options()).unwrap();
            assert_eq!(check_log(&store, "disk").unwrap().1, head + 5);
            assert_eq!(store.find("disk").unwrap().unwrap().epoch, EPOCH + 7);
        }
    }
}
