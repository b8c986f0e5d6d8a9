//! Bytes of a client's socket, whole and in pieces: the same messages or the same violation, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidewire_wire::websocket::{Agreed, Bounds, Decoder, Message, Violation};

fn all(bytes: &[u8], pieces: usize, deflate: bool) -> (Vec<Message>, Option<Violation>) {
    let mut decoder = Decoder::new(Agreed { deflate }, Bounds { message: 1 << 16 });
    let mut messages = Vec::new();
    for piece in bytes.chunks(pieces.max(1)) {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        loop {
            match decoder.next(&mut input) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(violation) => return (messages, Some(violation)),
            }
        }
    }
    (messages, None)
}

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (deflate, pieces, bytes) = input;
    assert_eq!(all(bytes, bytes.len(), deflate), all(bytes, usize::from(pieces), deflate));
});
