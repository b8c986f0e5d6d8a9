//! All I/O: listeners, sessions, the HTTP interface, authentication, configuration.

pub mod admission;
pub mod app;
pub mod auth;
pub mod config;
pub mod door;
pub mod http;
pub mod hub;
pub mod limits;
pub mod metrics;
pub mod node;
pub mod openapi;
pub mod problem;
pub mod served;
pub mod session;
pub mod shard;

pub use app::{App, Exchange, Rest};
pub use config::{Config, Flags};
pub use hub::{Hub, PublishError};
pub use problem::Problem;
pub use served::Served;
pub use session::{Join, SessionSpec, Transport};
