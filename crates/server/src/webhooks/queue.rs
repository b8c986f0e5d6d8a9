//! What one target is still to be told, in order: in the store, and in memory while the server runs.

use super::notice::Notice;
use crate::{config::Webhook, metrics::WebhookReport};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tidewire_engine::log::{Log, LogError};
use tokio::sync::Notify;

pub(super) struct Queue {
    pub target: Webhook,
    pub contract: String,
    values: Arc<dyn Log>,
    prefix: String,
    waiting: Mutex<VecDeque<Entry>>,
    next: AtomicU64,
    pub bell: Notify,
    pub delivered: AtomicU64,
    pub failed: AtomicU64,
    pub dropped: AtomicU64,
}

/// Notices that were written down together.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub number: u64,
    pub said: Said,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Said {
    /// When it was to be told first, ms since 1970.
    pub time_ms: i64,
    pub events: Vec<Value>,
}

/// A row for the store, see [`Log::put_all`].
pub(super) type Row = (Vec<u8>, Option<Vec<u8>>);

impl Queue {
    /// Reads what an earlier run left. `nth`: how many targets before it have the same address.
    pub fn open(values: Arc<dyn Log>, contract: &str, target: &Webhook, nth: usize) -> Result<Queue, LogError> {
        // By its address, so that the order of the configuration does not matter.
        let digest = Sha256::digest(target.url.to_string().as_bytes());
        let name: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let prefix = if nth == 0 { format!("webhook/{contract}/{name}/") } else { format!("webhook/{contract}/{name}-{nth}/") };
        let mut waiting = VecDeque::new();
        for (key, value) in values.values(prefix.as_bytes())? {
            let number = std::str::from_utf8(&key[prefix.len()..]).ok().and_then(|n| n.parse().ok());
            let said = serde_json::from_slice(&value).ok();
            let (Some(number), Some(said)) = (number, said) else {
                return Err(LogError::Damaged(format!("a webhook of {contract} that waits")));
            };
            waiting.push_back(Entry { number, said });
        }
        let next = waiting.back().map_or(0, |entry| entry.number + 1);
        Ok(Queue {
            target: target.clone(),
            contract: contract.to_owned(),
            values,
            prefix,
            waiting: Mutex::new(waiting),
            next: AtomicU64::new(next),
            bell: Notify::new(),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        })
    }

    /// The entries that these notices become, as far as the target wants them, and the rows that keep them.
    pub fn entries(&self, notices: &[Notice], time_ms: i64) -> Vec<(Entry, Row)> {
        let wanted = |n: &&Notice| self.target.events.contains(&n.kind) && n.channel.starts_with(&self.target.channel_prefix);
        let events: Vec<Value> = notices.iter().filter(wanted).map(|n| n.json.clone()).collect();
        let chunks = events.chunks(self.target.batch.max(1));
        chunks
            .map(|events| {
                let entry = Entry { number: self.next.fetch_add(1, Ordering::Relaxed), said: Said { time_ms, events: events.to_vec() } };
                let row = (self.key(entry.number), Some(serde_json::to_vec(&entry.said).unwrap_or_default()));
                (entry, row)
            })
            .collect()
    }

    /// These are written down: they wait from now on.
    pub fn push(&self, entries: Vec<Entry>) {
        if !entries.is_empty() {
            self.waiting().extend(entries);
            self.bell.notify_one();
        }
    }

    /// The oldest, as many as go into one delivery.
    pub fn front(&self) -> Vec<Entry> {
        let mut count = 0;
        let waiting = self.waiting();
        let fits = |entry: &&Entry| {
            count += entry.said.events.len();
            count <= self.target.batch
        };
        let found: Vec<Entry> = waiting.iter().take_while(fits).cloned().collect();
        if found.is_empty() { waiting.front().cloned().into_iter().collect() } else { found }
    }

    /// These are done with.
    pub async fn remove(&self, entries: &[Entry]) -> Result<(), LogError> {
        let rows: Vec<Row> = entries.iter().map(|entry| (self.key(entry.number), None)).collect();
        write(&self.values, rows).await?;
        let mut waiting = self.waiting();
        for entry in entries {
            if waiting.front().is_some_and(|first| first.number == entry.number) {
                waiting.pop_front();
            }
        }
        Ok(())
    }

    pub fn report(&self) -> WebhookReport {
        WebhookReport {
            app: self.contract.clone(),
            waiting: self.waiting().len() as u64,
            delivered: self.delivered.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }

    fn key(&self, number: u64) -> Vec<u8> {
        format!("{}{number:020}", self.prefix).into_bytes()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes rows off the runtime's threads.
pub(super) async fn write(values: &Arc<dyn Log>, rows: Vec<Row>) -> Result<(), LogError> {
    if rows.is_empty() {
        return Ok(());
    }
    let values = values.clone();
    let written = tokio::task::spawn_blocking(move || values.put_all(&rows)).await;
    written.map_err(|e| LogError::Failed(e.to_string()))?
}
