//! Orders: what somebody wants, what it costs, and how far it is.

use crate::shop::{Done, Shop, Told, told};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidewire_example_backend::Refusal;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The shop; not part of the payload, which the channel says.
    pub sku: String,
    pub id: u64,
    pub channel: String,
    pub status: String,
    pub items: Vec<Item>,
    pub notes: String,
    pub number: String,
    pub created_at: String,
    pub updated_at: String,
}

/// Something ordered, with the id it has on tickets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub id: u64,
    #[serde(flatten)]
    pub what: NewItem,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    pub name: String,
    #[serde(default = "one")]
    pub qty: u64,
    /// Of one of them, in hundredths of the currency's unit.
    #[serde(default)]
    pub price_cents: u64,
    /// Added to the price.
    #[serde(default)]
    pub tax_percent: u64,
    #[serde(default)]
    pub modifiers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_id: Option<u64>,
    /// The station that makes it, if it is not the whole kitchen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prep_station: Option<String>,
}

/// What somebody orders.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Where it comes from; else what the device is.
    pub channel: Option<String>,
    pub items: Vec<NewItem>,
    #[serde(default)]
    pub notes: String,
}

fn one() -> u64 {
    1
}

pub const CHANNELS: [&str; 4] = ["kiosk", "pos", "web", "phone"];
pub const STATUSES: [&str; 7] = ["pending", "accepted", "in_preparation", "ready", "served", "delivered", "cancelled"];
/// Items of one order, and how many of each.
const ITEMS_MAX: usize = 50;
const QTY_MAX: u64 = 100;
const PRICE_MAX: u64 = 10_000_000;

impl Order {
    /// Subtotal and tax, in cents; each line's tax is rounded by itself.
    pub fn totals(&self) -> (u64, u64) {
        let line = |item: &Item| item.what.price_cents * item.what.qty;
        let tax = |item: &Item| (line(item) * item.what.tax_percent + 50) / 100;
        (self.items.iter().map(line).sum(), self.items.iter().map(tax).sum())
    }

    /// As events have it.
    pub fn json(&self) -> Value {
        let (subtotal, tax) = self.totals();
        json!({
            "id": self.id,
            "channel": self.channel,
            "status": self.status,
            "totals_cents": { "subtotal": subtotal, "tax": tax, "total": subtotal + tax },
            "number": self.number,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        })
    }

    /// With what it is made of, for whoever asks for this one.
    pub fn whole(&self) -> Value {
        let mut value = self.json();
        value["items"] = json!(self.items);
        value["notes"] = json!(self.notes);
        value
    }

    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "served" | "delivered" | "cancelled")
    }

    /// Where a till may send it. What the kitchen has begun is not cancelled any more.
    pub fn next(&self) -> &'static [&'static str] {
        match self.status.as_str() {
            "pending" => &["accepted", "cancelled"],
            "in_preparation" => &["ready"],
            "ready" => &["in_preparation", "served", "delivered"],
            _ => &[],
        }
    }
}

