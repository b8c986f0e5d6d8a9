//! The log of what is handed to a backend: the contract's own closed channel `#to-NAME`. In it a key is claimed, and answered, so
//! that the same key is handed over once whatever the node, and its first answer is the answer of all.
//!
//! ```text
//! claim:0:KEY    somebody hands it over; the id of this event is the id under which the backend gets it
//! gone:0:KEY     nobody answered in time: whoever sends it again may try anew, as claim:1:KEY
//! answer:KEY     the outcome, in the commit of the events that the backend answered with
//! ```

use super::answer::{self, Outcome};
use crate::hub::{Hub, PublishError};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tidewire_contract::{Contract, Durability};
use tidewire_engine::{
    Draft, Published, id,
    log::{LogError, Receipt},
    publish::log_name,
};
use tokio::time::Instant;

/// How much later than its deadline a try may still have been answered by a node that is alive.
const SLACK: Duration = Duration::from_secs(2);

/// How long it waits at most before it looks whether another node has answered.
const LOOK: Duration = Duration::from_millis(500);

/// One event's place in the trail.
#[derive(Clone)]
pub(super) struct Trail {
    contract: Arc<Contract>,
    log: Arc<str>,
    durability: Durability,
    /// Type, channel and key as one text.
    scope: String,
    event_type: String,
    trace: Option<Arc<str>>,
}

/// Whose it is to hand an event over.
pub(super) enum Claim {
    /// The caller's; the id is the same whoever it is.
    Mine {
        nth: u32,
        id: String,
    },
    Answered(Outcome),
    /// Somebody else's, who has not answered by the deadline.
    Late,
}

impl Trail {
    pub fn new(contract: &Arc<Contract>, backend: &str, draft: &Draft, channel: &str, event_type: &str, key: &str) -> Trail {
        let name = format!("#to-{backend}");
        let durability = contract.channel(&name).map_or(Durability::Disk, |c| contract.channels[c.log_kind].durability);
        Trail {
            contract: contract.clone(),
            log: log_name(&contract.name, &name),
            durability,
            scope: json!([event_type, channel, key]).to_string(),
            event_type: event_type.to_owned(),
            trace: draft.trace.clone(),
        }
    }

    /// Takes the event, or waits for the answer of whoever has it. `said` is kept with the claim; `deadline`: how long a try takes at most.
    pub async fn claim(&self, hub: &Hub, said: &Value, deadline: Duration, until: Instant) -> Result<Claim, PublishError> {
        let waiter = hub.waiters().wait_for(vec![self.log.clone()]);
        let mut first = None;
        let mut nth = 0;
        loop {
            let claimed = self.publish(hub, &format!("claim:{nth}"), &self.event_type, said).await?;
            let id = first.get_or_insert_with(|| format!("msg_{}", id::to_text(&claimed.receipt.id))).clone();
            if !claimed.duplicate {
                return Ok(Claim::Mine { nth, id });
            }
            let age = Duration::from_micros(u64::try_from(crate::hub::now() - claimed.receipt.at).unwrap_or(0));
            let over = Instant::now() + (deadline + SLACK).saturating_sub(age);
            loop {
                if let Some(outcome) = self.answer(hub).await? {
                    return Ok(Claim::Answered(outcome));
                }
                if self.key(hub, &format!("gone:{nth}")).await?.is_some() || Instant::now() >= over {
                    break;
                }
                if Instant::now() >= until {
                    return Ok(Claim::Late);
                }
                tokio::select! {
                    () = waiter.moved() => {}
                    () = tokio::time::sleep_until(over.min(until).min(Instant::now() + LOOK)) => {}
                }
                if hub.waiters().is_closed() {
                    return Err(PublishError::Stopping);
                }
            }
            nth += 1;
        }
    }

    /// Nobody answered: the next one may try.
    pub async fn give_up(&self, hub: &Hub, nth: u32, why: &str) -> Result<(), PublishError> {
        self.publish(hub, &format!("gone:{nth}"), &format!("{}.unanswered", self.event_type), &json!({ "why": why })).await.map(drop)
    }

    /// Keeps the outcome, and publishes what the backend answered with, at once. Where somebody else was faster, theirs is
    /// the outcome.
    pub async fn keep(&self, hub: &Hub, outcome: &Outcome, events: Vec<Draft>) -> Result<Outcome, PublishError> {
        let kept = self.draft("answer", &format!("{}.answered", self.event_type), &answer::to_json(outcome));
        let published = hub.publish(std::iter::once(kept).chain(events).collect()).await.map_err(|mut error| {
            // The outcome itself stands before them.
            if let PublishError::Conflict(conflict) = &mut error {
                conflict.index = conflict.index.saturating_sub(1);
            }
            error
        })?;
        if published.first().is_some_and(|p| p.duplicate)
            && let Some(first) = self.answer(hub).await?
        {
            return Ok(first);
        }
        Ok(outcome.clone())
    }

    /// The outcome, if there is one.
    async fn answer(&self, hub: &Hub) -> Result<Option<Outcome>, PublishError> {
        let Some(receipt) = self.key(hub, "answer").await? else { return Ok(None) };
        let (reader, log, durability) = (hub.reader().clone(), self.log.clone(), self.durability);
        let read = tokio::task::spawn_blocking(move || {
            // What has a receipt is committed; whether this node has heard of it yet does not matter.
            let store = reader.store(durability);
            let Some(state) = store.find(&log)? else { return Ok(Vec::new()) };
            store.read(state.id, receipt.seq - 1, 1, usize::MAX)
        });
        let records = read.await.map_err(|e| LogError::Failed(e.to_string()))??;
        let record = records.first().filter(|record| record.seq == receipt.seq);
        Ok(record.and_then(|record| answer::from_json(&serde_json::from_slice(&record.data).ok()?)))
    }

    async fn key(&self, hub: &Hub, what: &str) -> Result<Option<Receipt>, PublishError> {
        let (reader, log, durability, key) = (hub.reader().clone(), self.log.clone(), self.durability, self.named(what));
        let found = tokio::task::spawn_blocking(move || {
            let store = reader.store(durability);
            let Some(state) = store.find(&log)? else { return Ok(None) };
            store.key(state.id, &key)
        });
        Ok(found.await.map_err(|e| LogError::Failed(e.to_string()))??)
    }

    async fn publish(&self, hub: &Hub, what: &str, event_type: &str, data: &Value) -> Result<Published, PublishError> {
        let published = hub.publish(vec![self.draft(what, event_type, data)]).await?;
        published.into_iter().next().ok_or(PublishError::Stopping)
    }

    fn named(&self, what: &str) -> String {
        format!("{what}:{}", self.scope)
    }

    fn draft(&self, what: &str, event_type: &str, data: &Value) -> Draft {
        let data = Bytes::from(data.to_string());
        Draft {
            key: Some(self.named(what).into()),
            trace: self.trace.clone(),
            ..Draft::new(self.contract.clone(), self.log.clone(), self.durability, event_type.into(), data)
        }
    }
}
