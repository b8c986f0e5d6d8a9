//! Backends: applications that take what clients send, and publish.

use std::time::Duration;

/// An application by its name; where it is, the server's configuration says.
#[derive(Debug, Clone, PartialEq)]
pub struct Backend {
    pub name: String,
    /// The types that it publishes, as the contract says; documentation and flows only.
    pub sends: Vec<String>,
    /// How long a client's event may wait for its answer, all tries together.
    pub deadline: Duration,
}
