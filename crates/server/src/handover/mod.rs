//! Clients' events that a backend decides about (`to:` in the contract): handed over, answered, and what the backend answers with
//! published by the same door as everything.
//!
//! [`Backend`] is how one is reached: [`Http`], or whatever is given to [`HandOvers::new`]. What has a key is claimed in the
//! contract's own log first ([`trail`]), so that it is applied once, whoever sends it again and to whatever node.

mod answer;
mod backend;
mod figures;
mod http;
mod sign;
mod trail;

pub use answer::{Outcome, check_answer};
pub use backend::{Answer, Backend, Handed, NoAnswer, Pending, Refused};
pub use http::Http;
pub use sign::Signer;

use crate::{
    config::{BackendConfig, Config, ConfigError},
    http::event_of,
    hub::{self, Hub, PublishError},
    outbound::Outbound,
};
use figures::{Figures, Shown};
use serde_json::{json, value::RawValue};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant as Began,
};
use tidewire_contract::{Backend as Named, Contract, Principal};
use tidewire_engine::{Draft, id};
use tokio::{runtime::Handle, sync::Semaphore, time::Instant};
use trail::{Claim, Trail};

/// Backends that are reached otherwise than the configuration says, by contract and name.
pub type Given = BTreeMap<(String, String), Arc<dyn Backend>>;

/// All backends of a node. Cheap to share.
#[derive(Clone, Default)]
pub struct HandOvers(Arc<Inner>);

#[derive(Default)]
struct Inner {
    gates: BTreeMap<(String, String), Gate>,
    works: OnceLock<(Arc<Hub>, Handle)>,
}

/// One backend, and how much of it may be asked at once.
struct Gate {
    backend: Arc<dyn Backend>,
    at_once: Semaphore,
    waiting: AtomicUsize,
    waiting_max: usize,
    figures: Figures,
}

/// A client's event that its contract admitted, and what a backend is told beside.
pub struct Sent {
    pub draft: Draft,
    pub event_type: String,
    pub channel: String,
    pub principal: Arc<Principal>,
    pub connection: u64,
}

impl HandOvers {
    /// The backends of these contracts: those that are given, the others as they are configured.
    ///
    /// # Errors
    /// A contract hands events to a backend that is neither.
    pub fn new(config: &Config, contracts: &[&Contract], given: Given) -> Result<HandOvers, ConfigError> {
        let mut gates = BTreeMap::new();
        for contract in contracts {
            let configured = config.contract(&contract.name);
            for (index, named) in contract.backends.iter().enumerate() {
                let key = (contract.name.clone(), named.name.clone());
                let settings = configured.and_then(|c| c.backend(&named.name));
                let backend = match given.get(&key) {
                    Some(backend) => backend.clone(),
                    None if contract.events.iter().all(|event| event.to != Some(index)) => continue,
                    None => Arc::new(over_http(contract, named, settings)?),
                };
                let (at_once, waiting_max) = settings.map_or_else(BackendConfig::bounds, BackendConfig::own_bounds);
                let (at_once, waiting) = (Semaphore::new(at_once), AtomicUsize::new(0));
                gates.insert(key, Gate { backend, at_once, waiting, waiting_max, figures: Figures::default() });
            }
        }
        Ok(HandOvers(Arc::new(Inner { gates, works: OnceLock::new() })))
    }

    /// From now on events are handed over, in the runtime that this is called in.
    pub fn start(&self, hub: Arc<Hub>) {
        hub.tallies().provide(Arc::new(Shown(self.0.clone())));
        let _ = self.0.works.set((hub, Handle::current()));
    }

    /// Hands an event to the backend that its contract names, and says what became of it. It goes on when the caller no longer
    /// waits for it.
    pub async fn send(&self, sent: Sent) -> Outcome {
        let Some((hub, runtime)) = self.0.works.get().cloned() else { return Err(unavailable("the server is starting")) };
        let inner = self.0.clone();
        let done = runtime.spawn(async move { inner.send(&hub, sent).await });
        done.await.unwrap_or_else(|_| Err(unavailable("it is not known what became of it")))
    }
}

