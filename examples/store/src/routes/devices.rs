//! `/devices`: a device's heart beats for itself; `devices.read` sees them all, `devices.update` tells them and puts them aside.

use super::{Asked, nowhere, number, to};
use crate::{
    Backend,
    act::Cause,
    caller::Caller,
    devices::{PUT_TO, notify},
};
use http::{Method, StatusCode};
use serde_json::json;
use std::{sync::PoisonError, time::Instant};
use tidewire_example_backend::{Answer, Refusal, json as answer};

impl Backend {
    pub(super) async fn devices(&self, asked: Asked<'_>, rest: &[&str]) -> Result<Answer, Refusal> {
        let (call, caller, sku) = (asked.call, asked.caller, asked.sku().to_owned());
        match (&call.method, rest) {
            (&Method::GET, []) => {
                caller.may("devices.read")?;
                Ok(self.list(&sku, "devices", |shop| {
                    let devices = shop.devices.iter().filter(|(_, known)| known.sku == sku);
                    let each = devices.map(|(id, k)| json!({ "id": id, "type": k.device_type, "status": k.status, "since": k.since }));
                    json!({ "devices": each.collect::<Vec<_>>() })
                }))
            }
            (&Method::GET, ["me"]) => {
                let status = self.keep.look().state.devices.get(&caller.id).map(|known| known.status.clone());
                let body = json!({
                    "id": caller.id, "type": caller.device_type, "store": sku, "abilities": caller.abilities, "status": status,
                    "heartbeat_within_s": self.config.silence().as_secs(),
                });
                Ok(answer(StatusCode::OK, &body))
            }
            (&Method::POST, [id, "heartbeat"]) => self.heartbeat(number(id)?, caller, asked.cause).await,
            (&Method::POST, [id, "status"]) => {
                caller.may("devices.update")?;
                let (id, to) = (number(id)?, to(&call.body)?);
                if !PUT_TO.contains(&to) {
                    return Err(Refusal::bad(format!("a device is put to {}; it is online while its heart beats", PUT_TO.join(", "))));
                }
                let device = self.of_store(id, &sku).await?;
                self.registry.block(id, to == "blocked").await?;
                self.beats.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                let status = |shop: &mut crate::Shop, now: &str| shop.device_status(id, &sku, &device.device_type, to, "back_office", now);
                let body = self.act(asked.cause, status).await?;
                Ok(answer(StatusCode::OK, &body))
            }
            (&Method::POST, [id, "notify"]) => {
                caller.may("devices.update")?;
                let id = number(id)?;
                self.of_store(id, &sku).await?;
                let body = self.act(asked.cause, |_, _| notify(&sku, id, &call.body)).await?;
                Ok(answer(StatusCode::OK, &body))
            }
            _ => Err(nowhere()),
        }
    }

    /// K-15. Told only where it brings a device back: a heart beats often.
    async fn heartbeat(&self, id: u64, caller: &Caller, cause: Cause) -> Result<Answer, Refusal> {
        if id != caller.id {
            let mut refusal = Refusal::new(StatusCode::FORBIDDEN, "Not allowed", "a device's heart beats for itself alone");
            refusal.more = json!({ "check": "device" });
            return Err(refusal);
        }
        self.beats.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Instant::now());
        let known = self.keep.look().state.devices.get(&id).cloned();
        if !known.is_some_and(|known| known.status == "online" && known.sku == caller.store) {
            let online =
                |shop: &mut crate::Shop, now: &str| shop.device_status(id, &caller.store, &caller.device_type, "online", "heartbeat", now);
            self.act(cause, online).await?;
        }
        let body = json!({ "id": id, "status": "online", "heartbeat_within_s": self.config.silence().as_secs() });
        Ok(answer(StatusCode::OK, &body))
    }

    async fn of_store(&self, id: u64, sku: &str) -> Result<Caller, Refusal> {
        let device = self.registry.device(id).await?.filter(|device| device.store == sku);
        device.ok_or_else(|| Refusal::not_found(format!("there is no device {id} in this shop")))
    }
}
