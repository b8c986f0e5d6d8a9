//! The server within one process, over real sockets.
//!
//! One program, so that it is built and linked once: `cargo test --workspace --test it http_read::` runs what is in `http_read.rs`.

mod devices_support;
mod http_support;

mod audit;
mod auth_config;
mod auth_rsa;
mod auth_tokens;
mod devices;
mod devices_kept;
mod devices_sessions;
mod devices_signed;
mod door_front;
mod door_head;
mod http_describe;
mod http_hostile;
mod http_publish;
mod http_read;
mod webhooks;
