//! What lets clients and backends in.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};
use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};
use tidewire_server::{Config, config::TokenKeySource};

/// The keys of one contract at one server.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// The HS256 secret that clients' tokens are signed with, and its `kid`.
    pub secret: Option<(String, Option<String>)>,
    pub backend: Option<String>,
    /// Where the contract speaks the Pusher protocol.
    pub app: Option<AppKeys>,
    /// Tokens that were given, by the actor's name.
    pub tokens: HashMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct AppKeys {
    pub id: String,
    pub key: String,
    pub secret: String,
}

impl Keys {
    /// Those that a configuration has for a contract. Backend keys are only known there by their hashes.
    pub fn of(config: &Config, contract: &str) -> Keys {
        let Some(settings) = config.contract(contract) else { return Keys::default() };
        let secret = settings.auth.keys.iter().find_map(|key| match &key.source {
            TokenKeySource::Secret(secret) => Some((secret.reveal().to_owned(), key.kid.clone())),
            TokenKeySource::Pem(_) => None,
        });
        let app = settings.pusher.as_ref().or_else(|| config.apps.get(contract));
        let app = app.map(|app| AppKeys { id: app.app_id.clone(), key: app.key.clone(), secret: app.secret.reveal().to_owned() });
        Keys { secret, app, ..Keys::default() }
    }
}

/// Signs claims that are good from now for so many seconds.
///
/// # Errors
/// In words, when the claims cannot be encoded.
pub fn sign(mut claims: Map<String, Value>, seconds: u64, secret: &[u8], kid: Option<String>) -> Result<String, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    claims.entry("iat").or_insert_with(|| json!(now));
    claims.entry("exp").or_insert_with(|| json!(now + seconds));
    let header = Header { kid, ..Header::new(Algorithm::HS256) };
    encode(&header, &claims, &EncodingKey::from_secret(secret)).map_err(|e| format!("cannot sign: {e}"))
}
