//! File, then environment, then flags: the later wins.

use super::{
    AppConfig, Config, ConfigError, ContractConfig, Cors, Limits, Log, Shutdown, Store, Tls,
    env::{self, normal, overlay},
    error::nearest,
    keys::{self, RawContract},
    units,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tidewire_contract::{Contract, EndpointKind, Protocol, Publisher, Tokens};
use toml::Table;

/// What the command line says; it wins over everything else.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`; without it `tidewire.toml` of the current folder, if there is one.
    pub config: Option<PathBuf>,
    pub contracts: Option<PathBuf>,
    pub data: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub metrics_listen: Option<SocketAddr>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    listen: Option<SocketAddr>,
    metrics_listen: Option<SocketAddr>,
    contracts_folder: Option<PathBuf>,
    #[serde(deserialize_with = "units::number")]
    shards: usize,
    tls: Option<Tls>,
    cors: Cors,
    limits: Limits,
    shutdown: Shutdown,
    log: Log,
    store: Store,
    proxy: BTreeMap<String, String>,
    contracts: BTreeMap<String, RawContract>,
    apps: BTreeMap<String, Table>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            metrics_listen: SocketAddr::from(([127, 0, 0, 1], 9601)),
            contracts_folder: "contracts".into(),
            shards: 0,
            tls: None,
            cors: Cors::default(),
            limits: Limits::default(),
            shutdown: Shutdown::default(),
            log: Log::default(),
            store: Store::default(),
            proxy: Vec::new(),
            warnings: Vec::new(),
            contracts: BTreeMap::new(),
            apps: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Reads the file, the process's environment and the flags.
    ///
    /// # Errors
    /// The first mistake, with its place and what to write instead.
    pub fn load(flags: &Flags) -> Result<Config, ConfigError> {
        let variables: Vec<(String, String)> =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
        Config::load_with(flags, &variables)
    }

    /// [`Config::load`] with these variables for an environment.
    ///
    /// # Errors
    /// The same.
    pub fn load_with(flags: &Flags, variables: &[(String, String)]) -> Result<Config, ConfigError> {
        let get = |name: &str| variables.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let file = flags.config.clone().or_else(|| get("TIDEWIRE_CONFIG").map(PathBuf::from));
        let (file, text) = match file {
            Some(file) => {
                let text =
                    fs::read_to_string(&file).map_err(|e| ConfigError::new(file.display().to_string(), format!("cannot be read: {e}")))?;
                (file, text)
            }
            None => ("tidewire.toml".into(), fs::read_to_string("tidewire.toml").unwrap_or_default()),
        };
        let mut config = Config::parse(&file, &text, variables)?;
        if let Some(folder) = flags.contracts.clone().or_else(|| get("TIDEWIRE_CONTRACTS").map(PathBuf::from)) {
            config.contracts_folder = folder;
        }
        if let Some(data) = flags.data.clone().or_else(|| get("TIDEWIRE_DATA").map(PathBuf::from)) {
            config.store.path = data;
        }
        if let Some(listen) = flags.listen {
            config.listen = listen;
            // Whoever asks for a free port wants no fixed one beside it.
            if listen.port() == 0 {
                config.metrics_listen.set_port(0);
            }
        }
        config.metrics_listen = flags.metrics_listen.unwrap_or(config.metrics_listen);
        Ok(config)
    }

    /// Reads a file's text, with the variables laid over it.
    ///
    /// # Errors
    /// The first mistake.
    pub fn parse(file: &Path, text: &str, variables: &[(String, String)]) -> Result<Config, ConfigError> {
        let place = file.to_owned();
        // Read into its shape for the sake of the places of mistakes, then as a table for what the environment says.
        let from_file: Raw = toml::from_str(text).map_err(|e| ConfigError::in_file(&place, text, &e))?;
        let mut table: Table = toml::from_str(text).map_err(|e| ConfigError::in_file(&place, text, &e))?;
        let mut warnings = Vec::new();
        let given = env::read(variables, &mut warnings)?;
        let get = |name: &str| variables.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());

        let mut contracts = BTreeMap::new();
        let mut pushers: BTreeMap<String, Table> = BTreeMap::new();
        for (name, mut raw) in from_file.contracts {
            pushers.extend(raw.pusher.take().map(|table| (normal(&name), table)));
            let at = format!("{}: contracts.{name}", file.display());
            if contracts.insert(normal(&name), keys::resolve(&at, raw, false, &get)?).is_some() {
                return Err(ConfigError::new(at, "two contracts of the configuration have the same name, apart from its punctuation"));
            }
        }
        table.remove("contracts");

        let mut from_env = Table::new();
        for given in given {
            // `[tls]` needs both of its values: each is tried in company.
            let mut alone = given.table.clone();
            if let Some(tls) = alone.get_mut("tls").and_then(toml::Value::as_table_mut) {
                for key in ["certificate", "key"] {
                    tls.entry(key).or_insert_with(|| toml::Value::String(String::new()));
                }
            }
            alone.try_into::<Raw>().map_err(|e| ConfigError::explained(given.variable.clone(), e.message()))?;
            overlay(&mut from_env, given.table);
        }
        if let Some(toml::Value::Table(said)) = from_env.remove("contracts") {
            let mut of_env = BTreeMap::new();
            for (name, value) in said {
                let at = format!("TIDEWIRE_CONTRACTS_{name}_…");
                let mut raw: RawContract =
                    value.try_into().map_err(|e: toml::de::Error| ConfigError::explained(at.clone(), e.message()))?;
                if let Some(table) = raw.pusher.take() {
                    overlay(pushers.entry(name.clone()).or_default(), table);
                }
                of_env.insert(name, keys::resolve(&at, raw, true, &get)?);
            }
            for (name, over) in of_env {
                merge(contracts.entry(name.clone()).or_default(), over, &name, variables);
            }
        }
        for (name, table) in pushers {
            let place = format!("contracts.{}.pusher", name.to_ascii_lowercase());
            contracts.entry(name).or_default().pusher = Some(AppConfig::resolve(&place, table)?);
        }
        // A variable spells a name in capitals: it is the app that the file calls so, or else one of its own.
        if let Some(toml::Value::Table(said)) = from_env.remove("apps") {
            let apps = table.entry("apps").or_insert_with(|| toml::Value::Table(Table::new()));
            for (name, value) in said {
                let known = apps.as_table().and_then(|apps| apps.keys().find(|known| normal(known) == name).cloned());
                let name = known.unwrap_or_else(|| name.to_ascii_lowercase().replace('_', "-"));
                if let Some(apps) = apps.as_table_mut() {
                    overlay(apps, Table::from_iter([(name, value)]));
                }
            }
        }
        overlay(&mut table, from_env);
        let raw: Raw = table.try_into().map_err(|e| ConfigError::explained("environment", e.message()))?;

        let apps = raw.apps.into_iter().map(|(name, table)| Ok((name.clone(), AppConfig::resolve(&format!("apps.{name}"), table)?)));
        let apps: BTreeMap<String, AppConfig> = apps.collect::<Result<_, ConfigError>>()?;
        one_of_each(&apps, &contracts)?;
        let defaults = Config::default();
        let mut proxy = Vec::new();
        for (path, url) in raw.proxy {
            proxy.push(forwarded(path, &url)?);
        }
        proxy.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        let mut cors = raw.cors;
        cors.allowed_origins = cors.allowed_origins.iter().map(|o| keys::origin("cors.allowed_origins", o)).collect::<Result<_, _>>()?;
        let listen = raw.listen.unwrap_or(defaults.listen);
        let mut metrics_listen = raw.metrics_listen.unwrap_or(defaults.metrics_listen);
        if listen.port() == 0 && raw.metrics_listen.is_none() {
            metrics_listen.set_port(0);
        }
        raw.limits.check()?;
        Ok(Config {
            listen,
            metrics_listen,
            contracts_folder: raw.contracts_folder.unwrap_or(defaults.contracts_folder),
            shards: raw.shards,
            tls: raw.tls,
            cors,
            limits: raw.limits,
            shutdown: raw.shutdown,
            log: raw.log,
            store: raw.store,
            proxy,
            warnings,
            contracts,
            apps,
        })
    }

    /// What is configured for the contract of this name.
    pub fn contract(&self, name: &str) -> Option<&ContractConfig> {
        self.contracts.get(&normal(name))
    }

    /// Configures a contract, in place of what was said of it.
    pub fn set_contract(&mut self, name: &str, contract: ContractConfig) {
        self.contracts.insert(normal(name), contract);
    }

    /// No key, no start: checks that every contract that is served has the keys that it needs, and that nothing is
    /// configured for a contract that is not there.
    ///
    /// # Errors
    /// The first contract for which it is not so.
    pub fn check(&self, contracts: &[&Contract]) -> Result<(), ConfigError> {
        for name in self.contracts.keys() {
            if !contracts.iter().any(|c| normal(&c.name) == *name) {
                let lower = name.to_ascii_lowercase();
                let error = ConfigError::new(format!("contracts.{lower}"), "there is no contract of this name");
                let names: Vec<&str> = contracts.iter().map(|c| c.name.as_str()).collect();
                return Err(match nearest(&lower, names.iter().copied()) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error.help(format!("contracts that were found: {}", names.join(", "))),
                });
            }
        }
        let mut seen: BTreeMap<[u8; 32], &str> = BTreeMap::new();
        for contract in contracts {
            let name = &contract.name;
            let settings = self.contract(name);
            let pusher = contract.wire.protocol == Protocol::Pusher;
            match settings.and_then(|s| s.pusher.as_ref()) {
                None if pusher && !self.apps.contains_key(name) => {
                    let message = format!("the contract `{name}` speaks the Pusher protocol, and has no app");
                    return Err(ConfigError::new(format!("contracts.{name}.pusher"), message)
                        .help(format!("write app_id, key and secret under [contracts.{name}.pusher]")));
                }
                Some(_) if !pusher => {
                    let message = format!("the contract `{name}` does not speak the Pusher protocol");
                    return Err(ConfigError::new(format!("contracts.{name}.pusher"), message)
                        .help("an app without a contract is written [apps.NAME]"));
                }
                _ => {}
            }
            let clients = contract
                .endpoints
                .iter()
                .any(|e| matches!(e.kind, EndpointKind::WebSocket | EndpointKind::Sse | EndpointKind::Poll | EndpointKind::History));
            if clients
                && contract.auth.tokens == Tokens::Signed
                && settings.is_none_or(|s| s.auth.keys.is_empty() && s.auth.jwks_url.is_none())
            {
                let message = format!("the contract `{name}` has no key to verify its clients' tokens with");
                return Err(ConfigError::new(format!("contracts.{name}.auth"), message).help(format!(
                    "write [[contracts.{name}.auth.keys]] or contracts.{name}.auth.jwks_url, or set {}",
                    env::variable(&format!("contracts.{name}.auth.secret"))
                )));
            }
            let published = contract.events.iter().any(|e| e.from == Publisher::Backend);
            if published && settings.is_none_or(|s| s.backend_keys.is_empty()) {
                let message = format!("the contract `{name}` has events that a backend publishes, and no backend key");
                return Err(ConfigError::new(format!("contracts.{name}.backend_keys"), message).help(format!(
                    "write backend_keys = [\"sha256:…\"] under [contracts.{name}], or set {}",
                    env::variable(&format!("contracts.{name}.backend_keys"))
                )));
            }
            if let Some(unknown) =
                settings.into_iter().flat_map(|s| s.backends.keys()).find(|k| contract.backends.iter().all(|b| normal(&b.name) != **k))
            {
                let lower = unknown.to_ascii_lowercase();
                let names: Vec<&str> = contract.backends.iter().map(|b| b.name.as_str()).collect();
                let error = ConfigError::new(
                    format!("contracts.{name}.backends.{lower}"),
                    format!("the contract `{name}` has no backend of this name"),
                );
                return Err(match nearest(&lower, names.iter().copied()) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None if names.is_empty() => error.help("it names none at all: backends are in its `backends:`"),
                    None => error.help(format!("its backends are: {}", names.join(", "))),
                });
            }
            for key in settings.iter().flat_map(|s| &s.backend_keys) {
                if let Some(other) = seen.insert(key.0, name)
                    && other != name
                {
                    let message = format!("the contracts `{other}` and `{name}` share a backend key");
                    return Err(
                        ConfigError::new(format!("contracts.{name}.backend_keys"), message).help("give each contract keys of its own")
                    );
                }
            }
        }
        Ok(())
    }
}

