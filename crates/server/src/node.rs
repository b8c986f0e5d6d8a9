//! A whole server: everything made, started, and stopped in order.

use crate::{
    admission::Admission,
    app::{App, Rest},
    auth::Auth,
    config::{BackendKey, Config, ConfigError, ContractConfig},
    devices::Devices,
    door,
    handover::{self, HandOvers},
    hub::{self, Hub, Waiters},
    metrics::{Size, StoreFigures},
    nodes::{Across, ByRedis, Elsewhere, Here, LineFigures, NodeFigures, ThisNode},
    outbound::Outbound,
    presence::Presences,
    principals::Principals,
    pusher::{PusherApp, Roster, plain_contract},
    served::Served,
    shard::{ShardEnv, Shards, Switchboard, Switches, TokenCheck},
    webhooks::{Turns, Webhooks},
};
use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tidewire_contract::{Contract, Durability, Principal, Tokens};
use tidewire_engine::log::{Log, LogError};
use tidewire_redis::{RedisLog, Settings, Shared};
use tidewire_store::{OpenError, Options, Store};
use tokio::net::TcpListener;

/// A server at work.
pub struct Node {
    pub app: Arc<App>,
    store: Kept,
    public: door::Running,
    operations: door::Running,
    housekeeping: tokio::task::JoinHandle<()>,
    counting: tokio::task::JoinHandle<()>,
    webhooks: Telling,
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
    #[error("store.redis: {0}")]
    Redis(String),
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
    /// Backends that are reached otherwise than over HTTP.
    pub backends: handover::Given,
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
        let mut config = config;
        let contracts = with_apps(&mut config, contracts)?;
        let borrowed: Vec<&Contract> = contracts.iter().map(|c| &**c).collect();
        config.check(&borrowed)?;
        let hand_overs = HandOvers::new(&config, &borrowed, interfaces.backends)?;
        let mut auth = Auth::new(&config, &borrowed)?;
        let served: Vec<Arc<Served>> = contracts
            .iter()
            .map(|contract| {
                let plain = config.apps.get(&contract.name);
                let app = plain.or_else(|| config.contract(&contract.name)?.pusher.as_ref());
                let depth = config.limits.json_depth;
                let app = app.map(|app| PusherApp::new(app, contract, plain.is_some(), depth));
                Arc::new(Served::new(contract.clone(), app, depth))
            })
            .collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let board = Arc::new(Switchboard::new(if config.shards == 0 { cores } else { config.shards }));
        let (kept, store) = Kept::open(&config, &contracts, &board, accept_loss)?;
        for contract in contracts.iter().filter(|c| c.auth.tokens == Tokens::Devices) {
            auth.set_devices(&contract.name, Devices::open(store.clone(), &contract.name)?);
        }
        let auth = Arc::new(auth);
        let hub = Arc::new(kept.hub(&board)?);
        let (roster, principals, switches) = (Arc::new(Roster::default()), Arc::new(Principals::default()), Arc::new(Switches::default()));
        roster.connect(switches.clone());
        let across = kept.across(&contracts);
        if let Some(across) = &across {
            let apps: Vec<String> = served.iter().filter(|s| s.pusher.is_some()).map(|s| s.contract.name.clone()).collect();
            across.pass_on(&roster, &apps);
        }
        let webhooks = Telling::start(store.clone(), &served, &across, &roster, &hub)?;
        let presence = match &across {
            Some(across) => Presences::shared(Arc::new(Elsewhere::new(across.people().clone()))),
            None => Presences::default(),
        };
        presence.start(hub.clone(), &served);
        hand_overs.start(hub.clone());
        let env = ShardEnv {
            hub: hub.clone(),
            check: auth.clone(),
            presence: presence.clone(),
            hand_overs,
            roster: roster.clone(),
            principals: principals.clone(),
            across: across.clone(),
            switches: switches.clone(),
            message_bytes: config.limits.message_bytes,
            channels_per_client: config.limits.channels_per_client,
            goodbye: GOODBYE,
        };
        let shards = Arc::new(Shards::start(&board, env)?);
        let figures = kept.figures();
        if let Some(figures) = &figures {
            hub.tallies().provide(figures.clone());
        }
        if let Kept::Shared { shared, .. } = &kept {
            hub.tallies().provide(Arc::new(LineFigures(shared.clone())));
        }
        if let Some(across) = &across {
            hub.tallies().provide(Arc::new(NodeFigures(across.clone())));
        }
        let config = Arc::new(config);
        let admission = Admission::new(config.clone(), auth.clone(), &served);
        let app = Arc::new(App {
            config,
            hub,
            shards,
            presence,
            served,
            auth,
            roster,
            admission,
            across,
            bridges: OnceLock::new(),
            rest: interfaces.public,
        });
        if let Some(across) = &app.across {
            let (shards, devices) = (app.shards.clone(), app.auth.registries());
            if let Telling::InTurn(turns) = &webhooks {
                let webhooks = turns.turn().clone();
                across.begin(Here { shards, switches, devices, webhooks });
            }
        }
        app.auth.warm();
        let public = door::open(&app, vec![listener])?;
        let operations = door::open_operations(&app, interfaces.operations, operations);
        let housekeeping = tokio::spawn(keep_house(app.clone(), kept.clone(), store, figures));
        let counting = tokio::spawn(count(app.roster.clone(), principals));
        Ok(Node { app, store: kept, public, operations, housekeeping, counting, webhooks })
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
        self.counting.abort();
        drop(self.webhooks);
        // First, so that long polls are no requests under way that the stop would wait for.
        self.app.hub.waiters().close();
        self.public.stop().await;
        // Those who are sent away now come back to the next one: nobody leaves by that.
        self.app.presence.close();
        self.app.shards.drain(self.app.config.shutdown.drain).await;
        self.app.hub.stop().await;
        if let Some(across) = &self.app.across {
            across.leave().await;
        }
        self.public.closed().await;
        self.operations.stop().await;
        self.store.close()
    }
}

