//! Who decides what goes wrong with an event on its way to one client.
//!
//! It hangs on the seed and on which event of its channel it is, not on when it comes: the same seed, the same mischief. Within a channel the
//! order stays, as it does in production: what is late is late behind other channels.

use super::Plan;
use crate::{
    mock::{
        dice::{dice, falls},
        ledger::Given,
    },
    wire::read,
};
use rand::Rng;
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tidewire_contract::Protocol;
use tidewire_engine::{Position, Resume, at};
use tidewire_wire::{
    Dialect, Reply, TemplateDialect,
    pusher::Frames,
    reply::{Gap, GapReason},
};

pub struct Imp {
    plan: Arc<Plan>,
    held: Option<(String, Vec<u8>)>,
    /// Channels of which this client gets something.
    channels: BTreeSet<String>,
    /// Of a channel on which events are being let go: how many still, and the last one before.
    losing: HashMap<String, (u32, Option<Given>)>,
    /// By channel, type and payload of what was told last.
    told: HashMap<String, (String, Value)>,
}

/// What the client gets instead of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// The bytes as they came.
    Tell(Vec<u8>),
    /// A frame of the server that tells of what is missing, as JSON.
    Gap(String),
    Close(u16),
    /// The connection ends without a word (1006).
    Cut,
}

/// How long an event is held back where nothing newer comes.
pub const HELD: Duration = Duration::from_millis(2500);
/// How long the server's answer to what was published may take.
const GIVEN: Duration = Duration::from_secs(2);

impl Imp {
    pub fn new(plan: Arc<Plan>) -> Imp {
        Imp { plan, held: None, channels: BTreeSet::new(), losing: HashMap::new(), told: HashMap::new() }
    }

    pub fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// What was held back goes out.
    pub fn release(&mut self) -> Vec<Act> {
        self.held.take().map(|(_, raw)| Act::Tell(raw)).into_iter().collect()
    }

    /// A message on its way: `json` is what it says, `raw` how it came.
    pub async fn meet(&mut self, json: &str, raw: Vec<u8>) -> Vec<Act> {
        let plan = self.plan.clone();
        let frame = read(&plan.contract, serde_json::from_str(json).unwrap_or_default());
        let place = frame.is_event().then(|| plan.ledger.find(&frame.spelled, &frame.payload)).flatten();
        // Answers, signs of life and what others published go as they are.
        let Some(place) = place else { return vec![Act::Tell(raw)] };
        let (channel, number, seed, wish) = (place.channel.as_str(), place.number, plan.seed, &plan.mischief);
        self.channels.insert(channel.to_owned());
        let mut acts = Vec::new();
        if self.held.as_ref().is_some_and(|(of, _)| of == channel) {
            acts.extend(self.release());
        }
        match self.losing.get_mut(channel) {
            Some((left, _)) if *left > 0 => {
                *left -= 1;
                return acts;
            }
            Some(_) => {
                let from = self.losing.remove(channel).and_then(|(_, from)| from);
                let to = tokio::time::timeout(GIVEN, plan.ledger.settled(&frame.spelled, &frame.payload)).await;
                if let Some(to) = to.ok().flatten().and_then(|place| place.given) {
                    acts.extend(self.gap(channel, from.as_ref(), &to).map(Act::Gap));
                }
            }
            None if falls(seed, "gaps", channel, number, wish.gaps) => {
                let more = dice(seed, "lost", channel, number).random_range(0..=2);
                let from = match self.told.get(channel) {
                    Some((spelled, data)) => plan.ledger.find(spelled, data).and_then(|place| place.given),
                    None => None,
                };
                (plan.forget)(channel);
                self.losing.insert(channel.to_owned(), (more, from));
                return acts;
            }
            None => {}
        }
        self.told.insert(channel.to_owned(), (frame.spelled.clone(), frame.payload.clone()));
        let late = self.channels.len() > 1 && self.held.is_none() && falls(seed, "late", channel, number, wish.late);
        if late {
            self.held = Some((channel.to_owned(), raw));
            return acts;
        }
        acts.push(Act::Tell(raw.clone()));
        if falls(seed, "duplicates", channel, number, wish.duplicates) {
            acts.push(Act::Tell(raw));
        }
        // Something newer has overtaken it.
        acts.extend(self.release());
        if falls(seed, "closed-sockets", channel, number, wish.closed_sockets) {
            acts.push(self.end(channel, number));
        }
        acts
    }

    /// One of the ends that a client is to come back from.
    fn end(&self, channel: &str, number: u64) -> Act {
        let ends: &[Option<u16>] = match self.plan.contract.wire.protocol {
            Protocol::Templates => &[Some(1001), Some(1012), Some(4401), Some(4408), None, None],
            Protocol::Pusher => &[Some(1001), Some(4100), Some(4200), Some(4201), None, None],
        };
        let chosen = dice(self.plan.seed, "end", channel, number).random_range(0..ends.len());
        ends[chosen].map_or(Act::Cut, Act::Close)
    }

    /// The frame that tells of a gap, in the contract's own wire.
    fn gap(&self, channel: &str, from: Option<&Given>, to: &Given) -> Option<String> {
        let contract = &self.plan.contract;
        let name = contract.channel(channel)?;
        let to_position = position(&to.position)?;
        let gap = Gap {
            channel: channel.to_owned(),
            vars: name.vars,
            from: from.map_or_else(|| Position { epoch: to_position.epoch, seq: 0 }.to_string(), |from| from.position.clone()),
            from_at: from.and_then(|from| at::parse_iso(&from.at)),
            to: to_position,
            reason: GapReason::Expired,
            at: at::parse_iso(&to.at).unwrap_or_default(),
        };
        let mut bytes = Vec::new();
        let written = match contract.wire.protocol {
            Protocol::Templates => TemplateDialect::new(contract).reply(&Reply::Gap(gap), &mut bytes),
            Protocol::Pusher => Frames::new(&contract.wire.event, 120, 64).reply(&Reply::Gap(gap), &mut bytes),
        };
        String::from_utf8(bytes).ok().filter(|_| written)
    }
}

fn position(text: &str) -> Option<Position> {
    match Resume::parse(text) {
        Some(Resume::Position(position)) => Some(position),
        _ => None,
    }
}
