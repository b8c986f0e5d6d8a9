//! Flows, played: every step of what a contract's `flows:` tell, by clients of its own wire, against a real server (C-13).
//!
//! A flow is played once over each transport that can carry it: over the one by which clients also send, all of it; over one by
//! which they only receive, with those clients on it that do no more than that, and the others as before.
//!
//! **Order.** For one client events come in the order of the flow, others may come between; so do the server's answers. Between an event and
//! an answer there is no order: an event may be seen before its sender has the acknowledgement.
//!
//! **Nothing.** That somebody receives nothing is not found out by waiting. First everything that was begun is brought to its end:
//! each client's answers are waited for, and a fence is put behind what it has said ([`crate::link::Link::fence`]). Then a fence
//! is put behind what the server had for whoever is to receive nothing, and what has come before it is looked at. An event stream has no
//! fence: there, an event of the contract is published on the same channel that everybody on it gets, and what the stream shows
//! before that one is looked at ([`quiet`]).

mod backends;
mod cast;
mod difference;
mod expect;
mod player;
mod quiet;
mod report;
mod stage;
mod steps;

pub use backends::Listening;
pub use difference::{Difference, Nearest, Shown};
pub use expect::{Field, fields};
pub use player::Player;
pub use report::{json, text};

use crate::{
    link::Transport,
    site::{Local, Site, Wishes, longest_grace, random},
};
use backends::Backends;
use cast::Cast;
use stage::Stage;
use std::{sync::Arc, time::Duration};
use tidewire_contract::{Contract, Flow};

/// What is to be played, and how patiently.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// These transports. If none is named, all that the contract has; at a server that is there, the one by which clients also send.
    pub transports: Vec<Transport>,
    /// The flow of this title alone.
    pub flow: Option<String>,
    /// How long something may take to come; see [`patience`].
    pub timeout: Option<Duration>,
}

/// Against what.
pub enum Against<'a> {
    /// A server in this process, another one for each play, so that none meets what the one before has left.
    Own,
    /// A server that is there, and where it finds the backends that are played here.
    There(&'a Site, Option<&'a Listening>),
}

/// One flow over one transport.
#[derive(Debug, Clone)]
pub struct Play {
    pub contract: String,
    /// Its `contract.yaml`.
    pub file: String,
    pub flow: String,
    pub transport: Transport,
    /// Who was on it; the others were on the transport by which clients also send.
    pub over: Vec<String>,
    /// Every step of the flow.
    pub steps: Vec<Told>,
    pub outcome: Outcome,
}

/// A step, and what became of it.
#[derive(Debug, Clone)]
pub struct Told {
    pub line: usize,
    pub text: String,
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    AsWritten,
    Differs,
    NotReached,
}

#[derive(Debug, Clone)]
pub enum Outcome {
    AsWritten,
    Differs(Box<Difference>),
    /// It could not be played: there is no server, no key.
    Failed(String),
}

impl Play {
    pub fn is_as_written(&self) -> bool {
        matches!(self.outcome, Outcome::AsWritten)
    }
}

/// How long something may take to come where nothing is said: more than anybody's grace.
pub fn patience(contract: &Contract) -> Duration {
    Duration::from_secs(20) + longest_grace(contract) * 2
}

/// Plays the contract's flows, one after the other; `told` is called with each play as it ends.
pub async fn play(contract: &Arc<Contract>, options: &Options, against: Against<'_>, told: &mut dyn FnMut(&Play)) -> Vec<Play> {
    let mut plays = Vec::new();
    for flow in contract.flows.iter().filter(|flow| options.flow.as_ref().is_none_or(|title| *title == flow.title)) {
        for transport in Transport::ALL {
            let wanted = match &against {
                _ if !options.transports.is_empty() => options.transports.contains(&transport),
                // What a flow does once cannot be done again at the same server: it knows the keys.
                Against::There(..) => transport == Transport::both_ways(contract),
                Against::Own => true,
            };
            if !wanted {
                continue;
            }
            let Some(cast) = Cast::of(contract, flow, transport) else { continue };
            let played = one(contract, flow, cast, options, &against).await;
            told(&played);
            plays.push(played);
        }
    }
    plays
}

async fn one(contract: &Arc<Contract>, flow: &Flow, cast: Cast, options: &Options, against: &Against<'_>) -> Play {
    let timeout = options.timeout.unwrap_or_else(|| patience(contract));
    let (transport, over) = (cast.transport, cast.over());
    let (reached, ended) = match against {
        Against::There(site, listening) => {
            let backends = listening.map_or_else(Backends::default, |l| l.backends(contract, flow));
            Stage::new(site, flow, cast, backends, timeout).play().await
        }
        Against::Own => match own(contract, flow).await {
            Err(why) => (0, Err(stage::Stop::Failed(why))),
            Ok((local, listening)) => {
                let backends = listening.as_ref().map_or_else(Backends::default, |l| l.backends(contract, flow));
                let ended = Stage::new(&local.site, flow, cast, backends, timeout).play().await;
                local.stop().await;
                ended
            }
        },
    };
    let outcome = match ended {
        Ok(()) => Outcome::AsWritten,
        Err(stage::Stop::Differs(difference)) => Outcome::Differs(difference),
        Err(stage::Stop::Failed(why)) => Outcome::Failed(why),
    };
    let differs = match &outcome {
        Outcome::Differs(difference) => Some(difference.step),
        _ => None,
    };
    let told = |(at, step): (usize, &tidewire_contract::Step)| {
        let state = match differs {
            Some(differs) if at + 1 == differs => State::Differs,
            _ if at < reached => State::AsWritten,
            _ => State::NotReached,
        };
        Told { line: step.line, text: step.text.clone(), state }
    };
    Play {
        contract: contract.name.clone(),
        file: contract.folder.join("contract.yaml").display().to_string(),
        flow: flow.title.clone(),
        transport,
        over,
        steps: flow.steps.iter().enumerate().map(told).collect(),
        outcome,
    }
}

/// A server for one play, and the backends that it calls.
async fn own(contract: &Arc<Contract>, flow: &Flow) -> Result<(Local, Option<Listening>), String> {
    let mut wishes = Wishes::default();
    let mut listening = None;
    // Of a contract that hands something over every backend has to be somewhere, whether the flow has it or not.
    if contract.events.iter().any(|event| event.to.is_some()) {
        // Letters and digits are base64, too: 24 bytes of a key.
        let secret = format!("whsec_{}", random(32));
        let open = Listening::open(([127, 0, 0, 1], 0).into(), Some(secret.clone())).await?;
        for backend in &contract.backends {
            wishes.backends.push((backend.name.clone(), open.url(&backend.name), secret.clone()));
        }
        listening = Some(open);
    }
    let local = Local::start(contract, &wishes).await.map_err(|why| format!("'{}' cannot be played: {why}", flow.title))?;
    Ok((local, listening))
}
