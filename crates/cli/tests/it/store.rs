//! The store's devices, and its reference backend, against a real server.

use crate::support::{KEY, Server, root};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tidewire_example_store::{Config, run};

const SKU: &str = "s1";

async fn ask(server: &Server, method: Method, path: &str, token: &str, body: Option<Value>) -> (StatusCode, Value) {
    let (status, _, answer) = server.call(method, path, Some(token), body.as_ref()).await;
    (status, answer)
}

fn key() -> String {
    format!("{KEY}-store")
}

async fn register(server: &Server, body: Value) -> (u64, String) {
    let (status, device) = ask(server, Method::POST, "/v1/devices", &key(), Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{device}");
    (device["id"].as_u64().unwrap(), device["token"].as_str().unwrap().to_owned())
}

async fn events(server: &Server, channel: &str) -> Vec<Value> {
    let path = format!("/v1/events/since?channel={channel}&seq=0&limit=1000");
    ask(server, Method::GET, &path, &key(), None).await.1["events"].as_array().cloned().unwrap_or_default()
}

/// Whether these bytes stand in any file below the folder.
fn anywhere(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { anywhere(&path, bytes) } else { std::fs::read(&path).unwrap().windows(bytes.len()).any(|w| w == bytes) }
    })
}

/// Tokens are kept hashed and survive a kill; ids are never given twice; each change is what it says. // K-3
#[tokio::test]
async fn devices_survive_a_kill_and_their_tokens_are_nowhere() {
    let mut server = Server::start();
    let (id, token) = register(&server, json!({ "type": "KDS", "store": SKU, "abilities": ["kds.read"], "name": "Grill" })).await;
    let (other, _) = register(&server, json!({ "type": "POS", "store": SKU })).await;
    assert_eq!((id, other), (1, 2));
    assert_eq!(ask(&server, Method::DELETE, "/v1/devices/2", &key(), None).await.0, StatusCode::OK);
    server.kill_and_restart(&root().join("contracts"));
    let check = |token: String, more: Value| {
        let mut body = json!({ "token": token });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ask(&server, Method::POST, "/v1/devices/verify", "backend-key-of-the-tests-store", Some(body))
    };
    let (status, device) = check(token.clone(), json!({ "ability": "kds.read" })).await;
    assert_eq!((status, &device["name"], &device["id"]), (StatusCode::OK, &json!("Grill"), &json!(1)), "{device}");
    assert_eq!(device.get("token"), None);
    let (status, denied) = check(token.clone(), json!({ "ability": "kds.update" })).await;
    assert_eq!((status, &denied["check"]), (StatusCode::FORBIDDEN, &json!("ability")));
    assert_eq!(register(&server, json!({ "type": "POS" })).await.0, 3);
    let (status, taken) = ask(&server, Method::POST, "/v1/devices", &key(), Some(json!({ "id": 1, "type": "POS" }))).await;
    assert_eq!(status, StatusCode::CONFLICT, "{taken}");
    for wrong in
        [json!({}), json!({ "type": "" }), json!({ "type": "POS", "allow": ["10.0.0.0/33"] }), json!({ "type": "POS", "colour": 1 })]
    {
        let (status, problem) = ask(&server, Method::POST, "/v1/devices", &key(), Some(wrong)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    }
    let (status, none) = ask(&server, Method::GET, "/v1/devices", &format!("{KEY}-world"), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{none}");
    let allow = json!({ "allow": ["10.0.0.0/8"] });
    assert_eq!(ask(&server, Method::PATCH, "/v1/devices/1", &key(), Some(allow)).await.0, StatusCode::OK);
    let (_, denied) = check(token.clone(), json!({ "ip": "192.168.0.1" })).await;
    assert_eq!(denied["check"], "ip");
    assert_eq!(check(token.clone(), json!({ "ip": "10.9.9.9" })).await.0, StatusCode::OK);
    let (_, rotated) = ask(&server, Method::POST, "/v1/devices/1/token", &key(), None).await;
    let (status, denied) = check(token.clone(), json!({})).await;
    assert_eq!((status, &denied["check"]), (StatusCode::FORBIDDEN, &json!("token")));
    assert_eq!(check(rotated["token"].as_str().unwrap().to_owned(), json!({})).await.0, StatusCode::OK);
    let secret = token.split_once('|').unwrap().1.to_owned();
    server.stop();
    assert!(!anywhere(&server.folder().join("data"), secret.as_bytes()));
    assert!(server.log().iter().all(|line| !line.contains(&secret)));
    assert!(anywhere(&server.folder().join("data"), b"Grill"));
}

/// A device that stops beating goes offline, also if the backend was started anew in between. // K-15
#[tokio::test]
async fn a_device_that_stops_beating_goes_offline() {
    let server = Server::start();
    let data = tempfile::tempdir().unwrap();
    let (id, token) = register(&server, json!({ "type": "PrinterGateway", "store": SKU })).await;
    let backend = |silence: u64| {
        let common = tidewire_example_world::Config {
            tidewire_url: server.url.clone(),
            backend_key: key(),
            data: Some(data.path().to_owned()),
            ..Default::default()
        };
        run(Config { common, silence: Some(Duration::from_millis(silence)), ..Config::default() })
    };
    let statuses = || async {
        let events = events(&server, "private-store.s1.devices").await;
        events.iter().map(|e| (e["data"]["device"]["status"].clone(), e["data"]["reason"].clone())).collect::<Vec<_>>()
    };
    let until = |count: usize| async move {
        for _ in 0..400 {
            let found = statuses().await;
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing is told: {:?}", statuses().await);
    };
    let beat = |address: std::net::SocketAddr| {
        let token = token.clone();
        async move {
            let url = format!("http://{address}/devices/{id}/heartbeat");
            let output = tokio::process::Command::new("curl")
                .args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "-H", &format!("Authorization: Bearer {token}"), &url])
                .output();
            assert_eq!(String::from_utf8_lossy(&output.await.unwrap().stdout), "200");
        }
    };
    let running = backend(60_000).await.unwrap();
    beat(running.address).await;
    beat(running.address).await;
    let online = vec![(json!("online"), json!("heartbeat"))];
    assert_eq!(until(1).await, online);
    running.stop().await;
    let running = backend(400).await.unwrap();
    let offline = (json!("offline"), json!("timeout"));
    assert_eq!(until(2).await, [online.clone(), vec![offline.clone()]].concat());
    beat(running.address).await;
    assert_eq!(until(4).await, [online.clone(), vec![offline.clone()], online, vec![offline]].concat());
    running.stop().await;
}

/// Every command of the registry does what its help says. // K-3
#[tokio::test]
async fn the_registry_from_the_command_line() {
    let server = Server::start();
    let tidewire = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tidewire"))
            .arg("device")
            .args(args)
            .args(["--url", &server.url, "--backend-key", &key()])
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let (ok, made) =
        tidewire(&["create", "--type", "KDS", "--store", SKU, "--ability", "kds.read", "--ability", "kds.update", "--name", "Grill"]);
    assert!(ok && made.contains("token") && made.contains("kds.read, kds.update"), "{made}");
    let (ok, listed) = tidewire(&["list"]);
    assert!(ok && listed.contains("Grill") && !listed.contains("1|"), "{listed}");
    let (ok, blocked) = tidewire(&["block", "1", "--json"]);
    assert!(ok && serde_json::from_str::<Value>(&blocked).unwrap()["blocked"] == true, "{blocked}");
    assert!(tidewire(&["unblock", "1"]).0);
    let (ok, updated) = tidewire(&["update", "1", "--no-abilities", "--allow", "10.0.0.0/8", "--json"]);
    let updated: Value = serde_json::from_str(&updated).unwrap();
    assert!(ok && updated["abilities"] == json!([]) && updated["allow"] == json!(["10.0.0.0/8"]) && updated["name"] == "Grill");
    assert!(tidewire(&["rotate", "1"]).1.contains("1|"));
    assert!(tidewire(&["remove", "1"]).0);
    let (ok, gone) = tidewire(&["show", "1"]);
    assert!(!ok && gone.contains("there is no device 1"), "{gone}");
}
