//! The environment: each value as `TIDEWIRE_…`.

use super::{ConfigError, error::nearest};
use toml::{Table, Value};

/// Every setting that has a variable, by its place in the file; `NAME` stands for a contract's, a backend's or an app's name. The variable is the
/// place in capitals with `_` for each dot: `limits.header_bytes` is `TIDEWIRE_LIMITS_HEADER_BYTES`.
pub const SETTINGS: &[(&str, Shape)] = &[
    ("listen", Shape::Text),
    ("metrics_listen", Shape::Text),
    ("contracts_folder", Shape::Text),
    ("shards", Shape::Text),
    ("tls.certificate", Shape::Text),
    ("tls.key", Shape::Text),
    ("cors.allowed_origins", Shape::List),
    ("cors.max_age", Shape::Text),
    ("limits.message_bytes", Shape::Text),
    ("limits.json_depth", Shape::Text),
    ("limits.channels_per_client", Shape::Text),
    ("limits.connections_total", Shape::Text),
    ("limits.connections_per_address", Shape::Text),
    ("limits.connections_per_principal", Shape::Text),
    ("limits.header_bytes", Shape::Text),
    ("limits.header_time", Shape::Text),
    ("limits.handshake_time", Shape::Text),
    ("limits.idle_time", Shape::Text),
    ("limits.body_bytes", Shape::Text),
    ("limits.body_time", Shape::Text),
    ("limits.batch_events", Shape::Text),
    ("limits.page_events", Shape::Text),
    ("limits.poll_wait", Shape::Text),
    ("limits.proxy_time", Shape::Text),
    ("shutdown.drain", Shape::Text),
    ("shutdown.grace", Shape::Text),
    ("log.format", Shape::Text),
    ("log.level", Shape::Text),
    ("store.path", Shape::Text),
    ("store.min_free", Shape::Text),
    ("store.redis", Shape::Text),
    ("store.redis_prefix", Shape::Text),
    ("store.redis_replicas", Shape::Text),
    ("store.redis_weaker", Shape::Text),
    ("proxy", Shape::Map),
    ("contracts.NAME.backend_keys", Shape::List),
    ("contracts.NAME.allowed_origins", Shape::List),
    ("contracts.NAME.amqp", Shape::Text),
    ("contracts.NAME.auth.secret", Shape::Text),
    ("contracts.NAME.auth.public_key", Shape::Text),
    ("contracts.NAME.auth.algorithm", Shape::Text),
    ("contracts.NAME.auth.jwks_url", Shape::Text),
    ("contracts.NAME.auth.jwks_ca", Shape::Text),
    ("contracts.NAME.auth.issuer", Shape::List),
    ("contracts.NAME.auth.audience", Shape::List),
    ("contracts.NAME.auth.leeway", Shape::Text),
    ("contracts.NAME.auth.require_expiry", Shape::Text),
    ("contracts.NAME.backends.NAME.url", Shape::Text),
    ("contracts.NAME.backends.NAME.redis", Shape::Text),
    ("contracts.NAME.backends.NAME.secret", Shape::Text),
    ("contracts.NAME.backends.NAME.ca", Shape::Text),
    ("contracts.NAME.backends.NAME.at_once", Shape::Text),
    ("contracts.NAME.backends.NAME.waiting", Shape::Text),
    ("contracts.NAME.pusher.app_id", Shape::Text),
    ("contracts.NAME.pusher.key", Shape::Text),
    ("contracts.NAME.pusher.secret", Shape::Text),
    ("contracts.NAME.pusher.client_events", Shape::Text),
    ("contracts.NAME.pusher.user_authentication", Shape::Text),
    ("contracts.NAME.pusher.subscription_counts", Shape::Text),
    ("contracts.NAME.pusher.watchlist", Shape::Text),
    ("contracts.NAME.pusher.activity_timeout", Shape::Text),
    ("contracts.NAME.pusher.authorize_within", Shape::Text),
    ("contracts.NAME.pusher.connections", Shape::Text),
    ("contracts.NAME.pusher.client_events_per_second", Shape::Text),
    ("contracts.NAME.pusher.event_bytes", Shape::Text),
    ("contracts.NAME.pusher.event_channels", Shape::Text),
    ("contracts.NAME.pusher.batch_events", Shape::Text),
    ("contracts.NAME.pusher.presence_members", Shape::Text),
    ("contracts.NAME.pusher.presence_bytes", Shape::Text),
    ("contracts.NAME.pusher.cache_keep", Shape::Text),
    ("apps.NAME.app_id", Shape::Text),
    ("apps.NAME.key", Shape::Text),
    ("apps.NAME.secret", Shape::Text),
    ("apps.NAME.client_events", Shape::Text),
    ("apps.NAME.user_authentication", Shape::Text),
    ("apps.NAME.subscription_counts", Shape::Text),
    ("apps.NAME.watchlist", Shape::Text),
    ("apps.NAME.activity_timeout", Shape::Text),
    ("apps.NAME.authorize_within", Shape::Text),
    ("apps.NAME.connections", Shape::Text),
    ("apps.NAME.client_events_per_second", Shape::Text),
    ("apps.NAME.event_bytes", Shape::Text),
    ("apps.NAME.event_channels", Shape::Text),
    ("apps.NAME.batch_events", Shape::Text),
    ("apps.NAME.presence_members", Shape::Text),
    ("apps.NAME.presence_bytes", Shape::Text),
    ("apps.NAME.cache_keep", Shape::Text),
    ("apps.NAME.history", Shape::Text),
    ("apps.NAME.history_events", Shape::Text),
    ("apps.NAME.durability", Shape::Text),
];

