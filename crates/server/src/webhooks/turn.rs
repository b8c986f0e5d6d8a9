//! Webhooks of several nodes: one of them tells, and another goes on when that one is gone. What is to be told is in the store that
//! they share.

use super::Webhooks;
use crate::{
    metrics::WebhookReport,
    nodes::{Across, Lease},
    outbound::Outbound,
    pusher::{
        Roster,
        roster::{Change, Listener},
    },
    served::Served,
};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tidewire_engine::log::{Log, LogError};
use tokio::task::JoinHandle;

/// How long after a node's last word another may tell.
const LEASE: Duration = Duration::from_secs(10);

/// The webhooks of this node, if it is its turn.
#[derive(Clone)]
pub struct Turn {
    mine: Arc<RwLock<Option<Webhooks>>>,
    across: Arc<Across>,
}

/// What takes turns, until it is dropped.
pub struct Turns {
    turn: Turn,
    task: JoinHandle<()>,
}

impl Turns {
    /// Takes its turn when it comes. Within a runtime.
    pub fn start(values: Arc<dyn Log>, served: &[Arc<Served>], outbound: Outbound, across: &Arc<Across>, roster: &Arc<Roster>) -> Turns {
        let turn = Turn { mine: Arc::default(), across: across.clone() };
        let lease = across.lease("webhooks", LEASE);
        let (mine, served, roster) = (turn.clone(), served.to_vec(), roster.clone());
        let has_some = served.iter().any(|s| s.pusher.as_ref().is_some_and(|app| !app.options.webhooks.is_empty()));
        let task = tokio::spawn(async move {
            if has_some {
                take_turns(mine, lease, values, served, outbound, roster).await;
            }
        });
        Turns { turn, task }
    }

    pub fn turn(&self) -> &Turn {
        &self.turn
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.task.abort();
        self.turn.set(None);
    }
}

impl Turn {
    /// What the roster tells.
    pub fn listener(&self) -> Listener {
        let turn = self.clone();
        Box::new(move |contract, change| turn.hear(contract, change))
    }

    /// Something happened on this node, or is passed on by another.
    pub fn hear(&self, contract: &str, change: Change) {
        if let Some(webhooks) = &*self.mine.read().unwrap_or_else(PoisonError::into_inner) {
            return webhooks.hear(contract, change);
        }
        // Who is on a channel every node knows; what only one has seen is passed on.
        if matches!(change, Change::ClientEvent { .. } | Change::CacheMiss { .. }) {
            self.across.tell_change(contract, change);
        }
    }

    /// Passed on by another node: only whose turn it is takes it.
    pub fn passed_on(&self, contract: &str, change: Change) {
        if let Some(webhooks) = &*self.mine.read().unwrap_or_else(PoisonError::into_inner) {
            webhooks.hear(contract, change);
        }
    }

    /// How they are doing, as far as this node knows.
    pub fn reporter(&self) -> impl Fn() -> Vec<WebhookReport> + Send + Sync + 'static {
        let turn = self.clone();
        move || turn.mine.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|webhooks| webhooks.reporter()()).unwrap_or_default()
    }

    fn set(&self, webhooks: Option<Webhooks>) {
        *self.mine.write().unwrap_or_else(PoisonError::into_inner) = webhooks;
    }
}

async fn take_turns(turn: Turn, lease: Lease, values: Arc<dyn Log>, served: Vec<Arc<Served>>, outbound: Outbound, roster: Arc<Roster>) {
    loop {
        if !lease.hold().await.unwrap_or(false) {
            tokio::time::sleep(LEASE / 5).await;
            continue;
        }
        let (store, of, way) = (values.clone(), served.clone(), outbound.clone());
        let opened = tokio::task::spawn_blocking(move || Webhooks::start(store, &of, way)).await;
        match opened.map_err(|e| LogError::Failed(e.to_string())).flatten() {
            Ok(webhooks) => turn.set(Some(webhooks)),
            Err(error) => {
                tracing::warn!(%error, "what webhooks have to tell cannot be read");
                lease.let_go().await;
                tokio::time::sleep(LEASE / 5).await;
                continue;
            }
        }
        // What has come to be while it was nobody's turn; what is no more is found by what was told before.
        for contract in served.iter().filter(|s| s.pusher.is_some()).map(|s| &s.contract.name) {
            roster.present(contract, |change| turn.hear(contract, change));
        }
        let mut held = Instant::now();
        while held.elapsed() < LEASE / 2 {
            tokio::time::sleep(LEASE / 5).await;
            match lease.hold().await {
                Ok(true) => held = Instant::now(),
                Ok(false) => break,
                Err(failure) => tracing::debug!(%failure, "whether it is still this node's turn is not known"),
            }
        }
        turn.set(None);
    }
}