/// Where events are kept.
#[derive(Clone)]
enum Kept {
    Embedded(Arc<Store>),
    Shared { shared: Arc<Shared>, waiters: Arc<Waiters>, node: Arc<ThisNode> },
}

impl Kept {
    fn open(
        config: &Config,
        contracts: &[Arc<Contract>],
        board: &Arc<Switchboard>,
        accept_loss: bool,
    ) -> Result<(Kept, Arc<dyn Log>), StartError> {
        let Some(url) = &config.store.redis else {
            let options = Options { min_free: config.store.min_free as u64, accept_loss, ..Options::default() };
            let store = Arc::new(Store::open(&config.store.path, options)?);
            return Ok((Kept::Embedded(store.clone()), store));
        };
        let mut settings = Settings::parse(url.reveal()).map_err(|e| StartError::Redis(e.to_string()))?;
        settings.prefix.clone_from(&config.store.redis_prefix);
        settings.replicas = config.store.redis_replicas;
        let log = Arc::new(RedisLog::open(settings, hub::now())?);
        let names: Vec<String> = contracts.iter().map(|contract| contract.name.clone()).collect();
        let strongest = contracts.iter().flat_map(|c| &c.channels).map(|channel| channel.durability).max();
        for warning in
            log.promises(&names, strongest.unwrap_or(Durability::Memory), config.store.redis_weaker).map_err(StartError::Redis)?
        {
            tracing::warn!("store.redis: {warning}");
        }
        let waiters = Arc::new(Waiters::default());
        let node = Arc::new(ThisNode::new(Hub::watchers(board.clone(), waiters.clone()), contracts));
        let shared = Shared::start(log.clone(), &names, node.clone(), rand::random());
        Ok((Kept::Shared { shared, waiters, node }, log))
    }

    fn hub(&self, board: &Arc<Switchboard>) -> Result<Hub, LogError> {
        match self {
            Kept::Embedded(store) => Hub::start(store.clone(), board.clone(), rand::random()),
            Kept::Shared { shared, waiters, .. } => {
                Ok(Hub::over(shared.reader().clone(), Arc::new(ByRedis(shared.clone())), waiters.clone()))
            }
        }
    }

    fn figures(&self) -> Option<Arc<StoreFigures>> {
        match self {
            Kept::Embedded(store) => Some(Arc::new(StoreFigures::new(store.clone()))),
            Kept::Shared { .. } => None,
        }
    }

    /// Whether it is this node that keeps the house, where several could.
    async fn keeps_house(&self) -> bool {
        match self {
            Kept::Embedded(_) => true,
            Kept::Shared { shared, .. } => shared.lease("house", HOUSEKEEPING * 3).hold().await.unwrap_or(false),
        }
    }

    /// The other nodes, if there may be some.
    fn across(&self, contracts: &[Arc<Contract>]) -> Option<Arc<Across>> {
        let Kept::Shared { shared, node, .. } = self else { return None };
        let names: Vec<String> = contracts.iter().map(|contract| contract.name.clone()).collect();
        let across = Across::start(shared.clone(), &names);
        node.listen(across.clone());
        Some(across)
    }

