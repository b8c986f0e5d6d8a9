//! Who is connected to which node: each node writes down its own, and clears away those of a node that died.
//!
//! ```text
//! P:w:LOG    hash  NODE MEMBER -> what is said of the member
//! P:wn:NODE  hash  LOG \0 MEMBER -> nothing: what the node has written down
//! ```

use crate::{Company, Failure, Link, company::hex, contract_of};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A log and a member.
type Place = (String, String);

/// Everybody who is connected to this node, and the way to those of the others.
pub struct People {
    company: Arc<Company>,
    contracts: Vec<String>,
    mine: Mutex<HashMap<Place, String>>,
}

impl People {
    pub fn new(company: Arc<Company>, contracts: Vec<String>) -> People {
        People { company, contracts, mine: Mutex::default() }
    }

    pub fn company(&self) -> &Arc<Company> {
        &self.company
    }

    /// The member is connected here; `said` is what others are told of it.
    ///
    /// # Errors
    /// [`Failure`]; it is not written down then.
    pub async fn here(&self, log: &str, member: &str, said: &str) -> Result<(), Failure> {
        self.mine().insert((log.to_owned(), member.to_owned()), said.to_owned());
        self.write(log, member, said).await
    }

    /// It is not any more.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn gone(&self, log: &str, member: &str) -> Result<(), Failure> {
        self.mine().remove(&(log.to_owned(), member.to_owned()));
        let link = self.link(log);
        let node = hex(self.company.node());
        let mut both = redis::pipe();
        both.cmd("HDEL").arg(here(&link, log)).arg(format!("{node}{member}")).ignore();
        both.cmd("HDEL").arg(of_node(&link, &node)).arg(format!("{log}\0{member}")).ignore();
        link.ask_all(&both).await
    }

    /// Who is connected to other nodes that live: node, member, what is said of it.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn others(&self, log: &str) -> Result<Vec<(u64, String, String)>, Failure> {
        let link = self.link(log);
        let mut command = redis::cmd("HGETALL");
        command.arg(here(&link, log));
        let found: HashMap<String, String> = link.ask(&command).await?;
        let alive = self.company.others();
        let split = |(field, said): (String, String)| {
            let (node, member) = field.split_at_checked(16)?;
            let node = u64::from_str_radix(node, 16).ok().filter(|node| alive.contains(node))?;
            Some((node, member.to_owned(), said))
        };
        Ok(found.into_iter().filter_map(split).collect())
    }

    /// Clears away what dead nodes have left: the logs and members, to whoever asks first.
    ///
    /// # Errors
    /// [`Failure`]; what is left is found by the next call.
    pub async fn orphans(&self) -> Result<Vec<Place>, Failure> {
        let mut found = Vec::new();
        for dead in self.company.dead() {
            let node = hex(dead);
            for contract in &self.contracts {
                let link = self.company.log().link(contract);
                let mut keys = redis::cmd("HKEYS");
                keys.arg(of_node(&link, &node));
                let left: Vec<String> = link.ask(&keys).await?;
                if left.is_empty() {
                    continue;
                }
                let mut clear = redis::pipe();
                let places: Vec<(&str, &str)> = left.iter().filter_map(|place| place.split_once('\0')).collect();
                for (log, member) in &places {
                    clear.cmd("HDEL").arg(here(&link, log)).arg(format!("{node}{member}")).ignore();
                }
                clear.cmd("DEL").arg(of_node(&link, &node)).ignore();
                link.ask_all::<()>(&clear).await?;
                found.extend(places.into_iter().map(|(log, member)| (log.to_owned(), member.to_owned())));
            }
            self.company.bury(dead).await?;
        }
        Ok(found)
    }

    /// Writes everybody down anew: others had taken this node for dead, and cleared its people away.
    pub async fn again(&self) {
        let mine: Vec<(Place, String)> = self.mine().iter().map(|(place, said)| (place.clone(), said.clone())).collect();
        for ((log, member), said) in mine {
            if let Err(failure) = self.write(&log, &member, &said).await {
                return tracing::warn!(%failure, "who is connected here cannot be told");
            }
        }
    }

    async fn write(&self, log: &str, member: &str, said: &str) -> Result<(), Failure> {
        let link = self.link(log);
        let node = hex(self.company.node());
        let mut both = redis::pipe();
        both.cmd("HSET").arg(here(&link, log)).arg(format!("{node}{member}")).arg(said).ignore();
        both.cmd("HSET").arg(of_node(&link, &node)).arg(format!("{log}\0{member}")).arg("").ignore();
        link.ask_all(&both).await
    }

    fn link(&self, log: &str) -> Link {
        self.company.log().link(contract_of(log))
    }

    fn mine(&self) -> MutexGuard<'_, HashMap<Place, String>> {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn here(link: &Link, log: &str) -> String {
    format!("{}:w:{log}", link.key())
}

fn of_node(link: &Link, node: &str) -> String {
    format!("{}:wn:{node}", link.key())
}