/// Paths that this server answers itself.
const OWN: [&str; 10] = [
    "/v1/events",
    "/v1/channels",
    "/v1/disconnect",
    "/v1/unsubscribe",
    "/v1/devices",
    "/v1/bridges",
    "/apps",
    "/broadcasting",
    "/openapi.json",
    "/asyncapi",
];

/// One line of `[proxy]`.
fn forwarded(path: String, url: &str) -> Result<(String, http::Uri), ConfigError> {
    let at = format!("proxy.\"{path}\"");
    if !path.starts_with('/') {
        return Err(ConfigError::new(at, "a path begins with a slash"));
    }
    let path = path.trim_end_matches('/').to_owned();
    let below = |path: &str, of: &str| path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if let Some(own) = OWN.iter().find(|own| below(own, &path) || below(&path, own)) {
        let error = ConfigError::new(at, format!("the path covers {own}, which this server answers itself"));
        return Err(error.help("name the paths of the backend one by one"));
    }
    let uri = keys::parse_url(&at, url)?;
    if uri.scheme_str() != Some("http") {
        return Err(
            ConfigError::new(at, "requests are forwarded over http:// only").help("the backend belongs on the same trusted network")
        );
    }
    Ok((path, uri))
}

/// Keys and ids tell apps apart.
fn one_of_each(apps: &BTreeMap<String, AppConfig>, contracts: &BTreeMap<String, ContractConfig>) -> Result<(), ConfigError> {
    let of_contracts =
        contracts.iter().filter_map(|(name, c)| Some((format!("contracts.{}.pusher", name.to_ascii_lowercase()), c.pusher.as_ref()?)));
    let all: Vec<(String, &AppConfig)> = apps.iter().map(|(name, app)| (format!("apps.{name}"), app)).chain(of_contracts).collect();
    for (at, (place, app)) in all.iter().enumerate() {
        if let Some((other, _)) = all[..at].iter().find(|(_, other)| other.key == app.key || other.app_id == app.app_id) {
            return Err(
                ConfigError::new(place, format!("has the same app_id or key as {other}")).help("give each app an id and a key of its own")
            );
        }
    }
    Ok(())
}

