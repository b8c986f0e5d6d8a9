//! What each node says of itself for all others to know: rows by name, with a number that counts their changes.
//!
//! A node's rows of a contract are a hash `P:r:NODE`; the field `v` is the number of the newest change. Whoever hears of a change
//! whose number does not follow reads the whole.

use crate::{Company, Failure, company::hex, reply};
use redis::Value;
use std::sync::Arc;

/// The rows of one contract, of all nodes. Cheap to clone.
#[derive(Clone)]
pub struct Table {
    company: Arc<Company>,
    contract: Arc<str>,
}

impl Table {
    pub fn new(company: Arc<Company>, contract: &str) -> Table {
        Table { company, contract: contract.into() }
    }

    /// Writes rows of this node (`None`: there is none any more) as its `number`th change.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn write(&self, number: u64, rows: &[(String, Option<String>)]) -> Result<(), Failure> {
        let (link, key) = (self.company.log().link(&self.contract), self.key(self.company.node()));
        let mut all = redis::pipe();
        for (name, row) in rows {
            match row {
                Some(row) => all.cmd("HSET").arg(&key).arg(format!("r{name}")).arg(row).ignore(),
                None => all.cmd("HDEL").arg(&key).arg(format!("r{name}")).ignore(),
            };
        }
        all.cmd("HSET").arg(&key).arg("v").arg(number).ignore();
        link.ask_all(&all).await
    }

    /// The number of a node's newest change; `None` where it has said nothing.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn number(&self, node: u64) -> Result<Option<u64>, Failure> {
        let mut command = redis::cmd("HGET");
        command.arg(self.key(node)).arg("v");
        self.company.log().link(&self.contract).ask(&command).await
    }

    /// All rows of a node, and the number of its newest change.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn read(&self, node: u64) -> Result<(u64, Vec<(String, String)>), Failure> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.key(node));
        let found: Vec<(Vec<u8>, Value)> = self.company.log().link(&self.contract).ask(&command).await?;
        let (mut number, mut rows) = (0, Vec::new());
        for (name, value) in found {
            match name.split_first() {
                Some((b'v', [])) => number = reply::int(&value).unwrap_or(0) as u64,
                Some((b'r', name)) => rows.push((String::from_utf8_lossy(name).into_owned(), reply::text(&value))),
                _ => {}
            }
        }
        Ok((number, rows))
    }

    /// Clears away what a node has said.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn clear(&self, node: u64) -> Result<(), Failure> {
        let mut command = redis::cmd("DEL");
        command.arg(self.key(node));
        self.company.log().link(&self.contract).ask::<i64>(&command).await.map(drop)
    }

    fn key(&self, node: u64) -> String {
        format!("{}:r:{}", self.company.log().names().contract(&self.contract), hex(node))
    }
}
