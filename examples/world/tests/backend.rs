//! The world as a program: asked over HTTP, heard at the publish interface.

#[path = "../../backend/tests/fake/mod.rs"]
mod fake;

use fake::{Fake, Fault, Folder, KEY, ask};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tidewire_example_world::{Config, Running, run};

async fn world(fake: &Fake, data: Option<PathBuf>) -> Running {
    run(Config { tidewire_url: fake.url.clone(), backend_key: KEY.into(), data, ..Config::default() }).await.unwrap()
}

async fn act(world: &Running, action: Value) -> (StatusCode, Value) {
    let url = format!("http://{}/worlds/w1/actions", world.address);
    let (status, _, answer) = ask(Method::POST, url, &[], Some(&action.to_string())).await;
    (status, answer)
}

async fn must(world: &Running, action: Value) -> Value {
    let (status, answer) = act(world, action.clone()).await;
    assert_eq!(status, StatusCode::OK, "{action}: {answer}");
    answer
}

async fn snapshot(world: &Running) -> Value {
    let (status, headers, body) = ask(Method::GET, format!("http://{}/worlds/w1", world.address), &[], None).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(headers["tidewire-position"], body["position"].as_str().unwrap());
    body
}

/// Who is where by the events alone.
fn places(fake: &Fake) -> BTreeMap<String, String> {
    let mut places = BTreeMap::new();
    for event in fake.log().iter().filter(|e| e.event_type == "character.updated") {
        places.insert(event.data["id"].as_str().unwrap().into(), event.data["current_place_id"].as_str().unwrap().into());
    }
    places
}

fn places_in(snapshot: &Value) -> BTreeMap<String, String> {
    let characters = snapshot["characters"].as_object().unwrap();
    characters.iter().map(|(id, c)| (id.clone(), c["place"].as_str().unwrap().into())).collect()
}

// W-3, W-4
#[tokio::test]
async fn all_fifteen_types_are_published_and_begin_with_who_is_where() {
    let fake = Fake::start("world").await;
    let world = world(&fake, None).await;
    let begin = snapshot(&world).await;
    assert_eq!(places(&fake), places_in(&begin));
    assert!(fake.log().iter().any(|e| e.event_type == "group.updated"));
    let said = must(&world, json!({ "action": "say", "character": "c1", "content": "hello", "to": "c2" })).await;
    assert_eq!(said["events"][0]["type"], "chat.message.created");
    let message = fake.log().last().unwrap().data["message"]["id"].clone();
    for action in [
        json!({ "action": "edit_message", "message": message, "content": "hello!" }),
        json!({ "action": "delete_message", "message": message }),
        json!({ "action": "give", "item": "i1", "from": "c1", "to": "c2" }),
        json!({ "action": "open", "character": "c1", "item": "i2" }),
        json!({ "action": "move", "character": "c1", "place": "p2" }),
        json!({ "action": "open", "character": "c1", "item": "i3" }),
        json!({ "action": "join_group", "character": "c2", "group": "g1" }),
        json!({ "action": "leave_group", "character": "c2", "group": "g1" }),
        json!({ "action": "play_sound", "url": "/bell.ogg", "volume": 0.5, "targets": { "place_id": "p1", "character_ids": ["c3"] } }),
        json!({ "action": "notify", "message": "fire", "place": "p1", "actors": ["c1"] }),
        json!({ "action": "freeze", "scope": { "places": ["p1"], "reason": "a scene" } }),
        json!({ "action": "unfreeze" }),
        json!({ "action": "rename_world", "name": "Brume" }),
        json!({ "action": "rename_place", "place": "p1", "name": "The inn" }),
        json!({ "action": "rollback" }),
    ] {
        must(&world, action).await;
    }
    let mut types: Vec<String> = fake.log().into_iter().map(|e| e.event_type).collect();
    types.sort();
    types.dedup();
    assert_eq!(types.len(), 15, "{types:?}");
    assert_eq!(snapshot(&world).await["position"], fake.position("world:w1"));
}

