//! Who is on which channel, by the contracts' `presence`, and what is told of those who come and go.
//!
//! A shard says who comes onto a channel and goes off it ([`Presences::enter`], [`Presences::exit`]). For each member whose
//! state is not settled one task ([`keeper`]) brings three things together, whatever happens in between: who is connected here,
//! who is connected to other nodes ([`PresenceStore`]), and who was told to be there (rows of the channel's log, [`row`]). The
//! third survives a crash, so that those who do not come back after one are told to have left.

mod keeper;
mod locals;
mod recover;
mod row;
mod store;

pub use store::{Pending, PresenceStore};

use locals::Locals;
use row::Told;

use crate::{hub::Hub, served::Served};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tidewire_contract::{ChannelName, Contract, Presence, Principal};
use tidewire_engine::{log::LogError, publish::log_name};
use tokio::{runtime::Handle, sync::Notify, time::Instant};

/// One who is on a channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Member {
    pub member: Value,
    pub info: Value,
    /// Connections of the same member; 0 while it is away and has not left.
    pub connections: usize,
    /// When it came (µs).
    #[serde(skip)]
    pub since: i64,
}

/// All members of all channels that have presence. Cheap to share; without a hub ([`Presences::start`]) it only counts.
#[derive(Clone, Default)]
pub struct Presences(Arc<Inner>);

#[derive(Default)]
struct Inner {
    members: Mutex<Locals>,
    shared: Option<Arc<dyn PresenceStore>>,
    works: OnceLock<Works>,
    closed: AtomicBool,
}

/// What it tells through, once that is there.
struct Works {
    hub: Arc<Hub>,
    runtime: Handle,
}

/// A log, and a member as JSON.
type Key = (Arc<str>, Arc<str>);

/// A member as this node knows it.
struct Local {
    who: Arc<Who>,
    connections: usize,
    /// When its last connection went, or since when it is missed.
    gone: Instant,
    /// Connections that the other nodes were told of.
    shared: usize,
    /// A task sees to it, and looks again when it is rung for.
    busy: bool,
    bell: Arc<Notify>,
}

/// Who a member is, and where.
struct Who {
    contract: Arc<Contract>,
    channel: ChannelName,
    log: Arc<str>,
    member: Value,
    info: Value,
    /// The attributes of its principal.
    principal: Map<String, Value>,
    /// µs
    since: i64,
}

impl Who {
    fn presence(&self) -> Option<&Presence> {
        self.contract.channels[self.channel.kind].presence.as_ref()
    }

    fn key(&self) -> Key {
        (self.log.clone(), self.member.to_string().into())
    }

    fn shown(&self, connections: usize) -> Member {
        Member { member: self.member.clone(), info: self.info.clone(), connections, since: self.since }
    }
}

/// Whether something is published of who comes and goes.
fn tells(presence: &Presence) -> bool {
    presence.joins.is_some() || presence.leaves.is_some()
}

impl Presences {
    /// For a node that shares its logs with others.
    pub fn shared(store: Arc<dyn PresenceStore>) -> Presences {
        Presences(Arc::new(Inner { shared: Some(store), ..Inner::default() }))
    }

    /// From now on what happens is told through `hub`; first what is left from the last run is taken up. Call it within the
    /// runtime whose tasks tell it.
    pub fn start(&self, hub: Arc<Hub>, served: &[Arc<Served>]) {
        let runtime = Handle::current();
        if self.0.works.set(Works { hub: hub.clone(), runtime: runtime.clone() }).is_err() {
            return;
        }
        let contracts: Vec<_> = served.iter().filter(|s| s.pusher.is_none()).map(|s| s.contract.clone()).collect();
        runtime.spawn(recover::last_run(self.0.clone(), hub, contracts.clone()));
        if self.0.shared.is_some() {
            runtime.spawn(recover::orphans(self.0.clone(), contracts));
        }
        // Not within the loop's head: it would hold the lock that `kick` takes.
        let known: Vec<Key> = lock(&self.0.members).all().map(|(key, _)| key).collect();
        for key in known {
            self.0.kick(&key);
        }
    }

