//! Random operations, on disk and in memory: the same answers, also when the store is closed and opened in between.

mod common;

use common::options;
use proptest::{prelude::*, test_runner::Config};
use std::{sync::Arc, time::Duration};
use tidewire_contract::Durability;
use tidewire_engine::{
    log::{Append, Batch, KEY_KEEP, Log, MemberRow, Retention, StateRow, memory::MemoryLog},
    record::{Audience, Record},
};
use tidewire_store::{DecodeError, Options, Store, decode_record, encode_record};

const NAMES: [&str; 3] = ["a:1", "a:2", "b:1"];
/// Large enough that time set back by a day stays positive.
const START: i64 = 1_763_678_000_000_000;

/// What is appended to one of the logs.
type Part = (usize, Vec<Record>, Vec<MemberRow>, Vec<StateRow>);

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Part>),
    Trim(usize, Retention),
    Wait(Duration),
    Put(u8, Option<Vec<u8>>),
    Reopen,
}

fn text() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![Just("".into()), "[a-e]{1,3}".prop_map(Arc::from), "\\PC{0,40}".prop_map(Arc::from)]
}

fn audience() -> impl Strategy<Value = Audience> {
    let any_of = prop::collection::vec((text(), prop::collection::vec("[a-z]{0,6}", 0..3)), 0..3);
    prop_oneof![4 => Just(Audience::Everyone), 1 => prop::collection::vec(any_of, 0..3).prop_map(|all| Audience::Only(all.into()))]
}

fn record() -> impl Strategy<Value = Record> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..400).prop_map(bytes::Bytes::from);
    let optional = || prop::option::of(text());
    let fields = (
        any::<[u8; 16]>(),
        text(),
        optional(),
        optional(),
        optional(),
        prop::option::of(bytes()),
        bytes(),
        audience(),
        prop::option::of(any::<u64>()),
    );
    fields.prop_map(|(id, event_type, key, trace, occurred_at, fields, data, audience, except)| Record {
        seq: 0,
        at: 0,
        id,
        event_type,
        key,
        trace,
        occurred_at,
        fields,
        data,
        audience,
        except,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let member = ("[pq]", "[xy]", "[c-f]", any::<bool>()).prop_map(|(relation, group, member, present)| MemberRow {
        relation: relation.into(),
        group: group.into(),
        member: member.into(),
        present,
    });
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..20).prop_map(bytes::Bytes::from));
    let state = ("[ab]{0,2}", value).prop_map(|(name, value)| StateRow { name: name.into(), value });
    let records = prop::collection::vec(record(), 0..12);
    let append = (0..NAMES.len(), records, prop::collection::vec(member, 0..4), prop::collection::vec(state, 0..4));
    let keep = prop::option::of((0..200_000_000_000u64).prop_map(Duration::from_micros));
    let retention = (keep, prop::option::of(0..40u64), prop::option::of(0..20_000u64));
    prop_oneof![
        8 => prop::collection::vec(append, 0..4).prop_map(Step::Commit),
        2 => (0..NAMES.len(), retention).prop_map(|(log, (keep, count, bytes))| Step::Trim(log, Retention { keep, count, bytes })),
        2 => (0..100_000_000_000u64).prop_map(|us| Step::Wait(Duration::from_micros(us))),
        1 => (any::<u8>(), prop::option::of(prop::collection::vec(any::<u8>(), 0..20))).prop_map(|(k, v)| Step::Put(k % 4, v)),
        1 => Just(Step::Reopen),
    ]
}

fn same(disk: &dyn Log, memory: &dyn Log, keys: &[Arc<str>], now: i64) {
    assert_eq!(disk.list("a:", None, 10).unwrap(), memory.list("a:", None, 10).unwrap());
    for name in NAMES {
        let state = memory.find(name).unwrap().unwrap();
        assert_eq!(disk.find(name).unwrap(), Some(state.clone()));
        let all = memory.read(state.id, 0, usize::MAX, usize::MAX).unwrap();
        assert_eq!(disk.read(state.id, 0, usize::MAX, usize::MAX).unwrap(), all);
        let middle = state.first + (state.head - state.first.min(state.head)) / 2;
        assert_eq!(disk.read(state.id, middle, 3, 700).unwrap(), memory.read(state.id, middle, 3, 700).unwrap());
        for at in all.iter().step_by(5).flat_map(|r| [r.at - 1, r.at, r.at + 1]).chain([0, now]) {
            assert_eq!(disk.seq_at(state.id, at).unwrap(), memory.seq_at(state.id, at).unwrap());
        }
        for key in keys {
            match (disk.key(state.id, key).unwrap(), memory.key(state.id, key).unwrap()) {
                // A key is known for a day at least. On disk those of events that went together go together, with the youngest.
                (Some(longer), None) => assert!(longer.at < now - KEY_KEEP.as_micros() as i64, "{name} {key:?} at {now}"),
                (disk, memory) => assert_eq!(disk, memory, "{name} {key:?}"),
            }
        }
        assert_eq!(disk.members(state.id).unwrap(), memory.members(state.id).unwrap());
        assert_eq!(disk.states(state.id, "").unwrap(), memory.states(state.id, "").unwrap());
        assert_eq!(disk.states(state.id, "a").unwrap(), memory.states(state.id, "a").unwrap());
        for name in ["", "a", "ab", "c"] {
            assert_eq!(disk.state(state.id, name).unwrap(), memory.state(state.id, name).unwrap());
        }
    }
    for key in 0..4 {
        assert_eq!(disk.get(&[key]).unwrap(), memory.get(&[key]).unwrap());
    }
}

