//! What an operator sees of a running server, in the OpenMetrics text format (K-16).
//!
//! Counted where it happens: by shards for themselves ([`sessions`]), by everybody else in [`Tallies`]. What logs and the
//! kernel know is asked for when somebody looks. Whoever else has figures is a [`Provider`].

mod logs;
mod operations;
mod process;
mod reports;
mod sample;
mod sessions;
mod tallies;

pub use logs::{Size, StoreFigures};
pub use operations::Operations;
pub use reports::{BridgeReport, WebhookReport, bridges, webhooks};
pub use sample::{Provider, Sample, Value};
pub use tallies::{Polling, Publishes, Tallies};

use crate::App;
use prometheus_client::{encoding::text::encode, registry::Registry};
use sample::Samples;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tidewire_engine::Times;

/// What the HTTP interface counts of itself, and the text of all metrics.
pub struct Metrics {
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    times: Mutex<BTreeMap<&'static str, Arc<Times>>>,
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Metrics {
    fn default() -> Metrics {
        process::begin();
        Metrics { requests: Mutex::default(), times: Mutex::default(), refused: Mutex::default() }
    }
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, route: &'static str, status: u16, took: Duration, refused: Option<&'static str>) {
        *locked(&self.requests).entry((route, status)).or_default() += 1;
        let times = locked(&self.times).entry(route).or_default().clone();
        times.note(took);
        if let Some(reason) = refused {
            *locked(&self.refused).entry(reason).or_default() += 1;
        }
    }

    /// The text of all metrics, as of now.
    pub fn text(&self, app: &App) -> String {
        // Zeros, too, are told: of contracts under which nothing was published yet.
        app.served.iter().for_each(|served| drop(app.hub.tallies().publishes(&served.contract.name)));
        let mut samples = Vec::new();
        sessions::samples(app, &mut samples);
        app.hub.tallies().samples(&mut samples);
        self.samples(&mut samples);
        logs::samples(app, &mut samples);
        process::samples(&mut samples);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Samples::new(samples)));
        let mut text = String::new();
        if encode(&mut text, &registry).is_err() {
            tracing::warn!("metrics cannot be encoded");
        }
        text
    }

    fn samples(&self, into: &mut Vec<Sample>) {
        for ((route, status), n) in locked(&self.requests).iter() {
            let sample = Sample::count("tidewire_http_requests", "Requests of the HTTP interface", *n);
            into.push(sample.with("route", *route).with("status", status.to_string()));
        }
        for (route, times) in locked(&self.times).iter() {
            let sample = Sample::spread("tidewire_http_request_seconds", "Time to answer a request", times.spread());
            into.push(sample.with("route", *route));
        }
        for (reason, n) in locked(&self.refused).iter() {
            let help = "Requests of the HTTP interface that were refused, by the problem's name";
            into.push(Sample::count("tidewire_requests_refused", help, *n).with("reason", *reason));
        }
    }
}
