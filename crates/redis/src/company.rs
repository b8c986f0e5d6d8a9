//! Which nodes there are, and what one orders all of them to do.
//!
//! An order is an entry of a stream, which each node reads on from where it was: so one that was away for a moment obeys late, and
//! not never. A word over a contract's channel only makes it look sooner.

use crate::{Failure, RedisLog, reply, scripts};
use redis::Value;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// What is done when an order comes. Must return quickly.
pub type Obey = Arc<dyn Fn(&str, Vec<u8>) + Send + Sync>;
/// What is done when this node had been taken for dead: what it had said of its people is gone.
pub type Returned = Arc<dyn Fn() + Send + Sync>;

/// The nodes, as this one knows them.
pub struct Company {
    log: Arc<RedisLog>,
    node: u64,
    known: Mutex<Known>,
    look: Notify,
}

#[derive(Default)]
struct Known {
    alive: HashSet<u64>,
    dead: HashSet<u64>,
    /// When this node was last heard to live.
    beaten: Option<Instant>,
    /// The last order that was read.
    read: Option<String>,
}

/// How often a node says that it lives, and for how long its word counts.
const BEAT: Duration = Duration::from_secs(1);
const ALIVE: Duration = Duration::from_secs(6);
/// Orders that are kept for those who are away.
const ORDERS: usize = 10_000;

impl Company {
    /// Begins to say that this node lives.
    pub fn start(log: &Arc<RedisLog>, node: u64, obey: Obey, returned: Returned) -> Arc<Company> {
        let company = Arc::new(Company { log: log.clone(), node, known: Mutex::default(), look: Notify::new() });
        let this = Arc::downgrade(&company);
        log.io().handle().spawn(async move {
            loop {
                let Some(company) = this.upgrade() else { return };
                if let Err(failure) = company.turn(&obey, &returned).await {
                    tracing::debug!(%failure, "the other nodes cannot be asked");
                }
                tokio::select! {
                    () = company.look.notified() => {}
                    () = tokio::time::sleep(BEAT) => {}
                }
            }
        });
        company
    }

    pub fn log(&self) -> &Arc<RedisLog> {
        &self.log
    }

    pub fn node(&self) -> u64 {
        self.node
    }

    /// Other nodes that live.
    pub fn others(&self) -> Vec<u64> {
        self.known().alive.iter().copied().filter(|node| *node != self.node).collect()
    }

    /// All that live, this one included.
    pub fn alive(&self) -> HashSet<u64> {
        let mut alive = self.known().alive.clone();
        alive.insert(self.node);
        alive
    }

    /// Nodes that died and were not cleared away.
    pub fn dead(&self) -> Vec<u64> {
        self.known().dead.iter().copied().collect()
    }

    /// What was left of a node that died is cleared away.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn bury(&self, node: u64) -> Result<(), Failure> {
        let mut command = redis::cmd("ZREM");
        command.arg(self.nodes()).arg(hex(node));
        self.log.common().ask::<i64>(&command).await?;
        self.known().dead.remove(&node);
        Ok(())
    }

    /// Orders all nodes; the order's name.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn order(&self, order: &[u8]) -> Result<String, Failure> {
        let mut command = redis::cmd("XADD");
        command.arg(self.orders()).arg("MAXLEN").arg("~").arg(ORDERS).arg("*").arg("o").arg(order);
        self.log.common().ask(&command).await
    }

    /// Somebody says that there is an order.
    pub fn look(&self) {
        self.look.notify_one();
    }

    /// This node ends: the others need not wait for its word to run out.
    pub async fn leave(&self) {
        let mut command = redis::cmd("ZADD");
        command.arg(self.nodes()).arg(0).arg(hex(self.node));
        let _ = self.log.common().ask::<i64>(&command).await;
    }

    /// Who lives, as Redis knows it now.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn who_lives(&self) -> Result<HashSet<u64>, Failure> {
        self.beat("").await?;
        Ok(self.alive())
    }

    /// Returns when others see this node, and it hears what they order.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn appear(&self) -> Result<(), Failure> {
        let (beaten, read) = {
            let known = self.known();
            (known.beaten.is_some(), known.read.is_some())
        };
        if !beaten {
            self.beat(&hex(self.node)).await?;
        }
        if !read {
            self.begin_to_read().await?;
        }
        Ok(())
    }

    /// Says that this node lives, or nothing for `''`, and hears who does; whether it had been taken for dead.
    async fn beat(&self, me: &str) -> Result<bool, Failure> {
        let arguments = [me.to_owned(), (ALIVE.as_micros()).to_string()].map(String::into_bytes);
        let said = self.log.common().run_on(&scripts::beat, &self.nodes(), &arguments).await?;
        let [new, alive, dead] = reply::list(&said) else { return Ok(false) };
        let nodes = |value: &Value| reply::list(value).iter().filter_map(|v| u64::from_str_radix(&reply::text(v), 16).ok()).collect();
        let mut known = self.known();
        (known.alive, known.dead) = (nodes(alive), nodes(dead));
        if me.is_empty() {
            return Ok(false);
        }
        let first = known.beaten.replace(Instant::now()).is_none();
        Ok(!first && reply::int(new) == Some(1))
    }

    /// Orders before its time are none of its business.
    async fn begin_to_read(&self) -> Result<(), Failure> {
        let mut last = redis::cmd("XREVRANGE");
        last.arg(self.orders()).arg("+").arg("-").arg("COUNT").arg(1);
        let found: Value = self.log.common().ask(&last).await?;
        let id = reply::list(&found).first().and_then(|entry| reply::list(entry).first()).map(reply::text);
        self.known().read.get_or_insert(id.unwrap_or_else(|| "0-0".to_owned()));
        Ok(())
    }

    async fn turn(&self, obey: &Obey, returned: &Returned) -> Result<(), Failure> {
        let due = self.known().beaten.is_none_or(|at| at.elapsed() >= BEAT / 2);
        if due && self.beat(&hex(self.node)).await? {
            returned();
        }
        let Some(from) = self.known().read.clone() else { return self.begin_to_read().await };
        let orders = self.orders();
        let mut range = redis::cmd("XRANGE");
        range.arg(&orders).arg(format!("({from}")).arg("+").arg("COUNT").arg(1000);
        let found: Value = self.log.common().ask(&range).await?;
        for entry in reply::list(&found) {
            let [id, fields] = reply::list(entry) else { continue };
            let id = reply::text(id);
            if let Some(Value::BulkString(order)) = reply::list(fields).get(1) {
                obey(&id, order.clone());
            }
            self.known().read = Some(id);
        }
        Ok(())
    }

    fn nodes(&self) -> String {
        self.log.names().common("nodes")
    }

    fn orders(&self) -> String {
        self.log.names().common("orders")
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn hex(node: u64) -> String {
    format!("{node:016x}")
}
