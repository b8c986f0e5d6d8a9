//! What a shop knows: orders, tickets, print jobs, devices. Decisions only; nothing here waits or asks.

use crate::{devices::Known, kitchen::Ticket, orders::Order, printing::Job};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use tidewire_example_backend::Refusal;
use time::OffsetDateTime;

/// All shops of the backend.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shop {
    pub orders: BTreeMap<u64, Order>,
    pub tickets: BTreeMap<u64, Ticket>,
    pub jobs: BTreeMap<u64, Job>,
    pub devices: BTreeMap<u64, Known>,
    /// By their public name.
    pub stores: BTreeMap<String, Store>,
    /// The greatest id of each kind; never goes back.
    pub last: Last,
    /// When it last changed, µs since 1970. Two changes never have the same time.
    clock: i64,
    /// What requests with an `Idempotency-Key` were answered, oldest first.
    pub answers: VecDeque<Answered>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Last {
    pub order: u64,
    pub ticket: u64,
    pub item: u64,
    pub job: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Store {
    pub id: u64,
    /// Orders it has taken.
    pub orders: u64,
}

/// An answer that is given again to whoever asks the same again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    pub key: String,
    /// Of the request: another one under the same key is a mistake.
    pub print: u64,
    pub body: Value,
}

/// Something that is told to a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub sku: String,
    pub channel: String,
    pub event_type: &'static str,
    pub data: Value,
    /// What it is about: its kind and id.
    pub subject: (&'static str, u64),
}

/// What an action is answered, and what it tells.
pub type Done = Result<(Value, Vec<Told>), Refusal>;

pub fn told(sku: &str, of: &str, event_type: &'static str, subject: (&'static str, u64), data: Value) -> Told {
    Told { sku: sku.to_owned(), channel: channel(sku, of), event_type, data, subject }
}

/// Orders that are over and still known, and answers that are remembered.
const OVER_MAX: usize = 400;
const ANSWERS_MAX: usize = 400;

/// The name of a shop's channel: `orders`, `kds`, `printing`, `devices`, `kds.station.grill`.
pub fn channel(sku: &str, of: &str) -> String {
    format!("private-store.{sku}.{of}")
}

impl Shop {
    /// The moment of the next change: now, but after all that was before, whatever the clock says.
    pub fn tick(&mut self, now: OffsetDateTime) -> String {
        let now = i64::try_from(now.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX);
        self.clock = now.max(self.clock + 1);
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.clock) * 1000).map(spell).unwrap_or_default()
    }

    /// A shop, numbered when it is first heard of.
    pub fn store(&mut self, sku: &str) -> &mut Store {
        let id = self.stores.len() as u64 + 1;
        self.stores.entry(sku.to_owned()).or_insert(Store { id, orders: 0 })
    }

    pub fn remember(&mut self, answered: Answered) {
        while self.answers.len() >= ANSWERS_MAX {
            self.answers.pop_front();
        }
        self.answers.push_back(answered);
    }

    /// Forgets the oldest of the orders that are over, with all that was made of them.
    pub fn forget(&mut self) {
        let over: Vec<u64> = self.orders.values().filter(|order| order.is_over()).map(|order| order.id).collect();
        for id in over.iter().take(over.len().saturating_sub(OVER_MAX)) {
            self.orders.remove(id);
            self.tickets.retain(|_, ticket| ticket.order_id != *id);
            self.jobs.retain(|_, job| job.order_id != *id);
        }
    }
}

/// A time as it is told: always of the same length, so that times compare as texts.
pub fn spell(time: OffsetDateTime) -> String {
    let form = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    time.to_offset(time::UtcOffset::UTC).format(&form).unwrap_or_default()
}
