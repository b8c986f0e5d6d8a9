//! Who is on which channel of the Pusher protocol, and who is signed in, over all shards of the node, and over the nodes that share
//! its channels: what each of those says of its own ([`Roster::elsewhere`]) counts beside what is here.
//!
//! Every change has a number within its channel. Whoever joins is told the members as of a number, and of every change with a
//! greater one: so nobody hears of a member twice, or misses one, however many threads are at work.

mod elsewhere;
mod users;

pub use elsewhere::{Row, RowKey, Share};

use crate::served::Served;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use tidewire_engine::publish::log_name;
use tidewire_wire::pusher::{Member, Notice};
use users::User;

/// Who passes notices on to connections. Must not block.
pub trait Tell: Send + Sync + 'static {
    /// To everybody on the log's channel who joined before the change `number`; with 0, to everybody on it.
    fn channel(&self, log: &Arc<str>, number: u64, notice: &Notice);
    /// To these connections.
    fn connections(&self, connections: &[u64], notice: &Notice);
}

/// What the world outside may want to know; each with the contract's name. Must not block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    Occupied {
        channel: String,
    },
    Vacated {
        channel: String,
    },
    MemberAdded {
        channel: String,
        user_id: String,
    },
    MemberRemoved {
        channel: String,
        user_id: String,
    },
    Count {
        channel: String,
        count: usize,
    },
    /// `data` is JSON as the client sent it; `user_id` on presence channels.
    ClientEvent {
        channel: String,
        event: String,
        data: String,
        socket_id: String,
        user_id: Option<String>,
    },
    CacheMiss {
        channel: String,
    },
}

/// Called with the contract's name for each change, in order within a channel.
pub type Listener = Box<dyn Fn(&str, Change) + Send + Sync>;

/// All channels and users of the node's Pusher apps.
#[derive(Default)]
pub struct Roster {
    channels: Mutex<BTreeMap<Arc<str>, Channel>>,
    users: Mutex<HashMap<(String, String), User>>,
    tell: OnceLock<Arc<dyn Tell>>,
    listener: OnceLock<Listener>,
    share: OnceLock<Share>,
}

struct Channel {
    contract: String,
    name: Arc<str>,
    subscriptions: usize,
    /// In the order in which they came.
    members: Vec<Seat>,
    /// What other nodes have of it.
    elsewhere: BTreeMap<u64, (usize, Vec<Member>)>,
    number: u64,
    counts: bool,
    /// When the count was told last, and whether it has changed since.
    told: Option<Instant>,
    stale: bool,
}

struct Seat {
    member: Member,
    connections: usize,
}

/// What a new subscription is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Entered {
    pub members: Option<Vec<Member>>,
    /// Changes up to this number are in `members`.
    pub number: u64,
}

/// The presence channel has as many members as its app allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the channel has {0} members, and may not have more")]
pub struct Full(pub usize);

/// What is asked of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupancy {
    pub channel: String,
    pub subscriptions: usize,
    pub users: usize,
}

/// Up to this many subscribers a count is told at once; above it, as often as [`COUNT_EVERY`].
const COUNT_AT_ONCE: usize = 100;
const COUNT_EVERY: Duration = Duration::from_secs(5);

impl Roster {
    /// Whom changes are told through. Once, before the first connection.
    pub fn connect(&self, tell: Arc<dyn Tell>) {
        let _ = self.tell.set(tell);
    }

    /// Who hears of every change. Once, before the first connection.
    pub fn listen(&self, listener: Listener) {
        let _ = self.listener.set(listener);
    }

