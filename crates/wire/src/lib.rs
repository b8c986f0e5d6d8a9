//! How it is spelled: bytes in → commands, events and replies in → bytes. No I/O, no memory between calls.

pub mod command;
pub mod depth;
pub mod dialect;
pub mod minify;
pub mod pusher;
pub mod reply;
pub mod sse;
pub mod template;
pub mod websocket;

pub use command::{BadFrame, Command, Proof, Reference};
pub use dialect::{Dialect, EventView};
pub use reply::Reply;
pub use template::TemplateDialect;
