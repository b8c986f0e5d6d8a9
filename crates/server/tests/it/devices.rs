//! The registry of devices, as backends manage it. Row K-3 stands on it.

use crate::devices_support::*;
use http::Method;
use serde_json::{Value, json};
use std::path::Path;

fn random_part(token: &str) -> &str {
    token.split_once('|').unwrap().1
}

#[tokio::test]
async fn a_device_is_made_changed_and_forgotten() {
    let shop = Shop::new().await;
    let body = json!({ "name": "Grill", "type": "KDS", "store": SKU, "abilities": ["kds.read"], "allow": ["10.0.0.0/8", "::1"] });
    let made = shop.admin(Method::POST, "/v1/devices", body).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.headers["cache-control"], "no-store");
    let mut made = made.good();
    let token = made.as_object_mut().unwrap().remove("token").unwrap();
    let token = token.as_str().unwrap();
    assert!(token.starts_with("1|") && random_part(token).len() == 48 && random_part(token).bytes().all(|b| b.is_ascii_alphanumeric()));
    for (name, value) in
        [("id", json!(1)), ("name", json!("Grill")), ("type", json!("KDS")), ("store", json!(SKU)), ("blocked", json!(false))]
    {
        assert_eq!(made[name], value);
    }
    assert_eq!((&made["abilities"], &made["allow"]), (&json!(["kds.read"]), &json!(["10.0.0.0/8", "::1"])));
    // The token is told once.
    assert_eq!(shop.admin(Method::GET, "/v1/devices/1", Value::Null).await.good(), made);
    shop.device("POS", &[]).await;
    let listed = shop.admin(Method::GET, "/v1/devices", Value::Null).await.good();
    assert_eq!(listed["devices"][0], made);
    assert_eq!(listed["devices"].as_array().unwrap().len(), 2);
    let changed = shop.admin(Method::PATCH, "/v1/devices/1", json!({ "name": "Oven", "allow": [], "blocked": true })).await.good();
    made["name"] = json!("Oven");
    made["allow"] = json!([]);
    made["blocked"] = json!(true);
    assert_eq!(changed, made);
    assert_eq!(shop.admin(Method::DELETE, "/v1/devices/1", Value::Null).await.good(), made);
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let body = if method == Method::PATCH { json!({ "name": "x" }) } else { Value::Null };
        let gone = shop.admin(method, "/v1/devices/1", body).await;
        assert_eq!((gone.status, gone.json["type"].as_str()), (404, Some("urn:tidewire:problem:not-found")));
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    let shop = Shop::new().await;
    let long = "x".repeat(201);
    let many: Vec<String> = (0..101).map(|n| format!("a{n}")).collect();
    let bad = [
        json!({}),
        json!({ "type": "" }),
        json!({ "type": long }),
        json!({ "type": "POS", "nmae": "x" }),
        json!({ "type": "POS", "name": "a\nb" }),
        json!({ "type": "POS", "abilities": many }),
        json!({ "type": "POS", "abilities": "kds.read" }),
        json!({ "type": "POS", "allow": ["10.0.0.0/33"] }),
        json!({ "type": "POS", "allow": ["the office"] }),
        json!({ "type": "POS", "id": 0 }),
        json!({ "type": "POS", "id": 1_u64 << 52 }),
        json!({ "type": "POS", "id": -1 }),
    ];
    for body in bad {
        let refused = shop.admin(Method::POST, "/v1/devices", body.clone()).await;
        refused.check(422);
        assert_eq!(refused.json["type"], "urn:tidewire:problem:invalid-device", "{body}");
    }
    assert_eq!(shop.admin(Method::GET, "/v1/devices", Value::Null).await.good(), json!({ "devices": [] }));
    shop.device("POS", &["order.read"]).await;
    shop.admin(Method::PATCH, "/v1/devices/1", json!({ "allow": ["nowhere"] })).await.check(422);
    shop.admin(Method::PATCH, "/v1/devices/1", json!({ "id": 7 })).await.check(422);
    let kept = shop.admin(Method::GET, "/v1/devices/1", Value::Null).await.good();
    assert_eq!(kept["abilities"], json!(["order.read"]));
    let not_json = shop.admin(Method::POST, "/v1/devices", json!("{")).await;
    assert_eq!(not_json.status, 422);
    let bearer = format!("Bearer {STORE_KEY}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    assert_eq!(shop.send(Method::POST, "/v1/devices", &headers, "{").await.status, 400);
    assert_eq!(shop.send(Method::POST, "/v1/devices", &headers[..1], "{}").await.status, 415);
    assert_eq!(shop.admin(Method::PUT, "/v1/devices/1", Value::Null).await.status, 405);
}

#[tokio::test]
async fn a_caller_may_choose_an_id_that_is_free() {
    let shop = Shop::new().await;
    assert_eq!(shop.device_of(STORE_KEY, json!({ "type": "POS", "id": 42 })).await.0, 42);
    let taken = shop.admin(Method::POST, "/v1/devices", json!({ "type": "POS", "id": 42 })).await;
    assert_eq!((taken.status, taken.json["type"].as_str()), (409, Some("urn:tidewire:problem:taken")));
    assert_eq!(shop.device_of(STORE_KEY, json!({ "type": "POS", "id": 7 })).await.0, 7);
    assert_eq!(shop.device("POS", &[]).await.0, 43);
}

#[tokio::test]
async fn many_at_once_get_an_id_each() {
    let shop = std::sync::Arc::new(Shop::new().await);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let shop = shop.clone();
            tokio::spawn(async move { shop.device("POS", &[]).await.0 })
        })
        .collect();
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn another_token_takes_the_place_of_the_one_before() {
    let shop = Shop::new().await;
    let (id, old) = shop.device("POS", &[]).await;
    let answer = shop.admin(Method::POST, &format!("/v1/devices/{id}/token"), Value::Null).await.good();
    let new = answer["token"].as_str().unwrap();
    assert!(new != old && new.starts_with("1|"));
    let verify = async |token: &str| shop.admin(Method::POST, "/v1/devices/verify", json!({ "token": token })).await;
    assert_eq!(verify(new).await.good()["id"], id);
    assert_eq!(verify(&old).await.check(403), "token");
    assert_eq!(shop.admin(Method::POST, "/v1/devices/2/token", Value::Null).await.status, 404);
}

