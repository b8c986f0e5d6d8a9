//! The engine at work: one thread puts events into order and commits them; everybody else reads.

mod audit;
mod order;
mod place;
mod trail;
pub mod waiters;

pub use order::{Order, Soon};
pub use place::Place;
pub use trail::Refused;
pub use waiters::Waiters;

use crate::metrics::Tallies;
use audit::Audited;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, mpsc},
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tidewire_contract::{Durability, History};
use tidewire_engine::{
    Conflict, Declined, Draft, LogHandle, Published, Reader, Sequencer,
    log::{Log, LogError, Retention},
    sequencer::Answer,
};
use tokio::sync::oneshot;

/// The node's engine. Cheap to share.
pub struct Hub {
    reader: Arc<Reader>,
    order: Arc<dyn Order>,
    waiters: Arc<Waiters>,
    tallies: Arc<Tallies>,
}

/// Told when there is something new to see in a log. Must return quickly.
pub trait Watchers: Send + Sync + 'static {
    fn moved(&self, logs: &[Arc<LogHandle>]);
}

enum Job {
    Publish(Vec<Draft>, oneshot::Sender<Answer>),
    Trim(Arc<str>, Durability, Retention),
    Stop(oneshot::Sender<()>),
}

/// Why a publish did not happen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PublishError {
    #[error(transparent)]
    Store(#[from] LogError),
    /// A version is stale; nothing was published.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    #[error("the server is stopping; publish again to the next one")]
    Stopping,
}

impl PublishError {
    /// The problem's name.
    pub fn code(&self) -> &'static str {
        match self {
            PublishError::Store(LogError::Full(_)) => "store-full",
            PublishError::Store(LogError::Away(_)) => "store-away",
            PublishError::Store(_) => "store-failed",
            PublishError::Conflict(_) => "conflict",
            PublishError::Stopping => "stopping",
        }
    }

    /// The code by which clients know it.
    pub fn client_code(&self) -> &'static str {
        match self {
            PublishError::Store(_) => "UNAVAILABLE",
            PublishError::Conflict(_) => "CONFLICT",
            PublishError::Stopping => "RESTARTING",
        }
    }
}

impl From<Declined> for PublishError {
    fn from(declined: Declined) -> PublishError {
        match declined {
            Declined::Log(error) => PublishError::Store(error),
            Declined::Conflict(conflict) => PublishError::Conflict(conflict),
        }
    }
}

/// Microseconds since 1970, UTC.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64)
}

impl Hub {
    /// Starts the engine's thread on `store`.
    ///
    /// # Errors
    /// What the store says.
    pub fn start(store: Arc<dyn Log>, watchers: Arc<dyn Watchers>, salt: u64) -> Result<Hub, LogError> {
        let reader = Arc::new(Reader::new(store, now())?);
        let sequencer = Sequencer::new(reader.clone(), salt);
        let (submit, jobs) = mpsc::channel();
        let thread = std::thread::Builder::new().name("sequencer".into());
        let waiters = Arc::new(Waiters::default());
        let seen = waiters::Both(watchers, waiters.clone());
        thread.spawn(move || run(sequencer, &jobs, &seen)).map_err(|e| LogError::Failed(format!("cannot start a thread: {e}")))?;
        let order = Arc::new(order::Thread { submit, reader: reader.clone() });
        Ok(Hub { reader, order, waiters, tallies: Arc::default() })
    }

    /// Of events that `order` puts into order and shows through `reader`; it tells `watchers`, made by [`Hub::watchers`].
    pub fn over(reader: Arc<Reader>, order: Arc<dyn Order>, waiters: Arc<Waiters>) -> Hub {
        Hub { reader, order, waiters, tallies: Arc::default() }
    }

    /// Tells both.
    pub fn watchers(watchers: Arc<dyn Watchers>, waiters: Arc<Waiters>) -> Arc<dyn Watchers> {
        Arc::new(waiters::Both(watchers, waiters))
    }

    /// Lets what was submitted finish; publishes after it are refused.
    pub async fn stop(&self) {
        self.order.stop().await;
    }

    /// Publishes drafts that the contract has admitted; all of them or none. What the contract wants audited is kept in its
    /// channel `audit` too, by the same commit. Counted and logged here, whoever publishes.
    ///
    /// # Errors
    /// [`PublishError`]: nothing was published, or (a failing store) it is not known; a repeat with the same keys is safe.
    pub async fn publish(&self, drafts: Vec<Draft>) -> Result<Vec<Published>, PublishError> {
        let begun = Instant::now();
        let contract = drafts.first().map(|draft| draft.contract.clone());
        let notes = trail::notes(&drafts);
        let (drafts, copies) = Audited::of(drafts).take();
        let answered = self.submitted(drafts).await;
        let Some(contract) = contract else { return answered };
        match answered {
            Ok(published) => {
                let published = Audited::answers(&copies, published);
                self.count(&published, begun);
                trail::published(&notes, &published);
                Ok(published)
            }
            Err(mut error) => {
                self.tallies.publishes(&contract.name).refused(error.code());
                if let PublishError::Conflict(conflict) = &mut error {
                    conflict.index = Audited::place(&copies, conflict.index);
                }
                Err(error)
            }
        }
    }