    /// The node stops: its clients are sent to come back, which is no leaving.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        for (_, local) in lock(&self.0.members).all() {
            local.bell.notify_one();
        }
    }

    /// A principal joined; a second connection of the same member only counts.
    pub(crate) fn enter(&self, contract: &Arc<Contract>, channel: &ChannelName, principal: &Principal) {
        let Some(who) = who(contract, channel, principal) else { return };
        if self.0.closed.load(Ordering::SeqCst) {
            return;
        }
        let key = who.key();
        {
            let mut members = lock(&self.0.members);
            let who = Arc::new(who);
            let local = members.or_insert(&key, || Local::new(who.clone()));
            if local.connections == 0 {
                // Of one who was missed less may be known than it says itself.
                local.who = who;
            }
            local.connections += 1;
        }
        self.0.kick(&key);
    }

    /// One of its connections left.
    pub(crate) fn exit(&self, contract: &Arc<Contract>, channel: &ChannelName, principal: &Principal) {
        let Some(who) = who(contract, channel, principal) else { return };
        if self.0.closed.load(Ordering::SeqCst) {
            return;
        }
        let key = who.key();
        if let Some(local) = lock(&self.0.members).get_mut(&key) {
            local.connections = local.connections.saturating_sub(1);
            local.gone = Instant::now();
        }
        self.0.kick(&key);
    }

    /// A new token: who is another member by it than by the old one goes from these channels as the old and comes as the new.
    pub(crate) fn renew(&self, contract: &Arc<Contract>, channels: &[ChannelName], old: &Principal, new: &Principal) {
        for channel in channels {
            let member = |principal| who(contract, channel, principal).map(|who| who.member);
            if member(old) != member(new) {
                self.exit(contract, channel, old);
                self.enter(contract, channel, new);
            }
        }
    }

    /// Who is on the channel, in the order in which they came. Where comings and goings are told, also who is away and was not
    /// yet told to have left: nobody who was told to be there is missing.
    ///
    /// # Errors
    /// What the store says, or the other nodes.
    pub async fn list(&self, contract: &Contract, channel: &ChannelName) -> Result<Vec<Member>, LogError> {
        let log = log_name(&contract.name, &channel.name);
        let mut all: HashMap<String, Member> = {
            let members = lock(&self.0.members);
            members.of(&log).filter(|m| m.connections > 0).map(|m| (m.who.member.to_string(), m.who.shown(m.connections))).collect()
        };
        if let Some(shared) = &self.0.shared {
            for other in shared.others(&log).await.map_err(LogError::Failed)? {
                match all.get_mut(&other.member.to_string()) {
                    Some(known) => {
                        known.connections += other.connections;
                        known.since = known.since.min(other.since);
                    }
                    None => drop(all.insert(other.member.to_string(), other)),
                }
            }
        }
        let kind = &contract.channels[channel.kind];
        if kind.presence.as_ref().is_some_and(tells)
            && let Some(works) = self.0.works.get()
        {
            let (hub, durability) = (works.hub.clone(), contract.channels[channel.log_kind].durability);
            let told = tokio::task::spawn_blocking(move || {
                let store = hub.reader().store(durability);
                let Some(state) = store.find(&log)? else { return Ok(Vec::new()) };
                row::all(store, state.id)
            });
            for told in told.await.map_err(|e| LogError::Failed(e.to_string()))?? {
                let since = told.since;
                all.entry(told.member.to_string()).and_modify(|known| known.since = since).or_insert_with(|| told.shown());
            }
        }
        let mut all: Vec<Member> = all.into_values().collect();
        all.sort_by_cached_key(|m| (m.since, m.member.to_string()));
        Ok(all)
    }
}

impl Local {
    fn new(who: Arc<Who>) -> Local {
        Local { who, connections: 0, gone: Instant::now(), shared: 0, busy: false, bell: Arc::default() }
    }
}

impl Inner {
    /// One who was told to be there by another run or node.
    fn miss(self: &Arc<Self>, who: Who) {
        let key = who.key();
        lock(&self.members).or_insert(&key, || Local::new(Arc::new(who)));
        self.kick(&key);
    }

    /// Something is another way now: whoever sees to the member looks again, or begins to. Nobody has to where nothing is told.
    fn kick(self: &Arc<Self>, key: &Key) {
        let mut members = lock(&self.members);
        let Some(local) = members.get_mut(key) else { return };
        if local.busy {
            local.bell.notify_one();
            return;
        }
        let told = self.shared.is_some() || local.who.presence().is_some_and(tells);
        match self.works.get().filter(|_| told) {
            Some(works) => {
                local.busy = true;
                works.runtime.spawn(keeper::keep(self.clone(), key.clone()));
            }
            None if local.connections == 0 => members.remove(key),
            None => {}
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn who(contract: &Arc<Contract>, channel: &ChannelName, principal: &Principal) -> Option<Who> {
    let presence = contract.channels[channel.kind].presence.as_ref()?;
    let attributes = principal.attributes.to_json();
    let mut lookup = |path: &[String]| value(path, &attributes, channel, None);
    Some(Who {
        member: presence.member.fill(&mut lookup),
        info: presence.info.fill(&mut lookup),
        contract: contract.clone(),
        channel: channel.clone(),
        log: log_name(&contract.name, &channel.name),
        principal: attributes,
        since: crate::hub::now(),
    })
}

/// What a name stands for in the templates of `presence:`.
fn value(path: &[String], principal: &Map<String, Value>, channel: &ChannelName, member: Option<&Value>) -> Option<Value> {
    match path {
        [first, attribute, rest @ ..] if first == "principal" => {
            rest.iter().try_fold(principal.get(attribute)?, |value, part| value.get(part)).cloned()
        }
        [name, rest @ ..] if name == "member" && member.is_some() => rest.iter().try_fold(member?, |value, part| value.get(part)).cloned(),
        [var] => channel.vars.iter().find(|(name, _)| **name == **var).map(|(_, v)| Value::String(v.clone())),
        _ => None,
    }
}
