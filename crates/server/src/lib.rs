//! All I/O: listeners, sessions, the HTTP interface, authentication, configuration.

pub mod http;
pub mod hub;
pub mod served;
pub mod session;
pub mod shard;

pub use hub::{Hub, PublishError};
pub use served::Served;
pub use session::{Join, SessionSpec, Transport};
