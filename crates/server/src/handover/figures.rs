//! What is counted of events that are handed over.

use crate::metrics::{Provider, Sample};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tidewire_engine::Times;

/// Of one backend, since the start.
#[derive(Default)]
pub(super) struct Figures {
    pub handed: AtomicU64,
    pub accepted: AtomicU64,
    pub refused: AtomicU64,
    pub unanswered: AtomicU64,
    /// Answered without the backend: the key was known.
    pub repeated: AtomicU64,
    pub turned_away: AtomicU64,
    times: Times,
}

impl Figures {
    pub fn took(&self, time: Duration) {
        self.times.note(time);
    }

    pub fn samples(&self, contract: &str, backend: &str, waiting: usize, into: &mut Vec<Sample>) {
        let mut push = |sample: Sample| into.push(sample.with("contract", contract).with("backend", backend));
        let count = |name: &'static str, help, n: &AtomicU64| Sample::count(name, help, n.load(Relaxed));
        push(count("tidewire_handover_events", "Clients' events that were handed to the backend", &self.handed));
        push(count("tidewire_handover_accepted", "Events that the backend accepted", &self.accepted));
        push(count("tidewire_handover_refused", "Events that the backend refused", &self.refused));
        push(count(
            "tidewire_handover_unanswered",
            "Events that the backend did not answer in time, or not so that it can be understood",
            &self.unanswered,
        ));
        push(count(
            "tidewire_handover_repeated",
            "Events whose key was known: answered as the first time, without the backend",
            &self.repeated,
        ));
        push(count("tidewire_handover_turned_away", "Events that were not handed over since too many waited", &self.turned_away));
        push(Sample::level("tidewire_handover_waiting", "Events that wait for the backend's answer", waiting as f64));
        push(Sample::spread("tidewire_handover_seconds", "From handing an event over to its answer", self.times.spread()));
    }
}

/// All backends of a node.
pub(super) struct Shown(pub std::sync::Arc<super::Inner>);

impl Provider for Shown {
    fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for ((contract, backend), gate) in &self.0.gates {
            gate.figures.samples(contract, backend, gate.waiting.load(std::sync::atomic::Ordering::Relaxed), &mut samples);
        }
        samples
    }
}
