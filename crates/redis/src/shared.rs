//! All contracts of a node on Redis: who orders, who follows, and what they need of the server.

use crate::{
    Figures, Lease, RedisLog, Seen,
    follower::{Command, Follower},
    health::Health,
    order::{Job, Orderer, Waiting},
};
use bytes::Bytes;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tidewire_contract::Durability;
use tidewire_engine::{
    Draft, LogHandle, Reader,
    log::{Log, LogError, Retention},
    reader::Opener,
    sequencer::Answer,
};
use tokio::sync::{mpsc, oneshot};

/// What the server does with what is heard. Must return quickly.
pub trait Host: Send + Sync + 'static {
    /// There is something new to see in these logs.
    fn moved(&self, logs: &[Arc<LogHandle>]);
    /// What another node says of itself.
    fn said(&self, contract: &str, node: u64, what: Bytes);
    /// The others are heard from now on; what they said before may have been missed.
    fn connected(&self, contract: &str);
    /// What the contract promises for a log.
    fn durability(&self, log: &str) -> Option<Durability>;
    /// Whether somebody reads every log of the contract.
    fn wants_all(&self, contract: &str) -> bool;
}

/// The shared log at work. Cheap to share.
pub struct Shared {
    log: Arc<RedisLog>,
    reader: Arc<Reader>,
    node: u64,
    contracts: HashMap<String, One>,
}

struct One {
    jobs: mpsc::UnboundedSender<Job>,
    follower: mpsc::UnboundedSender<Command>,
    health: Arc<Health>,
    figures: Arc<Figures>,
}

/// How a contract's line to Redis is doing.
#[derive(Debug, Clone, Copy)]
pub struct Condition {
    /// What the others told before is caught up with.
    pub whole: bool,
    /// How long ago the newest probe that came back was sent; `None`: none came back yet.
    pub echo: Option<Duration>,
    pub seen: Seen,
}

/// How long it may take to learn where a log stands.
const OPENING: Duration = Duration::from_secs(5);

impl Shared {
    /// Starts to follow these contracts. `node` tells this one from the others, and its ids from theirs.
    pub fn start(log: Arc<RedisLog>, contracts: &[String], host: Arc<dyn Host>, node: u64) -> Arc<Shared> {
        let lines: Vec<(String, Line)> = contracts.iter().map(|contract| (contract.clone(), Line::default())).collect();
        let opener = Arc::new(Doors(lines.iter().map(|(contract, line)| (contract.clone(), line.commands.clone())).collect()));
        let reader = Arc::new(Reader::shared(log.clone(), opener));
        let mut all = HashMap::new();
        for (contract, Line { commands, inbox }) in lines {
            let health = Arc::new(Health::new());
            let follower = Follower {
                contract: contract.as_str().into(),
                log: log.clone(),
                reader: reader.clone(),
                host: host.clone(),
                node,
                health: health.clone(),
            };
            log.io().handle().spawn(follower.run(inbox));
            let (jobs, work) = mpsc::unbounded_channel();
            let orderer = Orderer {
                link: log.link(&contract),
                channel: log.names().told(&contract),
                salt: node,
                health: health.clone(),
                follower: commands.clone(),
            };
            log.io().handle().spawn(orderer.run(work));
            let figures = log.link(&contract).figures().clone();
            all.insert(contract, One { jobs, follower: commands, health, figures });
        }
        Arc::new(Shared { log, reader, node, contracts: all })
    }

    pub fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    pub fn log(&self) -> &Arc<RedisLog> {
        &self.log
    }

    /// What tells this node from the others.
    pub fn node(&self) -> u64 {
        self.node
    }

    /// Hands in drafts of one contract. `false`: nothing is taken any more.
    pub fn publish(&self, drafts: Vec<Draft>, answer: oneshot::Sender<Answer>) -> bool {
        let Some(contract) = drafts.first().map(|draft| draft.contract.name.clone()) else {
            let _ = answer.send(self.check().map(|()| Vec::new()).map_err(Into::into));
            return true;
        };
        if drafts.iter().any(|draft| draft.contract.name != contract) {
            let _ = answer.send(Err(LogError::Failed("events of several contracts cannot be published at once".into()).into()));
            return true;
        }
        match self.contracts.get(&contract) {
            Some(one) => one.jobs.send(Job { drafts, answer: Waiting::new(answer, &one.figures) }).is_ok(),
            None => answer.send(Err(LogError::Failed(format!("this node does not follow {contract}")).into())).is_ok(),
        }
    }

