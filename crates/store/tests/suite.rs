//! The promises of every log, kept on disk.

use tidewire_engine::log::suite;
use tidewire_store::{Options, Store};

macro_rules! on_disk {
    ($($name:ident)*) => { $(
        #[test]
        fn $name() {
            // The folder outlives the store in it.
            let folder = tempfile::tempdir().unwrap();
            suite::$name(&|| Box::new(Store::open(folder.path(), Options::default()).unwrap()));
        }
    )* };
}

// G-1, K-8, W-7: the same promises as the reference in memory.
on_disk! {
    empty_log_stands_at_zero open_gives_the_same_log_again logs_are_listed_by_name read_returns_what_was_committed read_is_bounded
    commit_covers_all_its_logs key_gives_the_receipt_again members_follow_the_changes states_go_with_their_events states_outlive_the_history
    seq_at_finds_the_time trim_keeps_by_count
    trim_keeps_by_age trim_keeps_by_bytes trim_never_gives_a_seq_again keys_outlive_their_events values_are_kept
}
