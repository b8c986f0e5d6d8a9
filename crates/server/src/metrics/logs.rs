//! Logs and the store: what the handles know, and what is sampled from the store when the house is kept.

use super::sample::{Provider, Sample};
use crate::App;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tidewire_engine::log::LogState;
use tidewire_store::Store;

/// Logs that somebody has asked for since the start.
pub(super) fn samples(app: &App, into: &mut Vec<Sample>) {
    let mut sums: BTreeMap<(String, &'static str), [u64; 3]> = BTreeMap::new();
    for log in app.hub.reader().handles() {
        let contract = log.name.split_once('/').map_or(&*log.name, |(contract, _)| contract);
        let sum = sums.entry((contract.to_owned(), log.durability.as_str())).or_default();
        for (sum, more) in sum.iter_mut().zip([1, log.head(), (log.head() + 1).saturating_sub(log.first())]) {
            *sum += more;
        }
    }
    for ((contract, durability), [channels, head, kept]) in sums {
        for (name, help, value) in [
            ("tidewire_channels", "Channels that were read or published to since the start", channels),
            ("tidewire_log_events", "Events that were ever given a place in these channels, summed", head),
            ("tidewire_log_kept_events", "Events that these channels still keep, summed", kept),
        ] {
            into.push(Sample::level(name, help, value as f64).with("contract", contract.as_str()).with("durability", durability));
        }
    }
}

/// The store's own figures. Sizes are those of the last [`StoreFigures::sampled`].
pub struct StoreFigures {
    store: Arc<Store>,
    sizes: Mutex<BTreeMap<String, Size>>,
    disk: Mutex<(u64, u64)>,
}

/// What a contract's logs come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    pub logs: u64,
    pub events: u64,
    /// Roughly, before compression.
    pub bytes: u64,
}

impl Size {
    /// Adds a log. Blocks; a log that cannot be read counts without its bytes.
    pub fn add(&mut self, store: &Store, state: &LogState) {
        self.logs += 1;
        self.events += (state.head + 1).saturating_sub(state.first);
        self.bytes += store.weight(state.id).unwrap_or(0);
    }
}

impl StoreFigures {
    pub fn new(store: Arc<Store>) -> StoreFigures {
        StoreFigures { store, sizes: Mutex::default(), disk: Mutex::default() }
    }

    /// What all logs of a contract came to.
    pub fn sampled(&self, contract: &str, size: Size) {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).insert(contract.to_owned(), size);
    }

    /// Looks at the disk. Blocks.
    pub fn look(&self) {
        let figures = (self.store.disk_bytes(), self.store.free_bytes());
        *self.disk.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }
}

impl Provider for StoreFigures {
    fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for (contract, size) in self.sizes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for (name, help, value) in [
                ("tidewire_store_logs", "Channels whose events are in the store", size.logs),
                ("tidewire_store_events", "Events that the store keeps", size.events),
                ("tidewire_store_bytes", "What these events weigh, before compression", size.bytes),
            ] {
                samples.push(Sample::level(name, help, value as f64).with("contract", contract.as_str()));
            }
        }
        let (used, free) = *self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push(Sample::level("tidewire_store_disk_bytes", "Files of the store", used as f64));
        samples.push(Sample::level("tidewire_store_free_bytes", "Free on the store's file system", free as f64));
        let help = "Commits that were synced to the disk, from their first byte to the answer of the disk";
        samples.push(Sample::spread("tidewire_store_sync_seconds", help, self.store.syncs()));
        let help = "Commits that were not synced: what they cost without the disk";
        samples.push(Sample::spread("tidewire_store_write_seconds", help, self.store.writes()));
        samples
    }
}
