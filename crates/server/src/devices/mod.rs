//! Devices of a contract with `auth: { devices: registry }`: who they are, what they may, and the tokens by which they are known.
//!
//! Each is one small value of the store, `device/{contract}/{id}`; a token is kept as its SHA-256 and shown once.

mod network;
mod registry;
mod standing;
mod token;

pub use network::Network;
pub use registry::{Change, Devices, ID_MAX, New, Refused};
pub use standing::Standing;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use tidewire_engine::at;
use token::TokenHash;

/// A device, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// From 1.
    pub id: u64,
    pub name: String,
    #[serde(rename = "type")]
    pub device_type: String,
    /// The shop that it stands in.
    pub store: String,
    pub abilities: Vec<String>,
    /// Networks from which it may come; any if empty.
    pub allow: Vec<Network>,
    pub blocked: bool,
    /// µs since 1970.
    pub created_at: i64,
    /// When it was given its token, µs since 1970.
    pub token_at: i64,
    /// SHA-256 of its token.
    token: TokenHash,
}

/// Which check a device did not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("the token is no device's: it was never given, or was replaced")]
    Token,
    #[error("the device {0} is blocked")]
    Blocked(u64),
    #[error("the device {0} may not come from {1}: its allow-list does not name that address")]
    Address(u64, IpAddr),
}

impl Denied {
    /// The name of the check.
    pub fn check(&self) -> &'static str {
        match self {
            Denied::Token => "token",
            Denied::Blocked(_) => "blocked",
            Denied::Address(..) => "ip",
        }
    }
}

impl Device {
    /// What a contract's `principal` may name as `$device.…`.
    pub fn attributes(&self) -> Map<String, Value> {
        // As text, like the parts of a channel's name that rules compare it with.
        let all = json!({ "id": self.id.to_string(), "name": self.name, "type": self.device_type, "store": self.store, "abilities": self.abilities });
        all.as_object().cloned().unwrap_or_default()
    }

    /// As backends see it: everything but the token.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "type": self.device_type,
            "store": self.store,
            "abilities": self.abilities,
            "allow": self.allow,
            "blocked": self.blocked,
            "created_at": at::to_iso(self.created_at),
            "token_at": at::to_iso(self.token_at),
        })
    }
}
