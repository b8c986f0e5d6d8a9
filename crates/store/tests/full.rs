//! A disk that is full or fails: refused, readable, nothing acknowledged lost, and it recovers by itself.

mod common;

use common::*;
use rustix::process::{Resource, Rlimit};
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use tidewire_contract::Durability;
use tidewire_engine::log::{Log, LogError};
use tidewire_store::{Options, Store};

/// A small file system of its own, where that is allowed; gone when this value is.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(mebibytes: u32) -> Option<Mount> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|out| out.status.success()).then_some(Mount(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

/// Commits until it is refused; how many events are in the log then.
fn until_refused(store: &Store, name: &str, most: u64) -> (u64, Option<LogError>) {
    let Ok(state) = store.open(name, Durability::Disk, EPOCH) else { return (0, Some(LogError::Full(String::new()))) };
    let mut head = state.head;
    while head < most {
        if let Err(e) = store.commit(&one(append(name, state.id, Durability::Disk, head + 1..=head + 100))) {
            return (head, Some(e));
        }
        head += 100;
    }
    (head, None)
}

fn retry_until(store: &Store, name: &str, head: u64) {
    let began = Instant::now();
    loop {
        let done = store.open(name, Durability::Disk, EPOCH).and_then(|state| {
            assert_eq!(state.head, head, "what was refused is not kept");
            store.commit(&one(append(name, state.id, Durability::Disk, head + 1..=head + 10)))
        });
        match done {
            Ok(()) => return,
            Err(e) => assert!(began.elapsed() < Duration::from_secs(20), "it does not recover: {e}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

// G-1: refused while less than the reserve is free; readers go on; there is room again, and it goes on.
#[test]
fn the_reserve_is_kept_free() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    let id = fill(&store, "a", Durability::Disk, 1..=20);
    drop(store);
    let store = Store::open(folder.path(), Options { min_free: u64::MAX / 2, ..options() }).unwrap();
    let error = store.commit(&one(append("a", id, Durability::Disk, [21]))).unwrap_err();
    assert!(matches!(&error, LogError::Full(why) if why.contains("MiB")), "{error}");
    assert!(matches!(store.open("b", Durability::Disk, EPOCH), Err(LogError::Full(_))));
    assert_eq!(store.open("a", Durability::Disk, EPOCH).unwrap().head, 20);
    check_log(&store, "a").unwrap();
}

// G-1: the file system is really full, in the middle of a batch.
#[test]
fn a_full_disk_refuses_and_recovers() {
    let Some(mount) = Mount::new(32) else {
        println!("SKIPPED: no file system can be mounted here; the reserve and the limit of a file's size are tested instead");
        return;
    };
    let data = mount.path().join("data");
    // Without a reserve, so that the engine itself meets the end of the disk.
    let options = || Options { retry: Duration::from_millis(50), memtable: 1 << 20, ..options() };
    let store = Store::open(&data, options()).unwrap();
    for round in 0..3 {
        let (head, error) = until_refused(&store, "a", u64::MAX);
        assert!(matches!(error, Some(LogError::Full(_) | LogError::Failed(_))), "{error:?}");
        assert!(head > 0);
        // Readers go on, with all that was acknowledged.
        assert_eq!(check_log(&store, "a").unwrap().1, head, "round {round}");
        // There is room again: an operator enlarges the disk.
        let size = format!("remount,size={}m", 48 + 16 * round);
        assert!(Command::new("mount").args(["-o", &size]).arg(mount.path()).status().unwrap().success());
        retry_until(&store, "a", head);
        assert_eq!(check_log(&store, "a").unwrap().1, head + 10);
    }
    let head = store.find("a").unwrap().unwrap().head;
    drop(store);
    let store = Store::open(&data, options()).unwrap();
    assert_eq!(check_log(&store, "a").unwrap().1, head);
}

// With a reserve the engine never meets the end of the disk.
#[test]
fn the_reserve_is_enough_for_what_is_accepted() {
    let Some(mount) = Mount::new(96) else {
        println!("SKIPPED: no file system can be mounted here");
        return;
    };
    let options = || Options { min_free: 72 << 20, memtable: 1 << 20, retry: Duration::from_millis(50), ..options() };
    let store = Store::open(mount.path().join("data"), options()).unwrap();
    let (head, error) = until_refused(&store, "a", u64::MAX);
    assert!(matches!(&error, Some(LogError::Full(why)) if why.contains("MiB")), "{error:?}");
    check_log(&store, "a").unwrap();
    // Trimming is what makes room: it is allowed when appending no longer is.
    let state = store.find("a").unwrap().unwrap();
    let first = store.trim(state.id, &by_count(1000), EPOCH).unwrap();
    assert!(first > 1 && first <= head - 999);
}

/// Not a test of its own: a process whose files cannot grow any more, so that a write fails half-way.
#[test]
fn child() {
    let Some(folder) = std::env::var_os("STORE_CHILD") else { return };
    let store = Store::open(folder, Options { retry: Duration::from_millis(20), ..options() }).unwrap();
    fill(&store, "a", Durability::Disk, 1..=100);
    let unlimited = rustix::process::getrlimit(Resource::Fsize);
    rustix::process::setrlimit(Resource::Fsize, Rlimit { current: Some(1 << 20), ..unlimited }).unwrap();
    let (head, error) = until_refused(&store, "a", 100_000);
    assert!(matches!(error, Some(LogError::Full(_))), "{error:?}");
    assert_eq!(check_log(&store, "a").unwrap().1, head);
    let state = store.find("a").unwrap().unwrap();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(30));
        assert!(store.commit(&one(append("a", state.id, Durability::Disk, head + 1..=head + 300))).is_err());
        assert_eq!(check_log(&store, "a").unwrap().1, head, "readers go on");
    }
    if std::env::var_os("STORE_RECOVERS").is_some() {
        rustix::process::setrlimit(Resource::Fsize, unlimited).unwrap();
        retry_until(&store, "a", head);
        println!("\nacked {}", head + 10);
    } else {
        println!("\nacked {head}");
    }
}

// A write that fails half-way leaves nothing behind, here or in the next process.
#[test]
fn a_file_that_cannot_grow() {
    for recovers in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        // SIGXFSZ is ignored, so that the write fails instead of the process.
        let mut child = Command::new("sh");
        child.args(["-c", "trap '' XFSZ; exec \"$0\" --exact child --nocapture"]).arg(std::env::current_exe().unwrap());
        child.env("STORE_CHILD", folder.path());
        if recovers {
            child.env("STORE_RECOVERS", "1");
        }
        let out = child.output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
        let acked: u64 = text.lines().find_map(|l| l.strip_prefix("acked ")?.parse().ok()).expect("the child says what it acknowledged");
        let store = Store::open(folder.path(), options()).unwrap();
        assert_eq!(check_log(&store, "a").unwrap().1, acked);
        fill(&store, "b", Durability::Disk, 1..=10);
    }
}

// One process a folder, and only what this version wrote.
#[test]
fn a_folder_has_one_owner_and_a_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    let error = Store::open(folder.path(), options()).unwrap_err().to_string();
    assert!(error.contains("another process") && error.contains("--data"), "{error}");
    drop(store);
    std::fs::write(folder.path().join("format"), "tidewire store 2\n").unwrap();
    let error = Store::open(folder.path(), options()).unwrap_err().to_string();
    assert!(error.contains("tidewire store 2") && error.contains("version 1"), "{error}");
}
