//! What the Pusher protocol needs beside frames: its apps, and who is where.

pub mod app;
pub mod cache;
mod plain;
pub mod roster;

pub use app::PusherApp;
pub use plain::contract as plain_contract;
pub use roster::Roster;