    async fn submitted(&self, drafts: Vec<Draft>) -> Result<Vec<Published>, PublishError> {
        let (answer, answered) = oneshot::channel();
        if !self.order.publish(drafts, answer) {
            return Err(PublishError::Stopping);
        }
        Ok(answered.await.map_err(|_| PublishError::Stopping)??)
    }

    /// By contract; all of a publish are of one, as a rule.
    fn count(&self, published: &[Published], begun: Instant) {
        let took = begun.elapsed();
        let contract = |p: &Published| p.log.len() - p.log.split_once('/').map_or(0, |(_, channel)| channel.len() + 1);
        for same in published.chunk_by(|a, b| a.log[..contract(a)] == b.log[..contract(b)]) {
            let duplicates = same.iter().filter(|p| p.duplicate).count() as u64;
            let publishes = self.tallies.publishes(&same[0].log[..contract(&same[0])]);
            publishes.acknowledged(same.len() as u64 - duplicates, duplicates, took);
        }
    }

    /// Lets go of what the retention no longer keeps of a log; some time soon.
    pub fn trim(&self, log: Arc<str>, durability: Durability, retention: Retention) {
        self.order.trim(log, durability, retention);
    }

    pub fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    /// What is counted over the whole server.
    pub fn tallies(&self) -> &Arc<Tallies> {
        &self.tallies
    }

    /// Where long polls wait for something new.
    pub fn waiters(&self) -> &Arc<Waiters> {
        &self.waiters
    }
}

/// Most events that one turn takes, so that what is under way stays bounded.
const TURN: usize = 8192;

fn run(mut sequencer: Sequencer, jobs: &mpsc::Receiver<Job>, watchers: &dyn Watchers) {
    let mut waiting: HashMap<u64, oneshot::Sender<Answer>> = HashMap::new();
    let mut ticket = 0;
    let mut stopping: Option<oneshot::Sender<()>> = None;
    while stopping.is_none() {
        let Ok(mut job) = jobs.recv() else { return };
        let mut taken = 0;
        loop {
            match job {
                Job::Publish(drafts, answer) => {
                    taken += drafts.len();
                    ticket += 1;
                    waiting.insert(ticket, answer);
                    sequencer.submit(ticket, drafts);
                }
                // Its turn comes again.
                Job::Trim(name, ..) if sequencer.is_in_doubt(&name) => {}
                Job::Trim(name, durability, retention) => trim(&name, durability, &retention, sequencer.reader()),
                Job::Stop(done) => stopping = Some(done),
            }
            if taken >= TURN || stopping.is_some() {
                break;
            }
            let Ok(next) = jobs.try_recv() else { break };
            job = next;
        }
        turn(&mut sequencer, watchers, &mut |ticket, answer| {
            if let Some(sender) = waiting.remove(&ticket) {
                let _ = sender.send(answer);
            }
        });
    }
    if let Some(done) = stopping {
        let _ = done.send(());
    }
}

fn turn(sequencer: &mut Sequencer, watchers: &dyn Watchers, answer: &mut dyn FnMut(u64, Answer)) {
    let mut rounds: VecDeque<_> = sequencer.rounds(now()).into();
    let mut failed: Option<LogError> = None;
    while let Some(round) = rounds.pop_front() {
        let result = match &failed {
            Some(error) => Err(error.clone()),
            None if round.batch.appends.is_empty() => Ok(()),
            None => sequencer.reader().commit(&round.batch),
        };
        if let Err(error) = &result {
            tracing::error!(%error, "publishes are refused");
            failed = Some(error.clone());
        }
        let settled = sequencer.settle(round, result, rounds.make_contiguous());
        watchers.moved(&settled.moved);
        for (ticket, result) in settled.answers {
            answer(ticket, result);
        }
    }
}

fn trim(name: &Arc<str>, durability: Durability, retention: &Retention, reader: &Reader) {
    let store = reader.store(durability);
    let handle = reader.known(name);
    let trimmed = match handle.as_ref().and_then(|h| h.id()) {
        Some(id) => store.trim(id, retention, now()).map(Some),
        None => store.find(name).and_then(|found| found.map(|state| store.trim(state.id, retention, now())).transpose()),
    };
    match (trimmed, handle) {
        (Ok(Some(first)), Some(handle)) => handle.set_first(first),
        (Ok(_), _) => {}
        (Err(error), _) => tracing::warn!(log = %name, %error, "cannot trim the history"),
    }
}

/// What a channel's history means to its log.
pub fn retention(history: &History) -> Retention {
    Retention { keep: history.keep, count: history.count, bytes: history.bytes }
}