    /// A connection subscribes; on a presence channel as `member`.
    ///
    /// # Errors
    /// [`Full`]: nothing was changed.
    pub fn enter(&self, served: &Served, channel: &Arc<str>, member: Option<Member>) -> Result<Entered, Full> {
        let options = served.pusher.as_ref().map(|app| &app.options);
        let (counts, most) = options.map_or((false, usize::MAX), |o| (o.subscription_counts, o.presence_members));
        let contract = &served.contract.name;
        let log = log_name(contract, channel);
        let mut channels = self.channels();
        let entry = channels.entry(log.clone()).or_insert_with(|| Channel {
            contract: contract.clone(),
            name: channel.clone(),
            subscriptions: 0,
            members: Vec::new(),
            elsewhere: BTreeMap::new(),
            number: 0,
            counts,
            told: None,
            stale: false,
        });
        // Another node may have spoken of it before anybody was on it here.
        entry.counts = counts;
        let is_presence = member.is_some();
        let mut added = None;
        if let Some(member) = member {
            match entry.members.iter().position(|seat| seat.member.user_id == member.user_id) {
                Some(at) => entry.members[at].connections += 1,
                None if !entry.is_elsewhere(&member.user_id) && entry.everybody().len() >= most => {
                    let full = Full(entry.everybody().len());
                    if entry.is_empty() {
                        channels.remove(&log);
                    }
                    return Err(full);
                }
                None => {
                    if !entry.is_elsewhere(&member.user_id) {
                        entry.number += 1;
                        added = Some(member.clone());
                    }
                    entry.members.push(Seat { member, connections: 1 });
                }
            }
        }
        entry.subscriptions += 1;
        let name = || channel.to_string();
        if entry.all_subscriptions() == 1 {
            self.hear(contract, Change::Occupied { channel: name() });
        }
        if let Some(member) = added {
            self.hear(contract, Change::MemberAdded { channel: name(), user_id: member.user_id.clone() });
            self.tell(&log, entry.number, &Notice::MemberAdded { channel: name(), member });
        }
        self.count(&log, entry, is_presence);
        let members = is_presence.then(|| entry.everybody());
        let entered = Entered { members, number: entry.number };
        self.changed(contract, RowKey::Channel(name()));
        Ok(entered)
    }

    /// A connection that had entered is gone from the channel.
    pub fn exit(&self, contract: &str, channel: &str, user_id: Option<&str>) {
        let log = log_name(contract, channel);
        let mut channels = self.channels();
        let Some(entry) = channels.get_mut(&log) else { return };
        let name = || channel.to_owned();
        if let Some(user_id) = user_id
            && let Some(at) = entry.members.iter().position(|seat| seat.member.user_id == user_id)
        {
            entry.members[at].connections -= 1;
            if entry.members[at].connections == 0 {
                entry.members.remove(at);
                if !entry.is_elsewhere(user_id) {
                    self.removed(&log, entry, user_id);
                }
            }
        }
        entry.subscriptions = entry.subscriptions.saturating_sub(1);
        self.count(&log, entry, user_id.is_some());
        if entry.is_empty() {
            self.hear(contract, Change::Vacated { channel: name() });
            channels.remove(&log);
        }
        self.changed(contract, RowKey::Channel(name()));
    }

    /// What is so now, as if it had just come to be: channels that are occupied, and their members; in order with what happens
    /// meanwhile. `hear` must not block.
    pub fn present(&self, contract: &str, hear: impl Fn(Change)) {
        let prefix = log_name(contract, "");
        let channels = self.channels();
        let mine = channels.range(prefix.clone()..).take_while(|(log, _)| log.starts_with(&*prefix));
        for (_, entry) in mine {
            hear(Change::Occupied { channel: entry.name.to_string() });
            for member in entry.everybody() {
                hear(Change::MemberAdded { channel: entry.name.to_string(), user_id: member.user_id });
            }
        }
    }

    fn removed(&self, log: &Arc<str>, entry: &mut Channel, user_id: &str) {
        entry.number += 1;
        let (channel, user_id) = (entry.name.to_string(), user_id.to_owned());
        self.hear(&entry.contract, Change::MemberRemoved { channel: channel.clone(), user_id: user_id.clone() });
        self.tell(log, entry.number, &Notice::MemberRemoved { channel, user_id });
    }

    /// Who is on the channel now.
    pub fn members(&self, contract: &str, channel: &str) -> Vec<Member> {
        let channels = self.channels();
        let entry = channels.get(&log_name(contract, channel));
        entry.map(Channel::everybody).unwrap_or_default()
    }

