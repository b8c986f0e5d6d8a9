//! What bridges and webhooks report of themselves, so that their figures have one set of names wherever they come from.

use super::sample::{Provider, Sample};
use std::{sync::Arc, time::Duration};

/// How a bridge is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BridgeReport {
    pub contract: String,
    /// Its name in the contract.
    pub bridge: String,
    /// Whether the other side is there.
    pub connected: bool,
    /// Events that the other side has not confirmed yet.
    pub lag_events: u64,
    /// How old the oldest of them is.
    pub lag: Duration,
    /// Events that the other side has confirmed since the start.
    pub confirmed: u64,
    /// Times that it had to begin again: the connection broke, or something was not taken.
    pub failures: u64,
}

/// How an app's webhooks are doing. All but `waiting` since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookReport {
    pub app: String,
    /// Deliveries that are not done.
    pub waiting: u64,
    pub delivered: u64,
    /// Attempts that failed; they are repeated.
    pub failed: u64,
    /// Deliveries that were given up.
    pub dropped: u64,
}

impl BridgeReport {
    fn samples(&self, into: &mut Vec<Sample>) {
        let mut push = |sample: Sample| into.push(sample.with("contract", &*self.contract).with("bridge", &*self.bridge));
        push(Sample::level("tidewire_bridge_connected", "Whether the other side of the bridge is there", f64::from(self.connected)));
        push(Sample::level("tidewire_bridge_lag_events", "Events that the other side has not confirmed yet", self.lag_events as f64));
        push(Sample::level("tidewire_bridge_lag_seconds", "How old the oldest unconfirmed event is", self.lag.as_secs_f64()));
        push(Sample::count("tidewire_bridge_confirmed", "Events that the other side has confirmed", self.confirmed));
        push(Sample::count("tidewire_bridge_failures", "Times that the bridge had to begin again", self.failures));
    }
}

impl WebhookReport {
    fn samples(&self, into: &mut Vec<Sample>) {
        let mut push = |sample: Sample| into.push(sample.with("app", &*self.app));
        push(Sample::level("tidewire_webhooks_waiting", "Webhook deliveries that are not done", self.waiting as f64));
        push(Sample::count("tidewire_webhooks_delivered", "Webhook deliveries that were taken", self.delivered));
        push(Sample::count("tidewire_webhooks_failed", "Attempts to deliver that failed and are repeated", self.failed));
        push(Sample::count("tidewire_webhooks_dropped", "Webhook deliveries that were given up", self.dropped));
    }
}

struct Asked<F>(F);

impl<F: Fn(&mut Vec<Sample>) + Send + Sync + 'static> Provider for Asked<F> {
    fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        (self.0)(&mut samples);
        samples
    }
}

/// Shows what `reports` says of bridges whenever somebody looks.
pub fn bridges(reports: impl Fn() -> Vec<BridgeReport> + Send + Sync + 'static) -> Arc<dyn Provider> {
    Arc::new(Asked(move |into: &mut Vec<Sample>| reports().iter().for_each(|report| report.samples(into))))
}

/// Shows what `reports` says of webhooks whenever somebody looks.
pub fn webhooks(reports: impl Fn() -> Vec<WebhookReport> + Send + Sync + 'static) -> Arc<dyn Provider> {
    Arc::new(Asked(move |into: &mut Vec<Sample>| reports().iter().for_each(|report| report.samples(into))))
}
