//! The head of a first request: whatever the bytes, there is an answer, and the same one however they arrive.

use proptest::prelude::*;
use tidewire_server::door::head::{Head, parse};

const MAX: usize = 16 << 10;

fn name(head: &Head) -> String {
    match head {
        Head::Partial => "partial".into(),
        Head::Http2 => "http2".into(),
        Head::Session(parts, length) => format!("session {} {length}", parts.uri),
        Head::Other => "other".into(),
        Head::Bad(problem) => format!("bad {}", problem.status.as_u16()),
    }
}

fn check(bytes: &[u8], expected: &str) {
    assert_eq!(name(&parse(bytes, MAX)), expected, "{}", String::from_utf8_lossy(bytes));
}

// G-5
#[test]
fn heads_are_told_apart() {
    check(b"", "partial");
    check(b"GET /ws?x=1 HTTP/1.1\r\nHost: a\r\n", "partial");
    check(b"GET /ws?x=1 HTTP/1.1\r\nHost: a\r\n\r\n\x81\x80", "session /ws?x=1 33");
    check(b"POST /v1/events HTTP/1.1\r\nHost: a\r\n\r\n", "other");
    check(b"GET / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", "other");
    check(b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "other");
    check(b"GET http://elsewhere HTTP/1.1\r\n\r\n", "session http://elsewhere/ 33");
    check(b"PRI * HTTP/2.0\r\n", "partial");
    check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2");
    check(b"\x16\x03\x01\x02\x00", "bad 400");
    check(format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101)).as_bytes(), "bad 431");
    check(format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "x".repeat(MAX)).as_bytes(), "bad 431");
    check(format!("GET / HTTP/1.1\r\na: {}", "x".repeat(MAX)).as_bytes(), "bad 431");
}

/// Bytes that are nearly a request.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"GET ".to_vec()),
        Just(b"/ws?world_id=w1&token=%ff".to_vec()),
        Just(b" HTTP/1.1\r\n".to_vec()),
        Just(b"Host: a\r\n".to_vec()),
        Just(b"Upgrade: websocket\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"PRI * HTTP/2.0\r\n\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    // G-5
    #[test]
    fn any_bytes_get_an_answer(bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..512), nearly()]) {
        let _ = parse(&bytes, MAX);
    }

    // G-5: what is decided once all is there does not hang on how the network cut it.
    #[test]
    fn the_answer_does_not_hang_on_how_it_arrives(bytes in nearly()) {
        let first = (0..=bytes.len()).map(|n| parse(&bytes[..n], MAX)).find(|head| !matches!(head, Head::Partial));
        if let Some(Head::Session(parts, length)) = first {
            prop_assert!(length <= bytes.len());
            prop_assert_eq!(name(&Head::Session(parts, length)), name(&parse(&bytes, MAX)));
        }
    }
}
