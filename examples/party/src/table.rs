//! The table at which something is decided: the dice, the time, what caused it, and what is told of it.

use crate::dice::{Check, Dice};
use serde_json::Value;
use tidewire_example_backend::{Keys, Refusal};

/// Channel, type, payload.
pub type Told = (String, &'static str, Value);

pub struct Table<'a> {
    pub dice: &'a Dice,
    /// ms since 1970.
    pub now: i64,
    /// What everything here comes from, and comes from once: an action's id, a vote's end.
    pub cause: String,
    pub settings: &'a Settings,
    pub told: Vec<Told>,
}

/// How long the party may think; ms.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub vote: i64,
    pub turn: i64,
}

impl Table<'_> {
    pub fn tell(&mut self, channel: &str, event_type: &'static str, data: Value) {
        self.told.push((channel.to_owned(), event_type, data));
    }

    pub fn roll(&self, what: &str, sides: u32) -> u32 {
        self.dice.roll(&self.cause, what, sides)
    }

    pub fn check(&self, what: &str, modifier: i32, difficulty: u32, margin: u32) -> Check {
        Check { value: self.roll(what, 20), modifier, difficulty, margin }
    }

    /// A name that no other vote or fight has: nothing else has this cause.
    pub fn name(&self, prefix: &str) -> String {
        let half = |what| self.dice.roll(&self.cause, what, u32::MAX);
        format!("{prefix}-{:08x}{:08x}", half("name"), half("name, second half"))
    }

    /// The same events get the same keys each time, so none is published twice.
    pub fn events(self, keys: &Keys, party: &str) -> Vec<tidewire_example_backend::Event> {
        let cause = format!("{party}/{}", self.cause);
        let event = |(n, (channel, event_type, data)): (usize, Told)| tidewire_example_backend::Event {
            channel,
            event_type: event_type.to_owned(),
            data,
            key: keys.named(&format!("{cause}/{n}")),
            ..Default::default()
        };
        self.told.into_iter().enumerate().map(event).collect()
    }
}

/// The rules do not allow it; `code` is one of the contract's.
pub fn refused(code: &str, detail: impl Into<String>) -> Refusal {
    let detail = detail.into();
    let mut refusal = Refusal::conflict(detail.clone());
    refusal.more = serde_json::json!({ "code": code, "message": detail });
    refusal
}
