//! Signatures as Standard Webhooks has them: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use crate::config::Secret;
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};

/// What a backend's secret makes.
pub struct Signer(hmac::Key);

/// Least bytes of a key, as the specification has it.
pub const KEY_BYTES: usize = 24;

impl Signer {
    /// `whsec_` and base64, or any text, whose bytes are the key then.
    ///
    /// # Errors
    /// In words: it is no base64, or too short.
    pub fn new(secret: &Secret) -> Result<Signer, &'static str> {
        let bytes = match secret.reveal().strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| "what follows whsec_ is not base64")?,
            None => secret.reveal().as_bytes().to_vec(),
        };
        if bytes.len() < KEY_BYTES {
            return Err("the secret is shorter than 24 bytes");
        }
        Ok(Signer(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The header `webhook-signature`. `timestamp`: seconds since 1970.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}
