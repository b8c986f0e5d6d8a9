//! What a contract says beside what the server does: for those who read it (C-1, C-5, C-8).

use std::time::Duration;

/// The feature that the document is about.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Feature {
    pub branch: Option<String>,
    /// ISO 8601 date.
    pub date: Option<String>,
    pub spec: Option<String>,
}

/// What a client does after each kind of end of its connection (C-8).
#[derive(Debug, Clone, PartialEq)]
pub struct Reconnect {
    /// After a clean end: wait so long.
    pub clean: Duration,
    /// After a network error: the first wait, doubled up to the second.
    pub network: (Duration, Duration),
    /// After an authentication error, in words.
    pub auth: String,
    /// After a restart of the server, in words.
    pub restart: String,
}

impl Default for Reconnect {
    fn default() -> Self {
        Reconnect {
            clean: Duration::ZERO,
            network: (Duration::from_secs(1), Duration::from_secs(30)),
            auth: "refresh the token, then reconnect".to_owned(),
            restart: "wait for the connection, then resume".to_owned(),
        }
    }
}

/// What an error's code means, and what the client can do (C-5).
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorCode {
    pub code: String,
    pub means: String,
    pub action: String,
}