    /// The occupied channels of a contract whose names begin so, by name.
    pub fn occupied(&self, contract: &str, prefix: &str) -> Vec<Occupancy> {
        let from = log_name(contract, prefix);
        let channels = self.channels();
        let found = channels.range(from.clone()..).take_while(|(log, _)| log.starts_with(&*from));
        found.map(|(_, entry)| entry.occupancy()).collect()
    }

    /// One channel, if anybody is on it.
    pub fn occupancy(&self, contract: &str, channel: &str) -> Option<Occupancy> {
        self.channels().get(&log_name(contract, channel)).map(Channel::occupancy)
    }

    /// Tells the counts that were held back. To be called about once a second.
    pub fn tick(&self) {
        for (log, entry) in self.channels().iter_mut().filter(|(_, entry)| entry.stale) {
            self.count(log, entry, false);
        }
    }

    /// Somebody joined a cache channel that has no event for it.
    pub fn missed(&self, contract: &str, channel: &str) {
        self.hear(contract, Change::CacheMiss { channel: channel.to_owned() });
    }

    /// A client sent an event to the others.
    pub fn sent(&self, contract: &str, channel: &str, event: &str, data: &str, socket_id: &str, user_id: Option<String>) {
        let (channel, event) = (channel.to_owned(), event.to_owned());
        self.hear(contract, Change::ClientEvent { channel, event, data: data.to_owned(), socket_id: socket_id.to_owned(), user_id });
    }

    fn count(&self, log: &Arc<str>, entry: &mut Channel, is_presence: bool) {
        if !entry.counts || is_presence || !entry.everybody().is_empty() {
            return;
        }
        let now = Instant::now();
        if entry.all_subscriptions() > COUNT_AT_ONCE && entry.told.is_some_and(|told| now.duration_since(told) < COUNT_EVERY) {
            entry.stale = true;
            return;
        }
        (entry.told, entry.stale) = (Some(now), false);
        let (channel, count) = (entry.name.to_string(), entry.all_subscriptions());
        self.hear(&entry.contract, Change::Count { channel: channel.clone(), count });
        self.tell(log, 0, &Notice::SubscriptionCount { channel, count });
    }

    fn tell(&self, log: &Arc<str>, number: u64, notice: &Notice) {
        if let Some(tell) = self.tell.get() {
            tell.channel(log, number, notice);
        }
    }

    fn tell_connections(&self, connections: &[u64], notice: &Notice) {
        if let Some(tell) = self.tell.get().filter(|_| !connections.is_empty()) {
            tell.connections(connections, notice);
        }
    }

    fn hear(&self, contract: &str, change: Change) {
        if let Some(listener) = self.listener.get() {
            listener(contract, change);
        }
    }

    fn channels(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn users(&self) -> MutexGuard<'_, HashMap<(String, String), User>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    fn occupancy(&self) -> Occupancy {
        Occupancy { channel: self.name.to_string(), subscriptions: self.all_subscriptions(), users: self.everybody().len() }
    }

    /// On this node and the others.
    fn all_subscriptions(&self) -> usize {
        self.subscriptions + self.elsewhere.values().map(|(subscriptions, _)| subscriptions).sum::<usize>()
    }

    fn is_empty(&self) -> bool {
        self.all_subscriptions() == 0
    }

    fn is_elsewhere(&self, user_id: &str) -> bool {
        self.elsewhere.values().any(|(_, members)| members.iter().any(|member| member.user_id == user_id))
    }

    /// Each member once: those of this node, in the order in which they came, then those of the others.
    fn everybody(&self) -> Vec<Member> {
        let mut all: Vec<Member> = self.members.iter().map(|seat| seat.member.clone()).collect();
        for member in self.elsewhere.values().flat_map(|(_, members)| members) {
            if all.iter().all(|known| known.user_id != member.user_id) {
                all.push(member.clone());
            }
        }
        all
    }
}
