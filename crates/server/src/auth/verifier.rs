//! One contract's keys, and what they say of a token.

use super::{AuthError, jwks::Jwks};
use crate::{
    config::{Algorithm, AuthConfig, ConfigError, TokenKeySource},
    devices::Standing,
};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, errors::ErrorKind};
use serde_json::{Map, Value};
use std::sync::Arc;
use tidewire_contract::{Contract, Principal};

/// Whom a token stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    pub principal: Arc<Principal>,
    /// When it ends, in µs since 1970, the leeway included. `None`: never.
    pub expires: Option<i64>,
    /// The device that it is of, where the contract's clients are devices.
    pub device: Option<Standing>,
}

/// A key, ready to verify with.
#[derive(Clone)]
pub(super) struct Key {
    pub kid: Option<String>,
    pub algorithm: jsonwebtoken::Algorithm,
    pub key: DecodingKey,
}

pub(super) struct Verifier {
    keys: Vec<Key>,
    jwks: Option<Arc<Jwks>>,
    validation: Validation,
}

impl Verifier {
    pub(super) fn new(contract: &str, config: &AuthConfig) -> Result<Verifier, ConfigError> {
        let mut keys = Vec::new();
        for (i, key) in config.keys.iter().enumerate() {
            let (algorithm, decoding) = match (&key.source, key.algorithm) {
                (TokenKeySource::Secret(secret), _) => {
                    (jsonwebtoken::Algorithm::HS256, Ok(DecodingKey::from_secret(secret.reveal().as_bytes())))
                }
                (TokenKeySource::Pem(pem), Algorithm::ES256) => (jsonwebtoken::Algorithm::ES256, DecodingKey::from_ec_pem(pem.as_bytes())),
                (TokenKeySource::Pem(pem), Algorithm::EdDSA) => (jsonwebtoken::Algorithm::EdDSA, DecodingKey::from_ed_pem(pem.as_bytes())),
                (TokenKeySource::Pem(pem), _) => (jsonwebtoken::Algorithm::RS256, DecodingKey::from_rsa_pem(pem.as_bytes())),
            };
            let decoding = decoding.map_err(|error| ConfigError {
                place: format!("contracts.{contract}.auth.keys[{i}]"),
                message: format!("this is not a public key for {:?} in PEM form ({error})", key.algorithm),
                help: Some("a public key begins with -----BEGIN PUBLIC KEY-----".into()),
                excerpt: None,
            })?;
            keys.push(Key { kid: key.kid.clone(), algorithm, key: decoding });
        }
        let jwks = match &config.jwks_url {
            Some(url) => Some(Arc::new(Jwks::new(url.clone(), config.jwks_ca.as_deref())?)),
            None => None,
        };
        let mut validation = Validation { leeway: config.leeway.as_secs(), validate_nbf: true, ..Validation::default() };
        validation.required_spec_claims.clear();
        if config.require_expiry {
            validation.required_spec_claims.insert("exp".into());
        }
        if config.audience.is_empty() {
            validation.validate_aud = false;
        } else {
            validation.set_audience(&config.audience);
            validation.required_spec_claims.insert("aud".into());
        }
        if !config.issuer.is_empty() {
            validation.set_issuer(&config.issuer);
            validation.required_spec_claims.insert("iss".into());
        }
        Ok(Verifier { keys, jwks, validation })
    }

    pub(super) fn verify(&self, contract: &Contract, token: &str) -> Result<Verified, AuthError> {
        let header = decode_header(token).map_err(|_| AuthError::Malformed)?;
        if self.jwks.as_ref().is_some_and(|jwks| jwks.aged()) {
            self.refresh_soon();
        }
        let fetched = self.jwks.as_ref().map(|jwks| jwks.keys());
        let all = || self.keys.iter().chain(fetched.iter().flat_map(|keys| keys.iter()));
        let mut candidates: Vec<&Key> = match &header.kid {
            // A key without a name may have signed a token that names one: it is tried where none has that name.
            Some(kid) => {
                let named: Vec<&Key> = all().filter(|key| key.kid.as_deref() == Some(kid)).collect();
                if named.is_empty() { all().filter(|key| key.kid.is_none()).collect() } else { named }
            }
            None => all().collect(),
        };
        if candidates.is_empty() {
            return Err(AuthError::UnknownKey);
        }
        candidates.retain(|key| key.algorithm == header.alg);
        if candidates.is_empty() {
            return Err(AuthError::Algorithm);
        }
        let mut error = AuthError::Signature;
        for key in candidates {
            let mut validation = self.validation.clone();
            validation.algorithms = vec![key.algorithm];
            match decode::<Map<String, Value>>(token, &key.key, &validation) {
                Ok(data) => return self.verified(contract, &data.claims),
                Err(failed) => match why(failed.kind()) {
                    AuthError::Signature => {}
                    // The signature fits: what is wrong is in the claims.
                    other => error = other,
                },
            }
        }
        // A key may have been replaced by one that is published elsewhere.
        if error == AuthError::Signature && header.kid.is_some() && self.jwks.is_some() && !self.knows(header.kid.as_deref()) {
            error = AuthError::UnknownKey;
        }
        Err(error)
    }

    fn knows(&self, kid: Option<&str>) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == kid)
            || self.jwks.as_ref().is_some_and(|jwks| jwks.keys().iter().any(|key| key.kid.as_deref() == kid))
    }

    fn verified(&self, contract: &Contract, claims: &Map<String, Value>) -> Result<Verified, AuthError> {
        let principal = contract.principal(claims).filter(|p| !p.id.is_empty()).ok_or(AuthError::NoPrincipal)?;
        let leeway = self.validation.leeway as i64;
        let expires = claims.get("exp").and_then(|exp| exp.as_i64().or_else(|| exp.as_f64().map(|exp| exp as i64)));
        let expires = expires.map(|exp| exp.saturating_add(leeway).saturating_mul(1_000_000));
        Ok(Verified { principal: Arc::new(principal), expires, device: None })
    }

    /// Asks for the published keys, if they may be asked for again already.
    pub(super) fn refresh_soon(&self) {
        if let Some(jwks) = self.jwks.clone()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { jwks.refresh().await });
        }
    }

    /// Whether the published keys may be others now.
    pub(super) async fn refresh(&self) -> bool {
        match &self.jwks {
            Some(jwks) => jwks.refresh().await,
            None => false,
        }
    }
}

fn why(kind: &ErrorKind) -> AuthError {
    match kind {
        ErrorKind::ExpiredSignature => AuthError::Expired,
        ErrorKind::ImmatureSignature => AuthError::NotYet,
        ErrorKind::InvalidIssuer => AuthError::Issuer,
        ErrorKind::InvalidAudience => AuthError::Audience,
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => AuthError::Claim(claim.clone()),
        ErrorKind::InvalidToken | ErrorKind::Base64(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) => AuthError::Malformed,
        _ => AuthError::Signature,
    }
}
