//! `[apps.NAME]` and `[contracts.NAME.pusher]`: apps of the Pusher protocol.

use super::{ConfigError, Secret, units};
use serde::{Deserialize, Deserializer};
use std::{collections::BTreeMap, time::Duration};
use tidewire_contract::Durability;

/// An app's credentials, which its clients and publishers have too, and its options.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// Digits: some publishers' libraries refuse anything else.
    #[serde(deserialize_with = "digits")]
    pub app_id: String,
    pub key: String,
    pub secret: Secret,
    /// Whether clients may send `client-…` events to each other. A contract says so itself, event by event.
    #[serde(default, deserialize_with = "units::switch")]
    pub client_events: bool,
    /// Whether clients may sign in as users.
    #[serde(default = "yes", deserialize_with = "units::switch")]
    pub user_authentication: bool,
    /// Whether subscribers hear how many they are.
    #[serde(default, deserialize_with = "units::switch")]
    pub subscription_counts: bool,
    /// Whether signed-in users hear who of their watchlist comes and goes.
    #[serde(default, deserialize_with = "units::switch")]
    pub watchlist: bool,
    /// How long a connection may be silent before it is asked for a sign of life.
    #[serde(default = "activity_timeout", deserialize_with = "units::duration")]
    pub activity_timeout: Duration,
    /// Within this time a connection signs in, or joins a private or presence channel; else it ends. 0: it need not.
    #[serde(default, deserialize_with = "units::duration")]
    pub authorize_within: Duration,
    /// Connections at once; 0: as many as the server takes.
    #[serde(default, deserialize_with = "units::number")]
    pub connections: usize,
    /// Client events of one connection in a second.
    #[serde(default = "client_event_rate", deserialize_with = "units::number")]
    pub client_events_per_second: usize,
    /// Bytes of an event's data.
    #[serde(default = "event_bytes", deserialize_with = "units::size")]
    pub event_bytes: usize,
    /// Channels of one publish.
    #[serde(default = "hundred", deserialize_with = "units::number")]
    pub event_channels: usize,
    /// Events of one batch.
    #[serde(default = "ten", deserialize_with = "units::number")]
    pub batch_events: usize,
    /// Members of a presence channel.
    #[serde(default = "hundred", deserialize_with = "units::number")]
    pub presence_members: usize,
    /// Bytes of what a member says of itself.
    #[serde(default = "kilobyte", deserialize_with = "units::size")]
    pub presence_bytes: usize,
    /// How long a cache channel keeps its last event.
    #[serde(default = "half_an_hour", deserialize_with = "units::duration")]
    pub cache_keep: Duration,
    /// How long events are kept for replay. A contract says so itself.
    #[serde(default = "hour", deserialize_with = "units::duration")]
    pub history: Duration,
    /// How many are kept of a channel. A contract says so itself.
    #[serde(default = "history_events", deserialize_with = "units::number")]
    pub history_events: usize,
    /// What an event survives before it is acknowledged. A contract says so itself.
    #[serde(default = "process", deserialize_with = "durability")]
    pub durability: Durability,
    /// Who is told what happens on the app's channels.
    #[serde(default)]
    pub webhooks: Vec<Webhook>,
}

/// `[[apps.NAME.webhooks]]`: one who is told.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    #[serde(deserialize_with = "url")]
    pub url: http::Uri,
    /// What it is told; everything, if it is not said.
    #[serde(default = "every_event")]
    pub events: Vec<WebhookEvent>,
    /// Only of channels whose names begin so.
    #[serde(default)]
    pub channel_prefix: String,
    /// Further headers of its requests, e.g. `Authorization`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// How long a channel has to stay empty, and a member away, before it is told.
    #[serde(default = "three_seconds", deserialize_with = "units::duration")]
    pub debounce: Duration,
    /// How long a delivery that fails is repeated.
    #[serde(default = "five_minutes", deserialize_with = "units::duration")]
    pub retry_for: Duration,
    /// Events of one delivery.
    #[serde(default = "fifty", deserialize_with = "units::number")]
    pub batch: usize,
    /// How long an answer may take.
    #[serde(default = "ten_seconds", deserialize_with = "units::duration")]
    pub timeout: Duration,
}

/// What webhooks are told of, under the protocol's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookEvent {
    ChannelOccupied,
    ChannelVacated,
    MemberAdded,
    MemberRemoved,
    ClientEvent,
    CacheMiss,
    SubscriptionCount,
}

