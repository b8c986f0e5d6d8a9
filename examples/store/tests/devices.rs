//! K-15: heartbeats, and what follows when they stop; and the shop that lives by itself.

mod support;

use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Store, fake::Folder};

/// Whose status became what, and why.
fn told(store: &Store) -> Vec<(u64, String, String)> {
    let each = |data: &Value| (data["device"]["id"].as_u64().unwrap(), text(&data["device"]["status"]), text(&data["reason"]));
    store.told("devices").iter().map(|event| each(&event.data)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn change(id: u64, status: &str, reason: &str) -> (u64, String, String) {
    (id, status.to_owned(), reason.to_owned())
}

// K-15
#[tokio::test]
async fn a_device_that_stops_beating_goes_offline_and_comes_back() {
    let mut store = Store::start(|config| config.silence = Some(Duration::from_millis(150))).await;
    store.post("kds", "/devices/43/heartbeat", json!({})).await;
    let gone = store.wait("devices", "DeviceStatusChanged", |events| events.len() == 2).await;
    assert_eq!(told(&store), [change(43, "online", "heartbeat"), change(43, "offline", "timeout")]);
    assert_eq!((&gone[0].whole["fields"]["sender"]["device_id"], &gone[1].whole["fields"]["sender"]), (&json!(43), &Value::Null));
    assert!(gone[1].whole["trace"].is_string());
    store.post("kds", "/devices/43/heartbeat", json!({})).await;
    assert_eq!(told(&store)[2], change(43, "online", "heartbeat"));
    // Who may not speak any more falls silent for that reason.
    store.fake.change(43, "blocked", json!(true));
    store.wait("devices", "DeviceStatusChanged", |events| events.len() == 4).await;
    assert_eq!(told(&store)[3], change(43, "blocked", "blocked"));
    store.post("printer", "/devices/44/heartbeat", json!({})).await;
    store.fake.change(44, "", Value::Null);
    store.wait("devices", "DeviceStatusChanged", |events| events.len() == 6).await;
    assert_eq!(told(&store)[5], change(44, "offline", "removed"));
    store.stop().await;
}

// K-15: a heart that beats is told once, and is heard over a restart of the backend.
#[tokio::test]
async fn a_heart_that_beats_is_told_once() {
    let folder = Folder::new();
    let mut store = Store::kept(folder.0.clone()).await;
    for round in 0..6 {
        let (status, answer) = store.post("kds", "/devices/43/heartbeat", json!({})).await;
        assert_eq!((status, &answer["status"], &answer["heartbeat_within_s"]), (StatusCode::OK, &json!("online"), &json!(90)));
        if round == 3 {
            store.restart().await;
        }
    }
    assert_eq!(told(&store), [change(43, "online", "heartbeat")]);
    let (_, me) = store.get("kds", "/devices/me").await;
    assert_eq!((&me["id"], &me["type"], &me["status"]), (&json!(43), &json!("KDS"), &json!("online")));
}

// K-15, K-3: for itself alone.
#[tokio::test]
async fn a_heart_beats_for_its_device_alone() {
    let store = Store::quiet().await;
    let (status, problem) = store.post("kds", "/devices/44/heartbeat", json!({})).await;
    assert_eq!((status, &problem["check"]), (StatusCode::FORBIDDEN, &json!("device")));
    assert_eq!(store.post("junk", "/devices/43/heartbeat", json!({})).await.0, StatusCode::UNAUTHORIZED);
    assert!(told(&store).is_empty());
}

// K-9: inactive and blocked, by the back office.
#[tokio::test]
async fn the_back_office_puts_devices_aside() {
    let store = Store::quiet().await;
    store.post("kds", "/devices/43/heartbeat", json!({})).await;
    for to in ["inactive", "inactive", "blocked"] {
        assert_eq!(store.post("back_office", "/devices/43/status", json!({ "to": to })).await.0, StatusCode::OK);
    }
    let (status, problem) = store.post("kds", "/devices/43/heartbeat", json!({})).await;
    assert_eq!((status, &problem["check"]), (StatusCode::FORBIDDEN, &json!("blocked")));
    store.post("back_office", "/devices/43/status", json!({ "to": "offline" })).await;
    assert_eq!(store.post("kds", "/devices/43/heartbeat", json!({})).await.0, StatusCode::OK);
    let expected = [
        ("online", "heartbeat"),
        ("inactive", "back_office"),
        ("blocked", "back_office"),
        ("offline", "back_office"),
        ("online", "heartbeat"),
    ];
    assert_eq!(told(&store), expected.map(|(status, reason)| change(43, status, reason)));
    let (_, listed) = store.get("back_office", "/devices").await;
    assert_eq!((&listed["devices"][0]["status"], &listed["seq"]), (&json!("online"), &json!(5)));
    let word =
        json!({ "title": "Mise à jour", "message": "Une nouvelle configuration", "action": { "type": "navigate", "target": "settings" } });
    store.post("back_office", "/devices/43/notify", word.clone()).await;
    let last = store.fake.log().pop().unwrap();
    assert_eq!(
        (last.channel.as_str(), &last.data["action"], &last.data["level"]),
        ("private-device.43.notifications", &word["action"], &json!("info"))
    );
}

// K-13: the printer's gateway reads its channel page by page, and begins anew where that cannot be read on.
#[tokio::test]
async fn the_gateway_prints_all_of_it_once() {
    let mut store = Store::start(|config| {
        config.common.life = true;
        config.tokens.retain(|name, _| name == "printer");
    })
    .await;
    let ended = |events: &support::fake::Stored| matches!(events.event_type.as_str(), "PrintJobCompleted" | "PrintJobFailed");
    for round in 1..=6 {
        store.burger().await;
        if round == 4 {
            store.fake.forget(5);
        }
    }
    store.wait("printing", "PrintJobQueued", |_| store.told("printing").iter().filter(|e| ended(e)).count() == 12).await;
    let mut jobs: Vec<u64> = store.told("printing").iter().filter(|e| ended(e)).map(|e| e.data["print_job_id"].as_u64().unwrap()).collect();
    jobs.sort_unstable();
    assert_eq!(jobs, (1..=12).collect::<Vec<_>>());
    store.stop().await;
}

// K-9: with a token for each device the shop lives, and its events have the shapes of the contract.
#[tokio::test]
async fn it_lives() {
    let mut store = Store::start(|config| config.common.life = true).await;
    store.wait("devices", "DeviceStatusChanged", |events| events.len() == 5).await;
    store.wait("orders", "OrderCreated", |events| !events.is_empty()).await;
    store.wait("printing", "PrintJobCompleted", |events| !events.is_empty()).await;
    store.wait("kds", "KdsTicketUpdated", |events| !events.is_empty()).await;
    store.stop().await;
}