    /// Whether events of all contracts would be taken.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), LogError> {
        self.contracts.values().try_for_each(|one| one.health.check())
    }

    /// How each contract's line is doing.
    pub fn conditions(&self) -> Vec<(&str, Condition)> {
        let of = |one: &One| Condition { whole: one.health.is_whole(), echo: one.health.echo(), seen: one.figures.seen() };
        self.contracts.iter().map(|(contract, one)| (contract.as_str(), of(one))).collect()
    }

    /// Tells the other nodes that serve the contract. It may get lost.
    pub fn say(&self, contract: &str, what: Vec<u8>) {
        if let Some(one) = self.contracts.get(contract) {
            let _ = one.follower.send(Command::Say(what));
        }
    }

    /// Learns where a log stands, and follows it.
    ///
    /// # Errors
    /// When Redis does not say so in time.
    pub async fn open(&self, log: &Arc<str>, durability: Durability) -> Result<Arc<LogHandle>, LogError> {
        if let Some(handle) = self.reader.known(log) {
            return Ok(handle);
        }
        let Some(one) = self.contracts.get(crate::contract_of(log)) else { return Err(unknown(log)) };
        let (answer, answered) = oneshot::channel();
        let _ = one.follower.send(Command::Watch { log: log.clone(), durability, answer });
        match tokio::time::timeout(OPENING, answered).await {
            Ok(Ok(opened)) => opened,
            _ => Err(LogError::Away(format!("it is not known where {log} stands"))),
        }
    }

    /// What one node at a time does; `time`: how long after a holder's last word another may take it.
    pub fn lease(&self, name: &str, time: Duration) -> Lease {
        Lease::new(&self.log, name, self.node, time)
    }

    /// Lets go of what the retention no longer keeps of a log. Blocks.
    pub fn trim(&self, log: &str, retention: &Retention, now: i64) {
        if let Err(error) = self.log.trim(self.log.id_of(log), retention, now) {
            tracing::warn!(%log, %error, "cannot trim the history");
        }
    }

    /// Publishes nothing more; who waits for an answer gets it.
    pub async fn stop(&self) {
        for one in self.contracts.values() {
            let (done, stopped) = oneshot::channel();
            if one.follower.send(Command::Stop(done)).is_ok() {
                let _ = tokio::time::timeout(OPENING, stopped).await;
            }
            one.health.stop();
        }
    }
}

struct Line {
    commands: mpsc::UnboundedSender<Command>,
    inbox: mpsc::UnboundedReceiver<Command>,
}

impl Default for Line {
    fn default() -> Line {
        let (commands, inbox) = mpsc::unbounded_channel();
        Line { commands, inbox }
    }
}

/// Opens logs for those who may block.
struct Doors(HashMap<String, mpsc::UnboundedSender<Command>>);

impl Opener for Doors {
    fn open(&self, log: &Arc<str>, durability: Durability) -> Result<Arc<LogHandle>, LogError> {
        let Some(follower) = self.0.get(crate::contract_of(log)) else { return Err(unknown(log)) };
        let (answer, mut answered) = oneshot::channel();
        let _ = follower.send(Command::Watch { log: log.clone(), durability, answer });
        let until = std::time::Instant::now() + OPENING;
        // Not `blocking_recv`, which a runtime's own threads may not call.
        loop {
            match answered.try_recv() {
                Ok(opened) => return opened,
                Err(oneshot::error::TryRecvError::Empty) if std::time::Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(_) => return Err(LogError::Away(format!("it is not known where {log} stands"))),
            }
        }
    }
}

fn unknown(log: &str) -> LogError {
    LogError::Failed(format!("this node does not follow {log}"))
}
