//! A process that is killed while it writes, again and again: what it acknowledged is there.

mod common;

use common::*;
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use tidewire_contract::Durability;
use tidewire_engine::log::{Batch, Log};
use tidewire_store::{Options, Store};

const LOGS: [(&str, Durability); 4] =
    [("disk:1", Durability::Disk), ("disk:2", Durability::Disk), ("process:1", Durability::Process), ("process:2", Durability::Process)];

/// So little memory that tables are written and merged all the time.
fn small() -> Options {
    Options { memtable: 64 << 10, ..options() }
}

/// Not a test of its own: what the killed process does. It says on its standard output what has been acknowledged.
#[test]
fn child() {
    let Some(folder) = std::env::var_os("STORE_CHILD") else { return };
    let store = Store::open(folder, small()).unwrap();
    let mut random = std::process::id() as u64 | 1;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut heads: Vec<_> = LOGS.iter().map(|(name, durability)| store.open(name, *durability, EPOCH).unwrap()).collect();
    let mut out = std::io::stdout();
    for n in 0u64.. {
        let mut appends = Vec::new();
        for (log, (name, durability)) in heads.iter_mut().zip(LOGS) {
            // Now only logs that are not synced, now all.
            if durability == Durability::Disk && n % 3 != 0 {
                continue;
            }
            let head = log.head + 1 + next(20);
            appends.push(append(name, log.id, durability, log.head + 1..=head));
            log.head = head;
        }
        let heads: Vec<_> = appends.iter().map(|a| format!("{}={}", a.log, a.records.last().map_or(0, |r| r.seq))).collect();
        store.commit(&Batch { appends }).unwrap();
        writeln!(out, "\nacked {}", heads.join(" ")).unwrap();
        if n % 16 == 5 {
            store.put(b"cursor", Some(n.to_string().as_bytes())).unwrap();
            writeln!(out, "\nacked cursor={n}").unwrap();
        }
        if n % 32 == 9 {
            let log = store.find(LOGS[next(4) as usize].0).unwrap().unwrap();
            store.trim(log.id, &by_count(5_000), log.at).unwrap();
        }
    }
}

// G-1, K-8: killed under load, everything acknowledged is there once, in order, with the same bytes; no `seq` is given twice.
#[test]
fn everything_acknowledged_survives_a_kill() {
    let kills = std::env::var("STORE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
    let folder = tempfile::tempdir().unwrap();
    let (mut epochs, mut told) = (HashMap::new(), 0);
    for kill in 0..kills {
        // Most come to write something; some are killed while they open the store.
        let acked = run_and_kill(folder.path(), kill % 5 != 4, Duration::from_millis(kill * 37 % 120));
        told += usize::from(!acked.is_empty());
        let store = Store::open(folder.path(), small()).unwrap();
        for (name, _) in LOGS {
            let (_, head) = check_log(&store, name).unwrap();
            let promised = acked.get(name).copied().unwrap_or(0);
            assert!(head >= promised, "kill {kill}: {name} ends at {head}, {promised} was acknowledged");
            if let Some(state) = store.find(name).unwrap() {
                assert_eq!(state.epoch, *epochs.entry(name).or_insert(state.epoch), "nothing was lost, so the epoch stays");
            }
        }
        if let Some(promised) = acked.get("cursor") {
            let cursor: u64 = std::str::from_utf8(&store.get(b"cursor").unwrap().unwrap()).unwrap().parse().unwrap();
            assert!(cursor >= *promised);
        }
        store.close().unwrap();
    }
    assert!(told > kills as usize / 2, "most of the processes came to acknowledge something");
}

// The check itself: it notices an event that is not there, one that is there twice, and one that is another.
#[test]
fn the_check_turns_red() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    let broken = |name: &str, change: fn(&mut Vec<std::sync::Arc<tidewire_engine::Record>>)| {
        let id = store.open(name, Durability::Process, EPOCH).unwrap().id;
        let mut append = append(name, id, Durability::Process, 1..=5);
        change(&mut append.records);
        store.commit(&one(append)).unwrap();
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check_log(&store, name))).is_err()
    };
    assert!(!broken("whole", |_| ()));
    assert!(broken("other bytes", |records| std::sync::Arc::make_mut(&mut records[2]).data = "{}".into()));
    assert!(broken("another key", |records| std::sync::Arc::make_mut(&mut records[2]).key = None));
    // A hole, or a `seq` again, is not even taken.
    let id = store.open("hole", Durability::Process, EPOCH).unwrap().id;
    for seqs in [[1, 3], [1, 1], [2, 3], [0, 1]] {
        assert!(store.commit(&one(append("hole", id, Durability::Process, seqs))).is_err());
    }
}

fn run_and_kill(folder: &Path, writing: bool, after: Duration) -> HashMap<String, u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("STORE_CHILD", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (begun, begins) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut acked = HashMap::new();
        for line in lines.map_while(Result::ok) {
            let Some(pairs) = line.strip_prefix("acked ") else { continue };
            let _ = begun.send(());
            for pair in pairs.split(' ') {
                // A line that the kill has torn says nothing.
                if let Some((name, n)) = pair.split_once('=').and_then(|(name, n)| Some((name.to_owned(), n.parse().ok()?))) {
                    acked.insert(name, n);
                }
            }
        }
        acked
    });
    if writing {
        begins.recv().expect("the process comes to acknowledge something");
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}
