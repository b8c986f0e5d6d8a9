//! Kitchen tickets: `in_preparation → ready → served` or `delivered`, and back from `ready`.

use crate::{
    orders::Item,
    shop::{Done, Shop, Told, told},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tidewire_example_backend::Refusal;

/// What one station, or the kitchen as a whole, makes of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    pub sku: String,
    pub id: u64,
    pub order_id: u64,
    pub items: Vec<Item>,
    pub status: String,
    pub notes: String,
    pub created_at: String,
    /// When it came to its status. No other state of it has the same time: this names the state that somebody saw.
    pub updated_at: String,
    /// The `updated_at` of the state before.
    pub before: Option<String>,
    pub station: Option<String>,
}

/// What is done to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Bump,
    Undo,
}

impl Move {
    /// Where a ticket of this status may go.
    pub fn from(self, status: &str) -> &'static [&'static str] {
        match (self, status) {
            (Move::Bump, "in_preparation") => &["ready"],
            (Move::Bump, "ready") => &["served", "delivered"],
            (Move::Undo, "ready") => &["in_preparation"],
            _ => &[],
        }
    }

    /// Where it leads at all.
    fn leads_to(self, status: &str) -> bool {
        (self == Move::Undo) == (status == "in_preparation")
    }
}

impl Ticket {
    pub fn categories(&self) -> BTreeSet<u64> {
        self.items.iter().filter_map(|item| item.what.category_id).collect()
    }

    /// As events have it.
    pub fn json(&self) -> Value {
        let items = self.items.iter().map(|Item { id, what }| {
            let mut value = json!({ "id": id, "name": what.name, "qty": what.qty, "modifiers": what.modifiers });
            if let Some(category) = what.category_id {
                value["category_id"] = category.into();
            }
            value
        });
        let mut value = json!({
            "id": self.id,
            "order_id": self.order_id,
            "items": items.collect::<Vec<_>>(),
            "status": self.status,
            "notes": self.notes,
            "created_at": self.created_at,
            "category_ids": self.categories(),
        });
        if let Some(station) = &self.station {
            value["station"] = station.as_str().into();
        }
        value
    }

    /// With when it changed, for lists.
    pub fn listed(&self) -> Value {
        let mut value = self.json();
        value["updated_at"] = json!(self.updated_at);
        value
    }

    /// To the whole kitchen, and to the station that makes it.
    fn tell(&self, event_type: &'static str, data: &Value) -> Vec<Told> {
        let station = self.station.as_ref().map(|station| format!("kds.station.{station}"));
        let channels = std::iter::once("kds".to_owned()).chain(station);
        channels.map(|of| told(&self.sku, &of, event_type, ("KdsTicket", self.id), data.clone())).collect()
    }

    fn go(&mut self, to: &str, now: &str) -> Vec<Told> {
        self.status = to.to_owned();
        self.before = Some(std::mem::replace(&mut self.updated_at, now.to_owned()));
        self.tell("KdsTicketUpdated", &json!({ "ticket_id": self.id, "status": to, "at": now }))
    }

    /// A refusal of a move: where the ticket is, and where this kind of move could take it.
    fn refuse(&self, how: Move, detail: &str) -> Refusal {
        let mut refusal = Refusal::conflict(format!("the ticket {} is '{}': {detail}", self.id, self.status));
        refusal.more = json!({ "current": self.status, "updated_at": self.updated_at, "allowed": how.from(&self.status) });
        refusal
    }
}

impl Shop {
    /// The kitchen has something to make: a ticket for each station, and one for what is nobody's in particular.
    pub fn tickets(&mut self, order: u64, items: &[Item], now: &str) -> Vec<Told> {
        let Some((sku, notes)) = self.orders.get(&order).map(|order| (order.sku.clone(), order.notes.clone())) else { return Vec::new() };
        let mut by_station: BTreeMap<Option<String>, Vec<Item>> = BTreeMap::new();
        for item in items {
            by_station.entry(item.what.prep_station.clone()).or_default().push(item.clone());
        }
        let mut all = Vec::new();
        for (station, items) in by_station {
            self.last.ticket += 1;
            let ticket = Ticket {
                sku: sku.clone(),
                id: self.last.ticket,
                order_id: order,
                items,
                status: "in_preparation".into(),
                notes: notes.clone(),
                created_at: now.to_owned(),
                updated_at: now.to_owned(),
                before: None,
                station,
            };
            all.extend(ticket.tell("KdsTicketCreated", &json!({ "ticket": ticket.json() })));
            self.tickets.insert(ticket.id, ticket);
        }
        all
    }

    /// Bumps a ticket, or takes a bump back; the order follows. `seen` is the `updated_at` of the state that the caller saw:
    /// if just this was done to that state already, it is not done again.
    ///
    /// # Errors
    /// There is no such ticket in the shop, or it does not go there from where it is, or it is not any more as it was seen: the
    /// refusal names where it is, and where it can go.
    pub fn move_ticket(&mut self, sku: &str, id: u64, how: Move, to: &str, seen: Option<&str>, now: &str) -> Done {
        let missing = || Refusal::not_found(format!("there is no ticket {id}"));
        let ticket = self.tickets.get_mut(&id).filter(|t| t.sku == sku).ok_or_else(missing)?;
        if let Some(seen) = seen.filter(|seen| *seen != ticket.updated_at) {
            if ticket.before.as_deref() == Some(seen) && ticket.status == to && how.leads_to(to) {
                return Ok((json!({ "ticket": ticket.listed() }), Vec::new()));
            }
            return Err(ticket.refuse(how, "it has changed since it was seen"));
        }
        let allowed = how.from(&ticket.status);
        if !allowed.contains(&to) {
            let way = if how == Move::Bump { "bumped" } else { "taken back" };
            let where_to = if allowed.is_empty() { "nowhere".to_owned() } else { format!("to {}", allowed.join(" or ")) };
            return Err(ticket.refuse(how, &format!("it can be {way} {where_to}, not to '{}'", to.chars().take(40).collect::<String>())));
        }
        let mut all = ticket.go(to, now);
        let (order, body) = (ticket.order_id, json!({ "ticket": ticket.listed() }));
        all.extend(self.follow(order, now));
        Ok((body, all))
    }

    /// All tickets of an order that can go there do.
    pub fn move_all(&mut self, order: u64, to: &str, now: &str) -> Vec<Told> {
        let how = if to == "in_preparation" { Move::Undo } else { Move::Bump };
        let going = self.tickets.values_mut().filter(|t| t.order_id == order && how.from(&t.status).contains(&to));
        going.flat_map(|ticket| ticket.go(to, now)).collect()
    }

    /// The order is as far as the slowest of its tickets.
    pub fn follow(&mut self, order: u64, now: &str) -> Option<Told> {
        let statuses: BTreeSet<&str> = self.tickets.values().filter(|t| t.order_id == order).map(|t| t.status.as_str()).collect();
        let slowest = ["in_preparation", "ready", "served", "delivered"].into_iter().find(|status| statuses.contains(status))?;
        self.order_status(order, slowest, now)
    }
}
