//! The codec against the RFC, and against hostile bytes.

use proptest::prelude::*;
use tidewire_wire::websocket::{Agreed, Bounds, Decoder, Message, Opcode, Violation, accept, close, frame, frame_deflated, negotiate};

const PLAIN: Agreed = Agreed { deflate: false };
const DEFLATE: Agreed = Agreed { deflate: true };
const MOST: usize = 1 << 20;

/// A client's frame.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]));
    out
}

fn decode(agreed: Agreed, bytes: &[u8], piece: usize) -> Result<Vec<Message>, Violation> {
    let mut decoder = Decoder::new(agreed, Bounds { message: MOST });
    let mut messages = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        while let Some(message) = decoder.next(&mut input)? {
            messages.push(message);
        }
    }
    assert!(messages.is_empty() || decoder.is_idle() || !bytes.is_empty());
    Ok(messages)
}

fn code(agreed: Agreed, bytes: &[u8]) -> u16 {
    let whole = decode(agreed, bytes, bytes.len()).expect_err("a violation").code;
    assert_eq!(decode(agreed, bytes, 1).expect_err("a violation").code, whole);
    whole
}

#[test]
fn the_key_of_the_rfc() {
    assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

// G-5
#[test]
fn what_a_client_must_not_do_is_answered_with_its_code() {
    let mut unmasked = Vec::new();
    frame(Opcode::Text, b"x", &mut unmasked);
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("not masked", unmasked, 1002),
        ("reserved bit", masked(0x81 | 0x20, b"x"), 1002),
        ("compressed though not agreed", masked(0x81 | 0x40, b"x"), 1002),
        ("reserved opcode", masked(0x83, b"x"), 1002),
        ("reserved control", masked(0x8b, b""), 1002),
        ("fragmented ping", masked(0x09, b""), 1002),
        ("long ping", masked(0x89, &[0; 126]), 1002),
        ("continuation of nothing", masked(0x80, b"x"), 1002),
        ("a message within a message", [masked(0x01, b"a"), masked(0x81, b"b")].concat(), 1002),
        ("half a close code", masked(0x88, &[3]), 1002),
        ("a close code that is only for reports", masked(0x88, &1006u16.to_be_bytes()), 1002),
        ("a reason that is no text", masked(0x88, &[&1000u16.to_be_bytes()[..], b"\xff"].concat()), 1007),
        ("no UTF-8", masked(0x81, b"\xc0\xaf"), 1007),
        ("half a character", masked(0x81, b"\xe2\x82"), 1007),
        ("too large", masked(0x82, &vec![0; MOST + 1]), 1009),
        ("too large in parts", [masked(0x02, &vec![0; MOST]), masked(0x80, b"x")].concat(), 1009),
    ];
    for (what, bytes, expected) in cases {
        assert_eq!(code(PLAIN, &bytes), expected, "{what}");
    }
    // The length alone is enough: nobody waits for what will not be taken.
    let mut huge = vec![0x82, 0xff];
    huge.extend((1u64 << 40).to_be_bytes());
    huge.extend([1, 2, 3, 4]);
    assert_eq!(code(PLAIN, &huge), 1009);
}

#[test]
fn text_is_wrong_at_its_first_wrong_byte() {
    let mut decoder = Decoder::new(PLAIN, Bounds { message: MOST });
    let mut begun = masked(0x01, "κόσμε".as_bytes());
    assert_eq!(decoder.next(&mut &mut begun[..]), Ok(None));
    let mut wrong = masked(0x00, b"\xed\xa0\x80");
    assert_eq!(decoder.next(&mut &mut wrong[..]).unwrap_err().code, 1007);
}

#[test]
fn control_frames_come_between_fragments() {
    let bytes = [masked(0x01, "κό".as_bytes()), masked(0x89, b"ping"), masked(0x00, b""), masked(0x80, "σμε".as_bytes())].concat();
    for piece in 1..bytes.len() {
        let messages = decode(PLAIN, &bytes, piece).unwrap();
        assert_eq!(messages.len(), 2);
        assert_eq!((messages[0].opcode, &messages[0].payload[..]), (Opcode::Ping, &b"ping"[..]));
        assert_eq!((messages[1].opcode, &messages[1].payload[..]), (Opcode::Text, "κόσμε".as_bytes()));
    }
}

// G-4
#[test]
fn a_little_that_inflates_to_much_is_refused() {
    let mut bomb = Vec::new();
    frame_deflated(&vec![b'a'; 64 << 20], &mut bomb);
    let header = match bomb[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    assert!(bomb.len() < MOST);
    assert_eq!(code(DEFLATE, &masked(0xc1, &bomb[header..])), 1009);
    assert_eq!(code(DEFLATE, &masked(0xc1, b"\xff\xff\xff\xff")), 1007);
}

#[test]
fn offers_are_met_or_declined() {
    for met in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=15; server_no_context_takeover",
        "x-webkit-deflate-frame, permessage-deflate; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10, permessage-deflate",
    ] {
        let (agreed, answer) = negotiate(met);
        assert!(agreed.deflate, "{met}");
        assert_eq!(answer.as_deref(), Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
    }
    for declined in [
        "",
        "permessage-bzip2",
        "permessage-deflate; server_max_window_bits=9",
        "permessage-deflate; surprise",
        "permessage-deflate; client_max_window_bits=99",
        ";;=,",
    ] {
        assert_eq!(negotiate(declined), (PLAIN, None), "{declined}");
    }
}

#[test]
fn a_reason_is_cut_at_a_character() {
    let mut bytes = Vec::new();
    close(1000, &"é".repeat(100), &mut bytes);
    assert!(bytes.len() <= 127 && std::str::from_utf8(&bytes[4..]).is_ok());
}

proptest! {
    #[test]
    fn whatever_the_pieces_the_messages_are_the_same(texts in proptest::collection::vec(".{0,300}", 1..6), piece in 1usize..200, cut in 0usize..300) {
        let mut bytes = Vec::new();
        for text in &texts {
            let (a, b) = text.as_bytes().split_at(cut.min(text.len()));
            bytes.extend(masked(0x01, a));
            bytes.extend(masked(0x80, b));
        }
        let messages = decode(PLAIN, &bytes, piece).unwrap();
        prop_assert_eq!(messages.len(), texts.len());
        for (message, text) in messages.iter().zip(&texts) {
            prop_assert_eq!(&message.payload[..], text.as_bytes());
        }
    }

    #[test]
    fn what_is_compressed_is_read_again(text in ".{0,3000}") {
        let mut bytes = Vec::new();
        frame_deflated(text.as_bytes(), &mut bytes);
        let header = match bytes[1] { 126 => 4, 127 => 10, _ => 2 };
        let messages = decode(DEFLATE, &masked(bytes[0], &bytes[header..]), 7).unwrap();
        prop_assert_eq!(&messages[0].payload[..], text.as_bytes());
    }

    // G-5
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), piece in 1usize..50, deflate: bool) {
        let agreed = Agreed { deflate };
        let whole = decode(agreed, &bytes, bytes.len());
        let pieces = decode(agreed, &bytes, piece);
        prop_assert_eq!(whole.map_err(|v| v.code), pieces.map_err(|v| v.code));
    }

    #[test]
    fn minified_json_is_the_same_json(text in ".{0,200}", n: i64) {
        let value = serde_json::json!({ "a b": [text, n, { "c": null }] });
        let mut small = Vec::new();
        tidewire_wire::minify::minify(serde_json::to_string_pretty(&value).unwrap().as_bytes(), &mut small);
        prop_assert_eq!(small, value.to_string().into_bytes());
    }
}
