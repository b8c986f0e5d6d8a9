//! What is counted where it happens, over the whole server.

use super::sample::{Provider, Sample};
use crate::Problem;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tidewire_engine::Times;

/// Counts of the whole server, shared by all its parts.
#[derive(Default)]
pub struct Tallies {
    publishes: RwLock<BTreeMap<Arc<str>, Arc<Publishes>>>,
    requests: RwLock<BTreeMap<Arc<str>, Arc<Requests>>>,
    turned_away: Mutex<BTreeMap<(u16, String), u64>>,
    providers: RwLock<Vec<Arc<dyn Provider>>>,
}

/// What became of publishes under one contract, whoever published.
#[derive(Default)]
pub struct Publishes {
    accepted: AtomicU64,
    duplicates: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
    times: Times,
}

/// Requests to the HTTP interface that carried one contract's credentials.
#[derive(Default)]
pub(super) struct Requests {
    pub calls: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    /// Polls that are being answered, and gaps that polls and pages told.
    pub polls: AtomicU64,
    pub polls_ended: AtomicU64,
    pub gaps: AtomicU64,
}

/// A poll that is being answered; over when this is dropped.
pub struct Polling(Arc<Requests>);

impl Drop for Polling {
    fn drop(&mut self) {
        self.0.polls_ended.fetch_add(1, Relaxed);
    }
}

impl Publishes {
    /// So many events were acknowledged, so many of them known before, after so long.
    pub fn acknowledged(&self, accepted: u64, duplicates: u64, took: Duration) {
        self.accepted.fetch_add(accepted, Relaxed);
        self.duplicates.fetch_add(duplicates, Relaxed);
        self.times.note(took);
    }

    /// A publish was refused, for the reason of this name.
    pub fn refused(&self, reason: &'static str) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }
}

fn of<T: Default>(all: &RwLock<BTreeMap<Arc<str>, Arc<T>>>, contract: &str) -> Arc<T> {
    if let Some(known) = all.read().unwrap_or_else(PoisonError::into_inner).get(contract) {
        return known.clone();
    }
    all.write().unwrap_or_else(PoisonError::into_inner).entry(contract.into()).or_default().clone()
}

impl Tallies {
    /// The publishes under a contract.
    pub fn publishes(&self, contract: &str) -> Arc<Publishes> {
        of(&self.publishes, contract)
    }

    /// Somebody was not let in, or not answered, for what this problem says.
    pub fn turned_away(&self, problem: &Problem) {
        // Where a limit is reached, which one it is says more.
        let limit = problem.extra.get("limit").and_then(|l| l.as_str()).filter(|_| problem.code == "limit-reached");
        self.turned_away_for(problem.status.as_u16(), limit.unwrap_or(problem.code));
    }

    /// The same, of who is told in other words: `status` is the HTTP status or the close code.
    pub fn turned_away_for(&self, status: u16, reason: &str) {
        let mut turned_away = self.turned_away.lock().unwrap_or_else(PoisonError::into_inner);
        *turned_away.entry((status, reason.to_owned())).or_default() += 1;
    }

    /// A request that carried the credentials of this contract was answered.
    pub fn called(&self, contract: &str, bytes_in: u64, bytes_out: u64) {
        let requests = of(&self.requests, contract);
        requests.calls.fetch_add(1, Relaxed);
        requests.bytes_in.fetch_add(bytes_in, Relaxed);
        requests.bytes_out.fetch_add(bytes_out, Relaxed);
    }

    /// A poll begins.
    pub fn polling(&self, contract: &str) -> Polling {
        let requests = of(&self.requests, contract);
        requests.polls.fetch_add(1, Relaxed);
        Polling(requests)
    }

    /// A page told of gaps.
    pub fn gaps(&self, contract: &str, gaps: usize) {
        if gaps > 0 {
            of(&self.requests, contract).gaps.fetch_add(gaps as u64, Relaxed);
        }
    }

    /// From now on these figures are shown too.
    pub fn provide(&self, provider: Arc<dyn Provider>) {
        self.providers.write().unwrap_or_else(PoisonError::into_inner).push(provider);
    }

    pub(super) fn requests(&self) -> BTreeMap<Arc<str>, Arc<Requests>> {
        self.requests.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn samples(&self, into: &mut Vec<Sample>) {
        for (contract, publishes) in self.publishes.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let mut push = |sample: Sample| into.push(sample.with("contract", &**contract));
            push(Sample::count(
                "tidewire_events_published",
                "Events that were published, without repeats",
                publishes.accepted.load(Relaxed),
            ));
            push(Sample::count(
                "tidewire_events_repeated",
                "Events whose key was known: answered, not published again",
                publishes.duplicates.load(Relaxed),
            ));
            push(Sample::spread(
                "tidewire_publish_seconds",
                "From a checked request to an event as durable as promised",
                publishes.times.spread(),
            ));
            for (reason, n) in publishes.refused.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                let help = "Publishes that were refused, by the problem's name or code";
                push(Sample::count("tidewire_publishes_refused", help, *n).with("reason", *reason));
            }
        }
        for ((status, reason), n) in self.turned_away.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let help = "Connections and requests that were not let in, by status and by the problem's name or the limit that was reached";
            let sample = Sample::count("tidewire_admission_refused", help, *n);
            into.push(sample.with("status", status.to_string()).with("reason", reason.as_str()));
        }
        for provider in self.providers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            into.append(&mut provider.samples());
        }
    }
}