    fn close(&self) -> Result<(), LogError> {
        match self {
            Kept::Embedded(store) => store.close(),
            Kept::Shared { .. } => Ok(()),
        }
    }
}

/// Webhooks, of this node alone or of several.
enum Telling {
    Alone(#[expect(dead_code, reason = "it tells as long as it is there")] Webhooks),
    InTurn(Turns),
}

impl Telling {
    fn start(
        values: Arc<dyn Log>,
        served: &[Arc<Served>],
        across: &Option<Arc<Across>>,
        roster: &Arc<Roster>,
        hub: &Hub,
    ) -> Result<Telling, StartError> {
        let outbound = Outbound::new(None)?;
        let Some(across) = across else {
            let webhooks = Webhooks::start(values, served, outbound)?;
            roster.listen(webhooks.listener());
            hub.tallies().provide(crate::metrics::webhooks(webhooks.reporter()));
            return Ok(Telling::Alone(webhooks));
        };
        let turns = Turns::start(values, served, outbound, across, roster);
        roster.listen(turns.turn().listener());
        hub.tallies().provide(crate::metrics::webhooks(turns.turn().reporter()));
        Ok(Telling::InTurn(turns))
    }
}

impl TokenCheck for Auth {
    fn check(&self, served: &Served, token: &str, from: IpAddr) -> Result<(Arc<Principal>, Option<i64>), String> {
        self.verify(&served.contract, token, Some(from)).map(|verified| (verified.principal, verified.expires)).map_err(|e| e.to_string())
    }
}

/// The contracts, and those that apps without one are given.
fn with_apps(config: &mut Config, contracts: &[Arc<Contract>]) -> Result<Vec<Arc<Contract>>, ConfigError> {
    let mut all = contracts.to_vec();
    for (name, app) in config.apps.clone() {
        let place = format!("apps.{name}");
        if all.iter().any(|c| c.name == name) {
            return Err(ConfigError::new(place, "a contract has this name").help("give the app another name"));
        }
        all.push(plain_contract(&name, &app).map_err(|problems| ConfigError::new(place, problems))?);
        // Whoever has the secret may publish as it likes; so it is good for the server's own interface, too.
        let backend_keys = vec![BackendKey::of(app.secret.reveal())];
        config.set_contract(&name, ContractConfig { backend_keys, ..ContractConfig::default() });
    }
    Ok(all)
}

/// Once a second: counts that were held back, rates that nobody uses any more.
async fn count(roster: Arc<Roster>, principals: Arc<Principals>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        roster.tick();
        principals.sweep(hub::now());
    }
}

/// Lets go of what the contracts' histories no longer keep, and takes the store's sizes.
async fn keep_house(app: Arc<App>, kept: Kept, store: Arc<dyn Log>, figures: Option<Arc<StoreFigures>>) {
    loop {
        if let Some(disk) = figures.clone() {
            let _ = tokio::task::spawn_blocking(move || disk.look()).await;
        }
        let is_mine = kept.keeps_house().await;
        for served in app.served.iter().filter(|_| is_mine) {
            let contract = &served.contract;
            for log in app.hub.reader().handles().into_iter().filter(|l| l.durability == tidewire_contract::Durability::Memory) {
                trim(&app, contract, log.name.clone());
            }
            let prefix = format!("{}/", contract.name);
            let mut after: Option<String> = None;
            let mut size = Size::default();
            loop {
                let (store, kept, prefix, from) = (store.clone(), kept.clone(), prefix.clone(), after.clone());
                let page = tokio::task::spawn_blocking(move || {
                    let page = store.list(&prefix, from.as_deref(), 1000)?;
                    if let Kept::Embedded(store) = &kept {
                        page.iter().for_each(|(_, state)| size.add(store, state));
                    }
                    Ok::<_, LogError>((page, size))
                });
                let Ok(Ok((page, sum))) = page.await else { break };
                size = sum;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                for (name, _) in page {
                    trim(&app, contract, name.into());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            if let Some(figures) = &figures {
                figures.sampled(&contract.name, size);
            }
        }
        tokio::time::sleep(HOUSEKEEPING).await;
    }
}

fn trim(app: &App, contract: &Contract, log: Arc<str>) {
    let Some(channel) = log.strip_prefix(contract.name.as_str()).and_then(|l| l.strip_prefix('/')).and_then(|c| contract.channel(c)) else {
        return;
    };
    let kind = &contract.channels[channel.log_kind];
    app.hub.trim(log.clone(), kind.durability, hub::retention(&kind.history));
}
