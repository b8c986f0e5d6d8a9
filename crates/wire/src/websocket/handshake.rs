//! The opening handshake: RFC 6455, section 4.2.2; RFC 7692, section 7.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

/// What a client and this server agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreed {
    /// permessage-deflate, without context takeover on either side.
    pub deflate: bool,
}

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
pub fn accept(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.trim());
    hash.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

/// Reads the client's `Sec-WebSocket-Extensions` and answers with the header to send back, if anything was agreed.
///
/// The first offer of permessage-deflate that can be met is. The server's frames are the same bytes for everybody, so it
/// never takes its context over, and asks the client not to either: an idle connection then costs no window.
pub fn negotiate(offer: &str) -> (Agreed, Option<String>) {
    for extension in offer.split(',') {
        let mut parts = extension.split(';').map(str::trim);
        if parts.next() == Some("permessage-deflate") && parts.all(can_meet) {
            let answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
            return (Agreed { deflate: true }, Some(answer.to_owned()));
        }
    }
    (Agreed::default(), None)
}

fn can_meet(parameter: &str) -> bool {
    let (name, value) = match parameter.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
        None => (parameter, None),
    };
    let window = |value: &str| value.parse::<u8>().is_ok_and(|bits| (8..=15).contains(&bits) && !value.starts_with('0'));
    match (name, value) {
        ("server_no_context_takeover" | "client_no_context_takeover", None) => true,
        ("client_max_window_bits", value) => value.is_none_or(window),
        // Frames are shared by all clients, and compressed with the full window.
        ("server_max_window_bits", Some(value)) => value == "15",
        _ => false,
    }
}
