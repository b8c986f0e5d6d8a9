//! Several nodes that share channels through Redis: what the shared log needs of this server, and what the server needs of it.

mod across;
mod everywhere;
mod figures;
mod order;
mod places;
mod presence;
mod rosters;

pub use across::{Across, Here};
pub use figures::{LineFigures, NodeFigures};
pub use places::Wish;
pub use presence::Elsewhere;
pub use tidewire_redis::{Lease, WhenFull};

use crate::hub::{Order, Soon, Watchers};
use bytes::Bytes;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};
use tidewire_contract::{Contract, Durability};
use tidewire_engine::{
    Draft, LogHandle,
    log::{LogError, Retention},
    sequencer::Answer,
};
use tidewire_redis::{Host, Shared};
use tokio::sync::oneshot;

/// What other nodes say of themselves is for this one.
pub trait Listening: Send + Sync + 'static {
    fn said(&self, contract: &str, node: u64, what: Bytes);
    /// What they said before may have been missed.
    fn connected(&self, contract: &str);
}

/// The server, as the shared log sees it.
pub struct ThisNode {
    watchers: Arc<dyn Watchers>,
    contracts: HashMap<String, Arc<Contract>>,
    /// Contracts of which somebody reads every log.
    whole: HashSet<String>,
    listening: OnceLock<Arc<dyn Listening>>,
}

impl ThisNode {
    pub fn new(watchers: Arc<dyn Watchers>, contracts: &[Arc<Contract>]) -> ThisNode {
        ThisNode {
            watchers,
            contracts: contracts.iter().map(|contract| (contract.name.clone(), contract.clone())).collect(),
            whole: contracts.iter().filter(|contract| !contract.bridges.is_empty()).map(|contract| contract.name.clone()).collect(),
            listening: OnceLock::new(),
        }
    }

    /// Who listens to the others. Once.
    pub fn listen(&self, listening: Arc<dyn Listening>) {
        let _ = self.listening.set(listening);
    }
}

impl Host for ThisNode {
    fn moved(&self, logs: &[Arc<LogHandle>]) {
        self.watchers.moved(logs);
    }

    fn said(&self, contract: &str, node: u64, what: Bytes) {
        if let Some(listening) = self.listening.get() {
            listening.said(contract, node, what);
        }
    }

    fn connected(&self, contract: &str) {
        if let Some(listening) = self.listening.get() {
            listening.connected(contract);
        }
    }

    fn durability(&self, log: &str) -> Option<Durability> {
        let (contract, channel) = log.split_once('/')?;
        let contract = self.contracts.get(contract)?;
        Some(contract.channels[contract.channel(channel)?.log_kind].durability)
    }

    fn wants_all(&self, contract: &str) -> bool {
        self.whole.contains(contract)
    }
}

/// Redis decides the order.
pub struct ByRedis(pub Arc<Shared>);

impl Order for ByRedis {
    fn publish(&self, drafts: Vec<Draft>, answer: oneshot::Sender<Answer>) -> bool {
        self.0.publish(drafts, answer)
    }

    fn trim(&self, log: Arc<str>, _: Durability, retention: Retention) {
        let shared = self.0.clone();
        self.0.log().io().handle().spawn_blocking(move || shared.trim(&log, &retention, crate::hub::now()));
    }

    fn open<'a>(&'a self, log: &'a Arc<str>, durability: Durability) -> Soon<'a, Result<Arc<LogHandle>, LogError>> {
        Box::pin(self.0.open(log, durability))
    }

    fn stop(&self) -> Soon<'_, ()> {
        Box::pin(self.0.stop())
    }
}
