//! From changes to what is told: who comes back in a moment was never away.

use super::{
    notice::Notice,
    queue::{Queue, Row, write},
};
use crate::{hub::now, pusher::roster::Change};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use tidewire_engine::log::{Log, LogError};
use tokio::{sync::mpsc, time::Instant};

/// One app's changes on their way to its targets.
pub(super) struct Collector {
    values: Arc<dyn Log>,
    prefix: String,
    queues: Vec<Arc<Queue>>,
    debounce: Duration,
    /// What was told and not taken back: channels that are occupied, members that are there.
    told: BTreeSet<Present>,
    /// What is to be taken back, if it does not come again: oldest first.
    leaving: VecDeque<(Instant, Present)>,
    /// When those who left last did so; an entry of `leaving` with another time is void. Looked up, as many may return at once.
    away: BTreeMap<Present, Instant>,
}

/// A channel that is occupied, or a member that is on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Present {
    channel: String,
    user_id: Option<String>,
}

impl Present {
    fn change(self) -> Change {
        match self.user_id {
            Some(user_id) => Change::MemberRemoved { channel: self.channel, user_id },
            None => Change::Vacated { channel: self.channel },
        }
    }
}

/// Changes that are taken in one go.
const TAKE: usize = 4096;
/// Between two tries to write down, while the store refuses.
const AGAIN: Duration = Duration::from_secs(1);

impl Collector {
    /// Begins with what was told before the start: whoever of those does not come back in time has left.
    pub fn open(values: Arc<dyn Log>, contract: &str, queues: Vec<Arc<Queue>>) -> Result<Collector, LogError> {
        let prefix = format!("webhooks/{contract}/told/");
        let mut told = BTreeSet::new();
        for (key, _) in values.values(prefix.as_bytes())? {
            let name = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            told.insert(match name.split_once('\n') {
                Some((channel, user)) => Present { channel: channel.to_owned(), user_id: Some(user.to_owned()) },
                None => Present { channel: name, user_id: None },
            });
        }
        let debounce = queues.iter().map(|queue| queue.target.debounce).max().unwrap_or_default();
        let since = Instant::now() + debounce;
        // Members before their channels.
        let mut leaving: Vec<(Instant, Present)> = told.iter().map(|present| (since, present.clone())).collect();
        leaving.sort_by_key(|(_, present)| present.user_id.is_none());
        let away = told.iter().map(|present| (present.clone(), since)).collect();
        Ok(Collector { values, prefix, queues, debounce, told, leaving: leaving.into(), away })
    }

    pub async fn run(mut self, mut changes: mpsc::UnboundedReceiver<Change>) {
        let mut gathered = Vec::new();
        loop {
            let due = self.leaving.front().map(|(at, _)| *at);
            tokio::select! {
                count = changes.recv_many(&mut gathered, TAKE) => {
                    if count == 0 {
                        return;
                    }
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            let (mut notices, mut rows) = (Vec::new(), Vec::new());
            self.leave(&mut notices, &mut rows);
            for change in gathered.drain(..) {
                self.take(change, &mut notices, &mut rows);
            }
            self.tell(&notices, rows).await;
        }
    }

    fn take(&mut self, change: Change, notices: &mut Vec<Notice>, rows: &mut Vec<Row>) {
        let present = match &change {
            Change::Occupied { channel } | Change::Vacated { channel } => Present { channel: channel.clone(), user_id: None },
            Change::MemberAdded { channel, user_id } | Change::MemberRemoved { channel, user_id } => {
                Present { channel: channel.clone(), user_id: Some(user_id.clone()) }
            }
            _ => return notices.push(change.into()),
        };
        if matches!(change, Change::Vacated { .. } | Change::MemberRemoved { .. }) {
            let due = Instant::now() + self.debounce;
            self.away.insert(present.clone(), due);
            self.leaving.push_back((due, present));
            return;
        }
        self.away.remove(&present);
        if !self.told.contains(&present) {
            rows.push((self.key(&present), Some(Vec::new())));
            self.told.insert(present);
            notices.push(change.into());
        }
    }

    /// Those whose time is over have left.
    fn leave(&mut self, notices: &mut Vec<Notice>, rows: &mut Vec<Row>) {
        let now = Instant::now();
        while self.leaving.front().is_some_and(|(at, _)| *at <= now) {
            let Some((due, present)) = self.leaving.pop_front() else { return };
            if self.away.get(&present) != Some(&due) {
                continue;
            }
            self.away.remove(&present);
            if self.told.remove(&present) {
                rows.push((self.key(&present), None));
                notices.push(present.change().into());
            }
        }
    }

    /// Writes everything down at once, and lets it wait for delivery.
    async fn tell(&self, notices: &[Notice], mut rows: Vec<Row>) {
        let time_ms = now() / 1000;
        let mut entries = Vec::new();
        for queue in &self.queues {
            let (mine, kept): (Vec<_>, Vec<_>) = queue.entries(notices, time_ms).into_iter().unzip();
            rows.extend(kept);
            entries.push(mine);
        }
        while let Err(error) = write(&self.values, rows.clone()).await {
            tracing::warn!(%error, "webhooks wait: they cannot be written down");
            tokio::time::sleep(AGAIN).await;
        }
        for (queue, entries) in self.queues.iter().zip(entries) {
            queue.push(entries);
        }
    }

    fn key(&self, present: &Present) -> Vec<u8> {
        match &present.user_id {
            Some(user) => format!("{}{}\n{user}", self.prefix, present.channel),
            None => format!("{}{}", self.prefix, present.channel),
        }
        .into_bytes()
    }
}