fn every_event() -> Vec<WebhookEvent> {
    use WebhookEvent::*;
    vec![ChannelOccupied, ChannelVacated, MemberAdded, MemberRemoved, ClientEvent, CacheMiss, SubscriptionCount]
}
fn three_seconds() -> Duration {
    Duration::from_secs(3)
}
fn five_minutes() -> Duration {
    Duration::from_secs(300)
}
fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}
fn fifty() -> usize {
    50
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<http::Uri, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bad = |_| serde::de::Error::custom(format!("'{text}' is no URL that begins with http:// or https://"));
    super::keys::parse_url("url", &text).map_err(bad)
}

fn yes() -> bool {
    true
}
fn activity_timeout() -> Duration {
    Duration::from_secs(120)
}
fn client_event_rate() -> usize {
    10
}
fn event_bytes() -> usize {
    10 << 10
}
fn hundred() -> usize {
    100
}
fn ten() -> usize {
    10
}
fn kilobyte() -> usize {
    1 << 10
}
fn half_an_hour() -> Duration {
    Duration::from_secs(1800)
}
fn hour() -> Duration {
    Duration::from_secs(3600)
}
fn history_events() -> usize {
    10_000
}
fn process() -> Durability {
    Durability::Process
}

/// Text or a number.
fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a number of digits")]
    enum Id {
        Text(String),
        Number(u64),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}

fn durability<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Durability, D::Error> {
    let text = String::deserialize(deserializer)?;
    [Durability::Memory, Durability::Process, Durability::Disk]
        .into_iter()
        .find(|d| d.as_str() == text)
        .ok_or_else(|| serde::de::Error::unknown_variant(&text, &["memory", "process", "disk"]))
}

impl AppConfig {
    /// An app with these credentials and no options.
    pub fn new(app_id: &str, key: &str, secret: Secret) -> AppConfig {
        AppConfig {
            app_id: app_id.to_owned(),
            key: key.to_owned(),
            secret,
            client_events: false,
            user_authentication: true,
            subscription_counts: false,
            watchlist: false,
            activity_timeout: activity_timeout(),
            authorize_within: Duration::ZERO,
            connections: 0,
            client_events_per_second: client_event_rate(),
            event_bytes: event_bytes(),
            event_channels: hundred(),
            batch_events: ten(),
            presence_members: hundred(),
            presence_bytes: kilobyte(),
            cache_keep: half_an_hour(),
            history: hour(),
            history_events: history_events(),
            durability: process(),
            webhooks: Vec::new(),
        }
    }

    /// Reads an app's table, with what the environment said laid over it.
    pub(super) fn resolve(place: &str, table: toml::Table) -> Result<AppConfig, ConfigError> {
        let app: AppConfig = table.try_into().map_err(|e: toml::de::Error| ConfigError::explained(place, e.message()))?;
        app.check(place)?;
        Ok(app)
    }

    fn check(&self, place: &str) -> Result<(), ConfigError> {
        let bad = |what: &str, help: &str| Err(ConfigError::new(format!("{place}.{what}"), help.to_owned()));
        if self.app_id.is_empty() || !self.app_id.bytes().all(|b| b.is_ascii_digit()) {
            return bad("app_id", "an app's id is made of digits");
        }
        if self.key.is_empty() || !self.key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
            return bad("key", "an app's key is made of letters, digits, - and _; clients connect to /app/<key>");
        }
        if self.secret.reveal().len() < 16 {
            return bad("secret", "an app's secret has at least 16 characters; make one with: openssl rand -hex 32");
        }
        for (at, hook) in self.webhooks.iter().enumerate() {
            let place = format!("webhooks[{at}]");
            if hook.batch == 0 || hook.timeout.is_zero() {
                return bad(&place, "`batch` and `timeout` are more than nothing");
            }
            for (name, value) in &hook.headers {
                let good = http::HeaderName::try_from(name.as_str()).is_ok() && http::HeaderValue::try_from(value.reveal()).is_ok();
                if !good {
                    return bad(&place, &format!("'{name}' is no header, or its value is none that a header can have"));
                }
            }
        }
        if self.activity_timeout < Duration::from_secs(1) {
            return bad("activity_timeout", "clients take it in whole seconds, and refuse 0");
        }
        Ok(())
    }
}
