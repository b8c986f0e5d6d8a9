//! Who is on the channels of the Pusher protocol, passed between nodes.
//!
//! Each node writes down what it has, and says so; what it hears of the others counts in its own roster beside what is here. What
//! was missed is noticed by its number, with the next change or the next look, and read anew.

use crate::pusher::{
    Roster,
    roster::{Row, RowKey},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tidewire_redis::{Company, Shared, Table};
use tidewire_wire::pusher::Member;
use tokio::{runtime::Handle, sync::mpsc};

/// What is told over a contract's channel begins with this.
pub(super) const KIND: u8 = b'r';

/// The way to the tasks, one for each contract.
pub(super) struct Rosters(HashMap<String, mpsc::UnboundedSender<Heard>>);

pub(super) enum Heard {
    /// A row of this node has changed.
    Mine(RowKey),
    /// A node said something.
    Said(u64, Vec<u8>),
    /// This node's rows may have been cleared away, or others' words missed.
    Anew,
}

/// How often the others are looked after.
const LOOK: Duration = Duration::from_secs(1);
/// Looks after which a node of whose life nobody speaks is held for dead.
const MISSED: u32 = 2;
/// Every so many looks it is asked whether something was missed.
const SURE: u32 = 5;

impl Rosters {
    /// Passes on what happens on the channels of these contracts. Within a runtime.
    pub(super) fn start(shared: &Arc<Shared>, company: &Arc<Company>, roster: &Arc<Roster>, contracts: &[String]) -> Rosters {
        let mut ways = HashMap::new();
        for contract in contracts {
            let (way, inbox) = mpsc::unbounded_channel();
            let one = One {
                shared: shared.clone(),
                company: company.clone(),
                roster: roster.clone(),
                table: Table::new(company.clone(), contract),
                contract: contract.clone(),
                number: 0,
                known: BTreeMap::new(),
                missed: BTreeMap::new(),
                dirty: BTreeSet::new(),
            };
            Handle::current().spawn(one.run(inbox));
            ways.insert(contract.clone(), way);
        }
        let to = ways.clone();
        roster.share(Box::new(move |contract, key| {
            if let Some(way) = to.get(contract) {
                let _ = way.send(Heard::Mine(key));
            }
        }));
        Rosters(ways)
    }

    pub(super) fn said(&self, contract: &str, node: u64, what: &[u8]) {
        if let Some(way) = self.0.get(contract) {
            let _ = way.send(Heard::Said(node, what.to_vec()));
        }
    }

    pub(super) fn anew(&self) {
        self.0.values().for_each(|way| drop(way.send(Heard::Anew)));
    }
}

struct One {
    shared: Arc<Shared>,
    company: Arc<Company>,
    roster: Arc<Roster>,
    table: Table,
    contract: String,
    /// Changes of this node so far.
    number: u64,
    /// Other nodes, and up to which of their changes they are known here.
    known: BTreeMap<u64, u64>,
    /// Looks since a node was last said to live; one that is new may be heard before that.
    missed: BTreeMap<u64, u32>,
    /// Rows that are to be written down.
    dirty: BTreeSet<RowKey>,
}

impl One {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Heard>) {
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ticks = 0u32;
        let mut gathered = Vec::new();
        loop {
            tokio::select! {
                count = inbox.recv_many(&mut gathered, 1024) => {
                    if count == 0 {
                        return;
                    }
                }
                _ = tick.tick() => {
                    ticks += 1;
                    self.look(ticks.is_multiple_of(SURE)).await;
                }
            }
            for heard in gathered.drain(..) {
                match heard {
                    Heard::Mine(key) => drop(self.dirty.insert(key)),
                    Heard::Said(node, what) => self.heard(node, &what).await,
                    Heard::Anew => {
                        self.known.values_mut().for_each(|number| *number = 0);
                        self.dirty.extend(self.roster.rows(&self.contract));
                    }
                }
            }
            self.tell().await;
        }
    }

    /// Writes down what has changed here, and says so.
    async fn tell(&mut self) {
        if self.dirty.is_empty() {
            return;
        }
        let rows: Vec<(String, Option<String>)> =
            self.dirty.iter().map(|key| (name(key), self.roster.row(&self.contract, key).map(|row| written(&row).to_string()))).collect();
        self.number += 1;
        if let Err(failure) = self.table.write(self.number, &rows).await {
            // They stay to be written: with the next look it is tried again.
            return tracing::debug!(%failure, "who is on the channels cannot be told to the other nodes");
        }
        self.dirty.clear();
        let rows: Vec<Value> = rows.into_iter().map(|(name, row)| json!([name, row])).collect();
        let said = json!({ "v": self.number, "rows": rows }).to_string();
        self.shared.say(&self.contract, [&[KIND], said.as_bytes()].concat());
    }

    async fn heard(&mut self, node: u64, what: &[u8]) {
        let Ok(said) = serde_json::from_slice::<Value>(what) else { return };
        let Some(number) = said["v"].as_u64() else { return };
        match self.known.get(&node) {
            Some(known) if number <= *known => return,
            Some(known) if number == *known + 1 => {}
            _ => return self.read(node).await,
        }
        for row in said["rows"].as_array().into_iter().flatten() {
            let (Some(key), row) = (row[0].as_str().and_then(key), row[1].as_str()) else { continue };
            self.roster.elsewhere(node, &self.contract, &key, row.and_then(|row| read(&key, row)));
        }
        self.known.insert(node, number);
    }

    /// Takes over everything that a node has.
    async fn read(&mut self, node: u64) {
        match self.table.read(node).await {
            Ok((number, rows)) => {
                let rows = rows.iter().filter_map(|(name, row)| {
                    let key = key(name)?;
                    let row = read(&key, row)?;
                    Some((key, row))
                });
                self.roster.all_elsewhere(node, &self.contract, rows.collect());
                self.known.insert(node, number);
            }
            Err(failure) => tracing::debug!(%failure, "who is on the channels of another node cannot be read"),
        }
    }

    /// Lets go of nodes that died, takes in those that are new, and, to be sure, what was missed of the others.
    async fn look(&mut self, sure: bool) {
        let alive: HashSet<u64> = self.company.others().into_iter().collect();
        let mut gone = Vec::new();
        for node in self.known.keys() {
            let missed = self.missed.entry(*node).or_insert(0);
            *missed = if alive.contains(node) { 0 } else { *missed + 1 };
            if *missed > MISSED {
                gone.push(*node);
            }
        }
        for node in gone {
            self.known.remove(&node);
            self.missed.remove(&node);
            self.roster.all_elsewhere(node, &self.contract, Vec::new());
        }
        for node in self.company.dead() {
            let _ = self.table.clear(node).await;
        }
        for node in alive {
            let known = self.known.get(&node).copied();
            let missed = match known {
                None => true,
                Some(known) => sure && self.table.number(node).await.is_ok_and(|number| number.unwrap_or(0) != known),
            };
            if missed {
                self.read(node).await;
            }
        }
        if sure && self.number > 0 && self.table.number(self.company.node()).await.is_ok_and(|number| number.is_none()) {
            // Others had taken this node for dead.
            self.dirty.extend(self.roster.rows(&self.contract));
        }
    }
}

fn name(key: &RowKey) -> String {
    match key {
        RowKey::Channel(channel) => format!("c{channel}"),
        RowKey::User(user) => format!("u{user}"),
    }
}

fn key(name: &str) -> Option<RowKey> {
    match name.split_at_checked(1)? {
        ("c", channel) => Some(RowKey::Channel(channel.to_owned())),
        ("u", user) => Some(RowKey::User(user.to_owned())),
        _ => None,
    }
}

fn written(row: &Row) -> Value {
    match row {
        Row::Channel { subscriptions, members } => {
            let members: Vec<Value> = members.iter().map(|m| json!([m.user_id, m.user_info])).collect();
            json!([subscriptions, members])
        }
        Row::User => json!([]),
    }
}

fn read(key: &RowKey, row: &str) -> Option<Row> {
    if let RowKey::User(_) = key {
        return Some(Row::User);
    }
    let row: Value = serde_json::from_str(row).ok()?;
    let member = |m: &Value| Some(Member { user_id: m[0].as_str()?.to_owned(), user_info: m[1].clone() });
    let members = row[1].as_array()?.iter().filter_map(member).collect();
    Some(Row::Channel { subscriptions: usize::try_from(row[0].as_u64()?).ok()?, members })
}
