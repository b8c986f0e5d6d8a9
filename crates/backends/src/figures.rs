//! What is counted of them.

use crate::Door;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use tidewire_server::metrics::{Provider, Sample};

/// Of one contract, since the start.
#[derive(Default)]
pub(crate) struct Figures {
    pub heard: AtomicU64,
    pub taken: AtomicU64,
    pub dead: AtomicU64,
    pub lost: AtomicU64,
    pub failures: AtomicU64,
}

pub(crate) struct Shown(pub Vec<Arc<Door>>);

impl Provider for Shown {
    fn samples(&self) -> Vec<Sample> {
        let of = |door: &Arc<Door>| {
            let count = |name: &'static str, help, n: &AtomicU64| {
                Sample::count(name, help, n.load(Relaxed)).with("contract", door.contract.name.clone())
            };
            [
                count(
                    "tidewire_redis_backend_heard",
                    "Messages that backends published on Redis channels, as this node heard them",
                    &door.figures.heard,
                ),
                count("tidewire_redis_backend_taken", "Messages of backends' streams that became events", &door.figures.taken),
                count(
                    "tidewire_redis_backend_dead",
                    "Messages that could not be taken: they are in the contract's dead stream",
                    &door.figures.dead,
                ),
                count(
                    "tidewire_redis_backend_lost",
                    "Messages on Redis channels that this node heard and could not keep, as Redis was away for too long",
                    &door.figures.lost,
                ),
                count("tidewire_redis_backend_failures", "Times that Redis or the log failed while taking them", &door.figures.failures),
            ]
        };
        self.0.iter().flat_map(of).collect()
    }
}