// W-6, W-7: the state, its position and the events agree while half of the requests fail and clients hang up.
#[tokio::test]
async fn snapshots_and_events_agree_whatever_goes_wrong() {
    let (fake, folder) = (Fake::start("world").await, Folder::new());
    fake.fail_by_chance(3);
    let mut world = world(&fake, Some(folder.0.clone())).await;
    for round in 0..24 {
        let action = json!({ "action": "move", "character": "c1", "place": format!("p{}", (round + 1) % 3 + 1), "request_id": format!("req_{round}") });
        let hasty = tokio::time::timeout(Duration::from_millis(20), act(&world, action.clone())).await;
        if round % 6 == 5 {
            world.stop().await;
            world = self::world(&fake, Some(folder.0.clone())).await;
        }
        if hasty.is_err() {
            must(&world, action).await;
        }
    }
    fake.heal();
    let body = snapshot(&world).await;
    assert_eq!(body["position"], fake.position("world:w1"));
    assert_eq!(places(&fake), places_in(&body));
    let moves: Vec<String> = fake.log().into_iter().filter(|e| e.key.starts_with("req_") && !e.key.contains('/')).map(|e| e.key).collect();
    assert_eq!(moves, (0..24).map(|i| format!("req_{i}")).collect::<Vec<_>>());
}

// W-7
#[tokio::test]
async fn the_same_request_is_answered_as_the_first_time_also_after_a_restart() {
    let (fake, folder) = (Fake::start("world").await, Folder::new());
    let world = world(&fake, Some(folder.0.clone())).await;
    let walk = json!({ "action": "move", "character": "c1", "place": "p2", "request_id": "req_1" });
    let first = must(&world, walk.clone()).await;
    assert_eq!(fake.log().into_iter().filter(|e| e.key == "req_1").count(), 1);
    must(&world, json!({ "action": "move", "character": "c1", "place": "p3" })).await;
    assert_eq!(must(&world, walk.clone()).await, first);
    let length = fake.log().len();
    world.stop().await;
    let world = self::world(&fake, Some(folder.0.clone())).await;
    assert_eq!(must(&world, walk).await, first);
    assert_eq!(snapshot(&world).await["characters"]["c1"]["place"], "p3");
    assert_eq!(fake.log().len(), length, "who is where is not announced twice");
    assert_eq!(snapshot(&world).await["position"], fake.position("world:w1"));
}

// W-4: a server whose log was lost hears anew who is where.
#[tokio::test]
async fn a_server_that_lost_its_log_is_told_again() {
    let (fake, folder) = (Fake::start("world").await, Folder::new());
    let world = world(&fake, Some(folder.0.clone())).await;
    must(&world, json!({ "action": "move", "character": "c1", "place": "p3" })).await;
    world.stop().await;
    fake.lose_everything();
    let world = self::world(&fake, Some(folder.0.clone())).await;
    let body = snapshot(&world).await;
    assert_eq!(places(&fake), places_in(&body));
    assert_eq!(places(&fake)["c1"], "p3");
    assert_eq!(body["position"], fake.position("world:w1"));
}

