//! Keys that an identity provider publishes (RFC 7517): fetched, kept, asked for again when a token names an unknown one.

use super::verifier::Key;
use crate::{config::ConfigError, outbound::Outbound};
use arc_swap::ArcSwap;
use http::Uri;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// Tokens with made-up key names must not make us ask more often than this.
const PAUSE: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Keys that are older than this are asked for again when they are used, so that a withdrawn one is not trusted for ever.
const AGE: Duration = Duration::from_secs(300);

pub(super) struct Jwks {
    url: Uri,
    outbound: Outbound,
    keys: ArcSwap<Vec<Key>>,
    /// When the keys were last asked for.
    asked: Mutex<Option<Instant>>,
}

impl Jwks {
    pub(super) fn new(url: Uri, ca: Option<&Path>) -> Result<Jwks, ConfigError> {
        let outbound = Outbound::new(ca)?;
        Ok(Jwks { url, outbound, keys: ArcSwap::default(), asked: Mutex::new(None) })
    }

    pub(super) fn keys(&self) -> Arc<Vec<Key>> {
        self.keys.load_full()
    }

    /// Whether the keys should be asked for again. False while somebody does.
    pub(super) fn aged(&self) -> bool {
        self.asked.try_lock().is_ok_and(|asked| asked.is_none_or(|at| at.elapsed() >= AGE))
    }

    /// Asks for the keys, unless that was done a moment ago; who comes while somebody asks waits for the same answer.
    /// True if the keys may be others than before the call. Keys that are here stay when the fetch fails.
    pub(super) async fn refresh(&self) -> bool {
        let called = Instant::now();
        let mut asked = self.asked.lock().await;
        if let Some(at) = *asked {
            if at >= called {
                return true;
            }
            if at.elapsed() < PAUSE {
                return false;
            }
        }
        let found = self.outbound.get(&self.url, TIMEOUT).await.and_then(|body| parse(&body));
        *asked = Some(Instant::now());
        match found {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), host = self.url.host(), "fetched the published token keys");
                self.keys.store(Arc::new(keys));
                true
            }
            Err(error) => {
                tracing::warn!(%error, host = self.url.host(), "cannot fetch the published token keys; going on with those at hand");
                false
            }
        }
    }
}

/// Reads what a provider of keys answers, for those who give it any bytes: how many keys can verify signatures.
///
/// # Errors
/// In words: it is no key set.
pub fn check_keys(body: &[u8]) -> Result<usize, String> {
    parse(body).map(|keys| keys.len())
}

/// The keys of a set that can verify signatures. Others in it are passed over, as RFC 7517, section 5, asks.
fn parse(body: &[u8]) -> Result<Vec<Key>, String> {
    #[derive(serde::Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(body).map_err(|e| format!("this is no JWK set: {e}"))?;
    Ok(set.keys.into_iter().filter_map(|value| serde_json::from_value(value).ok()).filter_map(|jwk| key(&jwk)).collect())
}

fn key(jwk: &Jwk) -> Option<Key> {
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        // A shared secret is never published.
        _ => return None,
    };
    if jwk.common.key_algorithm.is_some_and(|named| named != KeyAlgorithm::from(algorithm)) {
        return None;
    }
    Some(Key { kid: jwk.common.key_id.clone(), algorithm, key: DecodingKey::from_jwk(jwk).ok()? })
}
