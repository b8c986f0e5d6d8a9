//! State and what is still to be published, kept as one: the transactional outbox.
//!
//! A change is decided, written down together with its events, published, and only then it is the state. So whoever looks
//! always sees a state that is true at the positions beside it. Killed anywhere in between, the next start publishes the same
//! events with the same keys; no later change is published before them.

use crate::{
    answer::Refusal,
    publish::{Event, Outlet, Receipt},
    shelf::{InFile, Nowhere, Shelf},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A backend's state, and its way to Tidewire.
pub struct Keep<S> {
    kept: Mutex<Kept<S>>,
    /// Held from a change's decision until it is published: changes come one after the other.
    turn: tokio::sync::Mutex<()>,
    outlet: Box<dyn Outlet>,
    shelf: Box<dyn Shelf>,
}

/// What is written down.
#[derive(Serialize, Deserialize)]
struct Kept<S> {
    state: S,
    positions: BTreeMap<String, String>,
    at: Option<String>,
    pending: Option<Pending<S>>,
    /// What was answered, oldest first.
    answers: VecDeque<(String, Vec<Told>)>,
    keys: Keys,
}

/// A change that is decided, and not yet published for certain.
#[derive(Clone, Serialize, Deserialize)]
struct Pending<S> {
    next: S,
    events: Vec<Event>,
    request: Option<String>,
}

/// What a change told the world: one event of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub id: String,
    #[serde(rename = "type")]
    pub event_type: String,
    pub position: String,
    pub at: String,
}

/// A look at the state.
#[derive(Debug, Clone)]
pub struct Look<S> {
    pub state: S,
    /// Channel → the position at which the state is true.
    pub positions: BTreeMap<String, String>,
    /// The `at` of the newest event of the state.
    pub at: Option<String>,
}

/// Makes keys that no other event has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Keys {
    instance: String,
    counter: u64,
}

impl Keys {
    /// One that was never given before.
    pub fn next_key(&mut self) -> String {
        self.counter += 1;
        format!("{}-{}", self.instance, self.counter)
    }

    /// The same key for the same name, as long as this state lives: for what is to be published once, however often it is tried.
    pub fn named(&self, name: &str) -> String {
        format!("{}/{name}", self.instance)
    }
}

/// Answers that are remembered.
const ANSWERS_MAX: usize = 2_000;

