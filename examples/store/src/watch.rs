//! Puts devices offline whose hearts have stopped (K-15).

use crate::{Backend, act::Cause};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use tidewire_example_backend::Refusal;

pub(crate) async fn watch(backend: Arc<Backend>) {
    let look_every = (backend.config.silence() / 4).clamp(Duration::from_millis(20), Duration::from_secs(5));
    loop {
        tokio::time::sleep(look_every).await;
        for id in backend.silent() {
            if let Err(refusal) = backend.fell_silent(id).await {
                eprintln!("store: the device {id} fell silent, and it cannot be told: {}", refusal.detail);
            }
        }
    }
}

impl Backend {
    /// Those that are online and were not heard for too long. Since a restart nobody was heard: each has the whole time again.
    fn silent(&self) -> Vec<u64> {
        let devices = self.keep.look().state.devices;
        devices.into_iter().filter(|(id, known)| known.status == "online" && self.is_silent(*id)).map(|(id, _)| id).collect()
    }

    fn is_silent(&self, id: u64) -> bool {
        let beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        beats.get(&id).copied().unwrap_or(self.started).elapsed() > self.config.silence()
    }

    /// A device that may not speak any more is silent for that reason.
    async fn fell_silent(&self, id: u64) -> Result<(), Refusal> {
        let (status, reason) = match self.registry.device(id).await {
            Ok(Some(device)) if device.blocked => ("blocked", "blocked"),
            Ok(None) => ("offline", "removed"),
            _ => ("offline", "timeout"),
        };
        let done = self.act(Cause::time(), |shop, now| match shop.devices.get(&id).cloned() {
            // It may have been heard while this waited for its turn.
            Some(known) if known.status == "online" && self.is_silent(id) => {
                shop.device_status(id, &known.sku, &known.device_type, status, reason, now)
            }
            _ => Ok(Default::default()),
        });
        done.await.map(drop)
    }
}
