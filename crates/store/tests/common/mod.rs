//! What the tests of the store share.
#![allow(dead_code)]

use bytes::Bytes;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tidewire_contract::Durability;
use tidewire_engine::{
    id,
    log::{Append, Batch, Log, LogError, LogId, Retention, StateRow},
    record::{Audience, Record},
};
use tidewire_store::{Options, Store};

pub const EPOCH: i64 = 1_763_678_000_000_000;
pub const ALL: usize = usize::MAX;
/// The row of state in which [`append`] says which event it wrote last.
pub const NEWEST: &str = "newest";

/// Options under which a test does not depend on the machine: no reserve of free space, an identity of the boot that is given.
pub fn options() -> Options {
    Options { min_free: 0, boot_id: Some("boot 1".to_owned()), now: Some(EPOCH), ..Options::default() }
}

/// The event `seq` of the log `id`: all of it follows from these two, so that what is read can be checked without a copy.
pub fn event(id: LogId, seq: u64) -> Record {
    let at = EPOCH + seq as i64 * 10 + id.0 as i64;
    let filler = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ id.0.wrapping_mul(0xd6e8_feb8_6659_fd93);
    Record {
        seq,
        at,
        id: id::for_at(at, filler),
        event_type: "chat.message.created".into(),
        key: Some(key(id, seq).into()),
        trace: None,
        occurred_at: None,
        fields: None,
        data: Bytes::from(format!(
            r#"{{"log":{id},"seq":{seq},"text":"{filler:016x}{:016x}{:016x}{:016x} and so on","place":"tavern","from":"character {}"}}"#,
            filler.rotate_left(13) ^ seq,
            filler.wrapping_mul(seq | 1),
            filler.rotate_left(29).wrapping_add(id.0),
            seq % 97,
            id = id.0,
        )),
        audience: Audience::Everyone,
        except: None,
    }
}

pub fn key(id: LogId, seq: u64) -> String {
    format!("req-{:08x}-{seq:08x}-{:08x}", id.0, seq.wrapping_mul(0x9e37_79b9) as u32)
}

pub fn append(name: &str, id: LogId, durability: Durability, seqs: impl IntoIterator<Item = u64>) -> Append {
    let records: Vec<_> = seqs.into_iter().map(|seq| Arc::new(event(id, seq))).collect();
    let newest = |seq: u64| StateRow { name: NEWEST.into(), value: Some(seq.to_string().into()) };
    let states = records.last().map(|r| newest(r.seq)).into_iter().collect();
    Append { log: name.into(), id, durability, records, members: Vec::new(), states }
}

pub fn one(append: Append) -> Batch {
    Batch { appends: vec![append] }
}

/// Commits the events `seqs` of a log that is opened by name.
pub fn fill(store: &Store, name: &str, durability: Durability, seqs: impl IntoIterator<Item = u64>) -> LogId {
    let id = store.open(name, durability, EPOCH).unwrap().id;
    let seqs: Vec<u64> = seqs.into_iter().collect();
    for few in seqs.chunks(10) {
        store.commit(&one(append(name, id, durability, few.iter().copied()))).unwrap();
    }
    id
}

/// Reads the whole log; each event must be what [`event`] makes, in order, without a hole; and its row of state is of the last
/// of them, neither ahead of it nor behind (C-3, P-5).
pub fn check_log(store: &Store, name: &str) -> Result<(LogId, u64), LogError> {
    let Some(state) = store.find(name)? else { return Ok((LogId(0), 0)) };
    let mut seq = state.first - 1;
    loop {
        let page = store.read(state.id, seq, 1000, 1 << 20)?;
        if page.is_empty() {
            break;
        }
        for record in page {
            seq += 1;
            assert_eq!(*record, event(state.id, seq));
            let receipt = store.key(state.id, &key(state.id, seq))?.expect("its key is known");
            assert_eq!((receipt.seq, receipt.at, receipt.id), (seq, record.at, record.id));
        }
    }
    assert_eq!(seq, state.head, "{name} ends before its head");
    let newest = store.state(state.id, NEWEST)?.map_or(0, |row| std::str::from_utf8(&row).unwrap().parse().unwrap());
    assert_eq!(newest, state.head, "{name}: what it remembers is not what it is");
    Ok((state.id, state.head))
}

pub fn by_count(count: u64) -> Retention {
    Retention { count: Some(count), ..Retention::default() }
}

/// Copies the folder of a store that is open, as it stands at one moment: while nothing in it is being written or tidied up.
pub fn copy_at_rest(from: &Path, to: &Path) {
    let stands = || -> io::Result<Vec<_>> {
        found_below(from)?.into_iter().map(|file| std::fs::metadata(&file).and_then(|m| Ok((m.len(), m.modified()?, file)))).collect()
    };
    for _ in 0..1000 {
        let before = stands();
        if copy(from, to).is_ok() && before.is_ok_and(|before| stands().is_ok_and(|after| before == after)) {
            return;
        }
        std::fs::remove_dir_all(to).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{} is never at rest", from.display());
}

/// Copies a folder and all that is in it.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// All files below a folder, by path.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    found_below(folder).unwrap()
}

fn found_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(found_below(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
