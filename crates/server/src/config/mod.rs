//! `tidewire.toml`, the environment and the flags, made one. Strict: what is not understood is an error.

mod apps;
mod backends;
mod env;
mod error;
mod keys;
mod load;
mod secret;
pub mod units;

pub use apps::{AppConfig, Webhook, WebhookEvent};
pub use backends::BackendConfig;
pub use env::SETTINGS;
pub(crate) use env::variable;
pub use error::ConfigError;
pub use keys::{Algorithm, AuthConfig, BackendKey, ContractConfig, TokenKey, TokenKeySource};
pub use load::Flags;
pub use secret::Secret;

use serde::Deserialize;
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

/// All that can be configured. `docs/configuration.md` is its reference.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients and backends connect.
    pub listen: SocketAddr,
    /// Where metrics and health are served.
    pub metrics_listen: SocketAddr,
    /// The folder that holds the contracts.
    pub contracts_folder: PathBuf,
    /// Threads that serve sessions; 0: one for each core.
    pub shards: usize,
    pub tls: Option<Tls>,
    pub cors: Cors,
    pub limits: Limits,
    pub shutdown: Shutdown,
    pub log: Log,
    pub store: Store,
    /// Paths, longest first, and the backend that serves what is below them.
    pub proxy: Vec<(String, http::Uri)>,
    /// Things that were ignored and may be mistakes, to be logged once.
    pub warnings: Vec<String>,
    contracts: BTreeMap<String, ContractConfig>,
    /// Apps of the Pusher protocol without a contract, by name.
    pub apps: BTreeMap<String, AppConfig>,
}

/// `[tls]`: PEM files. They are read again on SIGHUP.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate and what it is signed by, first to last.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// `[cors]`: which web pages of other origins may call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// `https://app.example.org`, or `*` for any (without cookies). A contract's `allowed_origins` come on top.
    pub allowed_origins: Vec<String>,
    /// How long a browser may keep the answer to a preflight.
    #[serde(deserialize_with = "units::duration")]
    pub max_age: Duration,
}

impl Default for Cors {
    fn default() -> Self {
        Cors { allowed_origins: Vec::new(), max_age: Duration::from_secs(600) }
    }
}

/// `[limits]`: what one client may cost.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one WebSocket frame, and of a message of several.
    #[serde(deserialize_with = "units::size")]
    pub message_bytes: usize,
    /// How deep JSON may nest.
    #[serde(deserialize_with = "units::number")]
    pub json_depth: usize,
    #[serde(deserialize_with = "units::number")]
    pub channels_per_client: usize,
    #[serde(deserialize_with = "units::number")]
    pub connections_total: usize,
    #[serde(deserialize_with = "units::number")]
    pub connections_per_address: usize,
    #[serde(deserialize_with = "units::number")]
    pub connections_per_principal: usize,
    /// Bytes of a request's line and headers.
    #[serde(deserialize_with = "units::size")]
    pub header_bytes: usize,
    /// From the first byte of a connection (or, over TLS, the handshake) to the end of the request's head.
    #[serde(deserialize_with = "units::duration")]
    pub header_time: Duration,
    #[serde(deserialize_with = "units::duration")]
    pub handshake_time: Duration,
    /// How long an HTTP connection may wait for its next request.
    #[serde(deserialize_with = "units::duration")]
    pub idle_time: Duration,
    /// Bytes of a request's body.
    #[serde(deserialize_with = "units::size")]
    pub body_bytes: usize,
    /// How long a request's body may take to arrive.
    #[serde(deserialize_with = "units::duration")]
    pub body_time: Duration,
    /// Events of one publish.
    #[serde(deserialize_with = "units::number")]
    pub batch_events: usize,
    /// Events of one page.
    #[serde(deserialize_with = "units::number")]
    pub page_events: usize,
    /// How long a poll may wait (`wait=`).
    #[serde(deserialize_with = "units::duration")]
    pub poll_wait: Duration,
    /// How long a backend behind `[proxy]` may take to begin its answer.
    #[serde(deserialize_with = "units::duration")]
    pub proxy_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message_bytes: 64 << 10,
            json_depth: 32,
            channels_per_client: 100,
            connections_total: 100_000,
            connections_per_address: 10_000,
            connections_per_principal: 100,
            header_bytes: 16 << 10,
            header_time: Duration::from_secs(10),
            handshake_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            body_bytes: 1 << 20,
            body_time: Duration::from_secs(30),
            batch_events: 1000,
            page_events: 1000,
            poll_wait: Duration::from_secs(55),
            proxy_time: Duration::from_secs(30),
        }
    }
}

/// `[shutdown]`: how a server that is told to stop does it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// The closes of clients are spread over this time, so that they do not all come back at once.
    #[serde(deserialize_with = "units::duration")]
    pub drain: Duration,
    /// How long requests under way may take to end.
    #[serde(deserialize_with = "units::duration")]
    pub grace: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown { drain: Duration::from_secs(5), grace: Duration::from_secs(10) }
    }
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,tidewire_server=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Log { format: LogFormat::Auto, level: "info".into() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Readable on a terminal, JSON otherwise.
    Auto,
    Text,
    Json,
}

/// `[store]`: the embedded store, or Redis for several nodes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Its folder, also `--data`.
    pub path: PathBuf,
    /// Publishes are refused when less than this, in bytes, is free on the disk.
    #[serde(deserialize_with = "units::size")]
    pub min_free: usize,
    /// Where Redis is, for several nodes that share channels: `redis://…`, `redis+sentinel://…`, `redis+cluster://…`.
    pub redis: Option<Secret>,
    /// What all keys there begin with.
    pub redis_prefix: String,
    /// Replicas that must have a publish before it is acknowledged.
    #[serde(deserialize_with = "units::number")]
    pub redis_replicas: usize,
    /// Starts although Redis keeps less than the contracts promise.
    #[serde(deserialize_with = "units::switch")]
    pub redis_weaker: bool,
}

impl Default for Store {
    fn default() -> Self {
        Store {
            path: "data".into(),
            min_free: 64 << 20,
            redis: None,
            redis_prefix: "tidewire".into(),
            redis_replicas: 0,
            redis_weaker: false,
        }
    }
}
