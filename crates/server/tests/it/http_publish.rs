//! What a backend publishes, and what it is told.

use crate::http_support::{BOARD_KEY, Site, WORLD_KEY, place, player, whisper};
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_published_event_has_its_place_and_its_id_as_clients_see_it() {
    let site = Site::new().await;
    let reply = site.post("/v1/events", WORLD_KEY, place("p1").to_string()).await;
    assert_eq!(reply.status, 200);
    let receipt = reply.json();
    assert_eq!(receipt["channel"], "world:w1");
    assert_eq!(receipt["seq"], 1);
    assert_eq!(receipt["duplicate"], false);
    assert_eq!(receipt["durability"], "disk");
    // W-2
    assert!(receipt["id"].as_str().unwrap().starts_with("evt_"), "{receipt}");
    assert!(receipt["at"].as_str().unwrap().ends_with('Z'));
    // G-3: a snapshot can carry the position.
    assert_eq!(reply.header("tidewire-position"), receipt["position"]);
    assert_eq!(reply.header("cache-control"), "no-store");

    let page = site.get("/worlds/w1/history", &player("c1")).await.json();
    assert_eq!(page[0]["id"], receipt["id"]);
    assert_eq!(page[0]["at"], receipt["at"]);
}

// W-7
#[tokio::test]
async fn a_repeated_key_gets_the_first_answer_and_no_second_event() {
    let site = Site::new().await;
    let mut event = place("p1");
    event["key"] = json!("request-1");
    let first = site.publish(WORLD_KEY, event.clone()).await;
    let second = site.publish(WORLD_KEY, event.clone()).await;
    assert_eq!(second["duplicate"], true);
    for member in ["id", "seq", "at", "position"] {
        assert_eq!(first[member], second[member]);
    }
    // Also within one batch, beside a new one.
    let batch = site.publish(WORLD_KEY, json!([event, place("p2")])).await;
    assert_eq!((&batch[0]["duplicate"], &batch[0]["seq"]), (&json!(true), &json!(1)));
    assert_eq!((&batch[1]["duplicate"], &batch[1]["seq"]), (&json!(false), &json!(2)));
    assert_eq!(site.get("/v1/events/since?channel=world:w1&seq=0", WORLD_KEY).await.json()["events"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_batch_is_checked_whole_and_nothing_of_a_bad_one_is_appended() {
    let site = Site::new().await;
    let batch = json!([
        place("p1"),
        { "channel": "world:w1", "type": "place.updated", "data": { "id": 7 } },
        { "channel": "world:w1", "type": "place.updated", "data": { "id": "p3", "nmae": "x" }, "chanel": "w" },
        { "channel": "world:w1", "type": "place.update", "data": {} },
        { "type": "place.updated", "data": {} },
    ]);
    let (name, problem) = site.post("/v1/events", WORLD_KEY, batch.to_string()).await.problem(422);
    assert_eq!(name, "invalid-event");
    let errors = problem["errors"].as_array().unwrap();
    let of = |index: usize| errors.iter().filter(|e| e["index"] == index).collect::<Vec<_>>();
    assert_eq!(of(0).len(), 0);
    // G-5: what is wrong, where, and what was found there.
    assert_eq!((&of(1)[0]["pointer"], &of(1)[0]["rule"], &of(1)[0]["found"]), (&json!("/data/id"), &json!("type"), &json!("number")));
    assert_eq!((&of(2)[0]["pointer"], &of(2)[0]["nearest"]), (&json!("/chanel"), &json!("channel")));
    assert_eq!(of(3)[0]["nearest"], "place.updated");
    assert_eq!(of(4)[0]["rule"], "required");
    let channels = site.get("/v1/channels", WORLD_KEY).await.json();
    assert_eq!(channels["channels"], json!([]));
}

#[tokio::test]
async fn what_a_contract_does_not_know_is_named_with_what_is_near() {
    let site = Site::new().await;
    let event = json!({ "channel": "world:w1", "type": "chat.mesage.created", "data": {} });
    let (name, problem) = site.post("/v1/events", WORLD_KEY, event.to_string()).await.problem(404);
    assert_eq!((name.as_str(), &problem["nearest"]), ("unknown-type", &json!("chat.message.*")));
    let event = json!({ "channel": "wrld:w1", "type": "place.updated", "data": { "id": "p" } });
    let (name, problem) = site.post("/v1/events", WORLD_KEY, event.to_string()).await.problem(404);
    assert_eq!((name.as_str(), &problem["nearest"]), ("unknown-channel", &json!("world:{world_id}")));
    // The key decides the contract.
    let (name, _) = site.post("/v1/events", BOARD_KEY, place("p").to_string()).await.problem(404);
    assert_eq!(name, "unknown-type");
    // A mirror is not published to; nor is a type where it does not belong.
    let hint = json!({ "channel": "worker:w1", "type": "board.refreshHint", "data": { "since": "2026-01-31T10:00:00Z" } });
    let (name, _) = site.post("/v1/events", BOARD_KEY, hint.to_string()).await.problem(422);
    assert_eq!(name, "not-here");
}

#[tokio::test]
async fn keys_bodies_and_methods_are_checked_before_anything_else() {
    let site = Site::new().await;
    let event = place("p1").to_string();
    let json = ("content-type", "application/json");
    let bare = site.send(Method::POST, "/v1/events", &[json], event.clone()).await;
    assert!(bare.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(bare.problem(401).0, "unauthorized");
    assert_eq!(site.post("/v1/events", "no such key, no such key", event.clone()).await.problem(401).0, "unauthorized");
    assert_eq!(site.post("/v1/events", &player("c1"), event.clone()).await.problem(401).0, "unauthorized");

    let bearer = format!("Bearer {WORLD_KEY}");
    let key = ("authorization", bearer.as_str());
    let text = site.send(Method::POST, "/v1/events", &[key, ("content-type", "text/plain")], event.clone()).await;
    assert_eq!(text.problem(415).0, "unsupported-media-type");
    assert_eq!(site.send(Method::POST, "/v1/events", &[key], event.clone()).await.problem(415).0, "unsupported-media-type");
    let utf8 = ("content-type", "application/json; charset=UTF-8");
    assert_eq!(site.send(Method::POST, "/v1/events", &[key, utf8], event).await.status, 200);

    let get = site.get("/v1/events", WORLD_KEY).await;
    assert_eq!(get.header("allow"), "POST, OPTIONS");
    assert_eq!(get.problem(405).0, "method-not-allowed");
    let (name, problem) = site.get("/v1/chanels", WORLD_KEY).await.problem(404);
    assert_eq!((name.as_str(), &problem["nearest"]), ("not-found", &json!("/v1/channels")));
    let options = site.send(Method::OPTIONS, "/v1/channels", &[], "").await;
    assert_eq!((options.status, options.header("allow")), (204, "GET, HEAD, OPTIONS"));
    let head = site.send(Method::HEAD, "/", &[], "").await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert!(head.header("content-length").parse::<usize>().unwrap() > 10);
}

#[tokio::test]
async fn a_body_that_is_too_long_too_deep_or_no_json_is_refused() {
    let site = Site::with("[limits]\nbody_bytes = 20000\nbatch_events = 3").await;
    assert_eq!(site.post("/v1/events", WORLD_KEY, vec![b' '; 20_001]).await.problem(413).0, "too-large");
    let many = Value::Array((0..4).map(|i| place(&format!("p{i}"))).collect());
    assert_eq!(site.post("/v1/events", WORLD_KEY, many.to_string()).await.problem(413).0, "too-large");
    assert_eq!(site.post("/v1/events", WORLD_KEY, "[".repeat(10_000)).await.problem(400).0, "too-deep");
    assert_eq!(site.post("/v1/events", WORLD_KEY, "").await.problem(400).0, "invalid-json");
    assert_eq!(site.post("/v1/events", WORLD_KEY, vec![0xff, 0xfe]).await.problem(400).0, "invalid-json");
    let (_, problem) = site.post("/v1/events", WORLD_KEY, "{\n \"channel\": oops }").await.problem(400);
    assert_eq!(problem["line"], 2);
    assert_eq!(site.post("/v1/events", WORLD_KEY, "[]").await.json(), json!([]));
}

// K-17
#[tokio::test]
async fn the_payload_is_kept_as_it_was_written_but_for_whitespace() {
    let site = Site::new().await;
    let body = "{ \"channel\": \"world:w1\", \"type\": \"place.updated\",\n \"data\": { \"id\" : \"p \\u00e9\", \"attributes\": { \"n\": 1.0e2, \"big\": 12345678901234567890 } } }";
    assert_eq!(site.post("/v1/events", WORLD_KEY, body).await.status, 200);
    let page = site.get("/worlds/w1/history", &player("c1")).await;
    assert!(page.text.contains(r#""data":{"id":"p \u00e9","attributes":{"n":1.0e2,"big":12345678901234567890}}"#), "{}", page.text);
}

// W-4
#[tokio::test]
async fn a_backend_can_narrow_an_audience_but_not_invent_one() {
    let site = Site::new().await;
    let mut event = place("p1");
    event["audience"] = json!({ "character": "c1" });
    site.publish(WORLD_KEY, event.clone()).await;
    event["audience"] = json!({ "character": ["c2", "c3"] });
    site.publish(WORLD_KEY, event.clone()).await;
    event["audience"] = json!({ "charcter": "c2" });
    let (_, problem) = site.post("/v1/events", WORLD_KEY, event.to_string()).await.problem(422);
    assert!(problem["detail"].as_str().unwrap().contains("did you mean 'character'"), "{problem}");
    let mut secret = whisper("c1", "c2", "m1");
    secret["audience"] = json!({ "character": "c3" });
    site.publish(WORLD_KEY, secret).await;
    let seen = |reply: crate::http_support::Reply| reply.json().as_array().unwrap().len();
    assert_eq!(seen(site.get("/worlds/w1/history", &player("c1")).await), 1);
    assert_eq!(seen(site.get("/worlds/w1/history", &player("c2")).await), 1);
    assert_eq!(seen(site.get("/worlds/w1/history", &player("c3")).await), 1);
    assert_eq!(seen(site.get("/worlds/w1/history", &player("c4")).await), 0);
}