/// Lays what the environment says of a contract over what the file says; keys come on top of the file's.
fn merge(base: &mut ContractConfig, over: ContractConfig, name: &str, variables: &[(String, String)]) {
    let said = |tail: &str| variables.iter().any(|(n, _)| *n == format!("TIDEWIRE_CONTRACTS_{name}_{tail}"));
    base.backend_keys.extend(over.backend_keys);
    base.auth.keys.extend(over.auth.keys);
    base.allowed_origins.extend(over.allowed_origins);
    base.amqp = over.amqp.or(base.amqp.take());
    for (name, backend) in over.backends {
        base.backends.entry(name).or_default().overlay(backend);
    }
    base.auth.jwks_url = over.auth.jwks_url.or(base.auth.jwks_url.take());
    base.auth.jwks_ca = over.auth.jwks_ca.or(base.auth.jwks_ca.take());
    if said("AUTH_ISSUER") {
        base.auth.issuer = over.auth.issuer;
    }
    if said("AUTH_AUDIENCE") {
        base.auth.audience = over.auth.audience;
    }
    if said("AUTH_LEEWAY") {
        base.auth.leeway = over.auth.leeway;
    }
    if said("AUTH_REQUIRE_EXPIRY") {
        base.auth.require_expiry = over.auth.require_expiry;
    }
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        let least = [
            ("message_bytes", self.message_bytes, 1024),
            ("json_depth", self.json_depth, 4),
            ("channels_per_client", self.channels_per_client, 1),
            ("connections_total", self.connections_total, 1),
            ("connections_per_address", self.connections_per_address, 1),
            ("connections_per_principal", self.connections_per_principal, 1),
            // What the HTTP library asks for.
            ("header_bytes", self.header_bytes, 8192),
            ("body_bytes", self.body_bytes, 1024),
            ("batch_events", self.batch_events, 1),
            ("page_events", self.page_events, 1),
        ];
        match least.iter().find(|(_, value, least)| value < least) {
            Some((name, value, least)) => {
                Err(ConfigError::new(format!("limits.{name}"), format!("{value} is too small; the least is {least}")))
            }
            None => Ok(()),
        }
    }
}
