//! A flow under way: its clients, its backends, the step at hand.

use super::{backends::Backends, cast::Cast, difference::Difference, expect, player::Player};
use crate::{site::Site, wire::Frame};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, time::Duration};
use tidewire_contract::{Action, Expected, Flow, Step};

/// Why a play ends before its time.
#[derive(Debug)]
pub enum Stop {
    Differs(Box<Difference>),
    /// In words: it cannot be played.
    Failed(String),
}

impl From<String> for Stop {
    fn from(why: String) -> Stop {
        Stop::Failed(why)
    }
}

impl From<Difference> for Stop {
    fn from(difference: Difference) -> Stop {
        Stop::Differs(Box::new(difference))
    }
}

pub struct Stage<'a> {
    pub site: &'a Site,
    pub flow: &'a Flow,
    pub cast: Cast,
    pub players: BTreeMap<String, Player>,
    pub backends: Backends,
    /// What backends were told when they published: refusals.
    pub told_backends: BTreeMap<String, Vec<(Frame, bool)>>,
    /// Backends that are to be asked nothing more, each with the step that says so.
    pub quiet_backends: Vec<(String, usize)>,
    /// The channel that the flow joined last.
    pub last_joined: Option<String>,
    pub timeout: Duration,
    /// Events that are no part of the flow: they were published to look behind them.
    pub fences: Vec<(String, Value)>,
    /// The step at hand, from 0.
    pub at: usize,
    /// What of a step that names several has been received: by client.
    pub received: BTreeMap<String, usize>,
    /// Values that the flow has met, by the names that it gave them.
    pub met: Map<String, Value>,
    /// Numbers the keys of what is sent.
    pub keys: usize,
}

impl<'a> Stage<'a> {
    pub fn new(site: &'a Site, flow: &'a Flow, cast: Cast, backends: Backends, timeout: Duration) -> Stage<'a> {
        let players = cast.clients().map(|(name, transport)| (name.to_owned(), Player::new(name, transport))).collect();
        Stage {
            site,
            flow,
            cast,
            players,
            backends,
            told_backends: BTreeMap::new(),
            quiet_backends: Vec::new(),
            last_joined: None,
            timeout,
            fences: Vec::new(),
            at: 0,
            received: BTreeMap::new(),
            met: Map::new(),
            keys: 0,
        }
    }

    /// Plays all steps. How many were as written, and how it ended.
    pub async fn play(mut self) -> (usize, Result<(), Stop>) {
        let mut ended = Ok(());
        while self.at < self.flow.steps.len() {
            ended = self.step().await;
            if ended.is_err() {
                break;
            }
            self.at += 1;
        }
        let reached = self.at;
        if ended.is_ok() {
            ended = self.curtain().await;
        }
        for player in self.players.values_mut() {
            player.disconnect().await;
        }
        (reached, ended)
    }

    async fn step(&mut self) -> Result<(), Stop> {
        let flow = self.flow;
        let step = &flow.steps[self.at];
        self.received.clear();
        self.end_quiet(&step.action).await?;
        super::steps::act(self, step).await?;
        self.no_trouble()
    }

    /// The flow is over: everything that was begun comes to its end, and nobody was told what the flow does not tell.
    async fn curtain(&mut self) -> Result<(), Stop> {
        self.settle().await?;
        let quiet: Vec<String> = self.players.iter().filter(|(_, p)| p.quiet.is_some()).map(|(name, _)| name.clone()).collect();
        for name in quiet {
            self.was_quiet(&name).await?;
        }
        self.unasked()?;
        self.at = self.flow.steps.len();
        self.no_trouble()
    }

    /// Backends that were to receive nothing were asked nothing beside what the flow has them receive.
    fn unasked(&mut self) -> Result<(), Stop> {
        for (name, step) in std::mem::take(&mut self.quiet_backends) {
            let asked =
                self.backends.desk(&name).and_then(|desk| desk.look(|asked| asked.iter().find(|a| !a.taken).map(|a| a.frame.clone())));
            if let Some(frame) = asked {
                self.at = step;
                let message = format!("{name} was to receive nothing, and received {} {}", frame.spelled, frame.payload);
                return Err(self.difference(message).into());
            }
        }
        Ok(())
    }

    pub fn here(&self) -> &'a Step {
        &self.flow.steps[self.at.min(self.flow.steps.len() - 1)]
    }

    pub fn difference(&self, message: String) -> Difference {
        Difference::new(self.at.min(self.flow.steps.len() - 1), self.here(), message)
    }

    /// An error, a gap, an end that no step of the flow asks for, now or later.
    pub fn no_trouble(&self) -> Result<(), Stop> {
        for (name, player) in &self.players {
            let unasked = player.inbox.look(|arrived| {
                let found = arrived.iter().find(|a| !a.taken && a.frame.is_trouble() && !self.is_to_come(name, &a.frame));
                found.map(|a| (a.frame.clone(), arrived.clone()))
            });
            if let Some((frame, arrived)) = unasked {
                let message = format!("{name} was told {} {}, which the flow does not say", frame.spelled, frame.payload);
                let mut difference = self.difference(message);
                if let Action::Receive { who, what } = &self.here().action
                    && who.contains(name)
                    && let Some(expected) = what.get(self.received.get(name).copied().unwrap_or(0))
                {
                    difference.expected = Some(expected.into());
                }
                return Err(difference.beside(&arrived, &frame).into());
            }
        }
        Ok(())
    }

    /// Whether the flow still has a step that asks for this frame.
    fn is_to_come(&self, name: &str, frame: &Frame) -> bool {
        let rest = self.flow.steps.iter().enumerate().skip(self.at);
        rest.filter_map(|(at, step)| match &step.action {
            Action::Receive { who, what } if who.iter().any(|w| w == name) => {
                let read = if at == self.at { self.received.get(name).copied().unwrap_or(0) } else { 0 };
                Some(what.iter().skip(read))
            }
            _ => None,
        })
        .flatten()
        .any(|expected| expect::unlike(&self.known(expected), frame).is_some_and(|fields| fields.is_empty()))
    }

    /// An expectation with the values that the flow has met.
    pub fn known(&self, expected: &Expected) -> Expected {
        Expected { event_type: expected.event_type.clone(), data: expected.data.as_ref().map(|data| expect::filled(data, &self.met)) }
    }

    /// What names of an expectation stand for in the frame that is as expected.
    pub fn meet(&mut self, expected: &Expected, frame: &Frame) {
        if let Some(pattern) = &expected.data {
            expect::meet(pattern, &frame.payload, &mut self.met);
            expect::meet(pattern, &frame.whole, &mut self.met);
        }
    }
}
