//! Backends that are reached through Redis: they publish with `PUBLISH` or `XADD`, and what clients send them is in a stream.
//!
//! Where a contract's backend has `redis = "redis://…"`, these are the keys, of a contract `party` and its backend `engine`:
//!
//! ```text
//! party:p1                   what is PUBLISHed on a channel's name: the envelope, as clients get it
//! tidewire:party:in          stream: at least once; `event`, and `channel` where it is an envelope        inward.rs
//! tidewire:party:dead        stream: what could not be taken, and why                                     letter.rs
//! tidewire:party:engine      stream: clients' events for the backend, each once                           outward.rs
//! {tidewire:party:in}:…      whose turn it is, and what was heard lately; of one hash tag with the stream
//! ```
//!
//! A message on a channel goes into `tidewire:party:in` first, by a script that lets each in once however many nodes hear it. One
//! node at a time reads that stream, so its order is the channel's order, and another goes on when that one is gone.

mod figures;
mod heard;
mod inward;
mod letter;
mod outward;

use figures::Figures;
use std::{collections::BTreeMap, sync::Arc};
use tidewire_contract::Contract;
use tidewire_redis::{BadUrl, Link, Settings};
use tidewire_server::{App, Config, handover::Given};
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};

/// One Redis by which the backends of a contract are reached.
pub(crate) struct Door {
    pub contract: Arc<Contract>,
    pub settings: Arc<Settings>,
    /// What its keys begin with: `tidewire:party`.
    pub prefix: String,
    /// Tells this node from others.
    pub node: String,
    pub figures: Figures,
}

impl Door {
    /// The stream that backends write to.
    pub fn inward(&self) -> String {
        format!("{}:in", self.prefix)
    }

    pub fn link(&self, key: &str) -> Link {
        Link::new(self.settings.clone(), key, Handle::current())
    }
}

/// All of them, before there is a server.
pub struct Doors {
    all: Vec<Arc<Door>>,
    given: Given,
}

/// All of them, at work.
pub struct Streams {
    tasks: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl Doors {
    /// Of these contracts, as they are configured. Call it within a runtime; nothing is connected yet.
    ///
    /// # Errors
    /// In words, which URL is none.
    pub fn new(config: &Config, contracts: &[Arc<Contract>]) -> Result<Doors, String> {
        let (mut all, mut given) = (Vec::new(), Given::new());
        let node = format!("{:016x}", rand::random::<u64>());
        for contract in contracts {
            let mut of_contract: BTreeMap<&str, Arc<Door>> = BTreeMap::new();
            for backend in &contract.backends {
                let configured = config.contract(&contract.name).and_then(|c| c.backend(&backend.name));
                let Some(url) = configured.and_then(|c| c.redis.as_ref()) else { continue };
                let place = format!("contracts.{}.backends.{}.redis", contract.name, backend.name);
                let settings = Settings::parse(url.reveal()).map_err(|BadUrl(why)| format!("{place}: {why}"))?;
                let door = of_contract.entry(url.reveal()).or_insert_with(|| {
                    Arc::new(Door {
                        contract: contract.clone(),
                        settings: Arc::new(settings),
                        prefix: format!("tidewire:{}", contract.name),
                        node: node.clone(),
                        figures: Figures::default(),
                    })
                });
                let stream = outward::Outward::new(door, &backend.name);
                given.insert((contract.name.clone(), backend.name.clone()), Arc::new(stream));
            }
            all.extend(of_contract.into_values());
        }
        Ok(Doors { all, given })
    }

    /// How events are handed to these backends.
    pub fn given(&self) -> Given {
        self.given.clone()
    }

    /// Takes what backends publish from now on.
    pub fn open(self, app: &Arc<App>) -> Streams {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        for door in &self.all {
            tasks.push(tokio::spawn(heard::run(door.clone(), stopped.clone())));
            tasks.push(tokio::spawn(inward::run(door.clone(), app.clone(), stopped.clone())));
        }
        app.hub.tallies().provide(Arc::new(figures::Shown(self.all)));
        Streams { tasks, stop }
    }
}

impl Streams {
    /// Stops when what is under way is published and taken off its stream, or cannot be.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            let _ = task.await;
        }
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