impl Shop {
    /// Takes an order. What was ordered on the spot is accepted at once; the rest waits for somebody who accepts it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn order(&mut self, sku: &str, device_type: &str, new: NewOrder, now: &str) -> Done {
        check(&new)?;
        let channel = new.channel.unwrap_or_else(|| if device_type == "Kiosk" { "kiosk".into() } else { "pos".into() });
        let accepted = matches!(channel.as_str(), "kiosk" | "pos");
        self.last.order += 1;
        let id = self.last.order;
        let store = self.store(sku);
        store.orders += 1;
        let number = format!("{}{:03}", char::from(b'A' + ((store.orders / 1000) % 26) as u8), store.orders % 1000);
        let items = self.items(new.items);
        let order = Order {
            sku: sku.to_owned(),
            id,
            channel,
            status: if accepted { "accepted" } else { "pending" }.into(),
            items: items.clone(),
            notes: new.notes,
            number,
            created_at: now.to_owned(),
            updated_at: now.to_owned(),
        };
        let mut all = vec![told(sku, "orders", "OrderCreated", ("Order", id), json!({ "order": order.json() }))];
        self.orders.insert(id, order);
        if accepted {
            all.extend(self.begin(id, &items, now));
        }
        self.done(id, all)
    }

    /// Adds to an order; what the kitchen has begun gets tickets of its own for it.
    ///
    /// # Errors
    /// What is wrong with it, or that the order is over.
    pub fn add_items(&mut self, sku: &str, id: u64, new: Vec<NewItem>, now: &str) -> Done {
        let order = self.order_of(sku, id)?;
        if order.is_over() {
            return Err(refuse(order, "nothing is added to it"));
        }
        let together = order.items.iter().map(|item| item.what.clone()).chain(new.clone()).collect();
        check(&NewOrder { channel: None, items: together, notes: String::new() })?;
        if new.is_empty() {
            return Err(Refusal::bad("items has nothing to add"));
        }
        let items = self.items(new);
        let Some(order) = self.orders.get_mut(&id) else { return Err(Refusal::not_found("the order is gone")) };
        order.items.extend(items.iter().cloned());
        order.updated_at = now.to_owned();
        let data = json!({ "order": order.json(), "changes": ["totals_cents"] });
        let begun = order.status != "pending";
        let mut all = vec![told(sku, "orders", "OrderUpdated", ("Order", id), data)];
        if begun {
            all.extend(self.tickets(id, &items, now));
            all.extend(self.follow(id, now));
            all.push(self.print(sku, "kitchen_ticket", id));
        }
        self.done(id, all)
    }

    /// Sets an order's status; its tickets go with it.
    ///
    /// # Errors
    /// There is no such order in the shop, or it does not go there from where it is: the refusal names where it is.
    pub fn set_status(&mut self, sku: &str, id: u64, to: &str, now: &str) -> Done {
        if !STATUSES.contains(&to) {
            return Err(Refusal::bad(format!("a status is one of {}", STATUSES.join(", "))));
        }
        let order = self.order_of(sku, id)?;
        if !order.next().contains(&to) {
            return Err(refuse(order, &format!("it does not go to '{to}'")));
        }
        let items = order.items.clone();
        let all = match to {
            "accepted" => {
                let accepted = self.order_status(id, to, now);
                accepted.into_iter().chain(self.begin(id, &items, now)).collect()
            }
            "cancelled" => self.order_status(id, to, now).into_iter().collect(),
            _ => {
                let mut all = self.move_all(id, to, now);
                all.extend(self.order_status(id, to, now));
                all
            }
        };
        self.done(id, all)
    }

    /// The order goes to another status, and says so.
    pub fn order_status(&mut self, id: u64, to: &str, now: &str) -> Option<Told> {
        let order = self.orders.get_mut(&id).filter(|order| order.status != to)?;
        let from = std::mem::replace(&mut order.status, to.to_owned());
        order.updated_at = now.to_owned();
        let data = json!({ "order_id": id, "from": from, "to": to, "at": now });
        Some(told(&order.sku, "orders", "OrderStatusChanged", ("Order", id), data))
    }

    /// The kitchen begins with an accepted order, and papers are printed.
    fn begin(&mut self, id: u64, items: &[Item], now: &str) -> Vec<Told> {
        let Some(sku) = self.orders.get(&id).map(|order| order.sku.clone()) else { return Vec::new() };
        let mut all = self.tickets(id, items, now);
        all.extend(self.follow(id, now));
        all.extend(["customer_receipt", "kitchen_ticket"].map(|kind| self.print(&sku, kind, id)));
        all
    }

    fn items(&mut self, new: Vec<NewItem>) -> Vec<Item> {
        let numbered = |what| {
            self.last.item += 1;
            Item { id: self.last.item, what }
        };
        new.into_iter().map(numbered).collect()
    }

    /// An order of this shop.
    ///
    /// # Errors
    /// 404.
    pub fn order_of(&self, sku: &str, id: u64) -> Result<&Order, Refusal> {
        self.orders.get(&id).filter(|order| order.sku == sku).ok_or_else(|| Refusal::not_found(format!("there is no order {id}")))
    }

    fn done(&self, id: u64, all: Vec<Told>) -> Done {
        Ok((json!({ "order": self.orders.get(&id).map(Order::whole) }), all))
    }
}

fn refuse(order: &Order, what: &str) -> Refusal {
    let mut refusal = Refusal::conflict(format!("the order {} is '{}': {what}", order.id, order.status));
    refusal.more = json!({ "current": order.status, "allowed": order.next() });
    refusal
}

fn check(new: &NewOrder) -> Result<(), Refusal> {
    let bad = |detail: String| Err(Refusal::bad(detail));
    if new.channel.as_ref().is_some_and(|channel| !CHANNELS.contains(&channel.as_str())) {
        return bad(format!("channel is one of {}", CHANNELS.join(", ")));
    }
    if new.items.is_empty() || new.items.len() > ITEMS_MAX {
        return bad(format!("an order has 1 to {ITEMS_MAX} items"));
    }
    let short = |text: &str, most: usize| (1..=most).contains(&text.chars().count());
    for (at, item) in new.items.iter().enumerate() {
        let station = item.prep_station.as_deref().unwrap_or("x");
        let slug = short(station, 50) && station.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !short(&item.name, 200) || item.modifiers.len() > ITEMS_MAX || item.modifiers.iter().any(|m| !short(m, 200)) {
            return bad(format!("items[{at}]: names and modifiers have 1 to 200 characters"));
        }
        if !(1..=QTY_MAX).contains(&item.qty) || item.price_cents > PRICE_MAX || item.tax_percent > 100 {
            return bad(format!("items[{at}]: qty is 1 to {QTY_MAX}, price_cents at most {PRICE_MAX}, tax_percent at most 100"));
        }
        if item.category_id == Some(0) || !slug {
            return bad(format!("items[{at}]: category_id is from 1, prep_station has 1 to 50 of a-z 0-9 -"));
        }
    }
    if new.notes.chars().count() > 1000 {
        return bad("notes have at most 1000 characters".into());
    }
    Ok(())
}