fn over_http(contract: &Contract, named: &Named, settings: Option<&BackendConfig>) -> Result<Http, ConfigError> {
    let place = format!("contracts.{}.backends.{}", contract.name, named.name);
    let missing = |what: &str| {
        let message = format!("the contract `{}` hands events to its backend `{}`, and {what}", contract.name, named.name);
        let variable = crate::config::variable(&place);
        let help = format!("write url and secret under [{place}], or set {variable}_URL and {variable}_SECRET");
        ConfigError::new(place.clone(), message).help(help)
    };
    let Some(settings) = settings else { return Err(missing("it is not configured where that is")) };
    let url = settings.url.clone().ok_or_else(|| missing("its url is not configured"))?;
    let secret = settings.secret.as_ref().ok_or_else(|| missing("there is no secret to sign them with"))?;
    let signer = Signer::new(secret).map_err(|why| {
        let help = "make one with: printf 'whsec_%s' \"$(openssl rand -base64 32)\"";
        ConfigError::new(format!("{place}.secret"), why).help(help)
    })?;
    Ok(Http::new(url, signer, Outbound::new(settings.ca.as_deref())?))
}

/// Nobody knows what became of it: a repeat with the same key is safe.
fn unavailable(what: impl std::fmt::Display) -> Refused {
    Refused::new("UNAVAILABLE", format!("{what}; send it again with the same key: it counts once"))
}

fn not_published(error: &PublishError) -> Refused {
    match error {
        PublishError::Conflict(conflict) => Refused {
            errors: json!([{ "of": &*conflict.of, "current": conflict.current, "given": conflict.given }]),
            ..Refused::new(error.client_code(), error.to_string())
        },
        _ => Refused::new(error.client_code(), error.to_string()),
    }
}

impl Inner {
    async fn send(&self, hub: &Hub, sent: Sent) -> Outcome {
        let contract = sent.draft.contract.clone();
        let named = contract.event(&sent.event_type).and_then(|event| contract.backends.get(event.to?));
        let gate = named.and_then(|named| Some((named, self.gates.get(&(contract.name.clone(), named.name.clone()))?)));
        let Some((named, gate)) = gate else { return Err(unavailable("no backend takes it here")) };
        let until = Instant::now() + named.deadline;
        let audited = contract.event(&sent.event_type).is_some_and(|event| event.audit);
        let random = || id::to_text(&id::for_at(hub::now(), rand::random()));
        if sent.draft.key.is_none() && !audited {
            let handed = handed(&sent, named, format!("msg_{}", random()));
            return match self.ask(gate, &handed, until).await? {
                Answer::Refused(refused) => Err(refused),
                Answer::Accepted { reply, events } => match drafts(&handed, &sent, &events) {
                    Err(refused) => Err(refused),
                    Ok(events) if events.is_empty() => Ok(reply),
                    Ok(events) => hub.publish(events).await.map(|_| reply).map_err(|e| not_published(&e)),
                },
            };
        }
        let key = sent.draft.key.as_deref().map_or_else(random, str::to_owned);
        let trail = Trail::new(&contract, &named.name, &sent.draft, &sent.channel, &sent.event_type, &key);
        let data: &RawValue = serde_json::from_slice(&sent.draft.data).map_err(unavailable)?;
        let principal = sent.principal.attributes.to_json();
        let said = json!({ "channel": sent.channel, "key": sent.draft.key.as_deref(), "principal": principal, "data": data });
        match trail.claim(hub, &said, named.deadline, until).await.map_err(|e| not_published(&e))? {
            Claim::Late => Err(unavailable("it was sent before, and is not answered yet")),
            Claim::Answered(outcome) => {
                gate.figures.repeated.fetch_add(1, Ordering::Relaxed);
                outcome
            }
            Claim::Mine { nth, id } => self.decide(hub, &trail, nth, gate, &sent, &handed(&sent, named, id), until).await,
        }
    }

    /// Asks the backend on behalf of all who send the same, and keeps what it answers.
    #[allow(clippy::too_many_arguments)]
    async fn decide(&self, hub: &Hub, trail: &Trail, nth: u32, gate: &Gate, sent: &Sent, handed: &Handed, until: Instant) -> Outcome {
        let answered = match self.ask(gate, handed, until).await {
            Ok(Answer::Refused(refused)) => Ok((Err(refused), Vec::new())),
            Ok(Answer::Accepted { reply, events }) => drafts(handed, sent, &events).map(|events| (Ok(reply), events)),
            Err(refused) => Err(refused),
        };
        let (outcome, events) = match answered {
            Ok(answered) => answered,
            Err(refused) => {
                if let Err(error) = trail.give_up(hub, nth, &refused.code).await {
                    tracing::warn!(correlation_id = handed.trace, contract = handed.contract, %error, "the next try of this key has to wait");
                }
                return Err(refused);
            }
        };
        match trail.keep(hub, &outcome, events).await {
            Ok(outcome) => outcome,
            Err(conflict @ PublishError::Conflict(_)) => {
                let refused = Err(not_published(&conflict));
                trail.keep(hub, &refused, Vec::new()).await.unwrap_or(refused)
            }
            Err(error) => Err(not_published(&error)),
        }
    }

