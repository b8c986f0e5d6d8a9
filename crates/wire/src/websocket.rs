//! The WebSocket protocol (RFC 6455) with permessage-deflate (RFC 7692), as a codec without I/O.

/// Frame types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// One whole message, fragments joined, unmasked, inflated, its text checked as UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub opcode: Opcode,
    pub payload: Vec<u8>,
}

/// Why a connection has to be closed, with the code of RFC 6455, section 7.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub code: u16,
    pub reason: &'static str,
}

/// What a client and this server agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreed {
    /// permessage-deflate, without context takeover on either side.
    pub deflate: bool,
}

/// Bounds of what a client may send, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub message: usize,
}

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
pub fn accept(key: &str) -> String {
    let _ = key;
    todo!()
}

/// Reads the client's `Sec-WebSocket-Extensions` and answers with the header to send back, if anything was agreed.
pub fn negotiate(offer: &str) -> (Agreed, Option<String>) {
    let _ = offer;
    todo!()
}

/// Appends an unmasked server frame of a whole message.
pub fn frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    let _ = (opcode, payload, out);
    todo!()
}

/// Appends a text message compressed by permessage-deflate (uncompressed where that is shorter).
pub fn frame_deflated(payload: &[u8], out: &mut Vec<u8>) {
    let _ = (payload, out);
    todo!()
}

/// Appends a close frame; the reason is cut to 123 bytes at a character.
pub fn close(code: u16, reason: &str, out: &mut Vec<u8>) {
    let _ = (code, reason, out);
    todo!()
}

/// The reading side of one connection. Costs next to nothing while no message is under way.
#[derive(Debug)]
pub struct Decoder {}

impl Decoder {
    pub fn new(agreed: Agreed, bounds: Bounds) -> Decoder {
        let _ = (agreed, bounds);
        todo!()
    }

    /// Takes bytes off the front of `input` (a shard's shared read buffer: nothing of it may be kept by reference) and
    /// gives the next whole message, control frames in between. `None`: all of `input` was consumed, more is needed.
    /// `input` is unmasked in place.
    pub fn next(&mut self, input: &mut &mut [u8]) -> Result<Option<Message>, Violation> {
        let _ = input;
        todo!()
    }
}
