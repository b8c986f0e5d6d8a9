//! Tickets, and what can be done to them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tidewire_example_backend::Refusal;
use time::{Date, format_description::well_known::Iso8601};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Board {
    pub sprint: String,
    pub tickets: BTreeMap<String, Ticket>,
    /// Numbers tickets; never goes back.
    pub last: u32,
}

/// A ticket; the higher version wins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    pub id: String,
    pub version: u64,
    pub status: String,
    pub assignee_id: Option<String>,
    pub planned_date: Option<String>,
    pub time_slot: Option<String>,
    pub story_points: u32,
    pub checklist: Vec<Value>,
    pub data: Value,
}

/// What a client may say of a ticket; what it leaves out stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// The version that the client saw: another one now is a conflict.
    pub version: Option<u64>,
    pub status: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub assignee_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub planned_date: Option<Option<String>>,
    pub time_slot: Option<String>,
    pub story_points: Option<u32>,
    pub checklist: Option<Vec<Value>>,
    pub data: Option<Value>,
}

/// Tells a null that was given from nothing given.
fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(value).map(Some)
}

/// Channel, type, payload.
pub type Told = Vec<(String, &'static str, Value)>;

pub const STATUSES: [&str; 4] = ["planned", "in_progress", "done", "archived"];
pub const ZOO: &str = "board:zoo";

impl Board {
    pub fn new() -> Board {
        let mut board = Board { sprint: "2026-47".into(), tickets: BTreeMap::new(), last: 0 };
        for (title, worker) in [("Feed the otters", Some("w123")), ("Clean the aviary", Some("w124")), ("Weigh the tortoises", None)] {
            let change =
                Change { assignee_id: Some(worker.map(str::to_owned)), data: Some(json!({ "title": title })), ..Change::default() };
            let _ = board.create(change);
        }
        board
    }

    /// # Errors
    /// What is wrong with it.
    pub fn create(&mut self, change: Change) -> Result<(String, Told), Refusal> {
        change.check()?;
        self.last += 1;
        let id = format!("t{}", 100 + self.last);
        let ticket = Ticket {
            id: id.clone(),
            version: 0,
            status: STATUSES[0].into(),
            assignee_id: None,
            planned_date: None,
            time_slot: Some("morning".into()),
            story_points: 1,
            checklist: Vec::new(),
            data: json!({}),
        };
        self.tickets.insert(id.clone(), ticket);
        let told = self.change(&id, Change { version: None, ..change })?;
        Ok((id, told))
    }

    /// # Errors
    /// What is wrong with it, or that somebody was faster.
    pub fn change(&mut self, id: &str, change: Change) -> Result<Told, Refusal> {
        change.check()?;
        let ticket = self.tickets.get_mut(id).ok_or_else(|| Refusal::not_found(format!("there is no ticket '{id}'")))?;
        ticket.was_seen_at(change.version)?;
        if let Some(status) = change.status {
            ticket.status = status;
        }
        let before = ticket.assignee_id.clone();
        if let Some(assignee) = change.assignee_id {
            ticket.assignee_id = assignee;
        }
        if let Some(date) = change.planned_date {
            ticket.planned_date = date;
        }
        ticket.time_slot = change.time_slot.or(ticket.time_slot.take());
        ticket.story_points = change.story_points.unwrap_or(ticket.story_points);
        if let Some(checklist) = change.checklist {
            ticket.checklist = checklist;
        }
        if let Some(data) = change.data {
            ticket.data = data;
        }
        ticket.version += 1;
        let ticket = ticket.clone();
        let whole = json!({ "ticket": ticket });
        let mut told = vec![(ZOO.into(), "task.updated", whole.clone())];
        if let Some(worker) = &ticket.assignee_id {
            told.push((channel(worker), "task.updated", whole));
        }
        if let Some(old) = before.as_ref().filter(|old| Some(*old) != ticket.assignee_id.as_ref()) {
            told.push((channel(old), "task.removed", json!({ "ticketId": id })));
        }
        self.tell_stats(before.into_iter().chain(ticket.assignee_id).collect(), &mut told);
        Ok(told)
    }

    /// # Errors
    /// When there is no such ticket, or not at the version that was seen.
    pub fn remove(&mut self, id: &str, seen: Option<u64>) -> Result<Told, Refusal> {
        let missing = || Refusal::not_found(format!("there is no ticket '{id}'"));
        self.tickets.get(id).ok_or_else(missing)?.was_seen_at(seen)?;
        let ticket = self.tickets.remove(id).ok_or_else(missing)?;
        let gone = json!({ "ticketId": id });
        let mut told = vec![(ZOO.into(), "task.removed", gone.clone())];
        if let Some(worker) = &ticket.assignee_id {
            told.push((channel(worker), "task.removed", gone));
        }
        self.tell_stats(ticket.assignee_id.into_iter().collect(), &mut told);
        Ok(told)
    }

    /// Plans a sprint: many tickets at once, of which clients hear by one hint.
    pub fn generate(&mut self, sprint: String, workers: &[String], tickets: usize, since: &str) -> Told {
        self.sprint = sprint;
        self.tickets.retain(|_, t| t.status != "done" && t.status != "archived");
        for i in 0..tickets {
            let worker = workers.get(i % workers.len().max(1)).cloned();
            let change = Change {
                assignee_id: Some(worker),
                story_points: Some(1 + i as u32 % 5),
                data: Some(json!({ "title": format!("Round {}", i + 1), "sprint": self.sprint })),
                ..Change::default()
            };
            let _ = self.create(change);
        }
        self.introduce(since)
    }

    /// That the board is to be fetched, and how far everybody is.
    pub fn introduce(&self, since: &str) -> Told {
        let mut told: Told = vec![(ZOO.into(), "board.refreshHint", json!({ "since": since }))];
        self.tell_stats(self.workers(), &mut told);
        told
    }

    pub fn workers(&self) -> BTreeSet<String> {
        self.tickets.values().filter_map(|t| t.assignee_id.clone()).collect()
    }

    pub fn stats(&self, worker: &str) -> Value {
        let mine = self.tickets.values().filter(|t| t.assignee_id.as_deref() == Some(worker));
        let left: u32 = mine.filter(|t| t.status != "done" && t.status != "archived").map(|t| t.story_points).sum();
        json!({ "workerId": worker, "sprintId": self.sprint, "remainingStoryPoints": left })
    }

    fn tell_stats(&self, workers: BTreeSet<String>, told: &mut Told) {
        for worker in workers {
            let stats = self.stats(&worker);
            told.push((ZOO.into(), "worker.statsUpdated", stats.clone()));
            told.push((channel(&worker), "worker.statsUpdated", stats));
        }
    }
}

impl Ticket {
    /// Nothing is done to a ticket that its client has not seen as it is.
    fn was_seen_at(&self, version: Option<u64>) -> Result<(), Refusal> {
        if version.is_none_or(|seen| seen == self.version) {
            return Ok(());
        }
        let mut refusal = Refusal::conflict(format!("the ticket is at version {} by now: fetch it, and change that", self.version));
        refusal.more = json!({ "version": self.version });
        Err(refusal)
    }
}

impl Change {
    /// Whether it makes sense for any ticket.
    fn check(&self) -> Result<(), Refusal> {
        if self.status.as_ref().is_some_and(|s| !STATUSES.contains(&s.as_str())) {
            return Err(Refusal::bad(format!("status is one of {}", STATUSES.join(", "))));
        }
        if self.assignee_id.iter().flatten().any(|id| !is_name(id)) {
            return Err(Refusal::bad(format!("assigneeId {NAME}")));
        }
        if self.planned_date.iter().flatten().any(|date| Date::parse(date, &Iso8601::DATE).is_err() || date.len() != 10) {
            return Err(Refusal::bad("plannedDate is a date such as 2025-12-05"));
        }
        if self.data.as_ref().is_some_and(|data| !data.is_object()) {
            return Err(Refusal::bad("data is an object"));
        }
        Ok(())
    }
}

/// What [`is_name`] demands, in words.
pub(crate) const NAME: &str = "has 1 to 64 letters, digits, _ and -";

/// Whether it can name a worker or a sprint: it is part of a channel's address.
pub(crate) fn is_name(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

impl Default for Board {
    fn default() -> Self {
        Board::new()
    }
}

fn channel(worker: &str) -> String {
    format!("worker:{worker}")
}
