//! The Pusher protocol against what its documentation prints.

use bytes::Bytes;
use serde_json::{Value, json};
use tidewire_contract::Template;
use tidewire_engine::{Audience, Position, Record};
use tidewire_wire::{
    Command, Dialect, EventView, Reply,
    pusher::{Access, ChannelKind, Frames, Member, Notice, check_channel, check_event, connection, sign, socket_id},
    reply::{Gap, GapReason},
};

const KEY: &str = "278d425bdf160c739803";
const SECRET: &str = "7ad3773142a6692b25b8";

/// The vectors of the protocol's page on signatures. // K-1
#[test]
fn signatures_are_those_of_the_documentation() {
    let private = sign::channel_auth(KEY, SECRET, "1234.1234", "private-foobar", None);
    assert_eq!(private, format!("{KEY}:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"));
    let presence = r#"{"user_id":10,"user_info":{"name":"Mr. Channels"}}"#;
    let signed = sign::channel_auth(KEY, SECRET, "1234.1234", "presence-foobar", Some(presence));
    assert_eq!(signed, format!("{KEY}:31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80"));
    let text = sign::channel_text("1234.1234", "presence-foobar", Some(presence));
    assert!(sign::verify_auth(KEY, SECRET, &signed, &text));
    assert!(!sign::verify_auth("other", SECRET, &signed, &text));
    for wrong in ["", ":", KEY, &signed[..signed.len() - 1], &signed.replace(":3", ":4"), "278d425bdf160c739803:zz", "é:é"] {
        assert!(!sign::verify_auth(KEY, SECRET, wrong, &text), "{wrong}");
    }
    let user = sign::user_auth(KEY, SECRET, "1234.1234", r#"{"id":"12345"}"#);
    assert_eq!(user, format!("{KEY}:4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba"));
}

/// The worked example of the HTTP interface's documentation.
#[test]
fn requests_are_signed_as_documented() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let parameters = [
        pair("body_md5", "ec365a775a4cd0599faeb73354201b6f"),
        pair("auth_version", "1.0"),
        pair("auth_key", KEY),
        pair("Auth_Timestamp", "1353088179"),
        pair("auth_signature", "left out"),
    ];
    let text = sign::request_text("POST", "/apps/3/events", &parameters);
    let sorted = format!(
        "POST\n/apps/3/events\nauth_key={KEY}&auth_timestamp=1353088179&auth_version=1.0&body_md5=ec365a775a4cd0599faeb73354201b6f"
    );
    assert_eq!(text, sorted);
    assert_eq!(sign::sign(SECRET, &text), "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c");
}

/// A known mistake of other servers: prefixes that are matched anywhere in the name.
#[test]
fn a_channel_is_what_its_name_begins_with() {
    let kinds = [
        ("orders", Access::Public, false, false),
        ("cache-orders", Access::Public, true, false),
        ("private-orders", Access::Private, false, false),
        ("private-cache-orders", Access::Private, true, false),
        ("private-encrypted-orders", Access::Private, false, true),
        ("private-encrypted-cache-orders", Access::Private, true, true),
        ("presence-orders", Access::Presence, false, false),
        ("presence-cache-orders", Access::Presence, true, false),
        ("my-private-orders", Access::Public, false, false),
        ("not-presence-orders", Access::Public, false, false),
        ("#server-to-user-7", Access::User, false, false),
    ];
    for (name, access, cache, encrypted) in kinds {
        assert_eq!(ChannelKind::of(name), ChannelKind { access, cache, encrypted }, "{name}");
    }
}

#[test]
fn names_are_checked() {
    for good in ["a", "private-store.pizza-7.orders", "a_b-c=d@e,f.g;h", "#server-to-user-a b/c", &"x".repeat(200)] {
        assert!(check_channel(good).is_ok(), "{good}");
    }
    for bad in ["", "a b", "a/b", "a:b", "#other", "#server-to-user-", "é", &"x".repeat(201), "#server-to-user-\n"] {
        assert!(check_channel(bad).is_err(), "{bad}");
    }
    for bad in ["", "pusher:ping", "pusher_internal:member_added", "a\nb", &"x".repeat(201)] {
        assert!(check_event(bad).is_err(), "{bad}");
    }
    assert!(check_event("App\\Events\\OrderShipped").is_ok());
}

