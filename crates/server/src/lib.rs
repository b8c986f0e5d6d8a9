//! All I/O: listeners, sessions, the HTTP interface, authentication, configuration.

pub mod admission;
pub mod app;
pub mod auth;
pub mod config;
pub mod devices;
pub mod door;
pub mod handover;
pub mod http;
pub mod hub;
pub mod limits;
pub mod metrics;
pub mod node;
pub mod nodes;
pub mod openapi;
pub mod outbound;
pub mod presence;
pub mod principals;
pub mod problem;
pub mod pusher;
pub mod served;
pub mod session;
pub mod shard;
pub mod webhooks;

pub use app::{App, Bridging, Exchange, Rest};
pub use config::{Config, Flags};
pub use hub::{Hub, PublishError};
pub use problem::Problem;
pub use served::Served;
pub use session::{Join, SessionSpec, Transport};