/// How a variable is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Text,
    /// Separated by commas.
    List,
    /// `/path=http://host:port`, separated by commas.
    Map,
}

/// Variables that say the same as a flag, or that the command's other verbs read.
const OTHERS: &[&str] = &["CONFIG", "CONTRACTS", "DATA", "URL", "TOKEN", "SECRET", "KEY", "BACKEND_KEY", "LOG", "UPDATE"];

/// The variable of a setting.
pub(crate) fn variable(setting: &str) -> String {
    format!("TIDEWIRE_{}", normal(setting))
}

/// A contract's name as variables spell it.
pub(super) fn normal(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// One variable that was found: its name, and the table that the file would have said.
pub(super) struct Given {
    pub variable: String,
    pub table: Table,
}

/// Reads the variables that begin with `TIDEWIRE_`; an unknown one becomes a warning, since container platforms set such
/// names of their own accord (`TIDEWIRE_SERVICE_HOST`).
pub(super) fn read(variables: &[(String, String)], warnings: &mut Vec<String>) -> Result<Vec<Given>, ConfigError> {
    let mut found = Vec::new();
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix("TIDEWIRE_") else { continue };
        let Some((path, shape)) = setting(rest) else {
            if !OTHERS.contains(&rest) {
                let known: Vec<String> = SETTINGS.iter().map(|(setting, _)| variable(setting)).collect();
                let near = nearest(name, known.iter().map(String::as_str)).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
                warnings.push(format!("{name} is no setting and is ignored{near}"));
            }
            continue;
        };
        let mut value = shape.value(name, value)?;
        let mut parts = path.into_iter().rev().peekable();
        while let Some(part) = parts.next() {
            let table = Table::from_iter([(part, value)]);
            if parts.peek().is_none() {
                found.push(Given { variable: name.clone(), table });
                break;
            }
            value = Value::Table(table);
        }
    }
    Ok(found)
}

/// The place in the file that a variable (without its prefix) stands for.
fn setting(rest: &str) -> Option<(Vec<String>, Shape)> {
    SETTINGS.iter().find_map(|(setting, shape)| {
        let path = fit(setting, rest)?;
        Some((path, *shape))
    })
}

/// The setting's parts, with what `rest` has in place of each `NAME`.
fn fit(setting: &str, rest: &str) -> Option<Vec<String>> {
    let Some((of, tail)) = setting.split_once(".NAME.") else {
        return (normal(setting) == rest).then(|| setting.split('.').map(str::to_owned).collect());
    };
    let inner = rest.strip_prefix(&normal(of))?.strip_prefix('_')?;
    // A name may have in it what stands behind it: the longest that fits is it.
    let ends = (1..inner.len()).rev().filter(|at| inner.is_char_boundary(*at) && inner[*at..].starts_with('_'));
    ends.filter_map(|at| {
        let path = of.split('.').chain([&inner[..at]]).map(str::to_owned).chain(fit(tail, &inner[at + 1..])?);
        Some(path.collect())
    })
    .next()
}

impl Shape {
    fn value(self, name: &str, text: &str) -> Result<Value, ConfigError> {
        let parts = || text.split(',').map(str::trim).filter(|part| !part.is_empty());
        Ok(match self {
            Shape::Text => Value::String(text.to_owned()),
            Shape::List => Value::Array(parts().map(|part| Value::String(part.to_owned())).collect()),
            Shape::Map => {
                let mut table = Table::new();
                for part in parts() {
                    let Some((path, url)) = part.split_once('=') else {
                        return Err(ConfigError::new(name, format!("`{part}` is not of the form /path=http://host:port")));
                    };
                    table.insert(path.to_owned(), Value::String(url.to_owned()));
                }
                Value::Table(table)
            }
        })
    }
}

/// Lays `over` on `base`: tables are joined, everything else is replaced.
pub(super) fn overlay(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => overlay(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
