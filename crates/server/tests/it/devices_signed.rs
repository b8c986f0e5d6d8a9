//! `POST /broadcasting/auth` and `/broadcasting/user-auth`: who may subscribe to what, and which check says no. Rows K-3 and K-4.

use crate::devices_support::*;
use http::{Method, header::ACCESS_CONTROL_ALLOW_ORIGIN};
use serde_json::{Value, json};
use tidewire_wire::pusher::sign;

fn orders() -> String {
    format!("private-store.{SKU}.orders")
}

fn signed(socket: &str, channel: &str, channel_data: Option<&str>) -> String {
    sign::channel_auth(APP, SECRET, socket, channel, channel_data)
}

// K-3: all checks pass, in a form as pusher-js sends it and in JSON; the signature lets the connection in.
#[tokio::test]
async fn a_device_that_may_gets_its_signature() {
    let shop = Shop::new().await;
    let (_, token) = shop.device("POS", &["order.read"]).await;
    let mut screen = shop.screen().await;
    let socket = screen.socket_id.clone();
    let answer = shop.authorize(&token, &socket, &orders()).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let answer = answer.good();
    assert_eq!(answer, json!({ "auth": signed(&socket, &orders(), None) }));
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json; charset=utf-8")];
    let body = json!({ "socket_id": socket, "channel_name": orders() }).to_string();
    assert_eq!(shop.send(Method::POST, "/broadcasting/auth", &headers, body).await.good(), answer);
    assert_eq!(screen.subscribe(&orders(), &answer).await["event"], "pusher_internal:subscription_succeeded");
}

