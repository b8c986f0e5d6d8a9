//! A shop at work: what its devices do by themselves, over the same interfaces as any device.

use crate::{Config, client::Device, printer};
use serde_json::{Value, json};
use std::time::Duration;
use tidewire_example_backend::{Running, life::Chance};

/// Brings those devices to life that there are tokens of.
pub(crate) fn begin(running: &Running, config: &Config) {
    let device = |name: &str| {
        let token = config.tokens.get(name)?.clone();
        Some(Device::new(format!("http://{}", running.address), &config.common.tidewire_url, token))
    };
    let seed = config.common.seed;
    for name in config.tokens.keys() {
        if let Some(device) = device(name) {
            running.spawn(beat(device, config.silence() / 3));
        }
    }
    if let Some(printer) = device("printer") {
        running.spawn(printer::print(printer, seed));
    }
    if let Some(kiosk) = device("kiosk") {
        running.spawn(order(kiosk, "kiosk", Chance::new(seed + 1)));
    }
    if let Some(pos) = device("pos") {
        running.spawn(order(pos.clone(), "web", Chance::new(seed + 2)));
        running.spawn(accept(pos, Chance::new(seed + 3)));
    }
    if let Some(kds) = device("kds") {
        running.spawn(cook(kds, Chance::new(seed + 4)));
    }
    if let Some(office) = device("back_office") {
        running.spawn(tell(office, Chance::new(seed + 5)));
    }
}

async fn beat(device: Device, every: Duration) {
    let id = device.me().await["id"].clone();
    loop {
        device.post(&format!("/devices/{id}/heartbeat"), &json!({})).await;
        tokio::time::sleep(every).await;
    }
}

async fn pause(chance: &mut Chance, about_ms: usize) {
    tokio::time::sleep(Duration::from_millis((about_ms / 2 + chance.below(about_ms)) as u64)).await;
}

/// Guests order.
async fn order(device: Device, channel: &str, mut chance: Chance) {
    let menu =
        [("Margherita", 1, 9500, "oven"), ("Calzone", 1, 12000, "oven"), ("Classic Burger", 3, 14000, "grill"), ("Salad", 4, 7000, "cold")];
    loop {
        pause(&mut chance, 6000).await;
        let mut items = Vec::new();
        for _ in 0..=chance.below(3) {
            if let Some((name, category, price, station)) = chance.pick(&menu).copied() {
                let qty = 1 + chance.below(2);
                items.push(json!({
                    "name": name, "qty": qty, "price_cents": price, "tax_percent": 9, "category_id": category, "prep_station": station,
                }));
            }
        }
        device.post("/v1/orders", &json!({ "channel": channel, "items": items })).await;
    }
}

/// Somebody at the till accepts what came from outside, and some guests want something more.
async fn accept(till: Device, mut chance: Chance) {
    loop {
        pause(&mut chance, 3000).await;
        for order in listed(&till, "/v1/orders?status=pending", "orders").await {
            let to = if chance.below(10) == 0 { "cancelled" } else { "accepted" };
            till.post(&format!("/v1/orders/{}/status", order["id"]), &json!({ "to": to })).await;
        }
        let open = listed(&till, "/v1/orders?status=in_preparation", "orders").await;
        if let Some(order) = chance.pick(&open).filter(|_| open.len() < 4) {
            let more = json!({ "items": [{ "name": "Lemonade", "price_cents": 2500, "tax_percent": 9, "category_id": 7 }] });
            till.post(&format!("/v1/orders/{}/items", order["id"]), &more).await;
        }
    }
}

/// The kitchen works; now and then it was too early.
async fn cook(screen: Device, mut chance: Chance) {
    loop {
        pause(&mut chance, 1400).await;
        let open = listed(&screen, "/v1/kds/tickets?status=in_preparation,ready", "tickets").await;
        let Some(ticket) = chance.pick(&open) else { continue };
        let (how, to) = match (ticket["status"].as_str(), chance.below(8)) {
            (Some("in_preparation"), _) => ("bump", "ready"),
            (_, 0) => ("undo", "in_preparation"),
            (_, n) if n % 2 == 0 => ("bump", "served"),
            _ => ("bump", "delivered"),
        };
        let seen = json!({ "to": to, "updated_at": ticket["updated_at"] });
        screen.post(&format!("/v1/kds/tickets/{}/{how}", ticket["id"]), &seen).await;
    }
}

/// The back office has a word for a device, and a new picture.
async fn tell(office: Device, mut chance: Chance) {
    let mut version = 1;
    loop {
        pause(&mut chance, 20_000).await;
        let devices = listed(&office, "/devices", "devices").await;
        if let Some(device) = chance.pick(&devices) {
            let word = json!({ "title": "New menu", "message": "The menu of tonight is there.", "action": { "type": "reload" } });
            office.post(&format!("/devices/{}/notify", device["id"]), &word).await;
        }
        office.post("/v1/media", &json!({ "id": 71, "type": "menu", "version": version })).await;
        version += 1;
    }
}

async fn listed(device: &Device, path: &str, of: &str) -> Vec<Value> {
    let answer = device.get(path).await.unwrap_or_default();
    answer[of].as_array().cloned().unwrap_or_default()
}
