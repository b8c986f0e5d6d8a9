//! Bytes that change on the medium: the right events or an error, never wrong bytes, never a silent loss, never a panic.

mod common;

use common::*;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};
use tidewire_contract::Durability;
use tidewire_engine::log::{Log, LogError};
use tidewire_store::{OpenError, Options, Store};

const HEAD: u64 = 120;

/// A store as a kill leaves it, its journals as short as their contents; and its files.
fn killed(folder: &Path, memtable: u64, clean: bool) -> (PathBuf, Vec<PathBuf>) {
    let (live, image) = (folder.join("live"), folder.join("image"));
    let store = Store::open(&live, Options { memtable, ..options() }).unwrap();
    let (disk, process) = (fill(&store, "disk", Durability::Disk, 1..=10), fill(&store, "process", Durability::Process, 1..=10));
    // Each commit alone is larger than the smallest memtable, so that tables are written.
    for from in (11..=HEAD).step_by(10) {
        for (name, id, durability) in [("disk", disk, Durability::Disk), ("process", process, Durability::Process)] {
            store.commit(&one(append(name, id, durability, from..from + 10))).unwrap();
        }
        if memtable < 1 << 20 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    if clean {
        store.close().unwrap();
    }
    copy_at_rest(&live.join("log"), &image.join("log"));
    for name in ["format", "state"] {
        std::fs::copy(live.join(name), image.join(name)).unwrap();
    }
    for path in files(&image) {
        if path.extension().is_some_and(|e| e == "jnl") {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes.truncate(bytes.iter().rposition(|b| *b != 0).map_or(0, |n| n + 1));
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let files = files(&image).into_iter().map(|f| f.strip_prefix(&image).unwrap().to_owned()).collect();
    (image, files)
}

/// What a store with a damaged file shows: all is there, or an error says that something is not.
fn look(folder: &Path, what: &str) -> &'static str {
    let opened = catch_unwind(|| Store::open(folder, options())).unwrap_or_else(|_| panic!("{what}: opening panicked"));
    let store = match opened {
        Ok(store) => store,
        Err(OpenError::Damaged { .. } | OpenError::Unreadable { .. } | OpenError::Version { .. } | OpenError::Io { .. }) => {
            return "refused";
        }
        Err(e) => panic!("{what}: {e}"),
    };
    let mut result = "whole";
    for name in ["disk", "process"] {
        match catch_unwind(AssertUnwindSafe(|| check_log(&store, name))).unwrap_or_else(|_| panic!("{what}: {name} is wrong")) {
            Ok((_, head)) => assert_eq!(head, HEAD, "{what}: events of {name} vanished"),
            Err(LogError::Damaged(_) | LogError::Failed(_)) => result = "told",
            Err(e) => panic!("{what}: {e}"),
        }
    }
    result
}

fn flip_everywhere(memtable: u64, clean: bool) {
    let folder = tempfile::tempdir().unwrap();
    let (image, files) = killed(folder.path(), memtable, clean);
    let wanted: usize = std::env::var("STORE_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    let total: usize = files.iter().map(|f| std::fs::metadata(image.join(f)).unwrap().len() as usize).sum();
    let step = (total / wanted).max(1);
    let (mut seen, mut at) = (std::collections::BTreeMap::new(), step / 2);
    for file in &files {
        let bytes = std::fs::read(image.join(file)).unwrap();
        // At least once in each file.
        at = if at >= bytes.len() && !bytes.is_empty() { bytes.len() / 2 } else { at };
        while at < bytes.len() {
            let copied = folder.path().join("copy");
            let _ = std::fs::remove_dir_all(&copied);
            copy(&image, &copied).unwrap();
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            std::fs::write(copied.join(file), &changed).unwrap();
            let what = format!("byte {at} of {}", file.display());
            *seen.entry(look(&copied, &what)).or_insert(0) += 1;
            at += step;
        }
        at -= bytes.len();
    }
    println!("{total} bytes in {} files, every {step}th flipped: {seen:?}", files.len());
    assert!(seen.contains_key("refused"), "damage in the journal is noticed at the start");
}

// G-1: flipped bytes in a journal that a kill has left.
#[test]
fn a_flipped_byte_in_the_journal() {
    flip_everywhere(32 << 20, false);
}

// G-1: flipped bytes in tables and journals.
#[test]
fn a_flipped_byte_in_the_tables() {
    flip_everywhere(4 << 10, false);
}

// G-1: and after a clean shutdown, the last batch too.
#[test]
fn a_flipped_byte_after_a_close() {
    flip_everywhere(4 << 10, true);
}

// Damage in the middle is refused with what to do; accepted, the events before it are served, and every log has another epoch.
#[test]
fn damage_in_the_middle_can_be_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (image, files) = killed(folder.path(), 32 << 20, false);
    let journal = image.join(files.iter().find(|f| f.extension().is_some_and(|e| e == "jnl")).unwrap());
    let mut bytes = std::fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&journal, &bytes).unwrap();
    // The file beside it is not needed to notice.
    std::fs::remove_file(image.join("state")).unwrap();
    for _ in 0..2 {
        let error = Store::open(&image, options()).expect_err("damaged");
        assert!(matches!(&error, OpenError::Damaged { path, .. } if *path == journal), "{error}");
        assert!(error.to_string().contains("--accept-loss"));
        assert_eq!(std::fs::read(&journal).unwrap(), bytes, "nothing is touched");
    }
    let later = || Options { now: Some(EPOCH + 9), ..options() };
    let store = Store::open(&image, Options { accept_loss: true, ..later() }).unwrap();
    assert_eq!(std::fs::read(image.join(format!("damaged-{}/0.jnl", EPOCH + 9))).unwrap(), bytes, "a copy is kept");
    let heads: Vec<u64> = ["disk", "process"]
        .map(|name| {
            assert_eq!(store.find(name).unwrap().unwrap().epoch, EPOCH + 9);
            check_log(&store, name).unwrap().1
        })
        .to_vec();
    assert!(heads.iter().all(|head| (10..HEAD).contains(head)), "{heads:?}");
    let id = store.find("disk").unwrap().unwrap().id;
    store.commit(&one(append("disk", id, Durability::Disk, heads[0] + 1..=heads[0] + 4))).unwrap();
    drop(store);
    let store = Store::open(&image, later()).unwrap();
    assert_eq!(check_log(&store, "disk").unwrap().1, heads[0] + 4);
}

// Other logs, and what lies beside the damage, can still be read.
#[test]
fn damage_in_one_log_leaves_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live");
    {
        let store = Store::open(&live, Options { memtable: 4 << 10, ..options() }).unwrap();
        for name in ["a", "b", "c"] {
            fill(&store, name, Durability::Disk, 1..=400);
        }
        for _ in 0..200 {
            std::thread::sleep(std::time::Duration::from_millis(10));
            if files(&live.join("log")).iter().any(|f| std::fs::metadata(f).is_ok_and(|m| m.len() > 100_000) && is_table(f)) {
                break;
            }
        }
    }
    // The needle is in the data of one event of one log.
    let needle = event(tidewire_engine::log::LogId(2), 200).data;
    let mut hits = 0;
    for file in files(&live.join("log")).into_iter().filter(|f| is_table(f)) {
        let mut bytes = std::fs::read(&file).unwrap();
        if let Some(at) = bytes.windows(needle.len()).position(|w| w == &needle[..]) {
            bytes[at + 20] ^= 1;
            std::fs::write(&file, bytes).unwrap();
            hits += 1;
        }
    }
    if hits == 0 {
        println!("the events were not flushed in time: nothing to damage");
        return;
    }
    let store = Store::open(&live, options()).unwrap();
    let id = store.find("b").unwrap().unwrap().id;
    let error = (0..400).find_map(|after| store.read(id, after, 1, ALL).err()).expect("the damaged event is not served");
    assert!(matches!(&error, LogError::Damaged(what) if what.contains("log 2")), "{error}");
    check_log(&store, "a").unwrap();
    check_log(&store, "c").unwrap();
    let end = store.read(id, 395, 10, ALL).unwrap();
    assert_eq!(end.iter().map(|r| r.seq).collect::<Vec<_>>(), [396, 397, 398, 399, 400]);
}

fn is_table(path: &Path) -> bool {
    path.parent().is_some_and(|p| p.ends_with("tables"))
}