// K-3: each check fails on its own, and is named.
#[tokio::test]
async fn each_check_fails_on_its_own_and_is_named() {
    let shop = Shop::new().await;
    let screen = shop.screen().await;
    let socket = screen.socket_id.as_str();
    let make = |more: Value| {
        let mut body = json!({ "type": "POS", "store": SKU, "abilities": ["order.read"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        shop.device_of(STORE_KEY, body)
    };

    // The token.
    let (_, token) = make(json!({})).await;
    for wrong in [format!("{token}x"), "junk".to_owned(), APP.to_owned(), STORE_KEY.to_owned()] {
        let refused = shop.authorize(&wrong, socket, &orders()).await;
        assert_eq!(refused.check(401), "token");
        assert!(!refused.json.to_string().contains(&wrong), "no token in an error");
    }
    let form = format!("socket_id={socket}&channel_name={}", orders());
    let none = shop.send(Method::POST, "/broadcasting/auth", &[("content-type", "application/x-www-form-urlencoded")], form).await;
    assert_eq!(none.check(401), "token");
    assert!(none.headers.contains_key("www-authenticate"));

    // Not blocked.
    let (id, blocked) = make(json!({})).await;
    shop.admin(Method::PATCH, &format!("/v1/devices/{id}"), json!({ "blocked": true })).await.good();
    assert_eq!(shop.authorize(&blocked, socket, &orders()).await.check(403), "blocked");

    // The address.
    let (_, elsewhere) = make(json!({ "allow": ["127.0.0.9", "10.0.0.0/8"] })).await;
    let refused = shop.authorize(&elsewhere, socket, &orders()).await;
    assert_eq!(refused.check(403), "ip");
    assert!(refused.json["detail"].as_str().unwrap().contains("127.0.0.1"), "{}", refused.json);

    // The channel.
    for unknown in ["private-store.x.nothing", "orders", "private-store..orders"] {
        assert_eq!(shop.authorize(&token, socket, unknown).await.check(404), "channel", "{unknown}");
    }
    let near = shop.authorize(&token, socket, &format!("private-store.{SKU}.order")).await;
    assert_eq!((near.check(404), near.json["type"].as_str()), ("channel", Some("urn:tidewire:problem:unknown-channel")));

    // The ability, and beside it the rest of the join rule.
    let refused = shop.authorize(&token, socket, &format!("private-store.{SKU}.kds")).await;
    assert_eq!((refused.check(403), &refused.json["rule"]), ("ability", &json!("\"kds.read\" in principal.abilities")));
    assert!(refused.json["detail"].as_str().unwrap().contains("kds.read"));
    let refused = shop.authorize(&token, socket, &format!("private-store.{SKU}.printing")).await;
    let rule = refused.json["rule"].as_str().unwrap_or_default().to_owned();
    assert_eq!(refused.check(403), "ability");
    assert!(rule.contains("printer.read") && rule.contains("ticket.create"), "{rule}");
    let refused = shop.authorize(&token, socket, "private-store.another.orders").await;
    assert_eq!((refused.check(403), &refused.json["rule"]), ("join", &json!("sku == principal.store")));
    let (_, syncs) = make(json!({ "abilities": ["device.sync"] })).await;
    let refused = shop.authorize(&syncs, socket, "private-device.1.notifications").await;
    assert_eq!((refused.check(403), &refused.json["rule"]), ("join", &json!("device_id == principal.id")));
    // What only backends read.
    shop.authorize(&token, socket, "audit").await.check(403);

    // What is not there.
    for (form, check) in [
        (format!("socket_id={socket}"), "channel"),
        (format!("socket_id={socket}&channel_name="), "channel"),
        (format!("channel_name={}", orders()), "socket"),
        (format!("socket_id=1&channel_name={}", orders()), "socket"),
        (format!("socket_id=1.x&channel_name={}", orders()), "socket"),
        (format!("socket_id=01.2&channel_name={}", orders()), "socket"),
        (format!("socket_id=1.1048576&channel_name={}", orders()), "socket"),
        (format!("socket_id={socket}%3A%3Auser&channel_name={}", orders()), "socket"),
    ] {
        assert_eq!(shop.form("/broadcasting/auth", &token, &form).await.check(422), check, "{form}");
    }
    // All of it right: the same socket is still nobody's.
    shop.authorize(&token, socket, &orders()).await.good();
}

// K-3: the checks come in one order, so that nobody learns of channels whose token is not good.
#[tokio::test]
async fn the_first_check_that_fails_is_the_one_that_is_named() {
    let shop = Shop::new().await;
    let body = json!({ "type": "POS", "store": SKU, "allow": ["10.0.0.0/8"] });
    let (id, token) = shop.device_of(STORE_KEY, body).await;
    let patch = async |change: Value| shop.admin(Method::PATCH, &format!("/v1/devices/{id}"), change).await.good();
    let screen = shop.screen().await;
    let ask = async |token: &str, channel: &str| shop.authorize(token, &screen.socket_id, channel).await.json["check"].clone();
    patch(json!({ "blocked": true })).await;
    assert_eq!(ask("junk", "nothing").await, "token");
    assert_eq!(ask(&token, "nothing").await, "blocked");
    patch(json!({ "blocked": false })).await;
    assert_eq!(ask(&token, "nothing").await, "ip");
    patch(json!({ "allow": [] })).await;
    assert_eq!(ask(&token, "nothing").await, "channel");
    assert_eq!(ask(&token, "private-store.another.orders").await, "join");
    assert_eq!(ask(&token, &orders()).await, "ability");
    patch(json!({ "abilities": ["order.read"] })).await;
    assert_eq!(ask(&token, &orders()).await, Value::Null);
}

// K-3: the allow-list goes by where the request comes from.
#[tokio::test]
async fn the_allow_list_goes_by_the_address_of_the_connection() {
    let shop = Shop::new().await;
    let body = json!({ "type": "POS", "store": SKU, "abilities": ["order.read"], "allow": ["127.0.0.8/30"] });
    let (_, token) = shop.device_of(STORE_KEY, body).await;
    let screen = shop.screen().await;
    let form = format!("socket_id={}&channel_name={}", screen.socket_id, orders());
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
        // Anybody can write this.
        ("x-forwarded-for", "127.0.0.9"),
    ];
    for (from, status) in [("127.0.0.1", 403), ("127.0.0.9", 200), ("127.0.0.12", 403), ("127.0.0.11", 200)] {
        let answer = shop.send_from(from.parse().unwrap(), Method::POST, "/broadcasting/auth", &headers, form.clone()).await;
        assert_eq!(answer.status, status, "{from}: {}", answer.json);
    }
}

/// What a device of a type has, and to which channels it gets by that.
const TYPES: &[(&str, &[&str], &[&str])] = &[
    ("POS", &["order.read", "ticket.create", "device.sync"], &["orders", "printing", "own"]),
    ("Kiosk", &["order.read", "device.sync"], &["orders", "own"]),
    ("KDS", &["kds.read", "kds.update", "device.sync"], &["kds", "station", "screens", "own"]),
    ("PrinterGateway", &["printer.read", "device.sync"], &["printing", "own"]),
    ("BackOffice", &["devices.read", "order.read", "kds.read"], &["devices", "orders", "kds", "station", "screens"]),
    ("Nothing", &[], &[]),
];

// K-2, K-4: every type of device against every channel.
#[tokio::test]
async fn every_type_of_device_gets_to_its_channels_and_to_no_other() {
    let shop = Shop::new().await;
    let mut devices = Vec::new();
    for (device_type, abilities, channels) in TYPES {
        let (id, token) = shop.device(device_type, abilities).await;
        devices.push((*device_type, id, token, *channels));
    }
    let mut asked = 0;
    for (device_type, id, token, may) in &devices {
        let screen = shop.screen().await;
        let another = devices.iter().map(|(_, other, ..)| *other).find(|other| other != id).unwrap();
        for (channel, name) in [
            ("orders", format!("private-store.{SKU}.orders")),
            ("kds", format!("private-store.{SKU}.kds")),
            ("station", format!("private-store.{SKU}.kds.station.grill")),
            ("printing", format!("private-store.{SKU}.printing")),
            ("devices", format!("private-store.{SKU}.devices")),
            ("own", format!("private-device.{id}.notifications")),
            ("another's", format!("private-device.{another}.notifications")),
            ("screens", format!("presence-store.{SKU}.kds.presence")),
            ("orders elsewhere", "private-store.burger-hydra.orders".to_owned()),
            ("kds elsewhere", "private-store.burger-hydra.kds".to_owned()),
            ("printing elsewhere", "private-store.burger-hydra.printing".to_owned()),
            ("devices elsewhere", "private-store.burger-hydra.devices".to_owned()),
            ("screens elsewhere", "presence-store.burger-hydra.kds.presence".to_owned()),
        ] {
            let answer = shop.authorize(token, &screen.socket_id, &name).await;
            let expected = if may.contains(&channel) { 200 } else { 403 };
            assert_eq!(answer.status, expected, "{device_type} on {channel}: {}", answer.json);
            // The same rule over HTTP: what was missed is for whom may be there.
            let since = shop
                .send(Method::GET, &format!("/v1/events/since?channel={name}"), &[("authorization", &format!("Bearer {token}"))], "")
                .await;
            assert_eq!(since.status, expected, "{device_type} reads {channel}: {}", since.json);
            asked += 1;
        }
    }
    assert_eq!(asked, TYPES.len() * 13);
}

// K-12: who a member is says the registry, not the client.
#[tokio::test]
async fn who_joins_a_channel_with_presence_is_signed_with_it() {
    let shop = Shop::new().await;
    let (id, token) = shop.device("KDS", &["kds.read"]).await;
    let mut screen = shop.screen().await;
    let socket = screen.socket_id.clone();
    let channel = format!("presence-store.{SKU}.kds.presence");
    let answer = shop.authorize(&token, &socket, &channel).await.good();
    let data = answer["channel_data"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap(), json!({ "user_id": id.to_string(), "user_info": { "type": "KDS" } }));
    assert_eq!(answer["auth"], signed(&socket, &channel, Some(data)));
    let joined = screen.subscribe(&channel, &answer).await;
    assert_eq!(joined["event"], "pusher_internal:subscription_succeeded");
    let presence: Value = serde_json::from_str(joined["data"].as_str().unwrap()).unwrap();
    assert_eq!(presence["presence"]["hash"], json!({ id.to_string(): { "type": "KDS" } }));
}

#[tokio::test]
async fn a_device_signs_in_as_itself() {
    let shop = Shop::new().await;
    let body = json!({ "type": "KDS", "name": "Grill", "store": SKU });
    let (id, token) = shop.device_of(STORE_KEY, body).await;
    let mut screen = shop.screen().await;
    let socket = screen.socket_id.clone();
    let answer = shop.form("/broadcasting/user-auth", &token, &format!("socket_id={socket}")).await.good();
    let data = answer["user_data"].as_str().unwrap();
    let user: Value = serde_json::from_str(data).unwrap();
    assert_eq!(user, json!({ "id": id.to_string(), "user_info": { "name": "Grill", "type": "KDS", "store": SKU } }));
    assert_eq!(answer["auth"], sign::user_auth(APP, SECRET, &socket, data));
    screen.say(json!({ "event": "pusher:signin", "data": answer })).await;
    assert_eq!(screen.event().await["event"], "pusher:signin_success");
    assert_eq!(shop.form("/broadcasting/user-auth", "junk", &format!("socket_id={socket}")).await.check(401), "token");
    assert_eq!(shop.form("/broadcasting/user-auth", &token, "").await.check(422), "socket");
}

// K-5: a connection is one device's.
#[tokio::test]
async fn a_connection_that_is_anothers_or_nobodys_is_not_signed_for() {
    let shop = Shop::new().await;
    let (_, first) = shop.device("POS", &["order.read"]).await;
    let (_, second) = shop.device("POS", &["order.read"]).await;
    let screen = shop.screen().await;
    shop.authorize(&first, &screen.socket_id, &orders()).await.good();
    assert_eq!(shop.authorize(&second, &screen.socket_id, &orders()).await.check(403), "socket");
    shop.authorize(&first, &screen.socket_id, &orders()).await.good();
    // One that is to come: what is signed for it would outlive a block.
    let (high, low) = screen.socket_id.split_once('.').unwrap();
    let next = format!("{high}.{}", low.parse::<u32>().unwrap() + 7);
    assert_eq!(shop.authorize(&first, &next, &orders()).await.check(404), "socket");
    // One of another app.
    let other = shop.screen_of("other-app").await;
    assert_eq!(shop.authorize(&first, &other.socket_id, &orders()).await.check(404), "socket");
    assert_eq!(shop.form("/broadcasting/user-auth", &second, &format!("socket_id={}", screen.socket_id)).await.check(403), "socket");
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask() {
    let shop = Shop::new().await;
    let (_, token) = shop.device("POS", &["order.read"]).await;
    let screen = shop.screen().await;
    for path in ["/broadcasting/auth", "/broadcasting/user-auth"] {
        let preflight = |origin| {
            let headers =
                [("origin", origin), ("access-control-request-method", "POST"), ("access-control-request-headers", "authorization")];
            let shop = &shop;
            async move { shop.send(Method::OPTIONS, path, &headers, "").await }
        };
        let granted = preflight("https://till.example.org").await;
        assert_eq!(granted.status, 204);
        assert_eq!(granted.headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://till.example.org");
        assert_eq!(granted.headers["access-control-allow-headers"], "authorization");
        assert_eq!(preflight("https://elsewhere.example.org").await.status, 403);
        let bearer = format!("Bearer {token}");
        let headers = [
            ("origin", "https://till.example.org"),
            ("authorization", bearer.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let form = format!("socket_id={}&channel_name={}", screen.socket_id, orders());
        let answer = shop.send(Method::POST, path, &headers, form).await;
        assert_eq!(answer.headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://till.example.org");
        answer.good();
        // A page reads why it was refused, too.
        let refused = shop.send(Method::POST, path, &headers[..1], "").await;
        assert_eq!(refused.headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://till.example.org");
        assert_eq!(refused.check(401), "token");
        assert_eq!(shop.send(Method::GET, path, &[], "").await.status, 405);
    }
}

#[tokio::test]
async fn a_hostile_body_is_refused_in_words() {
    let shop = Shop::new().await;
    let (_, token) = shop.device("POS", &["order.read"]).await;
    let bearer = format!("Bearer {token}");
    let json = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in ["", "{", "[]", "7", "null", &deep, r#"{"socket_id":1.2,"channel_name":"x"}"#, r#"{"socket_id":["1.2"]}"#] {
        let refused = shop.send(Method::POST, "/broadcasting/auth", &json, body.to_owned()).await;
        assert!((400..500).contains(&refused.status), "{}", refused.json);
        assert_eq!(refused.headers["content-type"], "application/problem+json");
    }
    let form = [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    for body in [&b"\xff\xfe"[..], b"socket_id=%ff&channel_name=x", b"socket_id=%zz", b"&&&=&="] {
        let refused = shop.send(Method::POST, "/broadcasting/auth", &form, body).await;
        assert!((400..500).contains(&refused.status), "{}", refused.json);
    }
    let long = format!("socket_id=1.2&channel_name={}", "x".repeat(4 << 20));
    assert_eq!(shop.send(Method::POST, "/broadcasting/auth", &form, long).await.status, 413);
}
