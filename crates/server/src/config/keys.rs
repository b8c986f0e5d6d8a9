//! `[contracts.NAME]`: the keys of a contract. They are here and never in the contract itself.

use super::{AppConfig, BackendConfig, ConfigError, Secret, backends::RawBackend, env::normal, units};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt, fs, path::PathBuf, time::Duration};

/// What is configured for one contract.
#[derive(Debug, Clone, Default)]
pub struct ContractConfig {
    /// Any of them lets a backend publish; several, so that they can be rotated.
    pub backend_keys: Vec<BackendKey>,
    pub auth: AuthConfig,
    /// Origins of web pages that may connect with a cookie, and call across origins.
    pub allowed_origins: Vec<String>,
    /// Where the message broker of its bridges is: `amqp://user:password@host:5672/%2f`.
    pub amqp: Option<Secret>,
    /// The app under which the contract speaks the Pusher protocol.
    pub pusher: Option<AppConfig>,
    /// Where its clients' events are handed to, by name as variables spell it.
    pub backends: BTreeMap<String, BackendConfig>,
}

impl ContractConfig {
    /// What is configured of the backend of this name.
    pub fn backend(&self, name: &str) -> Option<&BackendConfig> {
        self.backends.get(&normal(name))
    }
}

/// How the tokens of a contract's clients are verified.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    pub keys: Vec<TokenKey>,
    /// Where more keys are published (RFC 7517), over `http` or `https`.
    pub jwks_url: Option<http::Uri>,
    /// PEM file of the authorities that `https` there is checked against; the public ones unless given.
    pub jwks_ca: Option<PathBuf>,
    /// Accepted `iss`; any if empty.
    pub issuer: Vec<String>,
    /// Accepted `aud`, one of which a token must carry. Empty: not checked.
    pub audience: Vec<String>,
    /// How far clocks may differ, for `exp` and `nbf`.
    pub leeway: Duration,
    /// Whether a token without `exp` is refused.
    pub require_expiry: bool,
}

impl Default for AuthConfig {
    fn default() -> Self {
        AuthConfig {
            keys: Vec::new(),
            jwks_url: None,
            jwks_ca: None,
            issuer: Vec::new(),
            audience: Vec::new(),
            leeway: Duration::from_secs(30),
            require_expiry: true,
        }
    }
}

/// A key that tokens are signed with. The algorithm is the key's: what a token says of itself chooses nothing.
#[derive(Debug, Clone)]
pub struct TokenKey {
    pub algorithm: Algorithm,
    /// Tokens that name a `kid` are checked against the key of that name only.
    pub kid: Option<String>,
    pub source: TokenKeySource,
}

#[derive(Debug, Clone)]
pub enum TokenKeySource {
    /// HS256: the shared secret, at least 32 bytes.
    Secret(Secret),
    /// The others: a public key, PEM.
    Pem(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum Algorithm {
    HS256,
    RS256,
    ES256,
    EdDSA,
}

/// A backend key, as its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BackendKey(pub [u8; 32]);

impl fmt::Debug for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackendKey(…)")
    }
}

impl BackendKey {
    /// Hashes a key as a backend sends it.
    pub fn of(plain: &str) -> BackendKey {
        BackendKey(Sha256::digest(plain.as_bytes()).into())
    }

    /// Parses `sha256:<64 hex digits>`.
    pub fn parse(text: &str) -> Option<BackendKey> {
        let hex = text.trim().strip_prefix("sha256:")?;
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        let mut hash = [0; 32];
        for (i, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
        }
        Some(BackendKey(hash))
    }

