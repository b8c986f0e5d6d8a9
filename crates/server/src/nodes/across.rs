//! What is asked of all nodes, and counted over all of them.

use super::{
    Listening,
    order::{self, Order, What},
    places::Seats,
    rosters::{self, Rosters},
};
use crate::{
    devices::Devices,
    pusher::{Roster, roster::Change},
    shard::{Selector, Shards, Switches},
    webhooks::Turn,
};
use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use tidewire_contract::Principal;
use tidewire_redis::{Bounds, Company, Failure, Lease, People, Shared};
use tokio::{runtime::Handle, sync::oneshot};

/// The other nodes, for what this one wants of them.
pub struct Across {
    shared: Arc<Shared>,
    company: Arc<Company>,
    people: Arc<People>,
    bounds: Bounds,
    seats: Seats,
    runtime: Handle,
    here: OnceLock<Here>,
    rosters: OnceLock<Rosters>,
    waiting: Mutex<HashMap<u64, Waiting>>,
}

/// What orders are carried out on.
pub struct Here {
    pub shards: Arc<Shards>,
    pub switches: Arc<Switches>,
    pub devices: HashMap<String, Arc<Devices>>,
    pub webhooks: Turn,
}

struct Waiting {
    sum: usize,
    left: usize,
    /// The first answer that is not 0 is enough.
    first: bool,
    done: Option<oneshot::Sender<usize>>,
}

/// How long other nodes may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

impl Across {
    /// Begins to say that this node lives, and to obey. Within a runtime.
    pub fn start(shared: Arc<Shared>, contracts: &[String]) -> Arc<Across> {
        Arc::new_cyclic(|this| {
            let (obeying, returning) = (this.clone(), this.clone());
            let obey = move |_: &str, bytes: Vec<u8>| {
                let this: std::sync::Weak<Across> = obeying.clone();
                if let Some(this) = this.upgrade() {
                    this.obey(&bytes);
                }
            };
            let returned = move || {
                let this: std::sync::Weak<Across> = returning.clone();
                if let Some(this) = this.upgrade() {
                    let people = this.people.clone();
                    this.runtime.spawn(async move { people.again().await });
                    this.seats.doubt(&this);
                    if let Some(rosters) = this.rosters.get() {
                        rosters.anew();
                    }
                }
            };
            let company = Company::start(shared.log(), shared.node(), Arc::new(obey), Arc::new(returned));
            Across {
                people: Arc::new(People::new(company.clone(), contracts.to_vec())),
                bounds: Bounds::new(company.clone()),
                seats: Seats::new(company.clone()),
                shared,
                company,
                runtime: Handle::current(),
                here: OnceLock::new(),
                rosters: OnceLock::new(),
                waiting: Mutex::default(),
            }
        })
    }

    /// From now on orders are carried out.
    pub fn begin(&self, here: Here) {
        let _ = self.here.set(here);
    }

    /// From now on the roster knows who is on the channels of these contracts on the other nodes. Within a runtime.
    pub fn pass_on(&self, roster: &Arc<Roster>, contracts: &[String]) {
        let _ = self.rosters.set(Rosters::start(&self.shared, &self.company, roster, contracts));
    }

    pub fn people(&self) -> &Arc<People> {
        &self.people
    }

    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// What one node at a time does; `time`: how long after a holder's last word another may take it.
    pub fn lease(&self, name: &str, time: Duration) -> Lease {
        self.shared.lease(name, time)
    }

    /// Nodes that live, as far as this one knows.
    pub fn nodes(&self) -> usize {
        self.company.alive().len()
    }

    /// This node ends.
    pub async fn leave(&self) {
        self.company.leave().await;
    }

    /// Closes the sessions of other nodes that fit; how many there were.
    pub async fn disconnect(&self, who: &Selector, reason: &str) -> usize {
        self.ask_of(who, What::Disconnect { who: who.clone(), reason: reason.to_owned() }).await
    }

    /// The same, with a code by which clients come back.
    pub async fn recall(&self, who: &Selector, reason: &str) -> usize {
        self.ask_of(who, What::Recall { who: who.clone(), reason: reason.to_owned() }).await
    }

    /// Takes those of other nodes off the channel; how many there were.
    pub async fn unsubscribe(&self, who: &Selector, channel: &str) -> usize {
        self.ask_of(who, What::Unsubscribe { who: who.clone(), channel: channel.to_owned() }).await
    }

    /// Sessions of other nodes that are subscribed to a log.
    pub async fn subscribers(&self, log: &str) -> usize {
        self.ask(tidewire_redis::contract_of(log), What::Subscribers { log: log.to_owned() }, false).await
    }

    /// Binds a connection of another node to the principal: 1 if it could be, 2 if it is another's already, 0 if there is none.
    pub async fn bind(&self, contract: &str, connection: u64, principal: &Principal) -> usize {
        let (id, attributes) = (principal.id.to_string(), principal.attributes.to_json());
        self.ask(contract, What::Bind { connection, id, attributes }, true).await
    }

