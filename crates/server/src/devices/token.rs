//! Tokens of devices, and what is kept of them.

use rand::{Rng, distr::Alphanumeric};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};

/// Characters of a token behind its device's id: 285 bits.
const LENGTH: usize = 48;

/// A new token, and what is kept of it.
pub(super) fn fresh(id: u64) -> (String, TokenHash) {
    let random: String = rand::rng().sample_iter(Alphanumeric).take(LENGTH).map(char::from).collect();
    let token = format!("{id}|{random}");
    let hash = TokenHash::of(&token);
    (token, hash)
}

/// SHA-256 of a token. What has so many random characters needs no slow hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(token: &str) -> TokenHash {
        TokenHash(Sha256::digest(token.as_bytes()).into())
    }

    fn from_hex(hex: &str) -> Option<TokenHash> {
        let mut bytes = [0; 32];
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
        }
        Some(TokenHash(bytes))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

impl Serialize for TokenHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut hex = String::with_capacity(64);
        for byte in self.0 {
            let _ = write!(hex, "{byte:02x}");
        }
        serializer.serialize_str(&hex)
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TokenHash, D::Error> {
        let hex = String::deserialize(deserializer)?;
        TokenHash::from_hex(&hex).ok_or_else(|| serde::de::Error::custom("a token's hash is 64 hexadecimal digits"))
    }
}