proptest! {
    #![proptest_config(Config { cases: 40, max_shrink_iters: 200, failure_persistence: None, ..Config::default() })]

    // G-1, G-2, W-7, K-8
    #[test]
    fn disk_and_memory_agree(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let small = || Options { memtable: 4 << 10, ..options() };
        let (mut disk, memory) = (Store::open(folder.path(), small()).unwrap(), MemoryLog::default());
        let (mut now, mut keys) = (START, Vec::new());
        let ids: Vec<_> = NAMES.iter().map(|name| {
            let id = memory.open(name, Durability::Process, now).unwrap().id;
            assert_eq!(disk.open(name, Durability::Process, now).unwrap().id, id);
            id
        }).collect();
        for step in steps {
            match step {
                Step::Commit(parts) => {
                    let mut heads: Vec<u64> = NAMES.iter().map(|n| memory.find(n).unwrap().unwrap().head).collect();
                    let mut appends = Vec::new();
                    for (log, records, members, states) in parts {
                        let records = records.into_iter().map(|record| {
                            now += 1 + record.data.len() as i64;
                            heads[log] += 1;
                            // The sequencer commits no key that is known; the keys here are unlike each other but for the moment.
                            let key = record.key.as_ref().map(|key| Arc::from(format!("{key}{now}")));
                            keys.extend(key.clone());
                            Arc::new(Record { seq: heads[log], at: now, key, ..record })
                        });
                        appends.push(Append {
                            log: NAMES[log].into(), id: ids[log], durability: Durability::Process, records: records.collect(), members, states,
                        });
                    }
                    let batch = Batch { appends };
                    disk.commit(&batch).unwrap();
                    memory.commit(&batch).unwrap();
                }
                Step::Trim(log, retention) => {
                    let first = memory.trim(ids[log], &retention, now).unwrap();
                    assert_eq!(disk.trim(ids[log], &retention, now).unwrap(), first);
                }
                Step::Wait(time) => now += time.as_micros() as i64,
                Step::Put(key, value) => {
                    disk.put(&[key], value.as_deref()).unwrap();
                    memory.put(&[key], value.as_deref()).unwrap();
                }
                Step::Reopen => {
                    drop(disk);
                    disk = Store::open(folder.path(), small()).unwrap();
                }
            }
        }
        same(&disk, &memory, &keys, now);
        // A last trim after a day: keys without events are gone in both.
        now += 2 * KEY_KEEP.as_micros() as i64;
        for id in &ids {
            let retention = Retention { count: Some(3), ..Retention::default() };
            assert_eq!(disk.trim(*id, &retention, now).unwrap(), memory.trim(*id, &retention, now).unwrap());
        }
        same(&disk, &memory, &keys, now);
        for (id, key) in ids.iter().flat_map(|id| keys.iter().map(move |key| (id, key))) {
            assert_eq!(disk.key(*id, key).unwrap(), memory.key(*id, key).unwrap(), "{key:?} after the last trim");
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 500, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_record_is_what_it_was(record in record(), seq in any::<u64>(), at in any::<i64>()) {
        let record = Record { seq, at, ..record };
        let mut bytes = Vec::new();
        encode_record(&record, &mut bytes);
        assert_eq!(decode_record(&bytes), Ok(record));
        // Neither less nor more of it is taken for an event.
        assert!(decode_record(&bytes[..bytes.len() - 1]).is_err());
        bytes.push(0);
        assert!(decode_record(&bytes).is_err());
        bytes[0] = 9;
        assert_eq!(decode_record(&bytes), Err(DecodeError::Version));
    }

    // G-5: whatever the bytes, an answer.
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), parts in 0u8..32) {
        let _ = decode_record(&bytes);
        let bytes = [&[1, parts], &bytes[..]].concat();
        if let Ok(record) = decode_record(&bytes) {
            let mut again = Vec::new();
            encode_record(&record, &mut again);
            assert_eq!(decode_record(&again), Ok(record));
        }
    }
}
