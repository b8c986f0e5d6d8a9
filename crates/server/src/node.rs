//! A whole server: everything made, started, and stopped in order.

use crate::{
    admission::Admission,
    app::{App, Rest},
    auth::Auth,
    config::{Config, ConfigError},
    door,
    hub::{self, Hub},
    served::Served,
    shard::{Presences, ShardEnv, Shards, Switchboard, TokenCheck},
};
use std::{sync::Arc, time::Duration};
use tidewire_contract::{Contract, Principal};
use tidewire_engine::log::{Log, LogError};
use tidewire_store::{OpenError, Options, Store};
use tidewire_wire::TemplateDialect;
use tokio::net::TcpListener;

/// A server at work.
pub struct Node {
    pub app: Arc<App>,
    store: Arc<Store>,
    public: door::Running,
    operations: door::Running,
    housekeeping: tokio::task::JoinHandle<()>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("cannot start: {0}")]
    Io(#[from] std::io::Error),
}

/// How often histories are looked through for what they no longer keep.
const HOUSEKEEPING: Duration = Duration::from_secs(30);
/// How long a client that is being closed may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// What answers requests, made once the rest of the server is there.
pub struct Interfaces {
    pub public: Arc<dyn Rest>,
    pub operations: Arc<dyn Rest>,
}

impl Node {
    /// Starts serving `contracts` on listeners that are already bound.
    ///
    /// # Errors
    /// [`StartError`]; nothing is served then.
    pub fn start(
        config: Config,
        contracts: &[Arc<Contract>],
        listener: TcpListener,
        operations: TcpListener,
        accept_loss: bool,
        interfaces: Interfaces,
    ) -> Result<Node, StartError> {
        let borrowed: Vec<&Contract> = contracts.iter().map(|c| &**c).collect();
        config.check(&borrowed)?;
        let auth = Arc::new(Auth::new(&config, &borrowed)?);
        let served: Vec<Arc<Served>> = contracts
            .iter()
            .map(|contract| {
                Arc::new(Served {
                    contract: contract.clone(),
                    dialect: Arc::new(TemplateDialect::of(&contract.wire, config.limits.json_depth)),
                })
            })
            .collect();
        let options = Options { min_free: config.store.min_free as u64, accept_loss, ..Options::default() };
        let store = Arc::new(Store::open(&config.store.path, options)?);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let board = Arc::new(Switchboard::new(if config.shards == 0 { cores } else { config.shards }));
        let hub = Arc::new(Hub::start(store.clone(), board.clone(), rand::random())?);
        let env = ShardEnv {
            hub: hub.clone(),
            check: auth.clone(),
            presence: Arc::new(Presences::default()),
            message_bytes: config.limits.message_bytes,
            channels_per_client: config.limits.channels_per_client,
            goodbye: GOODBYE,
        };
        let shards = Arc::new(Shards::start(&board, env)?);
        let config = Arc::new(config);
        let admission = Admission::new(config.clone(), auth.clone(), &served);
        let app = Arc::new(App { config, hub, shards, served, auth, admission, rest: interfaces.public });
        app.auth.warm();
        let public = door::open(&app, vec![listener])?;
        let operations = door::open_operations(&app, interfaces.operations, operations);
        let housekeeping = tokio::spawn(keep_house(app.clone(), store.clone()));
        Ok(Node { app, store, public, operations, housekeeping })
    }

    /// Reads certificates again.
    pub fn reload(&self) {
        self.public.reload();
    }

    /// Stops accepting, lets publishes finish, closes clients with 1012 spread over the configured time, closes the store.
    ///
    /// # Errors
    /// When the store could not be closed cleanly; nothing acknowledged is lost even then.
    pub async fn stop(self) -> Result<(), LogError> {
        self.housekeeping.abort();
        // First, so that long polls are no requests under way that the stop would wait for.
        self.app.hub.waiters().close();
        self.public.stop().await;
        self.app.shards.drain(self.app.config.shutdown.drain).await;
        self.app.hub.stop().await;
        self.public.closed().await;
        self.operations.stop().await;
        self.store.close()
    }
}

impl TokenCheck for Auth {
    fn check(&self, served: &Served, token: &str) -> Result<(Arc<Principal>, Option<i64>), String> {
        self.verify(&served.contract, token).map(|verified| (verified.principal, verified.expires)).map_err(|e| e.to_string())
    }
}

/// Lets go of what the contracts' histories no longer keep.
async fn keep_house(app: Arc<App>, store: Arc<Store>) {
    loop {
        tokio::time::sleep(HOUSEKEEPING).await;
        for served in &app.served {
            let contract = &served.contract;
            for log in app.hub.reader().handles().into_iter().filter(|l| l.durability == tidewire_contract::Durability::Memory) {
                trim(&app, contract, log.name.clone());
            }
            let prefix = format!("{}/", contract.name);
            let mut after: Option<String> = None;
            loop {
                let (store, prefix, from) = (store.clone(), prefix.clone(), after.clone());
                let page = tokio::task::spawn_blocking(move || store.list(&prefix, from.as_deref(), 1000)).await;
                let Ok(Ok(page)) = page else { break };
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                for (name, _) in page {
                    trim(&app, contract, name.into());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn trim(app: &App, contract: &Contract, log: Arc<str>) {
    let Some(channel) = log.strip_prefix(contract.name.as_str()).and_then(|l| l.strip_prefix('/')).and_then(|c| contract.channel(c)) else {
        return;
    };
    let kind = &contract.channels[channel.log_kind];
    app.hub.trim(log.clone(), kind.durability, hub::retention(&kind.history));
}