    /// Asks the backend, within its bounds.
    async fn ask(&self, gate: &Gate, handed: &Handed, until: Instant) -> Result<Answer, Refused> {
        let began = Began::now();
        let answered = gate.ask(handed, until).await;
        let figures = &gate.figures;
        match &answered {
            Ok(Answer::Accepted { .. }) => figures.accepted.fetch_add(1, Ordering::Relaxed),
            Ok(Answer::Refused(_)) => figures.refused.fetch_add(1, Ordering::Relaxed),
            Err(NoAnswer::Full(_)) => figures.turned_away.fetch_add(1, Ordering::Relaxed),
            Err(_) => figures.unanswered.fetch_add(1, Ordering::Relaxed),
        };
        let Handed { trace, contract, backend, event_type, channel, .. } = handed;
        match answered {
            Ok(answer) => {
                figures.took(began.elapsed());
                let refused = matches!(answer, Answer::Refused(_));
                tracing::debug!(correlation_id = trace, contract, backend, "type" = event_type, channel, refused, "handed over");
                Ok(answer)
            }
            Err(why) => {
                tracing::warn!(correlation_id = trace, contract, backend, "type" = event_type, channel, %why, "a client's event was not taken");
                Err(match why {
                    NoAnswer::Full(_) => Refused::new("RATE_LIMITED", "too many events wait for their answer; send it again in a moment"),
                    NoAnswer::Late(_) => unavailable("nobody has answered in time"),
                    NoAnswer::Unreadable(_) => unavailable("it is not known what became of it"),
                })
            }
        }
    }
}

impl Gate {
    async fn ask(&self, handed: &Handed, until: Instant) -> Result<Answer, NoAnswer> {
        let waiting = Waiting::begin(self).ok_or(NoAnswer::Full(self.waiting_max))?;
        let turn = tokio::time::timeout_at(until, self.at_once.acquire()).await;
        let _turn = turn.map_err(|_| NoAnswer::Late("others were before it all the time".to_owned()))?;
        self.figures.handed.fetch_add(1, Ordering::Relaxed);
        let answered = tokio::time::timeout_at(until, self.backend.hand_over(handed, until)).await;
        drop(waiting);
        answered.unwrap_or_else(|_| Err(NoAnswer::Late("it was still waited for".to_owned())))
    }
}

/// One of those who wait for a backend.
struct Waiting<'g>(&'g Gate);

impl Waiting<'_> {
    fn begin(gate: &Gate) -> Option<Waiting<'_>> {
        let before = gate.waiting.fetch_add(1, Ordering::AcqRel);
        let waiting = Waiting(gate);
        (before < gate.waiting_max).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

fn handed(sent: &Sent, named: &Named, id: String) -> Handed {
    Handed {
        id,
        contract: sent.draft.contract.name.clone(),
        backend: named.name.clone(),
        event_type: sent.event_type.clone(),
        channel: sent.channel.clone(),
        key: sent.draft.key.as_deref().map(str::to_owned),
        data: sent.draft.data.clone(),
        principal: sent.principal.attributes.to_json(),
        connection: sent.connection.to_string(),
        trace: sent.draft.trace.as_deref().map(str::to_owned),
        at: hub::now(),
    }
}

/// What the backend wants published, asked of the contract. An event without a key has one by its place in the answer, so that
/// the same answer twice is published once.
fn drafts(handed: &Handed, sent: &Sent, events: &[Box<RawValue>]) -> Result<Vec<Draft>, Refused> {
    let Handed { trace, contract, backend, event_type, .. } = handed;
    let admitted = events.iter().enumerate().map(|(index, raw)| {
        let mut draft = event_of(&sent.draft.contract, raw, trace.as_deref()).map_err(|why| {
            tracing::error!(
                correlation_id = trace,
                contract,
                backend,
                "type" = event_type,
                index,
                why,
                "the backend answered with an event that its contract refuses"
            );
            unavailable("it is not known what became of it")
        })?;
        draft.key.get_or_insert_with(|| format!("{}/{index}", handed.id).into());
        Ok(draft)
    });
    admitted.collect()
}
