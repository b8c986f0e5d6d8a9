//! Frames of clients' sockets.

use crate::{Target, choice, shipped};
use serde_json::Value;
use std::sync::LazyLock;
use tidewire_contract::Template;
use tidewire_engine::{Audience, Record};
use tidewire_wire::{
    Dialect, EventView, TemplateDialect,
    pusher::{Frames, check_channel, check_event, connection, sign, socket_id},
    template::unwrap,
    websocket::{Agreed, Bounds, Decoder, Message, Violation},
};

pub const FRAMES: Target = Target {
    name: "frames",
    run: frames,
    seeds: &[
        b"\x01\x03\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        b"\x00\x05\x01\x83\0\0\0\0Hel\x80\x82\0\0\0\0lo\x89\x80\0\0\0\0",
        b"\x01\x09\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00\x88\x82\0\0\0\0\x03\xe8",
    ],
};
pub const CLIENT_FRAME: Target = Target {
    name: "client_frame",
    run: client_frame,
    seeds: &[
        br#"{"action":"subscribe","channels":["board:zoo"]}"#,
        br#"{"type":"refresh","data":{"token":"a.b.c"}}"#,
        br#"{"type":"message.send","payload":{"conversation":"c1","text":"Hello"},"timestamp":"2026-01-31T12:00:00Z"}"#,
        br#"{"type":"ping"}"#,
    ],
};
pub const PUSHER: Target = Target {
    name: "pusher",
    run: pusher,
    seeds: &[
        br#"{"event":"pusher:subscribe","data":{"channel":"presence-a","auth":"k:00","channel_data":"{\"user_id\":1,\"since\":\"4\"}"}}"#,
        br#"{"event":"client-x","channel":"private-a","data":"{\"a\":1}"}"#,
        br#"{"event":"pusher:signin","data":{"auth":"k:00","user_data":"{\"id\":\"u\"}"}}"#,
        b"1234.5678",
    ],
};
pub const MINIFY: Target = Target { name: "minify", run: minify, seeds: &[b" { \"a\" : [ 1 , \"b \\\" c\" ] } ", b"[[[[[1e5]]]]]"] };

fn messages(bytes: &[u8], pieces: usize, deflate: bool) -> (Vec<Message>, Option<Violation>) {
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

/// Bytes of a client's socket, whole and in pieces: the same messages or the same violation.
fn frames(bytes: &[u8]) {
    let (deflate, bytes) = choice(bytes);
    let (pieces, bytes) = choice(bytes);
    let deflate = deflate % 2 == 1;
    assert_eq!(messages(bytes, bytes.len(), deflate), messages(bytes, usize::from(pieces), deflate));
}

/// A client's text frame, by the wires of the shipped contracts.
fn client_frame(frame: &[u8]) {
    static DIALECTS: LazyLock<Vec<TemplateDialect>> = LazyLock::new(|| shipped().iter().map(|c| TemplateDialect::new(c)).collect());
    for dialect in DIALECTS.iter() {
        let _ = dialect.decode(frame);
    }
}

fn pusher_frames() -> Frames {
    Frames::new(&Template::Name(vec!["data".into()]), 120, 32)
}

/// The Pusher protocol: frames of clients, names, signatures; and events whose data is any JSON, which stay what they are.
fn pusher(bytes: &[u8]) {
    let _ = pusher_frames().decode(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (check_channel(text), check_event(text), sign::verify_auth("key", "secret", text, text));
    if let Some(id) = connection(text) {
        assert_eq!(connection(&socket_id(id)), Some(id));
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let envelope = Template::Object(vec![
        ("id".into(), Template::Name(vec!["id".into()])),
        ("data".into(), Template::Name(vec!["data".into()])),
        ("fields".into(), Template::Name(vec!["fields".into(), "x".into()])),
    ]);
    let _ = unwrap(&envelope, &value);
    if tidewire_wire::depth::exceeds(bytes, 64) {
        return;
    }
    let mut data = Vec::new();
    tidewire_wire::minify::minify(bytes, &mut data);
    let record = Record {
        seq: 1,
        at: 1,
        id: [0; 16],
        event_type: "e".into(),
        key: None,
        trace: None,
        occurred_at: None,
        fields: None,
        data: data.clone().into(),
        audience: Audience::Everyone,
        except: None,
    };
    let mut frame = Vec::new();
    pusher_frames().event(&EventView { record: &record, channel: "c", vars: &Vec::new(), epoch: 1, replay: false }, &mut frame);
    let frame: Value = serde_json::from_slice(&frame).expect("a frame is JSON");
    match (frame["data"].as_str(), &value) {
        (Some(said), Value::String(text)) => assert_eq!(said, text),
        (Some(said), _) => assert_eq!(said.as_bytes(), data),
        (None, _) => panic!("data is a text"),
    }
}

/// A body that is JSON is the same JSON without its white space, and what says that it is not too deep parses.
fn minify(body: &[u8]) {
    if tidewire_wire::depth::exceeds(body, 64) {
        return;
    }
    let mut small = Vec::new();
    tidewire_wire::minify::minify(body, &mut small);
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        assert_eq!(serde_json::from_slice::<Value>(&small).ok(), Some(value));
    }
}