    /// `sha256:<hex>`, as it is written in the configuration.
    pub fn to_text(&self) -> String {
        use fmt::Write;
        self.0.iter().fold("sha256:".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// `[contracts.NAME]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawContract {
    backend_keys: Vec<Secret>,
    allowed_origins: Vec<String>,
    auth: RawAuth,
    amqp: Option<Secret>,
    backends: BTreeMap<String, RawBackend>,
    /// Read when file and environment are one.
    pub(super) pusher: Option<toml::Table>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawAuth {
    keys: Vec<RawKey>,
    jwks_url: Option<String>,
    jwks_ca: Option<PathBuf>,
    issuer: OneOrMore,
    audience: OneOrMore,
    #[serde(deserialize_with = "units::duration")]
    leeway: Duration,
    #[serde(deserialize_with = "units::switch")]
    require_expiry: bool,
    // From the environment alone: one key, without a table.
    #[serde(rename = "secret")]
    env_secret: Option<Secret>,
    #[serde(rename = "public_key")]
    env_public_key: Option<String>,
    #[serde(rename = "algorithm")]
    env_algorithm: Option<Algorithm>,
}

impl Default for RawAuth {
    fn default() -> Self {
        let AuthConfig { leeway, require_expiry, .. } = AuthConfig::default();
        RawAuth {
            keys: Vec::new(),
            jwks_url: None,
            jwks_ca: None,
            issuer: OneOrMore::default(),
            audience: OneOrMore::default(),
            leeway,
            require_expiry,
            env_secret: None,
            env_public_key: None,
            env_algorithm: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    algorithm: Algorithm,
    kid: Option<String>,
    secret: Option<Secret>,
    /// The environment variable that holds the secret.
    secret_env: Option<String>,
    public_key: Option<String>,
    public_key_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged, expecting = "text, or a list of texts")]
enum OneOrMore {
    #[default]
    None,
    One(String),
    More(Vec<String>),
}

impl From<OneOrMore> for Vec<String> {
    fn from(given: OneOrMore) -> Vec<String> {
        match given {
            OneOrMore::None => Vec::new(),
            OneOrMore::One(one) => vec![one],
            OneOrMore::More(more) => more,
        }
    }
}

/// Makes `[contracts.NAME]` what it means. `plain`: backend keys may be given unhashed, which is for the environment only.
pub(super) fn resolve(
    place: &str,
    raw: RawContract,
    plain: bool,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<ContractConfig, ConfigError> {
    let mut backend_keys = Vec::new();
    for (i, key) in raw.backend_keys.iter().enumerate() {
        backend_keys.push(match BackendKey::parse(key.reveal()) {
            Some(hashed) => hashed,
            None if plain && !key.reveal().starts_with("sha256:") && key.reveal().len() >= 16 => BackendKey::of(key.reveal()),
            None if plain => {
                return Err(ConfigError::new(place, "a backend key is shorter than 16 characters, or a broken hash").help(HASH));
            }
            None => {
                let message = format!("backend_keys[{i}] is not a hash: keys are stored as sha256:<64 hex digits>, never plain");
                return Err(ConfigError::new(place, message).help(HASH));
            }
        });
    }
    let auth = raw.auth;
    let mut keys = Vec::new();
    for (i, key) in auth.keys.into_iter().enumerate() {
        keys.push(token_key(&format!("{place}.auth.keys[{i}]"), key, variable)?);
    }
    if auth.env_secret.is_some() || auth.env_public_key.is_some() {
        let algorithm = match (auth.env_algorithm, &auth.env_secret) {
            (Some(algorithm), _) => algorithm,
            (None, Some(_)) => Algorithm::HS256,
            (None, None) => return Err(ConfigError::new(place, "a public key needs `algorithm`: RS256, ES256 or EdDSA")),
        };
        let key = RawKey {
            algorithm,
            kid: None,
            secret: auth.env_secret,
            secret_env: None,
            public_key: auth.env_public_key,
            public_key_file: None,
        };
        keys.push(token_key(&format!("{place}.auth"), key, variable)?);
    }
    let jwks_url = auth.jwks_url.map(|url| parse_url(&format!("{place}.auth.jwks_url"), &url)).transpose()?;
    let allowed_origins = raw.allowed_origins.iter().map(|o| origin(place, o)).collect::<Result<_, _>>()?;
    let auth = AuthConfig {
        keys,
        jwks_url,
        jwks_ca: auth.jwks_ca,
        issuer: auth.issuer.into(),
        audience: auth.audience.into(),
        leeway: auth.leeway,
        require_expiry: auth.require_expiry,
    };
    let mut backends = BTreeMap::new();
    for (name, raw) in raw.backends {
        backends.insert(normal(&name), BackendConfig::resolve(&format!("{place}.backends.{name}"), raw)?);
    }
    Ok(ContractConfig { backend_keys, auth, allowed_origins, pusher: None, amqp: raw.amqp, backends })
}

const HASH: &str = "make the hash with: printf %s \"$KEY\" | sha256sum   and write \"sha256:<its hex digits>\"";

fn token_key(place: &str, key: RawKey, variable: &dyn Fn(&str) -> Option<String>) -> Result<TokenKey, ConfigError> {
    let bad = |message: String| Err(ConfigError::new(place, message));
    let source = match (key.algorithm, key.secret, key.secret_env, key.public_key, key.public_key_file) {
        (Algorithm::HS256, Some(secret), None, None, None) => TokenKeySource::Secret(secret),
        (Algorithm::HS256, None, Some(name), None, None) => match variable(&name) {
            Some(secret) => TokenKeySource::Secret(Secret::new(secret)),
            None => return bad(format!("`secret_env` names {name}, which is not set in the environment")),
        },
        (Algorithm::HS256, ..) => return bad("an HS256 key has either `secret` or `secret_env`, and no public key".into()),
        (_, None, None, Some(pem), None) => TokenKeySource::Pem(pem),
        (_, None, None, None, Some(file)) => match fs::read_to_string(&file) {
            Ok(pem) => TokenKeySource::Pem(pem),
            Err(error) => return bad(format!("cannot read {}: {error}", file.display())),
        },
        (algorithm, ..) => return bad(format!("a key of {algorithm:?} has either `public_key` or `public_key_file`, and no secret")),
    };
    if let TokenKeySource::Secret(secret) = &source
        && secret.reveal().len() < 32
    {
        let error = ConfigError::new(place, "the secret is shorter than 32 bytes, which HS256 needs (RFC 7518, section 3.2)");
        return Err(error.help("make one with: openssl rand -hex 32"));
    }
    Ok(TokenKey { algorithm: key.algorithm, kid: key.kid, source })
}

pub(super) fn parse_url(place: &str, text: &str) -> Result<http::Uri, ConfigError> {
    let uri: http::Uri = text.parse().map_err(|_| ConfigError::new(place, format!("`{text}` is not a URL")))?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.authority().is_some() => Ok(uri),
        _ => Err(ConfigError::new(place, format!("`{text}` is not a URL that starts with http:// or https://"))),
    }
}

/// `https://app.example.org`, in lower case and without a path; `*` stands for itself.
pub(super) fn origin(place: &str, text: &str) -> Result<String, ConfigError> {
    let text = text.trim().trim_end_matches('/');
    let after_scheme = text.split_once("://").map(|(_, rest)| rest);
    if text != "*" && after_scheme.is_none_or(|rest| rest.is_empty() || rest.contains('/')) {
        let error = ConfigError::new(place, format!("`{text}` is not an origin"));
        return Err(error.help("an origin is scheme, host and port, e.g. https://app.example.org or http://localhost:5173"));
    }
    Ok(text.to_ascii_lowercase())
}
