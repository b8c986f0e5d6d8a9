//! What the store tells of itself (K-16).

mod common;

use common::*;
use tidewire_contract::Durability;
use tidewire_engine::log::Log;
use tidewire_store::Store;

#[test]
fn a_log_weighs_what_its_kept_events_weigh() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    let id = fill(&store, "a/b", Durability::Process, 1..=95);
    let other = fill(&store, "a/c", Durability::Process, 1..=7);
    let sum = |id| store.read(id, 0, ALL, ALL).unwrap().iter().map(|r| r.weight() as u64).sum::<u64>();
    assert_eq!(store.weight(id).unwrap(), sum(id));
    // Rows hold ten events here: a log that begins within one counts the rest of it.
    for count in [60, 33, 10, 1, 0] {
        store.trim(id, &by_count(count), EPOCH).unwrap();
        assert_eq!(store.weight(id).unwrap(), sum(id), "{count}");
    }
    assert_eq!(store.weight(id).unwrap(), 0);
    assert_eq!(store.weight(other).unwrap(), sum(other));
}

#[test]
fn commits_are_counted_apart_by_whether_they_were_synced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    let (syncs, writes) = (store.syncs().count(), store.writes().count());
    fill(&store, "a/disk", Durability::Disk, 1..=30);
    assert_eq!(store.syncs().count(), syncs + 3);
    fill(&store, "a/process", Durability::Process, 1..=20);
    // Two commits, and the opening of each log.
    assert_eq!((store.syncs().count(), store.writes().count()), (syncs + 3, writes + 4));
    assert!(store.disk_bytes() > 0 && store.free_bytes() > 0);
}