#[test]
fn a_socket_id_names_its_connection() {
    for id in [1, (7 << 20) | 5, u64::MAX, 1 << 20] {
        assert_eq!(connection(&socket_id(id)), Some(id));
    }
    for bad in ["", "1", "1.", ".1", "a.1", "1.1048576", "-1.2", "1.2.3", "99999999999999999999.1", "+1.2", "17592186044416.0"] {
        assert_eq!(connection(bad), None, "{bad}");
    }
}

fn frames(event: Template) -> Frames {
    Frames::new(&event, 120, 16)
}

fn plain() -> Frames {
    frames(Template::Name(vec!["data".into()]))
}

fn event(frames: &Frames, event_type: &str, data: &str, fields: Option<&str>) -> Value {
    let record = Record {
        seq: 7,
        at: 1_700_000_000_000_000,
        id: [1; 16],
        event_type: event_type.into(),
        key: None,
        trace: None,
        occurred_at: None,
        fields: fields.map(|f| Bytes::copy_from_slice(f.as_bytes())),
        data: Bytes::copy_from_slice(data.as_bytes()),
        audience: Audience::Everyone,
        except: None,
    };
    let mut out = Vec::new();
    frames.event(&EventView { record: &record, channel: "orders", vars: &Vec::new(), epoch: 9, replay: true }, &mut out);
    serde_json::from_slice(&out).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out)))
}

