//! Devices on every transport: they get in by their tokens, and are out at once when they no longer may. Rows K-3, K-5 and K-10.

use crate::devices_support::*;
use http::Method;
use serde_json::{Value, json};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tidewire_server::{admission::Admitted, shard::Socket};
use tidewire_wire::pusher::sign;

fn here() -> IpAddr {
    "127.0.0.1".parse().unwrap()
}

async fn gate(shop: &Shop, more: Value) -> (u64, String) {
    let mut body = json!({ "type": "Gate", "store": "s1", "abilities": ["yard.read"] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    shop.device_of(YARD_KEY, body).await
}

async fn open_gate(shop: &Shop, n: u32) {
    shop.publish(YARD_KEY, "yard:s1", "gate.opened", json!({ "n": n })).await;
}

async fn patch(shop: &Shop, key: &str, id: u64, change: Value) {
    shop.call(key, Method::PATCH, &format!("/v1/devices/{id}"), change).await.good();
}

/// A token as it stands in a query.
fn escaped(token: &str) -> String {
    token.replace('|', "%7C")
}

// K-3, K-10: a device's token is good on every transport, and every check counts there too.
#[tokio::test]
async fn a_devices_token_is_good_on_every_transport() {
    let shop = Shop::new().await;
    let (id, token) = gate(&shop, json!({})).await;
    open_gate(&shop, 1).await;
    let bearer = format!("Bearer {token}");
    let read = async |path: &str| shop.send(Method::GET, path, &[("authorization", &bearer)], "").await;
    let event = json!({ "type": "gate.opened", "seq": 1, "data": { "n": 1 } });
    assert_eq!(read("/yard/history/s1").await.good(), json!([event]));
    assert_eq!(read("/yard/poll/s1?since=0").await.good(), json!([event]));
    assert_eq!(read("/v1/events/since?channel=yard:s1&seq=0").await.good()["events"], json!([event]));
    let in_query = shop.send(Method::GET, &format!("/yard/history/s1?token={}", escaped(&token)), &[], "").await;
    assert_eq!(in_query.good(), json!([event]));
    let mut socket = shop.websocket(&format!("/yard/ws/s1?token={}", escaped(&token)), here()).await;
    assert_eq!(socket.event().await["type"], "hello");
    let mut stream = shop.stream("/yard/stream/s1", &token).await;
    open_gate(&shop, 2).await;
    assert_eq!(socket.event().await["data"]["n"], 2);
    assert_eq!(stream.next().await.1["data"]["n"], 2);

    let paths = ["/yard/history/s1", "/yard/poll/s1", "/yard/stream/s1", "/v1/events/since?channel=yard:s1"];
    for path in paths {
        assert_eq!(shop.send(Method::GET, path, &[("authorization", "Bearer junk")], "").await.status, 401, "{path}");
        assert_eq!(shop.send(Method::GET, path, &[], "").await.status, 401, "{path}");
    }
    let (_, elsewhere) = gate(&shop, json!({ "allow": ["10.0.0.0/8"] })).await;
    let (_, unable) = gate(&shop, json!({ "abilities": [] })).await;
    patch(&shop, YARD_KEY, id, json!({ "blocked": true })).await;
    for path in paths {
        let ask = async |token: &str| shop.send(Method::GET, path, &[("authorization", &format!("Bearer {token}"))], "").await;
        assert_eq!(ask(&elsewhere).await.check(403), "ip", "{path}");
        assert_eq!(ask(&token).await.check(403), "blocked", "{path}");
        assert_eq!(ask(&unable).await.status, 403, "{path}");
    }
}

/// What it is called, how it is asked for, and the close code of who is connected.
type End = (&'static str, fn(u64) -> (Method, String, Value), u16);

/// How a device is put out.
const ENDS: [End; 5] = [
    ("blocked", |id| (Method::PATCH, format!("/v1/devices/{id}"), json!({ "blocked": true })), 4403),
    ("removed", |id| (Method::DELETE, format!("/v1/devices/{id}"), Value::Null), 4403),
    ("replaced", |id| (Method::POST, format!("/v1/devices/{id}/token"), Value::Null), 4403),
    // It may come back, and has to show again what it may.
    ("what the device may", |id| (Method::PATCH, format!("/v1/devices/{id}"), json!({ "abilities": [] })), 1012),
    ("what the device may", |id| (Method::PATCH, format!("/v1/devices/{id}"), json!({ "allow": ["10.0.0.1"] })), 1012),
];

// K-3
#[tokio::test]
async fn a_device_that_no_longer_may_is_out_at_once() {
    let shop = Shop::new().await;
    let (_, bystander) = gate(&shop, json!({})).await;
    let mut bystander = shop.stream("/yard/stream/s1", &bystander).await;
    for (n, (why, how, code)) in ENDS.iter().enumerate() {
        let (id, token) = gate(&shop, json!({})).await;
        let mut socket = shop.websocket(&format!("/yard/ws/s1?token={}", escaped(&token)), here()).await;
        socket.event().await;
        let mut stream = shop.stream("/yard/stream/s1", &token).await;
        let (method, path, body) = how(id);
        shop.call(YARD_KEY, method, &path, body).await.good();
        // Whoever was answered can rely on it: what comes now they do not see.
        open_gate(&shop, n as u32).await;
        let (closed, reason) = socket.closed().await;
        assert!(closed == *code && reason.contains(why), "{closed} {reason}");
        let (event, told) = stream.next().await;
        assert_eq!((event.as_str(), &told["code"]), ("close", &json!(code)), "{told}");
        assert!(told["reason"].as_str().unwrap().contains(why), "{told}");
        assert_eq!(bystander.next().await.1["data"]["n"], n);
    }
    // A new name is none of this.
    let (id, token) = gate(&shop, json!({})).await;
    let mut socket = shop.websocket(&format!("/yard/ws/s1?token={}", escaped(&token)), here()).await;
    socket.event().await;
    patch(&shop, YARD_KEY, id, json!({ "name": "North", "abilities": ["yard.read"] })).await;
    open_gate(&shop, 99).await;
    assert_eq!(socket.event().await["data"]["n"], 99);
}

// K-3, K-5: over the Pusher protocol, by the codes that pusher-js acts on.
#[tokio::test]
async fn a_screen_that_no_longer_may_is_out_at_once() {
    let shop = Shop::new().await;
    let channel = format!("private-store.{SKU}.kds");
    for (why, how, code) in ENDS {
        let (id, token) = shop.device("KDS", &["kds.read"]).await;
        let mut screen = shop.screen().await;
        let signed = shop.authorize(&token, &screen.socket_id, &channel).await.good();
        assert_eq!(screen.subscribe(&channel, &signed).await["event"], "pusher_internal:subscription_succeeded");
        let (method, path, body) = how(id);
        shop.admin(method, &path, body).await.good();
        let (closed, reason) = screen.closed().await;
        // 4009: pusher-js stays away. 1012: it comes back after a second, and asks for a new signature.
        assert_eq!(closed, if code == 4403 { 4009 } else { code });
        assert!(reason.contains(why), "{reason}");
        let again = shop.screen().await;
        assert!(shop.authorize(&token, &again.socket_id, &channel).await.status >= 401);
    }
}

// K-5: the newest connection of a device is the one that stays.
#[tokio::test]
async fn the_newest_screen_of_a_device_wins() {
    let shop = Shop::new().await;
    let (_, token) = shop.device("KDS", &["kds.read"]).await;
    let channel = format!("private-store.{SKU}.kds");
    let mut screens = Vec::new();
    for n in 0..3 {
        let mut screen = shop.screen().await;
        let signed = shop.authorize(&token, &screen.socket_id, &channel).await.good();
        screen.subscribe(&channel, &signed).await;
        if n > 0 {
            let older: &mut Screen = &mut screens[n - 1];
            let (code, reason) = older.closed().await;
            assert!(code == 4009 && reason.contains("newer"), "{code} {reason}");
        }
        screens.push(screen);
    }
}

// K-5: where the newest is to wait instead, it is the one that ends: whose it is was not known when it was let in.
#[tokio::test]
async fn a_screen_too_many_ends_where_the_newest_waits() {
    let shop = Shop::changed(|store| (store.limits.connections, store.limits.newest_wins) = (Some(2), false)).await;
    let (_, token) = shop.device("KDS", &["kds.read"]).await;
    let channel = format!("private-store.{SKU}.kds");
    let mut screens = Vec::new();
    for _ in 0..2 {
        let mut screen = shop.screen().await;
        let signed = shop.authorize(&token, &screen.socket_id, &channel).await.good();
        screen.subscribe(&channel, &signed).await;
        screens.push(screen);
    }
    let mut third = shop.screen().await;
    shop.authorize(&token, &third.socket_id, &channel).await.good();
    let (code, reason) = third.closed().await;
    assert!(code == 4004 && reason.contains("as many as it may have"), "{code} {reason}");
    // One that leaves makes room.
    drop(screens.pop());
    loop {
        let mut next = shop.screen().await;
        let signed = shop.authorize(&token, &next.socket_id, &channel).await;
        if signed.status == 200 {
            next.say(json!({ "event": "pusher:subscribe", "data": { "channel": channel, "auth": signed.json["auth"] } })).await;
            if next.next().await.is_ok_and(|said| said["event"] == "pusher_internal:subscription_succeeded") {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A connection that says whose it is by its device counts no more under the name that it signed in with.
#[tokio::test]
async fn a_connection_has_one_place_whatever_it_said_before() {
    let shop = Shop::changed(|store| (store.limits.connections, store.limits.newest_wins) = (Some(1), false)).await;
    let user_data = json!({ "id": "amina" }).to_string();
    let sign_in = async |screen: &mut Screen| {
        let auth = format!("{APP}:{}", sign::sign(SECRET, &sign::user_text(&screen.socket_id, &user_data)));
        screen.say(json!({ "event": "pusher:signin", "data": { "auth": auth, "user_data": user_data } })).await;
        assert_eq!(screen.event().await["event"], "pusher:signin_success");
    };
    let mut first = shop.screen().await;
    sign_in(&mut first).await;
    let (_, token) = shop.device("KDS", &["kds.read"]).await;
    let channel = format!("private-store.{SKU}.kds");
    let signed = shop.authorize(&token, &first.socket_id, &channel).await.good();
    first.subscribe(&channel, &signed).await;
    let mut second = shop.screen().await;
    sign_in(&mut second).await;
    second.say(json!({ "event": "pusher:ping", "data": {} })).await;
    assert_eq!(second.event().await["event"], "pusher:pong", "there is a place for it");
    let mut third = shop.screen().await;
    sign_in(&mut third).await;
    assert_eq!(third.closed().await.0, 4004);
}

/// A token that comes over an open connection is looked at as those of new connections are, its address too.
#[tokio::test]
async fn a_new_token_over_an_open_connection_meets_the_same_checks() {
    let shop = Shop::new().await;
    let (id, token) = gate(&shop, json!({})).await;
    let mut socket = shop.websocket(&format!("/yard/ws/s1?token={}", escaped(&token)), here()).await;
    socket.event().await;
    socket.say(json!({ "type": "refresh", "token": token })).await;
    assert_eq!(socket.event().await["type"], "refreshed");
    let (_, other) = gate(&shop, json!({})).await;
    let (_, elsewhere) = gate(&shop, json!({ "allow": ["127.0.0.2"] })).await;
    for (wrong, why) in [("junk", "no device's"), (&other, "another principal"), (&elsewhere, "may not come from 127.0.0.1")] {
        socket.say(json!({ "type": "refresh", "token": wrong })).await;
        let refused = socket.event().await;
        assert!(refused["type"] == "error" && refused["message"].as_str().unwrap().contains(why), "{refused}");
    }
    // From where it may come, it is only another device.
    let mut there = shop.websocket(&format!("/yard/ws/s1?token={}", escaped(&token)), "127.0.0.2".parse().unwrap()).await;
    there.event().await;
    there.say(json!({ "type": "refresh", "token": elsewhere })).await;
    assert!(there.event().await["message"].as_str().unwrap().contains("another principal"));
    patch(&shop, YARD_KEY, id, json!({ "blocked": true })).await;
    assert_eq!(socket.closed().await.0, 4403);
}

/// A poll that waits is a connection, too: what comes behind the block it does not get.
#[tokio::test]
async fn a_poll_that_waits_ends_with_its_device() {
    let shop = Arc::new(Shop::new().await);
    for path in ["/yard/poll/s1?since=0&wait=20", "/v1/events/since?channel=yard:s1&wait=20"] {
        let (id, token) = gate(&shop, json!({})).await;
        let bearer = format!("Bearer {token}");
        let known = shop.send(Method::GET, "/v1/events/since?channel=yard:s1", &[("authorization", &bearer)], "").await.good();
        let path = path.replace("since=0", &format!("since={}", known["position"].as_str().unwrap()));
        let path = if path.contains("channel=") { format!("{path}&after={}", known["position"].as_str().unwrap()) } else { path };
        let waiting = {
            let shop = shop.clone();
            tokio::spawn(async move { shop.send(Method::GET, &path, &[("authorization", &bearer)], "").await })
        };
        while shop.waiting() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        patch(&shop, YARD_KEY, id, json!({ "blocked": true })).await;
        open_gate(&shop, 1).await;
        assert_eq!(waiting.await.unwrap().check(403), "blocked");
    }
}

/// A block may fall between the look at the token and the moment from which the connection can be found: it does not get through.
#[tokio::test]
async fn no_connection_slips_past_a_block() {
    let shop = Shop::new().await;
    for (_, how, _) in ENDS {
        let (id, token) = gate(&shop, json!({})).await;
        let request = http::Request::get("/yard/stream/s1").header("authorization", format!("Bearer {token}"));
        let (parts, ()) = request.header("accept", "text/event-stream").body(()).unwrap().into_parts();
        let Ok(Admitted::Session(welcome)) = shop.app().decide(&parts, here()).await else { panic!("let in") };
        let (method, path, body) = how(id);
        shop.call(YARD_KEY, method, &path, body).await.good();
        let (pages, mut read) = tokio::sync::mpsc::channel(1);
        shop.app().shards.adopt(Socket::Body(pages), Vec::new(), Vec::new(), welcome.spec);
        let page = loop {
            let page = read.recv().await.unwrap();
            if !page.is_empty() {
                break page;
            }
        };
        assert!(page.starts_with(b"event: close"), "{page:?}");
        assert!(read.recv().await.is_none());
    }
}
