//! Two processes, one folder.

mod common;

use common::*;
use std::{thread, time::Duration};
use tidewire_contract::Durability;
use tidewire_engine::log::Log;
use tidewire_store::{OpenError, Store};

// G-1: whoever takes over waits for a moment, and never writes beside another.
#[test]
fn a_folder_is_one_process_s_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = Store::open(folder.path(), options()).unwrap();
    fill(&first, "disk", Durability::Disk, 1..=3);
    let refused = Store::open(folder.path(), options()).err().unwrap();
    assert!(matches!(&refused, OpenError::Locked(path) if path == folder.path()), "{refused}");
    assert!(refused.to_string().contains("--data"), "{refused}");
    let leaving = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        drop(first);
    });
    let second = Store::open(folder.path(), options()).unwrap();
    leaving.join().unwrap();
    assert_eq!(second.find("disk").unwrap().unwrap().head, 3);
}