/// `data` of a server's event is always a text. // K-1
#[test]
fn data_is_a_text() {
    let frames = plain();
    assert_eq!(event(&frames, "e", r#""as it \"came\"""#, None), json!({ "event": "e", "channel": "orders", "data": "as it \"came\"" }));
    let object = r#"{"a":"q\"uo\\te","b":[1,null],"é":"\u0001"}"#;
    assert_eq!(event(&frames, "e", object, None)["data"], object);
    assert_eq!(event(&frames, "e", "null", None)["data"], "null");
}

/// A known mistake of other servers: no `user_id` on client events of presence channels.
#[test]
fn a_client_event_stays_as_it_was_sent() {
    let frames = plain();
    assert_eq!(
        event(&frames, "client-typing", r#"{"on":true}"#, Some(r#"{"user_id":"10"}"#)),
        json!({ "event": "client-typing", "channel": "orders", "data": { "on": true }, "user_id": "10" })
    );
    assert_eq!(event(&frames, "client-x", r#""text""#, None), json!({ "event": "client-x", "channel": "orders", "data": "text" }));
}

/// The contract's envelope is what stands in `data`, with `seq`. // K-7
#[test]
fn the_envelope_is_in_data() {
    let name = |n: &str| Template::Name(vec![n.into()]);
    let envelope = Template::Object(vec![
        ("v".into(), Template::Value(json!(1))),
        ("seq".into(), name("seq")),
        ("data".into(), name("data")),
        ("meta".into(), Template::Object(vec![("replay".into(), name("replay"))])),
    ]);
    let got = event(&frames(envelope), "OrderCreated", r#"{"id":"a\\b"}"#, None);
    let data: Value = serde_json::from_str(got["data"].as_str().unwrap()).unwrap();
    assert_eq!(data, json!({ "v": 1, "seq": 7, "data": { "id": "a\\b" }, "meta": { "replay": true } }));
}

fn decode(frame: &str) -> Result<Command, tidewire_wire::BadFrame> {
    plain().decode(frame.as_bytes())
}

#[test]
fn frames_of_clients_are_read() {
    let Command::Subscribe { channels, proof, .. } = decode(r#"{"event":"pusher:subscribe","data":{"auth":"","channel":"a"}}"#).unwrap()
    else {
        panic!()
    };
    assert_eq!((channels, proof.unwrap().auth), (vec!["a".to_owned()], None));
    let Command::Subscribe { proof, .. } =
        decode(r#"{"event":"pusher:subscribe","data":"{\"auth\":\"k:s\",\"channel\":\"a\",\"channel_data\":\"{}\"}"}"#).unwrap()
    else {
        panic!()
    };
    let proof = proof.unwrap();
    assert_eq!((proof.auth.as_deref(), proof.channel_data.as_deref()), (Some("k:s"), Some("{}")));
    assert!(matches!(decode(r#"{"event":"pusher:ping","data":{}}"#), Ok(Command::Ping { .. })));
    assert!(matches!(decode(r#"{"event":"pusher:unsubscribe","data":{"channel":"a"}}"#), Ok(Command::Unsubscribe { .. })));
    assert!(matches!(decode(r#"{"event":"pusher:signin","data":{"auth":"k:s","user_data":"{}"}}"#), Ok(Command::SignIn { .. })));
    let Command::Send { event_type, data, channel, .. } = decode(r#"{"event":"client-x","channel":"private-a","data":{"b": 1}}"#).unwrap()
    else {
        panic!()
    };
    assert_eq!((event_type.as_str(), data.get(), channel.as_deref()), ("client-x", "{\"b\": 1}", Some("private-a")));
}

/// What is wrong is said, and where. // G-5
#[test]
fn frames_that_are_none_are_refused_in_words() {
    for (frame, code, says) in [
        ("", "INVALID_JSON", "EOF"),
        ("{", "INVALID_JSON", "EOF"),
        ("[]", "INVALID_FRAME", "event"),
        ("{}", "INVALID_FRAME", "event"),
        (r#"{"event":7}"#, "INVALID_FRAME", "string"),
        (r#"{"event":"pusher:subscribe"}"#, "INVALID_FRAME", "no data"),
        (r#"{"event":"pusher:subscribe","data":{}}"#, "INVALID_FRAME", "channel"),
        (r#"{"event":"pusher:subscribe","data":{"channel":7}}"#, "INVALID_FRAME", "string"),
        (r#"{"event":"pusher:signin","data":{"auth":"a"}}"#, "INVALID_FRAME", "user_data"),
        (r#"{"event":"client-x","data":1}"#, "INVALID_FRAME", "no channel"),
        (r#"{"event":"message","data":1}"#, "INVALID_FRAME", "client-"),
    ] {
        let bad = decode(frame).unwrap_err();
        assert_eq!(bad.code, code, "{frame}");
        assert!(bad.message.contains(says), "{frame}: {}", bad.message);
    }
    assert_eq!(decode(&"[".repeat(100_000)).unwrap_err().code, "TOO_DEEP");
}

fn said(notice: &Notice) -> Value {
    let mut out = Vec::new();
    notice.write(&mut out);
    serde_json::from_slice(&out).unwrap()
}

fn inner(frame: &Value) -> Value {
    serde_json::from_str(frame["data"].as_str().expect("a text")).unwrap()
}

/// Frames as the protocol's page prints them. // K-1 K-12
#[test]
fn notices_are_spelled_as_documented() {
    let channel = || "presence-a".to_owned();
    let member = |id: &str| Member { user_id: id.into(), user_info: json!({ "n": id }) };
    let frame = said(&Notice::Subscribed { channel: channel(), members: Some(vec![member("1"), member("2")]) });
    assert_eq!((&frame["event"], &frame["channel"]), (&json!("pusher_internal:subscription_succeeded"), &json!("presence-a")));
    assert_eq!(inner(&frame), json!({ "presence": { "count": 2, "ids": ["1", "2"], "hash": { "1": { "n": "1" }, "2": { "n": "2" } } } }));
    let public = said(&Notice::Subscribed { channel: "a".into(), members: None });
    assert_eq!(public, json!({ "event": "pusher_internal:subscription_succeeded", "channel": "a", "data": "{}" }));
    assert_eq!(
        inner(&said(&Notice::MemberAdded { channel: channel(), member: member("3") })),
        json!({ "user_id": "3", "user_info": { "n": "3" } })
    );
    assert_eq!(inner(&said(&Notice::MemberRemoved { channel: channel(), user_id: "3".into() })), json!({ "user_id": "3" }));
    assert_eq!(inner(&said(&Notice::SubscriptionCount { channel: channel(), count: 5 })), json!({ "subscription_count": 5 }));
    let miss = said(&Notice::CacheMiss { channel: "cache-a".into() });
    assert_eq!(miss, json!({ "event": "pusher:cache_miss", "channel": "cache-a", "data": "{}" }));
    let refused = said(&Notice::SubscriptionError { channel: channel(), error: "no".into(), status: 401 });
    assert_eq!(
        refused,
        json!({ "event": "pusher:subscription_error", "channel": "presence-a", "data": { "type": "AuthError", "error": "no", "status": 401 } })
    );
    assert_eq!(inner(&said(&Notice::SignedIn { user_data: "{}".into() })), json!({ "user_data": "{}" }));
    let seen = said(&Notice::Watchlist { online: vec!["1".into()], offline: vec![] });
    assert_eq!(inner(&seen), json!({ "events": [{ "name": "online", "user_ids": ["1"] }] }));
    assert_eq!(
        said(&Notice::Error { code: None, message: "m".into() }),
        json!({ "event": "pusher:error", "data": { "message": "m", "code": null } })
    );
}

#[test]
fn replies_are_spelled_as_documented() {
    let frames = plain();
    let say = |reply: &Reply| {
        let mut out = Vec::new();
        frames.reply(reply, &mut out).then(|| serde_json::from_slice::<Value>(&out).unwrap())
    };
    let hello = say(&Reply::Hello {
        connection: ((7 << 20) | 5).to_string(),
        at: 0,
        vars: Vec::new(),
        channel: None,
        presence: serde_json::Value::Null,
        retained: serde_json::Value::Null,
    })
    .unwrap();
    assert_eq!(hello["event"], "pusher:connection_established");
    assert_eq!(inner(&hello), json!({ "socket_id": "7.5", "activity_timeout": 120 }));
    assert_eq!(say(&Reply::Ping { at: 0 }).unwrap(), json!({ "event": "pusher:ping", "data": {} }));
    let reference = tidewire_wire::Reference::default;
    assert_eq!(say(&Reply::Pong { at: 0, reference: reference() }).unwrap(), json!({ "event": "pusher:pong", "data": {} }));
    let error = |code| {
        say(&Reply::Error { code: std::borrow::Cow::Borrowed(code), message: "m".into(), channel: None, at: 0, reference: reference() })
            .unwrap()
    };
    assert_eq!(error("RATE_LIMITED")["data"], json!({ "message": "m", "code": 4301 }));
    assert_eq!(error("INVALID_JSON")["data"], json!({ "message": "m", "code": null }));
    let gap = Gap {
        channel: "private-a".into(),
        vars: Vec::new(),
        from: "3".into(),
        from_at: None,
        to: Position { epoch: 0xab, seq: 9 },
        reason: GapReason::Expired,
        at: 0,
    };
    let frame = say(&Reply::Gap(gap)).unwrap();
    assert_eq!((&frame["event"], &frame["channel"]), (&json!("tidewire:gap"), &json!("private-a")));
    let told = inner(&frame);
    assert_eq!(
        (&told["from"], &told["to"], &told["reason"], &told["position"]),
        (&json!("3"), &json!(9), &json!("expired"), &json!("ab:9"))
    );
    assert!(told["action"].as_str().unwrap().contains("refetch"));
    assert!(say(&Reply::Subscribed { channels: Vec::new(), at: 0, reference: reference() }).is_none());
}
