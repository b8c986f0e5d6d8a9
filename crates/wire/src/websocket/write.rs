//! Frames of the server: not masked, so the same bytes go to everybody.

use super::{Opcode, deflate};

/// Appends an unmasked server frame of a whole message.
pub fn frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    head(0x80 | code(opcode), payload.len(), out);
    out.extend_from_slice(payload);
}

/// Appends a text message compressed by permessage-deflate (uncompressed where that is shorter).
pub fn frame_deflated(payload: &[u8], out: &mut Vec<u8>) {
    // Below this it never pays.
    let compressed = if payload.len() < 64 { None } else { deflate::compress(payload).filter(|c| c.len() < payload.len()) };
    match compressed {
        Some(compressed) => {
            head(0x80 | 0x40 | code(Opcode::Text), compressed.len(), out);
            out.extend_from_slice(&compressed);
        }
        None => frame(Opcode::Text, payload, out),
    }
}

/// Appends a close frame; the reason is cut to 123 bytes at a character. Codes that must not stand in a frame
/// (RFC 6455, section 7.4.1) make an empty one.
pub fn close(code: u16, reason: &str, out: &mut Vec<u8>) {
    if !may_be_sent(code) {
        return frame(Opcode::Close, &[], out);
    }
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    frame(Opcode::Close, &payload, out);
}

pub(super) fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn code(opcode: Opcode) -> u8 {
    match opcode {
        Opcode::Text => 1,
        Opcode::Binary => 2,
        Opcode::Close => 8,
        Opcode::Ping => 9,
        Opcode::Pong => 10,
    }
}

fn head(first: u8, len: usize, out: &mut Vec<u8>) {
    out.push(first);
    match len {
        0..=125 => out.push(len as u8),
        126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}
