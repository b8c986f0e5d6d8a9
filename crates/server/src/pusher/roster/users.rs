//! Who is signed in, and who watches whom.

use super::{Roster, RowKey};
use std::collections::HashSet;
use tidewire_wire::pusher::Notice;

#[derive(Default)]
pub(super) struct User {
    pub(super) connections: HashSet<u64>,
    /// Nodes on which it is signed in, beside this one.
    pub(super) elsewhere: HashSet<u64>,
    /// Connections whose watchlist names this user.
    pub(super) watchers: HashSet<u64>,
}

impl User {
    /// On this node or another.
    fn is_online(&self) -> bool {
        !self.connections.is_empty() || !self.elsewhere.is_empty()
    }
}

impl Roster {
    /// A connection says, signed, that it is this user's. Which of the users that it watches are there, and which not.
    pub fn sign_in(&self, contract: &str, user: &str, connection: u64, watchlist: &[String]) -> (Vec<String>, Vec<String>) {
        let mut users = self.users();
        let key = |user: &str| (contract.to_owned(), user.to_owned());
        let mine = users.entry(key(user)).or_default();
        let (first, first_here) = (!mine.is_online(), mine.connections.is_empty());
        mine.connections.insert(connection);
        if first_here {
            self.changed(contract, RowKey::User(user.to_owned()));
        }
        if first {
            let watchers: Vec<u64> = mine.watchers.iter().copied().collect();
            self.tell_connections(&watchers, &Notice::Watchlist { online: vec![user.to_owned()], offline: Vec::new() });
        }
        let (mut online, mut offline) = (Vec::new(), Vec::new());
        for watched in watchlist {
            let them = users.entry(key(watched)).or_default();
            them.watchers.insert(connection);
            if them.is_online() { online.push(watched.clone()) } else { offline.push(watched.clone()) }
        }
        (online, offline)
    }

    /// A signed-in connection is gone.
    pub fn sign_out(&self, contract: &str, user: &str, connection: u64, watchlist: &[String]) {
        let mut users = self.users();
        let key = |user: &str| (contract.to_owned(), user.to_owned());
        for watched in watchlist {
            if let Some(them) = users.get_mut(&key(watched)) {
                them.watchers.remove(&connection);
                if them.watchers.is_empty() && !them.is_online() {
                    users.remove(&key(watched));
                }
            }
        }
        let Some(mine) = users.get_mut(&key(user)) else { return };
        if mine.connections.remove(&connection) && mine.connections.is_empty() {
            self.changed(contract, RowKey::User(user.to_owned()));
            if mine.is_online() {
                return;
            }
            let watchers: Vec<u64> = mine.watchers.iter().copied().collect();
            self.tell_connections(&watchers, &Notice::Watchlist { online: Vec::new(), offline: vec![user.to_owned()] });
            if mine.watchers.is_empty() {
                users.remove(&key(user));
            }
        }
    }

    pub(super) fn user_elsewhere(&self, node: u64, contract: &str, user: &str, is_there: bool) {
        let mut users = self.users();
        let key = (contract.to_owned(), user.to_owned());
        if !is_there && !users.contains_key(&key) {
            return;
        }
        let them = users.entry(key.clone()).or_default();
        let was_online = them.is_online();
        if is_there {
            them.elsewhere.insert(node);
        } else {
            them.elsewhere.remove(&node);
        }
        let is_online = them.is_online();
        if was_online != is_online {
            let watchers: Vec<u64> = them.watchers.iter().copied().collect();
            let one = |yes: bool| if yes { vec![user.to_owned()] } else { Vec::new() };
            self.tell_connections(&watchers, &Notice::Watchlist { online: one(is_online), offline: one(!is_online) });
        }
        if !is_online && them.watchers.is_empty() {
            users.remove(&key);
        }
    }
}
