//! What each node has of channels and users, as rows that nodes tell each other.

use super::{Change, Channel, Roster};
use std::collections::BTreeMap;
use tidewire_engine::publish::log_name;
use tidewire_wire::pusher::{Member, Notice};

/// Told which row of this node's own has changed; see [`Roster::row`]. Must not block.
pub type Share = Box<dyn Fn(&str, RowKey) + Send + Sync>;

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowKey {
    Channel(String),
    User(String),
}

/// What one node has of a channel or a user.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    Channel {
        subscriptions: usize,
        members: Vec<Member>,
    },
    /// It is signed in there.
    User,
}

impl Roster {
    /// Who passes this node's rows on to the others. Once, before the first connection.
    pub fn share(&self, share: Share) {
        let _ = self.share.set(share);
    }

    /// What another node has of a channel or a user is this now; `None`: nothing any more.
    pub fn elsewhere(&self, node: u64, contract: &str, key: &RowKey, row: Option<Row>) {
        match key {
            RowKey::Channel(channel) => {
                let row = match row {
                    Some(Row::Channel { subscriptions, members }) if subscriptions > 0 => Some((subscriptions, members)),
                    _ => None,
                };
                self.channel_elsewhere(node, contract, channel, row);
            }
            RowKey::User(user) => self.user_elsewhere(node, contract, user, row.is_some()),
        }
    }

    /// Everything that another node has of a contract; what it had before and is not here it has no more.
    pub fn all_elsewhere(&self, node: u64, contract: &str, rows: Vec<(RowKey, Row)>) {
        let mut gone: Vec<RowKey> = {
            let prefix = log_name(contract, "");
            let channels = self.channels();
            let of_node = channels.range(prefix.clone()..).take_while(|(log, _)| log.starts_with(&*prefix));
            of_node.filter(|(_, c)| c.elsewhere.contains_key(&node)).map(|(_, c)| RowKey::Channel(c.name.to_string())).collect()
        };
        gone.extend(
            self.users()
                .iter()
                .filter(|((of, _), u)| of == contract && u.elsewhere.contains(&node))
                .map(|((_, user), _)| RowKey::User(user.clone())),
        );
        gone.retain(|key| rows.iter().all(|(there, _)| there != key));
        gone.iter().for_each(|key| self.elsewhere(node, contract, key, None));
        rows.into_iter().for_each(|(key, row)| self.elsewhere(node, contract, &key, Some(row)));
    }

    /// What this node has of it.
    pub fn row(&self, contract: &str, key: &RowKey) -> Option<Row> {
        match key {
            RowKey::Channel(channel) => {
                let channels = self.channels();
                let entry = channels.get(&log_name(contract, channel)).filter(|entry| entry.subscriptions > 0)?;
                let members = entry.members.iter().map(|seat| seat.member.clone()).collect();
                Some(Row::Channel { subscriptions: entry.subscriptions, members })
            }
            RowKey::User(user) => {
                let users = self.users();
                let mine = users.get(&(contract.to_owned(), user.clone()))?;
                (!mine.connections.is_empty()).then_some(Row::User)
            }
        }
    }

    /// All rows that this node has of a contract.
    pub fn rows(&self, contract: &str) -> Vec<RowKey> {
        let prefix = log_name(contract, "");
        let mut keys: Vec<RowKey> = {
            let channels = self.channels();
            let mine = channels.range(prefix.clone()..).take_while(|(log, _)| log.starts_with(&*prefix));
            mine.filter(|(_, entry)| entry.subscriptions > 0).map(|(_, entry)| RowKey::Channel(entry.name.to_string())).collect()
        };
        let users = self.users();
        let mine = users.iter().filter(|((of, _), user)| of == contract && !user.connections.is_empty());
        keys.extend(mine.map(|((_, user), _)| RowKey::User(user.clone())));
        keys
    }

    fn channel_elsewhere(&self, node: u64, contract: &str, channel: &str, row: Option<(usize, Vec<Member>)>) {
        let log = log_name(contract, channel);
        let mut channels = self.channels();
        if row.is_none() && !channels.contains_key(&log) {
            return;
        }
        let entry = channels.entry(log.clone()).or_insert_with(|| Channel {
            contract: contract.to_owned(),
            name: channel.into(),
            subscriptions: 0,
            members: Vec::new(),
            elsewhere: BTreeMap::new(),
            number: 0,
            counts: false,
            told: None,
            stale: false,
        });
        let (before, members, was_empty) = (entry.all_subscriptions(), entry.everybody(), entry.is_empty());
        match row {
            Some(row) => drop(entry.elsewhere.insert(node, row)),
            None => drop(entry.elsewhere.remove(&node)),
        }
        let name = || channel.to_owned();
        if was_empty && !entry.is_empty() {
            self.hear(contract, Change::Occupied { channel: name() });
        }
        let now = entry.everybody();
        for gone in members.iter().filter(|m| now.iter().all(|n| n.user_id != m.user_id)) {
            self.removed(&log, entry, &gone.user_id);
        }
        for member in now.iter().filter(|n| members.iter().all(|m| m.user_id != n.user_id)) {
            entry.number += 1;
            self.hear(contract, Change::MemberAdded { channel: name(), user_id: member.user_id.clone() });
            self.tell(&log, entry.number, &Notice::MemberAdded { channel: name(), member: member.clone() });
        }
        if entry.all_subscriptions() != before {
            self.count(&log, entry, !now.is_empty() || !members.is_empty());
        }
        if entry.is_empty() {
            if !was_empty {
                self.hear(contract, Change::Vacated { channel: name() });
            }
            channels.remove(&log);
        }
    }

    pub(super) fn changed(&self, contract: &str, key: RowKey) {
        if let Some(share) = self.share.get() {
            share(contract, key);
        }
    }
}
