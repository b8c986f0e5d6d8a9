//! The store as a program, its devices, and what it told.
#![allow(dead_code)]

#[path = "../../../backend/tests/fake/mod.rs"]
pub mod fake;

use fake::{Fake, KEY, Stored, ask};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tidewire_example_store::{Config, Running, run};

pub const SKU: &str = "pizza-bab-el-oued";

/// Its devices, by name, as the document has their abilities.
const DEVICES: [(&str, u64, &str, &[&str]); 5] = [
    ("pos", 41, "POS", &["order.read", "order.create", "order.status.set", "ticket.create", "device.sync"]),
    ("kiosk", 42, "Kiosk", &["order.read", "order.create", "device.sync"]),
    ("kds", 43, "KDS", &["kds.read", "kds.update", "device.sync"]),
    ("printer", 44, "PrinterGateway", &["printer.read", "device.sync"]),
    ("back_office", 45, "BackOffice", &["devices.read", "devices.update", "order.read", "kds.read", "media.update"]),
];

pub struct Store {
    pub fake: Fake,
    pub tokens: BTreeMap<String, String>,
    running: Option<Running>,
    config: Config,
}

impl Store {
    pub async fn start(change: impl FnOnce(&mut Config)) -> Store {
        let fake = Fake::start("store").await;
        let token = |(name, id, kind, abilities): &(&str, u64, &str, &[&str])| ((*name).to_owned(), fake.device(*id, kind, SKU, abilities));
        let tokens: BTreeMap<String, String> = DEVICES.iter().map(token).collect();
        let common = tidewire_example_backend::Config { tidewire_url: fake.url.clone(), backend_key: KEY.into(), ..Default::default() };
        let mut config = Config { common, tokens: tokens.clone(), ..Config::default() };
        change(&mut config);
        let running = Some(run(config.clone()).await.unwrap());
        Store { fake, tokens, running, config }
    }

    pub async fn quiet() -> Store {
        Store::start(|_| {}).await
    }

    pub async fn kept(folder: PathBuf) -> Store {
        Store::start(|config| config.common.data = Some(folder)).await
    }

    pub async fn restart(&mut self) {
        self.stop().await;
        self.running = Some(run(self.config.clone()).await.unwrap());
    }

    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Asks as a device, with headers beside its token.
    pub async fn ask(
        &self,
        who: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> (StatusCode, HeaderMap, Value) {
        let bearer = format!("Bearer {}", self.tokens.get(who).map_or(who, String::as_str));
        let all: Vec<(&str, &str)> = std::iter::once(("authorization", bearer.as_str())).chain(headers.iter().copied()).collect();
        let body = if body.is_null() { None } else { Some(body.to_string()) };
        ask(method, format!("http://{}{path}", self.running.as_ref().unwrap().address), &all, body.as_deref()).await
    }

    pub async fn post(&self, who: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let (status, _, answer) = self.ask(who, Method::POST, path, &[], body).await;
        (status, answer)
    }

    pub async fn get(&self, who: &str, path: &str) -> (StatusCode, Value) {
        let (status, _, answer) = self.ask(who, Method::GET, path, &[], Value::Null).await;
        (status, answer)
    }

    /// An order of burgers at the kiosk, of which the kitchen has one ticket: the ids of both.
    pub async fn burger(&self) -> (u64, u64) {
        let (status, answer) =
            self.post("kiosk", "/v1/orders", json!({ "items": [{ "name": "Classic Burger", "price_cents": 14000 }] })).await;
        assert_eq!(status, 201, "{answer}");
        let order = answer["order"]["id"].as_u64().unwrap();
        let (_, listed) = self.get("kds", "/v1/kds/tickets").await;
        let ticket = listed["tickets"].as_array().unwrap().iter().find(|t| t["order_id"] == order).unwrap()["id"].as_u64().unwrap();
        (order, ticket)
    }

    pub async fn bump(&self, ticket: u64, how: &str, to: &str) -> (StatusCode, Value) {
        self.post("kds", &format!("/v1/kds/tickets/{ticket}/{how}"), json!({ "to": to })).await
    }

    /// What was told on a channel of the shop.
    pub fn told(&self, of: &str) -> Vec<Stored> {
        let channel = channel(of);
        self.fake.log().into_iter().filter(|event| event.channel == channel).collect()
    }

    /// The events of a type, as soon as `enough` of them are there.
    pub async fn wait(&self, of: &str, event_type: &str, enough: impl Fn(&[Stored]) -> bool) -> Vec<Stored> {
        let waited = async {
            loop {
                let told: Vec<Stored> = self.told(of).into_iter().filter(|event| event.event_type == event_type).collect();
                if enough(&told) {
                    return told;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waited).await.unwrap_or_else(|_| panic!("{event_type}: {:#?}", self.told(of)))
    }
}

pub fn channel(of: &str) -> String {
    format!("private-store.{SKU}.{of}")
}

pub fn types(told: &[Stored]) -> Vec<&str> {
    told.iter().map(|event| event.event_type.as_str()).collect()
}
