//! What the server hands over: a client's event, signed as [Standard Webhooks](https://www.standardwebhooks.com) have it.

use crate::answer::Refusal;
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A client's event, for the backend to decide what becomes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handed {
    #[serde(rename = "type")]
    pub event_type: String,
    pub channel: String,
    /// The same for each try of the same event.
    pub key: Option<String>,
    pub data: Value,
    /// Who sent it, as the contract says: its attributes.
    #[serde(default)]
    pub principal: Map<String, Value>,
    pub trace: Option<String>,
}

/// What requests are signed with, shared with the server.
pub struct Secret(hmac::Key);

/// A signature that is older is a replay.
const AGE_MAX: Duration = Duration::from_secs(5 * 60);

impl Secret {
    /// `whsec_` and base64, or text that is taken as it is.
    ///
    /// # Errors
    /// When it is neither, in words.
    pub fn new(text: &str) -> Result<Secret, String> {
        let bytes = match text.strip_prefix("whsec_") {
            Some(coded) => STANDARD.decode(coded).map_err(|_| "what follows `whsec_` is base64".to_owned())?,
            None => text.as_bytes().to_vec(),
        };
        if bytes.is_empty() {
            return Err("a secret is needed: whoever can reach this address could play for everybody".to_owned());
        }
        Ok(Secret(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// A signature as the server makes it.
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let tag = hmac::sign(&self.0, &content(id, timestamp, body));
        format!("v1,{}", STANDARD.encode(tag))
    }

    /// Reads what was handed over.
    ///
    /// # Errors
    /// 401 for what this secret did not sign, or not lately; 422 for what makes no sense.
    pub fn open(&self, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Result<Handed, Refusal> {
        self.verify(headers, body, now)?;
        serde_json::from_slice(body).map_err(|e| Refusal::bad(e.to_string()))
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Result<(), Refusal> {
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).ok_or_else(|| unsigned(format!("{name} is missing")));
        let (id, timestamp, signatures) = (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
        let timestamp: u64 = timestamp.parse().map_err(|_| unsigned("webhook-timestamp is a number of seconds"))?;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if now.abs_diff(timestamp) > AGE_MAX.as_secs() {
            return Err(unsigned(format!("webhook-timestamp is {} s away from now: a replay?", now.abs_diff(timestamp))));
        }
        let content = content(id, timestamp, body);
        let fits = |signature: &str| {
            let tag = signature.strip_prefix("v1,").and_then(|coded| STANDARD.decode(coded).ok());
            tag.is_some_and(|tag| hmac::verify(&self.0, &content, &tag).is_ok())
        };
        // Several, while a secret is being changed.
        if signatures.split(' ').any(fits) { Ok(()) } else { Err(unsigned("webhook-signature is not of this secret")) }
    }
}

fn content(id: &str, timestamp: u64, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", body].concat()
}

fn unsigned(detail: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "Not signed", detail)
}
