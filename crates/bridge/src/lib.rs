//! Bridges: events of some channels of a contract, carried to RabbitMQ. Every event, each channel in its order, at least once.
//!
//! A bridge is one more reader of the logs: a cursor for each channel, kept in the store, which moves when the broker has
//! confirmed. Whatever dies at whatever point, the next start goes on behind what is confirmed and written down; what was
//! confirmed and not written down goes out a second time, with the same message id.

mod aside;
mod carry;
mod lane;
mod message;

pub use aside::Aside;

use lane::Lane;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tidewire_contract::Bridge;
use tidewire_engine::log::LogError;
use tidewire_server::{App, Bridging, Served, metrics::BridgeReport};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

/// All bridges of a server, at work.
pub struct Bridges {
    all: Vec<Arc<One>>,
    tasks: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

/// One bridge.
pub(crate) struct One {
    pub served: Arc<Served>,
    /// Its place in the contract.
    pub place: usize,
    pub url: String,
    pub seen: Mutex<Seen>,
    /// Something is to be done again.
    pub retry: Notify,
}

/// What others may see of it.
#[derive(Default)]
pub(crate) struct Seen {
    pub lanes: BTreeMap<Arc<str>, Lane>,
    pub connected: bool,
    pub confirmed: u64,
    pub failures: u64,
    /// Messages that are to be tried again.
    pub again: Vec<Aside>,
}

impl One {
    pub fn bridge(&self) -> &Bridge {
        &self.served.contract.bridges[self.place]
    }

    pub fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its small values in the store begin with.
    pub fn prefix(&self) -> String {
        format!("bridge/{}/{}/", self.served.contract.name, self.bridge().name)
    }
}

impl Bridges {
    /// Starts the bridges of all contracts whose broker is configured; warns of those for which it is not.
    pub fn start(app: Arc<App>) -> Bridges {
        let (stop, stopped) = watch::channel(false);
        let (mut all, mut tasks) = (Vec::new(), Vec::new());
        for served in &app.served {
            let contract = &served.contract;
            let url = app.config.contract(&contract.name).and_then(|c| c.amqp.as_ref());
            for (place, bridge) in contract.bridges.iter().enumerate() {
                let Some(url) = url else {
                    tracing::warn!(
                        contract = %contract.name, bridge = %bridge.name,
                        "the bridge is off: contracts.{}.amqp does not say where its broker is", contract.name
                    );
                    continue;
                };
                let one = Arc::new(One {
                    served: served.clone(),
                    place,
                    url: url.reveal().to_owned(),
                    seen: Mutex::default(),
                    retry: Notify::new(),
                });
                tasks.push(tokio::spawn(carry::run(app.clone(), one.clone(), stopped.clone())));
                all.push(one);
            }
        }
        let admin = Arc::new(Admin { app: app.clone(), all: all.clone() });
        let _ = app.bridges.set(admin);
        let reported = all.clone();
        let reports = move || reported.iter().map(|one| lane::report(one)).collect();
        app.hub.tallies().provide(tidewire_server::metrics::bridges(reports));
        Bridges { all, tasks, stop }
    }

    /// Stops, once what is under way is confirmed and written down, or cannot be.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            let _ = task.await;
        }
    }

    /// How each is doing.
    pub fn report(&self) -> Vec<BridgeReport> {
        self.all.iter().map(|one| lane::report(one)).collect()
    }
}

/// What an operator sees and does of them.
struct Admin {
    app: Arc<App>,
    all: Vec<Arc<One>>,
}

impl Bridging for Admin {
    fn list(&self, contract: &str) -> Result<Value, LogError> {
        let values = self.app.hub.reader().values();
        let mine = self.all.iter().filter(|one| one.served.contract.name == contract);
        let each = mine.map(|one| {
            let report = lane::report(one);
            Ok(json!({
                "name": report.bridge,
                "exchange": one.bridge().exchange,
                "connected": report.connected,
                "lag": { "events": report.lag_events, "seconds": report.lag.as_secs_f64() },
                "confirmed": report.confirmed,
                "failures": report.failures,
                "aside": aside::all(&**values, one)?.iter().map(Aside::json).collect::<Vec<_>>(),
            }))
        });
        each.collect()
    }

    fn retry(&self, contract: &str, bridge: &str) -> Result<Option<usize>, LogError> {
        let Some(one) = self.all.iter().find(|one| one.served.contract.name == contract && one.bridge().name == bridge) else {
            return Ok(None);
        };
        let found = aside::all(&**self.app.hub.reader().values(), one)?;
        let count = found.len();
        one.seen().again = found;
        one.retry.notify_one();
        Ok(Some(count))
    }
}

impl Drop for Bridges {
    /// As abrupt as a kill: nothing more is written down.
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