// W-4: after a rollback the audiences are those of the state that is again.
#[tokio::test]
async fn a_rollback_restores_and_says_who_is_where() {
    let fake = Fake::start("world").await;
    let world = world(&fake, None).await;
    let (status, refusal) = act(&world, json!({ "action": "rollback" })).await;
    assert_eq!(status, StatusCode::CONFLICT, "{refusal}");
    let before = snapshot(&world).await;
    must(&world, json!({ "action": "move", "character": "c1", "place": "p3" })).await;
    must(&world, json!({ "action": "join_group", "character": "c2", "group": "g1" })).await;
    must(&world, json!({ "action": "leave_group", "character": "c1", "group": "g1" })).await;
    must(&world, json!({ "action": "freeze", "scope": {} })).await;
    must(&world, json!({ "action": "rollback", "by": "u_1" })).await;
    let mut after = snapshot(&world).await;
    assert_eq!(after["position"], fake.position("world:w1"));
    after["position"] = before["position"].clone();
    assert_eq!(after, before);
    assert_eq!(places(&fake)["c1"], "p1");
    let mut members: Vec<Value> = Vec::new();
    for event in fake.log().iter().filter(|e| e.event_type == "group.updated") {
        members.retain(|m| !event.data["members_removed"].as_array().is_some_and(|gone| gone.contains(m)));
        for member in event.data["members_added"].as_array().into_iter().flatten().filter(|m| !members.contains(m)).collect::<Vec<_>>() {
            members.push(member.clone());
        }
    }
    members.sort_by_key(Value::to_string);
    assert_eq!(members, [json!("c1"), json!("c3")]);
    let log = fake.log();
    let at = log.iter().position(|e| e.event_type == "world.rolled_back").unwrap();
    assert_eq!(log[at + 1].event_type, "world.unfreeze", "who was frozen only in the other future is not");
    let target = log[at].data["target_at"].as_str().unwrap();
    let written = log.iter().rev().find(|e| e.event_type == "history.entry.created").unwrap().data["at"].as_str().unwrap().to_owned();
    assert!(target < written.as_str(), "{target} is the moment gone back to, not that of the rollback");
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_nothing_is_published() {
    let fake = Fake::start("world").await;
    let world = world(&fake, None).await;
    snapshot(&world).await;
    let length = fake.log().len();
    for (action, status) in [
        (json!({ "action": "fly" }), 422),
        (json!({}), 422),
        (json!([]), 422),
        (json!({ "action": "move", "character": "c9", "place": "p1" }), 404),
        (json!({ "action": "move", "character": "c1", "place": "p9" }), 404),
        (json!({ "action": "move", "character": "c1", "place": "p1" }), 409),
        (json!({ "action": "give", "item": "i1", "from": "c2", "to": "c1" }), 409),
        (json!({ "action": "give", "item": "i1", "from": "c1", "to": "c3" }), 409),
        (json!({ "action": "give", "item": "i1", "from": "c1", "to": "c1" }), 422),
        (json!({ "action": "open", "character": "c1", "item": "i1" }), 409),
        (json!({ "action": "open", "character": "c1", "item": "i3" }), 409),
        (json!({ "action": "say", "character": "c1", "content": "" }), 422),
        // A whisper that is misspelt does not become a shout.
        (json!({ "action": "say", "character": "c1", "content": "psst", "too": "c2" }), 422),
        (json!({ "action": "say", "character": "c1", "content": "hi", "request_id": 7 }), 422),
        (json!({ "action": "say", "character": "c1", "content": "hi", "request_id": "req_1/1" }), 422),
        (json!({ "action": "play_sound", "url": "/a.ogg", "volume": 7 }), 422),
        (json!({ "action": "play_sound", "url": "/a.ogg", "volume": 1, "targets": { "place": "p1" } }), 422),
        (json!({ "action": "play_sound", "url": "/a.ogg", "volume": 1, "targets": { "group_id": "g9" } }), 404),
        (json!({ "action": "freeze", "scope": { "places": ["p9"] } }), 404),
        (json!({ "action": "unfreeze" }), 409),
        (json!({ "action": "leave_group", "character": "c2", "group": "g1" }), 409),
        (json!({ "action": "edit_message", "message": "m9", "content": "x" }), 404),
        (json!({ "action": "rename_world", "name": " " }), 422),
    ] {
        let (was, refusal) = act(&world, action.clone()).await;
        assert_eq!(was.as_u16(), status, "{action}: {refusal}");
        assert!(refusal["detail"].as_str().is_some_and(|d| !d.is_empty()), "{refusal}");
    }
    let url = format!("http://{}", world.address);
    assert_eq!(ask(Method::POST, format!("{url}/worlds/w1/actions"), &[], Some("{")).await.0, 400);
    assert_eq!(ask(Method::POST, format!("{url}/worlds/w1/actions"), &[], Some(&" ".repeat(70_000))).await.0, 413);
    assert_eq!(ask(Method::POST, format!("{url}/worlds/w9/actions"), &[], Some("{}")).await.0, 404);
    assert_eq!(ask(Method::GET, format!("{url}/worlds/w9"), &[], None).await.0, 404);
    assert_eq!(ask(Method::DELETE, format!("{url}/worlds/w1"), &[], None).await.0, 405);
    assert_eq!(fake.log().len(), length);
    must(&world, json!({ "action": "freeze", "scope": { "groups": ["g1"] } })).await;
    let (status, refusal) = act(&world, json!({ "action": "move", "character": "c1", "place": "p2" })).await;
    assert_eq!(status, StatusCode::CONFLICT, "{refusal}");
    must(&world, json!({ "action": "move", "character": "c2", "place": "p2" })).await;
}

#[tokio::test]
async fn without_a_server_a_snapshot_says_so() {
    let fake = Fake::start("world").await;
    fake.fail(vec![Fault::Unavailable; 1000]);
    let world = world(&fake, None).await;
    let (status, _, problem) = ask(Method::GET, format!("http://{}/worlds/w1", world.address), &[], None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
    fake.heal();
    snapshot(&world).await;
}
