//! Payloads made up from schemas and examples (C-12): like those of a system at work, and valid in any case.
//!
//! - Schemas say what may be there, examples and names what it looks like.
//! - Ids stay consistent: of every kind of thing a channel has a few, and what is updated was there before ([`Things`]).
//! - Versions rise.
//! - The same seed and the same time make the same payloads, in the same order.

mod format;
mod merge;
mod number;
mod pattern;
mod shape;
mod string;
mod things;
mod words;

pub use pattern::matching;
pub use things::Things;

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::Value;
use std::sync::Arc;
use tidewire_contract::{ChannelName, Contract, Event};
use time::OffsetDateTime;

/// Makes payloads.
pub struct Sampler {
    pub(crate) contract: Arc<Contract>,
    pub(crate) rng: SmallRng,
    pub(crate) things: Things,
    pub(crate) now: OffsetDateTime,
}

/// What a payload is being made for.
pub(crate) struct Task<'a> {
    /// The type as it will be published.
    pub event_type: &'a str,
    pub event: &'a Event,
    pub channel: &'a ChannelName,
    pub root: &'a Value,
    /// Examples are looked at, ids are those of things that there are; else everything is by its schema alone.
    pub alike: bool,
}

/// Tries to make a payload that is like the examples, and then one that is only valid.
const TRIES_ALIKE: usize = 40;
const TRIES_PLAIN: usize = 200;

impl Sampler {
    /// One that makes what is of now.
    pub fn new(contract: &Arc<Contract>, seed: u64) -> Sampler {
        Sampler::at(contract, seed, OffsetDateTime::now_utc())
    }

    /// One that makes what is of a given time.
    pub fn at(contract: &Arc<Contract>, seed: u64, now: OffsetDateTime) -> Sampler {
        Sampler { contract: contract.clone(), rng: SmallRng::seed_from_u64(seed), things: Things::default(), now }
    }

    /// The time moves on.
    pub fn set_now(&mut self, now: OffsetDateTime) {
        self.now = now;
    }

    /// A payload of an event; `None` where none could be found that its schema takes.
    pub fn data(&mut self, event: &Event, channel: &ChannelName) -> Option<Value> {
        self.typed(event, &concrete(event)[0], channel)
    }

    /// A payload of a type that is one of those the event's name stands for.
    pub fn typed(&mut self, event: &Event, event_type: &str, channel: &ChannelName) -> Option<Value> {
        let Some(root) = event.schema().cloned() else { return Some(self.unshaped(event)) };
        for attempt in 0..TRIES_ALIKE + TRIES_PLAIN {
            let task = Task { event_type, event, channel, root: &root, alike: attempt < TRIES_ALIKE };
            let before = self.things.clone();
            let mut data = self.value(&task, &root, shape::At::root());
            if task.alike {
                self.things.number(event, channel, &mut data);
            }
            if event.validate(&data).is_empty() {
                self.things.happened(event_type, channel);
                return Some(data);
            }
            self.things = before;
        }
        // Whoever wrote the contract knew one.
        let valid: Vec<&Value> = event.examples.iter().filter(|example| event.validate(example).is_empty()).collect();
        (!valid.is_empty()).then(|| valid[self.rng.random_range(0..valid.len())].clone())
    }

    fn unshaped(&mut self, event: &Event) -> Value {
        match event.examples.len() {
            0 => serde_json::json!({}),
            many => event.examples[self.rng.random_range(0..many)].clone(),
        }
    }

    pub(crate) fn chance(&mut self, of_hundred: u32) -> bool {
        self.rng.random_range(0..100) < of_hundred
    }

    pub(crate) fn pick<'v, T>(&mut self, of: &'v [T]) -> Option<&'v T> {
        (!of.is_empty()).then(|| &of[self.rng.random_range(0..of.len())])
    }
}

/// The types that an event's name stands for: itself; for a pattern what is usually done with things.
pub fn concrete(event: &Event) -> Vec<String> {
    match event.name.strip_suffix('*') {
        Some(prefix) => ["created", "updated", "deleted"].iter().map(|verb| format!("{prefix}{verb}")).collect(),
        None => vec![event.name.clone()],
    }
}
