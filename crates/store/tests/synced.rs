//! What is found again after a crash is on the medium before anybody is shown it.
//!
//! A batch may be in the journal and not yet synced when the process is killed. The next one finds it, for the kernel has
//! it; if it is shown and the power fails then, somebody has seen an event that never was. So opening syncs first.
//! Here the calls that sync are counted, file by file: the two below stand in for those of the C library.

mod common;

use common::*;
use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    mem::ManuallyDrop,
    os::fd::{BorrowedFd, FromRawFd, RawFd},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{LazyLock, Mutex},
};
use tidewire_contract::Durability;
use tidewire_engine::log::Log;
use tidewire_store::{Options, Store};

/// Path → how long the file was when it was last synced.
static SYNCED: LazyLock<Mutex<HashMap<PathBuf, u64>>> = LazyLock::new(Mutex::default);

fn note(fd: RawFd) {
    let Ok(path) = std::fs::read_link(format!("/proc/self/fd/{fd}")) else { return };
    // SAFETY: the caller's descriptor is open during the call, and is not closed here.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    let length = file.metadata().map_or(0, |m| m.len());
    SYNCED.lock().unwrap().insert(path, length);
}

fn answer(result: rustix::io::Result<()>) -> i32 {
    if result.is_ok() { 0 } else { -1 }
}

/// In the place of the C library's.
///
/// # Safety
/// `fd` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: i32) -> i32 {
    note(fd);
    // SAFETY: by the contract of this function.
    answer(rustix::fs::fsync(unsafe { BorrowedFd::borrow_raw(fd) }))
}

/// In the place of the C library's.
///
/// # Safety
/// `fd` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: i32) -> i32 {
    note(fd);
    // SAFETY: by the contract of this function.
    answer(rustix::fs::fdatasync(unsafe { BorrowedFd::borrow_raw(fd) }))
}

/// Not a test of its own: writes what is not synced, says so, and waits to be killed.
#[test]
fn child() {
    let Some(folder) = std::env::var_os("STORE_CHILD") else { return };
    let store = Store::open(folder, options()).unwrap();
    for (name, durability, many) in [("disk", Durability::Disk, 20), ("process", Durability::Process, 500)] {
        let head = store.open(name, durability, EPOCH).unwrap().head;
        fill(&store, name, durability, head + 1..=head + many);
    }
    println!("\nwritten");
    std::thread::sleep(std::time::Duration::from_secs(600));
}

fn killed(folder: &Path) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("STORE_CHILD", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "written"), "it comes to write");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Journals, and where what is in them ends.
fn written(folder: &Path) -> Vec<(PathBuf, u64)> {
    let journals = files(&folder.join("log")).into_iter().filter(|f| f.extension().is_some_and(|e| e == "jnl"));
    let end = |path: &Path| std::fs::read(path).unwrap().iter().rposition(|b| *b != 0).map_or(0, |n| n as u64 + 1);
    journals.map(|path| (path.clone(), end(&path))).collect()
}

// G-1: seen by nobody before it is as durable as it will be called.
#[test]
fn what_a_killed_process_left_is_synced_before_it_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = std::fs::canonicalize(folder.path()).unwrap();
    // A new journal has room made for it, which the first start after it cuts off; a later one finds it as long as it is.
    for (round, boot) in (1..).zip(["boot 1", "boot 1", "boot 1", "boot 2", "boot 2"]) {
        killed(&path);
        let before = written(&path);
        assert!(before.iter().any(|(_, end)| *end > 10_000), "{before:?}");
        SYNCED.lock().unwrap().retain(|file, _| !file.starts_with(&path));
        let store = Store::open(&path, Options { boot_id: Some(boot.into()), now: Some(EPOCH + 9), ..options() }).unwrap();
        let synced = SYNCED.lock().unwrap().clone();
        for (journal, end) in before.iter().filter(|(_, end)| *end > 0) {
            let length = synced.get(journal);
            assert!(length.is_some_and(|length| length >= end), "start {round}: {} has {end} bytes, synced {length:?}", journal.display());
        }
        assert_eq!(store.find("disk").unwrap().unwrap().head, 20 * round);
        assert_eq!(store.find("process").unwrap().unwrap().head, 500 * round);
    }
}

// The count itself: what is not synced is not counted, what is synced is.
#[test]
fn the_count_turns_red() {
    let folder = tempfile::tempdir().unwrap();
    let path = std::fs::canonicalize(folder.path()).unwrap().join("file");
    let counted = || SYNCED.lock().unwrap().get(&path).copied();
    std::fs::write(&path, "12345").unwrap();
    assert_eq!(counted(), None);
    File::open(&path).unwrap().sync_data().unwrap();
    assert_eq!(counted(), Some(5));
}
