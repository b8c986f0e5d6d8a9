//! What every log promises, one function a promise. Each is given a way to make an empty log, and panics where a promise is broken.
//!
//! ```
//! tidewire_engine::log::suite::all(&|| Box::new(tidewire_engine::log::memory::MemoryLog::default()));
//! ```

use super::{Append, Batch, KEY_KEEP, Log, LogId, MemberRow, Receipt, Retention, StateRow};
use crate::{
    id,
    record::{Audience, Record},
};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};
use tidewire_contract::Durability;

/// Makes an empty log.
pub type Make<'a> = &'a dyn Fn() -> Box<dyn Log>;

/// The time (µs) at which the suite's logs begin.
pub const EPOCH: i64 = 1_763_678_000_000_000;

/// Every promise.
pub fn all(make: Make<'_>) {
    empty_log_stands_at_zero(make);
    open_gives_the_same_log_again(make);
    logs_are_listed_by_name(make);
    read_returns_what_was_committed(make);
    read_is_bounded(make);
    commit_covers_all_its_logs(make);
    key_gives_the_receipt_again(make);
    members_follow_the_changes(make);
    states_go_with_their_events(make);
    states_outlive_the_history(make);
    seq_at_finds_the_time(make);
    trim_keeps_by_count(make);
    trim_keeps_by_age(make);
    trim_keeps_by_bytes(make);
    trim_never_gives_a_seq_again(make);
    keys_outlive_their_events(make);
    values_are_kept(make);
    values_are_written_where_what_is_expected_is_there(make);
}

