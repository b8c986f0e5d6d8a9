//! `tidewire token`: a client's token, made from a key of the configuration.

use crate::fail;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};
use std::{
    path::PathBuf,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};
use tidewire_server::{
    Config, Flags,
    config::{TokenKeySource, units::parse_duration},
};

/// Makes a token (JWT, HS256) that a client of the contract can authenticate with, and prints it.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    tidewire token world --claim sub=ana --claim character_id=c1 --claim 'worlds=[\"w1\"]'\n  \
    TIDEWIRE_SECRET=… tidewire token board --claim sub=w123 --claim role=worker --claim worker_id=w123 --expires 12h")]
pub struct Args {
    /// The contract.
    contract: String,
    /// A claim of the token; a value that is JSON is taken as such, anything else is text.
    #[arg(long = "claim", value_name = "NAME=VALUE", required = true)]
    claims: Vec<String>,
    /// How long the token is good.
    #[arg(long, default_value = "1h")]
    expires: String,
    /// The secret to sign with [default: the first HS256 key of the contract in the configuration].
    #[arg(long, env = "TIDEWIRE_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// The configuration [default: tidewire.toml].
    #[arg(long)]
    config: Option<PathBuf>,
}

pub fn main(args: Args) -> ExitCode {
    match make(args) {
        Ok(token) => {
            println!("{token}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

fn make(args: Args) -> Result<String, String> {
    let mut claims = Map::new();
    for claim in &args.claims {
        let (name, value) = claim.split_once('=').ok_or_else(|| format!("'{claim}' is not NAME=VALUE"))?;
        claims.insert(name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into()));
    }
    let lasts = parse_duration(&args.expires).ok_or_else(|| format!("'{}' is not a duration such as 30s, 15m, 12h or 7d", args.expires))?;
    let (secret, kid) = match args.secret {
        Some(secret) => (secret, None),
        None => from_config(args.config, &args.contract)?,
    };
    sign(claims, lasts.as_secs(), secret.as_bytes(), kid)
}

fn from_config(config: Option<PathBuf>, contract: &str) -> Result<(String, Option<String>), String> {
    let config = Config::load(&Flags { config, ..Flags::default() }).map_err(|e| e.to_string())?;
    let keys = config.contract(contract).ok_or_else(|| format!("the configuration has no contract '{contract}'"))?;
    let shared = keys.auth.keys.iter().find_map(|key| match &key.source {
        TokenKeySource::Secret(secret) => Some((secret.reveal().to_owned(), key.kid.clone())),
        TokenKeySource::Pem(_) => None,
    });
    shared.ok_or_else(|| format!("'{contract}' has no HS256 key in the configuration; give one with --secret"))
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