impl<S: Clone + Serialize + DeserializeOwned> Keep<S> {
    /// Takes up what is kept in `folder`, or begins with `first`. `instance` must be another one at each beginning.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(folder: Option<PathBuf>, first: S, instance: String, outlet: impl Outlet) -> io::Result<Keep<S>> {
        match folder.map(|f| InFile(f.join("state.json"))) {
            Some(file) => {
                let kept = file.read()?;
                let place = file.0.display().to_string();
                Keep::from(kept, &place, first, instance, Box::new(file), Box::new(outlet))
            }
            None => Keep::from(None, "", first, instance, Box::new(Nowhere), Box::new(outlet)),
        }
    }

    /// The same with another place for the state; `place` is its name in errors.
    ///
    /// # Errors
    /// When what is there cannot be read.
    pub async fn on(shelf: Box<dyn Shelf>, place: &str, first: S, instance: String, outlet: Box<dyn Outlet>) -> io::Result<Keep<S>> {
        let kept = shelf.load().await?;
        Keep::from(kept, place, first, instance, shelf, outlet)
    }

    fn from(
        kept: Option<Vec<u8>>,
        place: &str,
        first: S,
        instance: String,
        shelf: Box<dyn Shelf>,
        outlet: Box<dyn Outlet>,
    ) -> io::Result<Keep<S>> {
        let kept = match kept {
            Some(bytes) => {
                serde_json::from_slice(&bytes).map_err(|e| io::Error::other(format!("{place}: not a state that this backend kept: {e}")))?
            }
            None => Kept {
                state: first,
                positions: BTreeMap::new(),
                at: None,
                pending: None,
                answers: VecDeque::new(),
                keys: Keys { instance, counter: 0 },
            },
        };
        Ok(Keep { kept: Mutex::new(kept), turn: tokio::sync::Mutex::new(()), outlet, shelf })
    }

    /// The state, and where the channels stand with it. Never waits for Tidewire.
    pub fn look(&self) -> Look<S> {
        let kept = self.kept();
        Look { state: kept.state.clone(), positions: kept.positions.clone(), at: kept.at.clone() }
    }

    /// Decides a change and publishes the events that tell of it; returns when it is the state. A `request` that was answered
    /// before gets its first answer, and nothing is decided again.
    ///
    /// Not to be dropped half-way if the caller wants to know how it ended; the state is sound in any case.
    ///
    /// # Errors
    /// The decision's own, or the server's words where it refuses the events, or what is wrong with the disk; nothing is
    /// changed then.
    pub async fn change(
        &self,
        request: Option<&str>,
        decide: impl FnOnce(&S, &mut Keys) -> Result<(S, Vec<Event>), Refusal>,
    ) -> Result<Vec<Told>, Refusal> {
        let _turn = self.turn.lock().await;
        self.finish().await?;
        {
            let mut kept = self.kept();
            if let Some(known) = request.and_then(|r| kept.answers.iter().find(|(of, _)| of == r)) {
                return Ok(known.1.clone());
            }
            let Kept { state, keys, .. } = &mut *kept;
            let (next, events) = decide(state, keys)?;
            kept.pending = Some(Pending { next, events, request: request.map(str::to_owned) });
        }
        if let Err(error) = self.save().await {
            self.kept().pending = None;
            return Err(Refusal::unavailable(format!("the state cannot be kept: {error}")));
        }
        self.finish().await
    }

    /// Publishes what is pending, if anything is, and makes it the state.
    async fn finish(&self) -> Result<Vec<Told>, Refusal> {
        let Some(pending) = self.kept().pending.clone() else { return Ok(Vec::new()) };
        // A change that tells nothing has nobody to wait for.
        let published = if pending.events.is_empty() { Ok(Vec::new()) } else { self.outlet.publish(&pending.events).await };
        let told = {
            let mut kept = self.kept();
            kept.pending = None;
            published.map(|receipts| kept.take_over(pending, &receipts)).map_err(|refused: Value| Refusal::refused(&refused))
        };
        if let Err(error) = self.save().await {
            // What was saved still says "pending": a restart publishes it again under the same keys.
            eprintln!("the state cannot be kept: {error}");
        }
        told
    }

    fn kept(&self) -> MutexGuard<'_, Kept<S>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Only in one's turn: nothing changes meanwhile.
    async fn save(&self) -> io::Result<()> {
        let bytes = serde_json::to_vec(&*self.kept())?;
        self.shelf.save(bytes).await
    }
}

impl<S> Kept<S> {
    fn take_over(&mut self, pending: Pending<S>, receipts: &[Receipt]) -> Vec<Told> {
        for receipt in receipts {
            let known = self.positions.get(&receipt.channel);
            if known.is_none_or(|known| is_further(known, &receipt.position)) {
                self.positions.insert(receipt.channel.clone(), receipt.position.clone());
                self.at = Some(receipt.at.clone()).max(self.at.take());
            }
        }
        self.state = pending.next;
        let told: Vec<Told> = receipts
            .iter()
            .zip(pending.events)
            .map(|(r, e)| Told { id: r.id.clone(), event_type: e.event_type, position: r.position.clone(), at: r.at.clone() })
            .collect();
        if let Some(request) = pending.request {
            while self.answers.len() >= ANSWERS_MAX {
                self.answers.pop_front();
            }
            self.answers.push_back((request, told.clone()));
        }
        told
    }
}

/// Whether `new` is behind `known`, or in another log: a repeat of something old is answered with its old position.
fn is_further(known: &str, new: &str) -> bool {
    fn parts(position: &str) -> Option<(&str, u64)> {
        let (epoch, seq) = position.rsplit_once(':')?;
        Some((epoch, seq.parse().ok()?))
    }
    match (parts(known), parts(new)) {
        (Some((epoch, seq)), Some((other, later))) => epoch != other || later > seq,
        _ => true,
    }
}
