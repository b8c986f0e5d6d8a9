//! What comes over HTTP: heads, queries, bodies, and the answers of those whom the server asks.

use crate::{Target, choice, shipped};
use std::sync::{Arc, LazyLock};
use tidewire_contract::{Contract, Filter};
use tidewire_engine::Resume;
use tidewire_server::{
    auth::check_keys,
    config::Limits,
    door::head::{Head, parse},
    handover::check_answer,
    http::{check_body, check_device, check_pusher, query::Parameters},
    pusher::PusherApp,
    served::Served,
};

/// How deep JSON may nest.
const DEPTH: usize = 32;

pub const HEAD: Target = Target {
    name: "head",
    run: head,
    seeds: &[
        b"GET /ws?world_id=w1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        b"GET /sse HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nLast-Event-ID: 1:2\r\nAuthorization: Bearer a.b.c\r\nCookie: session=x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    ],
};

pub const QUERY: Target = Target {
    name: "query",
    run: query,
    seeds: &[
        b"types=chat.*;item.*&after=evt_0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b&limit=10",
        b"channel=a%3Ab,c&seq=412",
        b"since=2026-11-20T22:31:05.123456Z",
        b"after=64b2f:412&x=%F0%9F%8C%8A",
        b"after=64b2f@1763678",
    ],
};

pub const PUBLISH_BODY: Target = Target {
    name: "publish_body",
    run: publish_body,
    seeds: &[
        br#"{"channel":"world:w1","type":"world.updated","data":{"id":"w1","name":"Brume"},"key":"k","trace":"t","occurred_at":"2026-01-31T12:00:00Z","fields":{"a":1},"audience":{"character":["c"]}}"#,
        br#"[{"channel":"board:zoo","type":"task.removed","data":{"ticketId":"t1"}},{"channel":"private-store.s1.kds","type":"KdsTicketUpdated","data":{"ticket_id":1,"status":"ready","at":"2026-01-31T12:00:00Z"}}]"#,
    ],
};

pub const KEYS: Target = Target {
    name: "keys",
    run: keys,
    seeds: &[
        br#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","use":"sig","kid":"1"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    ],
};

pub const ANSWER: Target = Target {
    name: "answer",
    run: answer,
    seeds: &[
        br#"{"reply":{"a":1},"events":[{"channel":"c","type":"t","data":{}}]}"#,
        b"\x01{\"code\":\"CONFLICT\",\"message\":\"no\",\"errors\":[]}",
        b"\x01{\"title\":\"Conflict\",\"detail\":\"no\",\"status\":409}",
    ],
};

pub const PUSHER_BODY: Target = Target {
    name: "pusher_body",
    run: pusher_body,
    seeds: &[
        br#"{"name":"OrderCreated","channels":["private-store.s1.orders","private-store.s2.orders"],"data":"{\"a\":1}","socket_id":"1.2","info":"subscription_count"}"#,
        br#"{"name":"KdsTicketUpdated","channel":"private-store.s1.kds","data":{"ticket_id":1,"status":"ready","at":"2026-01-31T12:00:00Z"}}"#,
        br#"{"name":"KdsTicketUpdated","channel":"private-store.s1.kds","data":{"v":1,"event":"KdsTicketUpdated","event_id":"0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b","data":{"ticket_id":1,"status":"ready","at":"2026-01-31T12:00:00Z"},"meta":{"replay":false}}}"#,
        br#"{"batch":[{"name":"a","channel":"b","data":"c","info":"user_count"},{"name":"d","channel":"presence-e","data":[]}]}"#,
    ],
};

pub const DEVICE_BODY: Target = Target {
    name: "device_body",
    run: device_body,
    seeds: &[
        br#"{"id":7,"type":"KDS","store":"s1","abilities":["kds.read"],"name":"Grill","allow":["10.0.0.0/8","::1"]}"#,
        br#"{"blocked":true,"abilities":[],"allow":["192.0.2.1"]}"#,
        br#"{"token":"twd_1_x","ability":"kds.read","ip":"2001:db8::1"}"#,
    ],
};

/// The first bytes of a connection: with more of them what is known stays known.
fn head(bytes: &[u8]) {
    const MOST: usize = 16 << 10;
    let whole = parse(bytes, MOST);
    if let Head::Session(_, length) = &whole {
        assert!(*length <= bytes.len());
        assert!(matches!(parse(&bytes[..*length], MOST), Head::Session(..)), "the head alone is enough");
    }
    let half = parse(&bytes[..bytes.len() / 2], MOST);
    if matches!(half, Head::Http2) {
        assert!(matches!(whole, Head::Http2));
    }
}

/// A query, and what its values are: filters, and places to go on from.
fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (Filter::parse(text), Resume::parse(text));
    let Ok(parameters) = Parameters::parse(Some(text)) else { return };
    for (name, value) in parameters.pairs() {
        assert_eq!(parameters.find(name), Some(value.as_str()));
        let _ = Filter::parse(value);
        if let Some(Resume::Position(position)) = Resume::parse(value) {
            assert_eq!(Resume::parse(&position.to_string()), Some(Resume::Position(position)));
        }
    }
}

/// The body of a publish: events that their contract allows, or everything that is wrong with them.
fn publish_body(body: &[u8]) {
    let limits = Limits::default();
    for contract in shipped() {
        match check_body(contract, body, &limits) {
            Ok(events) => assert!(events <= limits.batch_events),
            Err(problem) => assert!(problem.status.is_client_error(), "{problem:?}"),
        }
    }
}

/// What a publisher's library sends below `/apps`: to an app of its own, and to one with a contract.
fn pusher_body(body: &[u8]) {
    static APPS: LazyLock<Vec<Arc<Served>>> = LazyLock::new(|| {
        let config = serde_json::json!({ "app_id": "1", "key": "k", "secret": "a secret that is long enough for this" });
        let Ok(config) = serde_json::from_value(config) else { return Vec::new() };
        let app = |plain, contract: Arc<Contract>| {
            let app = PusherApp::new(&config, &contract, plain, DEPTH);
            Arc::new(Served::new(contract, Some(app), DEPTH))
        };
        let plain = tidewire_server::pusher::plain_contract("app", &config).into_iter().map(|contract| app(true, contract));
        let store = shipped().iter().filter(|contract| contract.name == "store").map(|contract| app(false, contract.clone()));
        plain.chain(store).collect()
    });
    for served in APPS.iter() {
        for is_batch in [false, true] {
            if let Err(problem) = check_pusher(served, body, is_batch, DEPTH) {
                assert!(problem.status.is_client_error(), "{problem:?}");
            }
        }
    }
}

/// What a backend says of a device.
fn device_body(body: &[u8]) {
    for result in check_device(body, &Limits::default()) {
        if let Err(problem) = result {
            assert!(problem.status.is_client_error(), "{problem:?}");
        }
    }
}

/// What a provider of keys answers.
fn keys(body: &[u8]) {
    let _ = check_keys(body);
}

/// What a backend answers to a client's event.
fn answer(bytes: &[u8]) {
    let (first, body) = choice(bytes);
    let status = if first % 2 == 1 { http::StatusCode::CONFLICT } else { http::StatusCode::OK };
    let _ = check_answer(status, if first < 2 { body } else { bytes });
}