    /// A device was changed here.
    pub async fn device(&self, contract: &str, id: u64) {
        self.ask(contract, What::Device { id }, false).await;
    }

    /// Something happened here that webhooks may be told of; by the node whose turn it is.
    pub fn tell_change(self: &Arc<Self>, contract: &str, change: Change) {
        let (this, contract) = (self.clone(), contract.to_owned());
        self.runtime.spawn(async move { this.ask(&contract, What::Change(change), true).await });
    }

    /// The places of connections under the limits of their principals.
    pub fn seats(&self) -> &Seats {
        &self.seats
    }

    pub(super) fn here(&self) -> Option<&Here> {
        self.here.get()
    }

    pub(super) fn node(&self) -> u64 {
        self.company.node()
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Ends a connection of another node, whose place is another's now.
    pub(super) async fn evict_there(&self, contract: &str, connection: u64) -> Result<(), Failure> {
        let order = Order { from: self.node(), token: rand::random(), contract: contract.to_owned(), what: What::Evict { connection } };
        self.order(&order).await
    }

    async fn ask_of(&self, who: &Selector, what: What) -> usize {
        self.ask(who.contract.as_deref().unwrap_or_default(), what, false).await
    }

    /// Orders the other nodes, and sums up what they answer in time.
    async fn ask(&self, contract: &str, what: What, first: bool) -> usize {
        let others = self.company.others().len();
        let token: u64 = rand::random();
        let (done, answered) = oneshot::channel();
        let order = Order { from: self.company.node(), token, contract: contract.to_owned(), what };
        if others > 0 {
            self.waiting().insert(token, Waiting { sum: 0, left: others, first, done: Some(done) });
        }
        if let Err(failure) = self.order(&order).await {
            tracing::warn!(%failure, "the other nodes were not told what to do");
            self.waiting().remove(&token);
            return 0;
        }
        if others == 0 {
            return 0;
        }
        let sum = tokio::time::timeout(PATIENCE, answered).await;
        let so_far = self.waiting().remove(&token).map_or(0, |waiting| waiting.sum);
        sum.ok().and_then(Result::ok).unwrap_or(so_far)
    }

    async fn order(&self, order: &Order) -> Result<(), Failure> {
        let written = serde_json::to_vec(order).map_err(|e| Failure::Refused(e.to_string()))?;
        self.company.order(&written).await?;
        self.shared.say(&order.contract, order::LOOK.to_vec());
        Ok(())
    }

    fn obey(self: Arc<Self>, bytes: &[u8]) {
        let Ok(order) = serde_json::from_slice::<Order>(bytes) else {
            return tracing::error!("an order of another node cannot be read: are all nodes of one version?");
        };
        if order.from == self.company.node() {
            return;
        }
        let runtime = self.runtime.clone();
        runtime.spawn(async move {
            let Some(here) = self.here.get() else { return };
            let Order { token, contract, what, .. } = order;
            let shards = &here.shards;
            let count = match what {
                What::Disconnect { who, reason } => shards.disconnect(who, &reason).await,
                What::Recall { who, reason } => shards.recall(who, &reason).await,
                What::Unsubscribe { who, channel } => shards.unsubscribe(who, &channel).await,
                What::Subscribers { log } => shards.subscribers(&log).await,
                What::Evict { connection } => {
                    here.switches.evict(connection);
                    0
                }
                What::Bind { connection, id, attributes } => {
                    match shards.bind(connection, &contract, Arc::new(Principal { id: id.into(), attributes: attributes.into() })).await {
                        Ok(bound) => usize::from(bound),
                        Err(_) => 2,
                    }
                }
                What::Change(change) => {
                    here.webhooks.passed_on(&contract, change);
                    0
                }
                What::Device { id } => {
                    if let Some(devices) = here.devices.get(&contract).cloned() {
                        let _ = tokio::task::spawn_blocking(move || devices.look_anew(id)).await;
                    }
                    0
                }
            };
            self.shared.say(&contract, order::answer(token, count));
        });
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listening for Across {
    fn said(&self, contract: &str, node: u64, what: Bytes) {
        if &*what == order::LOOK {
            return self.company.look();
        }
        if what.first() == Some(&rosters::KIND) {
            if let Some(rosters) = self.rosters.get() {
                rosters.said(contract, node, &what[1..]);
            }
            return;
        }
        let Some((token, count)) = order::answered(&what) else { return };
        let mut waiting = self.waiting();
        let Some(one) = waiting.get_mut(&token) else { return };
        one.sum += count;
        one.left = one.left.saturating_sub(1);
        if (one.left == 0 || one.first && count > 0)
            && let Some(done) = one.done.take()
        {
            let _ = done.send(one.sum);
        }
    }

    fn connected(&self, _: &str) {
        self.company.look();
    }
}
