//! The WebSocket protocol (RFC 6455) with permessage-deflate (RFC 7692), as a codec without I/O.

mod decoder;
mod deflate;
mod handshake;
mod utf8;
mod write;

pub use decoder::{Decoder, Message, Violation};
pub use handshake::{Agreed, accept, negotiate};
pub use write::{close, frame, frame_deflated};

/// Frame types of whole messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// Bounds of what a client may send, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// A message, fragments joined and inflated.
    pub message: usize,
}