/// An event as the suite publishes them: the `seq`th of its log, a millisecond apart, with every part that an event can have.
pub fn record(seq: u64) -> Record {
    let at = EPOCH + seq as i64 * 1000;
    let groups = vec![vec![("character".into(), vec![format!("c{seq}"), "d".to_owned()])]];
    Record {
        seq,
        at,
        id: id::for_at(at, seq),
        event_type: ["a.b", "c.d"][seq as usize % 2].into(),
        key: seq.is_multiple_of(2).then(|| key(seq)),
        trace: seq.is_multiple_of(3).then(|| format!("trace {seq}").into()),
        occurred_at: seq.is_multiple_of(5).then(|| "2026-11-20T00:00:00Z".into()),
        fields: seq.is_multiple_of(4).then(|| Bytes::from_static(br#"{"a":1}"#)),
        data: format!(r#"{{"n":{seq}}}"#).into(),
        audience: if seq.is_multiple_of(7) { Audience::Only(groups.into()) } else { Audience::Everyone },
        except: seq.is_multiple_of(11).then_some(seq << 40),
    }
}

/// The key of [`record`]'s even events.
pub fn key(seq: u64) -> Arc<str> {
    format!("key {seq}").into()
}

fn append(name: &str, id: LogId, seqs: impl IntoIterator<Item = u64>) -> Append {
    let records = seqs.into_iter().map(|seq| Arc::new(record(seq))).collect();
    Append { log: name.into(), id, durability: Durability::Process, records, members: Vec::new(), states: Vec::new() }
}

/// A log named `world:w1` that holds the events `1..=head`, three to a commit.
fn filled(make: Make<'_>, head: u64) -> (Box<dyn Log>, LogId) {
    let log = make();
    let id = open(&*log, "world:w1");
    let seqs: Vec<u64> = (1..=head).collect();
    for few in seqs.chunks(3) {
        log.commit(&Batch { appends: vec![append("world:w1", id, few.iter().copied())] }).unwrap();
    }
    (log, id)
}

fn open(log: &dyn Log, name: &str) -> LogId {
    log.open(name, Durability::Process, EPOCH).unwrap().id
}

fn seqs(log: &dyn Log, id: LogId) -> Vec<u64> {
    log.read(id, 0, usize::MAX, usize::MAX).unwrap().iter().map(|r| r.seq).collect()
}

pub fn empty_log_stands_at_zero(make: Make<'_>) {
    let log = make();
    let state = log.open("world:w1", Durability::Process, EPOCH).unwrap();
    assert_eq!((state.epoch, state.head, state.first, state.at), (EPOCH, 0, 1, 0));
    assert_eq!(log.read(state.id, 0, 10, 1000).unwrap(), vec![]);
    assert_eq!(log.seq_at(state.id, i64::MAX).unwrap(), 0);
    assert_eq!(log.key(state.id, "none").unwrap(), None);
    assert_eq!(log.members(state.id).unwrap(), vec![]);
}

pub fn open_gives_the_same_log_again(make: Make<'_>) {
    let (log, id) = filled(make, 5);
    let other = open(&*log, "world:w2");
    assert_ne!(other, id);
    let again = log.open("world:w1", Durability::Process, EPOCH + 1).unwrap();
    assert_eq!((again.id, again.epoch, again.head, again.first, again.at), (id, EPOCH, 5, 1, record(5).at));
    assert_eq!(log.find("world:w1").unwrap(), Some(again));
    assert_eq!(log.find("world:w3").unwrap(), None);
}

pub fn logs_are_listed_by_name(make: Make<'_>) {
    let log = make();
    for name in ["b:2", "a:1", "b:1", "b", "c:1", "b:3"] {
        let id = open(&*log, name);
        log.commit(&Batch { appends: vec![append(name, id, 1..=2)] }).unwrap();
    }
    let names = |prefix, after, limit| log.list(prefix, after, limit).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("b:", None, 10), ["b:1", "b:2", "b:3"]);
    assert_eq!(names("b:", Some("b:1"), 1), ["b:2"]);
    assert_eq!(names("", None, 3), ["a:1", "b", "b:1"]);
    assert_eq!(names("", Some("b:3"), 3), ["c:1"]);
    assert_eq!(names("d", None, 3), Vec::<String>::new());
    assert!(log.list("", None, 10).unwrap().iter().all(|(_, state)| state.head == 2));
}

pub fn read_returns_what_was_committed(make: Make<'_>) {
    let (log, id) = filled(make, 100);
    let read = log.read(id, 0, usize::MAX, usize::MAX).unwrap();
    assert_eq!(read.len(), 100);
    for (seq, read) in (1..).zip(&read) {
        assert_eq!(**read, record(seq));
    }
    for after in [0, 1, 2, 3, 50, 99, 100, 1000] {
        let read: Vec<u64> = log.read(id, after, usize::MAX, usize::MAX).unwrap().iter().map(|r| r.seq).collect();
        assert_eq!(read, (after + 1..=100).collect::<Vec<_>>());
    }
}

pub fn read_is_bounded(make: Make<'_>) {
    let (log, id) = filled(make, 100);
    let read = |after, limit, bytes| log.read(id, after, limit, bytes).unwrap().iter().map(|r| r.seq).collect::<Vec<_>>();
    assert_eq!(read(10, 3, usize::MAX), [11, 12, 13]);
    assert_eq!(read(10, 0, usize::MAX), Vec::<u64>::new());
    assert_eq!(read(10, 100, 1), [11]);
    let two = record(11).weight() + 1;
    assert_eq!(read(10, 100, two), [11, 12]);
}

pub fn commit_covers_all_its_logs(make: Make<'_>) {
    let log = make();
    let (one, two) = (open(&*log, "one"), open(&*log, "two"));
    let appends = vec![append("one", one, 1..=2), append("two", two, 1..=1), append("one", one, 3..=3)];
    log.commit(&Batch { appends }).unwrap();
    assert_eq!(seqs(&*log, one), [1, 2, 3]);
    assert_eq!(seqs(&*log, two), [1]);
    log.commit(&Batch::default()).unwrap();
}

pub fn key_gives_the_receipt_again(make: Make<'_>) {
    let (log, id) = filled(make, 10);
    let other = open(&*log, "world:w2");
    for seq in 1..=10 {
        let Record { at, id: event, key: given, .. } = record(seq);
        assert_eq!(log.key(id, &key(seq)).unwrap(), given.map(|_| Receipt { seq, at, id: event }));
        assert_eq!(log.key(other, &key(seq)).unwrap(), None);
    }
    // A publisher's own id, which tells no time.
    let own = Record { id: [0xff; 16], ..record(12) };
    let records = vec![Arc::new(record(11)), Arc::new(own.clone())];
    log.commit(&Batch { appends: vec![Append { records, ..append("world:w1", id, []) }] }).unwrap();
    assert_eq!(log.key(id, &key(12)).unwrap(), Some(Receipt { seq: 12, at: own.at, id: own.id }));
}

pub fn members_follow_the_changes(make: Make<'_>) {
    let log = make();
    let (id, other) = (open(&*log, "world:w1"), open(&*log, "world:w2"));
    let row =
        |group: &str, member: &str, present| MemberRow { relation: "place".into(), group: group.into(), member: member.into(), present };
    let commit = |members| log.commit(&Batch { appends: vec![Append { members, ..append("world:w1", id, []) }] }).unwrap();
    commit(vec![row("p1", "c1", true), row("p1", "c2", true), row("p2", "c3", true), row("", "", true)]);
    commit(vec![row("p1", "c1", false), row("p2", "c1", true), row("p2", "c3", true), row("p9", "c9", false)]);
    commit(vec![row("p3", "c4", true), row("p3", "c4", false)]);
    let all = [row("", "", true), row("p1", "c2", true), row("p2", "c1", true), row("p2", "c3", true)];
    assert_eq!(log.members(id).unwrap(), all);
    assert_eq!(log.members(other).unwrap(), []);
}

fn state(name: &str, value: &str) -> StateRow {
    StateRow { name: name.into(), value: Some(Bytes::copy_from_slice(value.as_bytes())) }
}

fn no_state(name: &str) -> StateRow {
    StateRow { name: name.into(), value: None }
}

/// All rows of state, as text.
fn states(log: &dyn Log, id: LogId, prefix: &str) -> Vec<(String, String)> {
    let rows = log.states(id, prefix).unwrap().into_iter();
    rows.map(|(name, value)| (name.to_string(), String::from_utf8(value.to_vec()).unwrap())).collect()
}

pub fn states_go_with_their_events(make: Make<'_>) {
    let log = make();
    let (id, other) = (open(&*log, "world:w1"), open(&*log, "world:w2"));
    assert_eq!(log.state(id, "version:1").unwrap(), None);
    assert_eq!(states(&*log, id, ""), []);
    let commit = |seqs: std::ops::RangeInclusive<u64>, states| {
        log.commit(&Batch { appends: vec![Append { states, ..append("world:w1", id, seqs) }] }).unwrap();
    };
    commit(1..=2, vec![state("version:1", "1"), state("version:10", "7"), state("retained:scene", "a"), state("", "empty name")]);
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    assert_eq!(states(&*log, id, "version:"), pairs(&[("version:1", "1"), ("version:10", "7")]));
    assert_eq!(states(&*log, id, "version:10"), pairs(&[("version:10", "7")]));
    assert_eq!(states(&*log, id, ""), pairs(&[("", "empty name"), ("retained:scene", "a"), ("version:1", "1"), ("version:10", "7")]));
    // The last of a name counts; what is removed is not there.
    commit(3..=3, vec![state("version:1", "2"), state("version:1", "3"), no_state("version:10"), no_state("never there")]);
    commit(4..=4, vec![state("back", "1"), no_state("back"), state("back", "2"), state("gone", "1"), no_state("gone"), no_state("")]);
    assert_eq!(states(&*log, id, ""), pairs(&[("back", "2"), ("retained:scene", "a"), ("version:1", "3")]));
    assert_eq!(log.state(id, "version:1").unwrap(), Some(Bytes::from_static(b"3")));
    assert_eq!(log.state(id, "version:10").unwrap(), None);
    // Without events, too; and no other log has them.
    let alone = Append { states: vec![state("alone", "")], ..append("world:w1", id, []) };
    log.commit(&Batch { appends: vec![alone] }).unwrap();
    assert_eq!(log.state(id, "alone").unwrap(), Some(Bytes::new()));
    assert_eq!(states(&*log, other, ""), []);
    assert_eq!(log.state(other, "version:1").unwrap(), None);
}

pub fn states_outlive_the_history(make: Make<'_>) {
    let (log, id) = filled(make, 10);
    log.commit(&Batch { appends: vec![Append { states: vec![state("retained:scene", "ten")], ..append("world:w1", id, []) }] }).unwrap();
    let day = KEY_KEEP.as_micros() as i64;
    log.trim(id, &Retention { count: Some(0), keep: Some(Duration::ZERO), bytes: Some(0) }, EPOCH + 10 * day).unwrap();
    assert_eq!(seqs(&*log, id), Vec::<u64>::new());
    assert_eq!(states(&*log, id, ""), [("retained:scene".to_owned(), "ten".to_owned())]);
}

pub fn seq_at_finds_the_time(make: Make<'_>) {
    let (log, id) = filled(make, 100);
    for seq in 1..=100 {
        let at = record(seq).at;
        assert_eq!(log.seq_at(id, at).unwrap(), seq);
        assert_eq!(log.seq_at(id, at - 1).unwrap(), seq - 1);
        assert_eq!(log.seq_at(id, at + 1).unwrap(), seq);
    }
    assert_eq!(log.seq_at(id, i64::MIN).unwrap(), 0);
    assert_eq!(log.seq_at(id, i64::MAX).unwrap(), 100);
    log.trim(id, &Retention { count: Some(10), ..Retention::default() }, EPOCH).unwrap();
    assert_eq!(log.seq_at(id, i64::MIN).unwrap(), 90);
    assert_eq!(log.seq_at(id, record(95).at).unwrap(), 95);
}

pub fn trim_keeps_by_count(make: Make<'_>) {
    let (log, id) = filled(make, 100);
    let trim = |count| log.trim(id, &Retention { count: Some(count), ..Retention::default() }, EPOCH).unwrap();
    assert_eq!(log.trim(id, &Retention::default(), EPOCH).unwrap(), 1);
    assert_eq!(trim(100), 1);
    assert_eq!(log.open("world:w1", Durability::Process, EPOCH).unwrap().gone, 0);
    for (count, first) in [(99, 2), (50, 51), (60, 51), (49, 52), (1, 100), (0, 101)] {
        assert_eq!(trim(count), first);
        assert_eq!(seqs(&*log, id), (first..=100).collect::<Vec<_>>());
        let state = log.open("world:w1", Durability::Process, EPOCH).unwrap();
        assert_eq!((state.first, state.gone), (first, record(first - 1).at));
        assert_eq!(log.find("world:w1").unwrap().unwrap(), state);
    }
}

pub fn trim_keeps_by_age(make: Make<'_>) {
    let (log, id) = filled(make, 100);
    let now = record(100).at;
    let trim = |keep| log.trim(id, &Retention { keep: Some(keep), ..Retention::default() }, now).unwrap();
    assert_eq!(trim(Duration::from_secs(10)), 1);
    for (ms, first) in [(60, 40), (50, 50), (49, 51), (0, 100)] {
        assert_eq!(trim(Duration::from_millis(ms)), first);
        assert_eq!(seqs(&*log, id), (first..=100).collect::<Vec<_>>());
        assert_eq!(log.find("world:w1").unwrap().unwrap().gone, record(first - 1).at);
    }
    assert_eq!(log.trim(id, &Retention { keep: Some(Duration::ZERO), ..Retention::default() }, now + 1).unwrap(), 101);
}

pub fn trim_keeps_by_bytes(make: Make<'_>) {
    let (log, id) = filled(make, 100);
    for bytes in [u64::MAX, 10_000, 9_999, 5_000, 1_000, 200, 0] {
        let mut left = bytes;
        let fits = (1..=100).rev().take_while(|seq| {
            let weight = record(*seq).weight() as u64;
            let fits = weight <= left;
            left = left.saturating_sub(weight);
            fits
        });
        let first = 101 - fits.count() as u64;
        assert_eq!(log.trim(id, &Retention { bytes: Some(bytes), ..Retention::default() }, EPOCH).unwrap(), first, "{bytes} bytes");
        assert_eq!(seqs(&*log, id), (first..=100).collect::<Vec<_>>());
    }
}

pub fn trim_never_gives_a_seq_again(make: Make<'_>) {
    let (log, id) = filled(make, 10);
    assert_eq!(log.trim(id, &Retention { count: Some(0), ..Retention::default() }, EPOCH).unwrap(), 11);
    let state = log.open("world:w1", Durability::Process, EPOCH).unwrap();
    assert_eq!((state.head, state.first, state.at, state.gone), (10, 11, record(10).at, record(10).at));
    log.commit(&Batch { appends: vec![append("world:w1", id, 11..=12)] }).unwrap();
    assert_eq!(seqs(&*log, id), [11, 12]);
    assert_eq!(log.seq_at(id, 0).unwrap(), 10);
}

pub fn keys_outlive_their_events(make: Make<'_>) {
    let (log, id) = filled(make, 10);
    let day = KEY_KEEP.as_micros() as i64;
    let trim = |count, now| log.trim(id, &Retention { count: Some(count), ..Retention::default() }, now).unwrap();
    let known = || (1..=10).filter(|seq| log.key(id, &key(*seq)).unwrap().is_some()).collect::<Vec<_>>();
    // Younger than a day: known, though the event is gone.
    trim(5, EPOCH + 1_000_000);
    assert_eq!(known(), [2, 4, 6, 8, 10]);
    // Older than a day: known while the event is kept.
    trim(5, EPOCH + 2 * day);
    assert_eq!(known(), [6, 8, 10]);
    trim(3, EPOCH + 2 * day);
    assert_eq!(known(), [8, 10]);
    trim(0, EPOCH + day + 9_000);
    trim(0, EPOCH + day + 9_000);
    assert_eq!(known(), [10]);
    // Given again, to another event.
    log.commit(&Batch { appends: vec![append("world:w1", id, 11..=11)] }).unwrap();
    let again = Record { key: Some(key(8)), ..record(12) };
    log.commit(&Batch { appends: vec![Append { records: vec![Arc::new(again)], ..append("world:w1", id, []) }] }).unwrap();
    assert_eq!(log.key(id, &key(8)).unwrap().map(|r| r.seq), Some(12));
    trim(1, EPOCH + day + 11_500);
    assert_eq!(log.key(id, &key(8)).unwrap().map(|r| r.seq), Some(12));
    assert_eq!(log.key(id, &key(10)).unwrap(), None);
}

pub fn values_are_kept(make: Make<'_>) {
    let log = make();
    assert_eq!(log.get(b"cursor").unwrap(), None);
    log.put(b"cursor", Some(b"1")).unwrap();
    log.put(b"", Some(b"")).unwrap();
    log.put(b"cursor", Some(b"2")).unwrap();
    assert_eq!(log.get(b"cursor").unwrap(), Some(Bytes::from_static(b"2")));
    assert_eq!(log.get(b"").unwrap(), Some(Bytes::new()));
    log.put(b"cursors", Some(b"3")).unwrap();
    log.put_all(&[(b"cutter".to_vec(), Some(b"4".to_vec())), (b"gone".to_vec(), None)]).unwrap();
    let listed: Vec<(Bytes, Bytes)> = [("cursor", "2"), ("cursors", "3")].map(|(k, v)| (k.into(), v.into())).into();
    assert_eq!(log.values(b"curs").unwrap(), listed);
    log.put(b"cursor", None).unwrap();
    assert_eq!(log.get(b"cursor").unwrap(), None);
}

pub fn values_are_written_where_what_is_expected_is_there(make: Make<'_>) {
    let log = make();
    let pair = |key: &str, value: Option<&str>| (key.as_bytes().to_vec(), value.map(|v| v.as_bytes().to_vec()));
    assert!(log.put_if(&[pair("a", None)], &[pair("a", Some("1")), pair("b", Some("1"))]).unwrap());
    assert!(!log.put_if(&[pair("a", None)], &[pair("b", Some("2"))]).unwrap());
    assert!(!log.put_if(&[pair("a", Some("1")), pair("b", Some("2"))], &[pair("b", Some("3"))]).unwrap());
    assert_eq!(log.get(b"b").unwrap(), Some(Bytes::from_static(b"1")));
    assert!(log.put_if(&[pair("a", Some("1")), pair("c", None)], &[pair("a", None), pair("b", Some(""))]).unwrap());
    assert_eq!((log.get(b"a").unwrap(), log.get(b"b").unwrap()), (None, Some(Bytes::new())));
    assert!(log.put_if(&[], &[pair("c", Some("1"))]).unwrap());
}