/// All bytes below a folder.
fn bytes_of(folder: &Path, into: &mut Vec<u8>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() { bytes_of(&entry, into) } else { into.extend(std::fs::read(entry).unwrap()) }
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn of_a_token_only_its_hash_is_kept() {
    let shop = Shop::new().await;
    let marker = "a-name-that-is-found-on-the-disk";
    let (id, token) = shop.device_of(STORE_KEY, json!({ "type": "POS", "name": marker })).await;
    let rotated = shop.admin(Method::POST, &format!("/v1/devices/{id}/token"), Value::Null).await.good();
    let rotated = rotated["token"].as_str().unwrap().to_owned();
    let mut bytes = Vec::new();
    bytes_of(&shop.folder.path().join("data"), &mut bytes);
    assert!(has(&bytes, marker), "the look at the disk finds what is there");
    for token in [&token, &rotated] {
        assert!(!has(&bytes, random_part(token)));
    }
    let all = shop.admin(Method::GET, "/v1/devices", Value::Null).await.good().to_string();
    assert!(!all.contains(random_part(&rotated)) && !all.contains("hash"));
}

// K-3: what a backend asks of a token that its client gave it.
#[tokio::test]
async fn a_backend_has_a_token_verified_and_hears_which_check_fails() {
    let shop = Shop::new().await;
    let body = json!({ "type": "KDS", "store": SKU, "abilities": ["kds.read"], "allow": ["10.1.0.0/16", "2001:db8::/32"] });
    let (id, token) = shop.device_of(STORE_KEY, body).await;
    let verify = async |body: Value| shop.admin(Method::POST, "/v1/devices/verify", body).await;
    let good = verify(json!({ "token": token, "ability": "kds.read", "ip": "10.1.2.3" })).await.good();
    assert_eq!((&good["id"], &good["type"], &good["abilities"]), (&json!(id), &json!("KDS"), &json!(["kds.read"])));
    assert!(good.get("token").is_none());
    for ip in ["2001:db8::7", "::ffff:10.1.2.3"] {
        verify(json!({ "token": token, "ip": ip })).await.good();
    }
    // Where the backend does not say where from, it has looked at that itself.
    verify(json!({ "token": token })).await.good();
    let no_ability = verify(json!({ "token": token, "ability": "kds.update" })).await;
    assert_eq!((no_ability.check(403), &no_ability.json["ability"]), ("ability", &json!("kds.update")));
    for ip in ["10.2.0.1", "2001:db9::7", "127.0.0.1"] {
        assert_eq!(verify(json!({ "token": token, "ip": ip })).await.check(403), "ip");
    }
    for wrong in [
        format!("{token}x"),
        token[..token.len() - 1].to_owned(),
        token.replace('|', ""),
        format!("2|{}", random_part(&token)),
        String::new(),
    ] {
        assert_eq!(verify(json!({ "token": wrong })).await.check(403), "token");
    }
    // Blocked comes before the address.
    shop.admin(Method::PATCH, &format!("/v1/devices/{id}"), json!({ "blocked": true })).await.good();
    assert_eq!(verify(json!({ "token": token, "ip": "10.2.0.1" })).await.check(403), "blocked");
    shop.admin(Method::DELETE, &format!("/v1/devices/{id}"), Value::Null).await.good();
    assert_eq!(verify(json!({ "token": token })).await.check(403), "token");
    verify(json!({ "token": token, "ip": "somewhere" })).await.check(422);
}

#[tokio::test]
async fn each_contract_has_devices_of_its_own_or_none() {
    let shop = Shop::new().await;
    let (_, token) = shop.device("POS", &[]).await;
    let (other, other_token) = shop.device_of(YARD_KEY, json!({ "type": "Gate" })).await;
    assert_eq!(other, 1);
    assert_eq!(shop.admin(Method::POST, "/v1/devices/verify", json!({ "token": other_token })).await.check(403), "token");
    assert_eq!(shop.call(YARD_KEY, Method::POST, "/v1/devices/verify", json!({ "token": token })).await.check(403), "token");
    let paths = [
        (Method::GET, "/v1/devices"),
        (Method::POST, "/v1/devices"),
        (Method::GET, "/v1/devices/1"),
        (Method::PATCH, "/v1/devices/1"),
        (Method::DELETE, "/v1/devices/1"),
        (Method::POST, "/v1/devices/1/token"),
        (Method::POST, "/v1/devices/verify"),
    ];
    for (method, path) in paths {
        let none = shop.call(BOARD_KEY, method.clone(), path, json!({})).await;
        none.check(404);
        assert!(none.json["detail"].as_str().unwrap().contains("no registry of devices"), "{}", none.json);
        // A device's own token is no key, nor is none.
        for key in [token.as_str(), "nobody's key"] {
            assert_eq!(shop.call(key, method.clone(), path, json!({})).await.status, 401);
        }
    }
}

#[tokio::test]
async fn the_interface_describes_devices() {
    let shop = Shop::new().await;
    let document = shop.send(Method::GET, "/openapi.json", &[], "").await.good();
    let paths = &document["paths"];
    for (path, methods) in [
        ("/v1/devices", &["get", "post"][..]),
        ("/v1/devices/{id}", &["get", "patch", "delete"]),
        ("/v1/devices/{id}/token", &["post"]),
        ("/v1/devices/verify", &["post"]),
        ("/broadcasting/auth", &["post"]),
        ("/broadcasting/user-auth", &["post"]),
    ] {
        for method in methods {
            let operation = &paths[path][method];
            assert!(operation["operationId"].is_string() && operation["responses"].is_object(), "{method} {path}");
        }
    }
    let body = &paths["/broadcasting/auth"]["post"]["requestBody"]["content"];
    assert!(body["application/x-www-form-urlencoded"].is_object() && body["application/json"].is_object());
    // What is described of a device is what is sent.
    let described = document["components"]["schemas"]["Device"]["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    shop.device("POS", &[]).await;
    let sent = shop.admin(Method::GET, "/v1/devices/1", Value::Null).await.good();
    assert_eq!(sent.as_object().unwrap().keys().cloned().collect::<Vec<_>>(), described);
}
