//! `[contracts.NAME.backends.NAME]`: where clients' events are handed to, and what they are signed with.

use super::{ConfigError, Secret, keys::parse_url, units};
use serde::Deserialize;
use std::path::PathBuf;

/// What is configured of one backend of a contract.
#[derive(Debug, Clone, Default)]
pub struct BackendConfig {
    /// Where events are posted to.
    pub url: Option<http::Uri>,
    /// Where Redis is, for a backend that is reached through it: `redis://…`, in place of `url`.
    pub redis: Option<Secret>,
    /// `whsec_` and base64, as Standard Webhooks writes it, or any text of at least 24 bytes.
    pub secret: Option<Secret>,
    /// PEM file of the authorities that `https` there is checked against; the public ones unless given.
    pub ca: Option<PathBuf>,
    /// Events that it is asked about at once.
    pub at_once: Option<usize>,
    /// Events that may wait for its answer, those included; more are refused.
    pub waiting: Option<usize>,
}

const AT_ONCE: usize = 64;
const WAITING: usize = 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawBackend {
    url: Option<String>,
    redis: Option<Secret>,
    secret: Option<Secret>,
    ca: Option<PathBuf>,
    #[serde(deserialize_with = "units::maybe")]
    at_once: Option<usize>,
    #[serde(deserialize_with = "units::maybe")]
    waiting: Option<usize>,
}

impl BackendConfig {
    pub(super) fn resolve(place: &str, raw: RawBackend) -> Result<BackendConfig, ConfigError> {
        let RawBackend { url, redis, secret, ca, at_once, waiting } = raw;
        if at_once == Some(0) || waiting == Some(0) {
            return Err(ConfigError::new(place, "at_once and waiting are at least 1"));
        }
        if url.is_some() && redis.is_some() {
            return Err(ConfigError::new(place, "it is reached by `url` or through `redis`, and not by both"));
        }
        let url = url.map(|url| parse_url(&format!("{place}.url"), &url)).transpose()?;
        Ok(BackendConfig { url, redis, secret, ca, at_once, waiting })
    }

    /// How many events at once, and how many wait, where nothing is said.
    pub fn bounds() -> (usize, usize) {
        (AT_ONCE, WAITING)
    }

    /// The same, by what is said.
    pub fn own_bounds(&self) -> (usize, usize) {
        let at_once = self.at_once.unwrap_or(AT_ONCE);
        (at_once, self.waiting.unwrap_or(WAITING.max(at_once)))
    }

    /// Lays what the environment says over what the file says.
    pub(super) fn overlay(&mut self, over: BackendConfig) {
        let BackendConfig { url, redis, secret, ca, at_once, waiting } = over;
        self.url = url.or(self.url.take());
        self.redis = redis.or(self.redis.take());
        self.secret = secret.or(self.secret.take());
        self.ca = ca.or(self.ca.take());
        self.at_once = at_once.or(self.at_once);
        self.waiting = waiting.or(self.waiting);
    }
}
