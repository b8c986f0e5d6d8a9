//! What an operator sees of a running server, in the OpenMetrics text format (K-16).
//!
//! Counted where it happens at the edge; what shards and logs know of themselves is asked for when somebody looks.

mod operations;
mod process;

pub use operations::Operations;

use crate::App;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tidewire_contract::Durability;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    contract: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLog {
    contract: String,
    durability: &'static str,
}

type Total = Counter<u64, AtomicU64>;

/// All metrics of a server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Total>,
    request_seconds: Family<RouteOf, Histogram, fn() -> Histogram>,
    published: Family<Of, Total>,
    duplicates: Family<Of, Total>,
    publish_seconds: Family<Of, Histogram, fn() -> Histogram>,
    refused: Family<Refusal, Total>,
    sessions: Gauge,
    opened: Total,
    subscriptions: Gauge,
    delivered: Total,
    sent_bytes: Total,
    received_bytes: Total,
    frames: Total,
    frames_refused: Total,
    polls_waiting: Gauge,
    channels: Family<OfLog, Gauge>,
    heads: Family<OfLog, Gauge>,
    kept: Family<OfLog, Gauge>,
    process: process::Process,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteOf {
    route: &'static str,
}

/// What a publish did; rides with its answer to where it is counted.
#[derive(Debug, Clone)]
pub struct Publication {
    pub contract: String,
    pub events: u64,
    pub duplicates: u64,
    /// From the checked request to the answer of the log.
    pub took: Duration,
}

/// From 50 µs to about 13 s.
fn latencies() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.0, 19))
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut registry = Registry::with_prefix("tidewire");
        let metrics = Metrics {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(latencies),
            published: Family::default(),
            duplicates: Family::default(),
            publish_seconds: Family::new_with_constructor(latencies),
            refused: Family::default(),
            sessions: Gauge::default(),
            opened: Total::default(),
            subscriptions: Gauge::default(),
            delivered: Total::default(),
            sent_bytes: Total::default(),
            received_bytes: Total::default(),
            frames: Total::default(),
            frames_refused: Total::default(),
            polls_waiting: Gauge::default(),
            channels: Family::default(),
            heads: Family::default(),
            kept: Family::default(),
            process: process::Process::default(),
            registry: Registry::default(),
        };
        let m = &metrics;
        registry.register("http_requests", "Requests of the HTTP interface", m.requests.clone());
        registry.register_with_unit("http_request", "Time to answer a request", Unit::Seconds, m.request_seconds.clone());
        registry.register("events_published", "Events that backends published, without repeats", m.published.clone());
        registry.register("events_repeated", "Events whose key was known: answered, not published again", m.duplicates.clone());
        registry.register_with_unit(
            "publish",
            "From a checked request to an event as durable as promised",
            Unit::Seconds,
            m.publish_seconds.clone(),
        );
        registry.register("requests_refused", "Requests that were refused, by the problem's name", m.refused.clone());
        registry.register("connections", "WebSocket and event stream sessions that are open", m.sessions.clone());
        registry.register("connections_opened", "Sessions that were opened", m.opened.clone());
        registry.register("subscriptions", "Channels that sessions are on, summed", m.subscriptions.clone());
        registry.register("events_delivered", "Events that were written to sessions", m.delivered.clone());
        registry.register_with_unit("sent", "Written to sessions", Unit::Bytes, m.sent_bytes.clone());
        registry.register_with_unit("received", "Read from sessions", Unit::Bytes, m.received_bytes.clone());
        registry.register("frames_received", "Messages of clients", m.frames.clone());
        registry.register("frames_refused", "Messages of clients that were refused", m.frames_refused.clone());
        registry.register("polls_waiting", "Long polls that wait for something new", m.polls_waiting.clone());
        registry.register("channels", "Channels that were read or published to since the start", m.channels.clone());
        registry.register("log_events", "Events that were ever given a place in these channels, summed", m.heads.clone());
        registry.register("log_kept_events", "Events that these channels still keep, summed", m.kept.clone());
        m.process.register(&mut registry);
        Metrics { registry, ..metrics }
    }
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, route: &'static str, status: u16, took: Duration, refused: Option<&'static str>) {
        self.requests.get_or_create(&Request { route, status }).inc();
        self.request_seconds.get_or_create(&RouteOf { route }).observe(took.as_secs_f64());
        if let Some(reason) = refused {
            self.refused.get_or_create(&Refusal { reason }).inc();
        }
    }

    /// Something was published.
    pub fn published(&self, publication: &Publication) {
        let of = Of { contract: publication.contract.clone() };
        self.published.get_or_create(&of).inc_by(publication.events);
        self.duplicates.get_or_create(&of).inc_by(publication.duplicates);
        self.publish_seconds.get_or_create(&of).observe(publication.took.as_secs_f64());
    }

    /// The text of all metrics, as of now.
    pub fn text(&self, app: &App) -> String {
        let totals = app.shards.totals();
        self.sessions.set(totals.opened.saturating_sub(totals.closed) as i64);
        self.subscriptions.set(totals.joined.saturating_sub(totals.left) as i64);
        for (counter, value) in [
            (&self.opened, totals.opened),
            (&self.delivered, totals.delivered),
            (&self.sent_bytes, totals.bytes_out),
            (&self.received_bytes, totals.bytes_in),
            (&self.frames, totals.frames_in),
            (&self.frames_refused, totals.refused),
        ] {
            counter.inner().store(value, Relaxed);
        }
        self.polls_waiting.set(app.hub.waiters().count() as i64);
        self.logs(app);
        self.process.read();
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::warn!("metrics cannot be encoded");
        }
        text
    }

    fn logs(&self, app: &App) {
        let mut sums: BTreeMap<(String, &'static str), (i64, u64, u64)> = BTreeMap::new();
        for log in app.hub.reader().handles() {
            let contract = log.name.split_once('/').map_or(&*log.name, |(contract, _)| contract);
            let durability = match log.durability {
                Durability::Memory => "memory",
                Durability::Process => "process",
                Durability::Disk => "disk",
            };
            let sum = sums.entry((contract.to_owned(), durability)).or_default();
            sum.0 += 1;
            sum.1 += log.head();
            sum.2 += (log.head() + 1).saturating_sub(log.first());
        }
        for ((contract, durability), (channels, head, kept)) in sums {
            let of = OfLog { contract, durability };
            self.channels.get_or_create(&of).set(channels);
            self.heads.get_or_create(&of).set(head as i64);
            self.kept.get_or_create(&of).set(kept as i64);
        }
    }
}
