//! The engine as a program: events are handed over to it, and it is heard at the publish interface.

#[path = "../../backend/tests/fake/mod.rs"]
mod fake;

use fake::{Fake, Fault, Folder, KEY, Stored, ask};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tidewire_example_party::{Config, Running, Secret, run};

const SECRET: &str = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHM=";

async fn engine(fake: &Fake, data: Option<PathBuf>, vote: Duration, life: bool) -> Running {
    let common =
        tidewire_example_backend::Config { tidewire_url: fake.url.clone(), backend_key: KEY.into(), data, life, ..Default::default() };
    run(Config { common, secret: SECRET.into(), vote_timeout: vote, ..Config::default() }).await.unwrap()
}

const LONG: Duration = Duration::from_secs(600);

fn action(id: &str, who: &str, choice: &str) -> Value {
    let data = json!({
        "action_id": id, "character_id": who, "campaign_run_id": "r1", "action_type": "choice", "payload": { "choice": choice },
    });
    handed("action.request", id, who, data)
}

fn handed(event_type: &str, key: &str, who: &str, data: Value) -> Value {
    json!({
        "contract": "party", "backend": "engine", "type": event_type, "channel": "party:p1", "key": key, "data": data,
        "principal": { "id": who, "name": who, "parties": ["p1"], "runs": ["r1"] }, "connection": "c", "trace": null,
        "at": "2026-01-01T00:00:00.000000Z",
    })
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Hands over as the server does.
async fn hand(engine: &Running, body: &Value) -> (StatusCode, Value) {
    signed(engine, &body.to_string(), &body.to_string(), seconds()).await
}

async fn signed(engine: &Running, body: &str, signed: &str, timestamp: u64) -> (StatusCode, Value) {
    let signature = Secret::new(SECRET).unwrap().sign("msg_1", timestamp, signed.as_bytes());
    let timestamp = timestamp.to_string();
    let headers = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", timestamp.as_str()),
        ("webhook-signature", signature.as_str()),
        ("content-type", "application/json"),
    ];
    let (status, _, answer) = ask(Method::POST, format!("http://{}/handed-over", engine.address), &headers, Some(body)).await;
    (status, answer)
}

/// Tries until it is answered, as a server does within a deadline.
async fn must(engine: &Running, body: &Value) -> Value {
    let (status, answer) = hand(engine, body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["reply"].clone()
}

fn of(fake: &Fake, event_type: &str) -> Vec<Value> {
    fake.log().into_iter().filter(|e: &Stored| e.channel == "party:p1" && e.event_type == event_type).map(|e| e.data).collect()
}

async fn until(fake: &Fake, event_type: &str, n: usize) -> Vec<Value> {
    tokio::time::timeout(Duration::from_secs(30), async {
        while of(fake, event_type).len() < n {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("no {event_type}: {:?}", fake.log().iter().map(|e| &e.event_type).collect::<Vec<_>>()));
    of(fake, event_type)
}

// P-5, P-6
#[tokio::test]
async fn an_action_is_decided_published_and_answered() {
    let fake = Fake::start("party").await;
    let engine = engine(&fake, None, LONG, false).await;
    // Whoever connects before anything happened is told where the party is.
    assert_eq!(until(&fake, "scene.update", 1).await[0]["scene_number"], 1);
    assert_eq!(until(&fake, "party.state", 1).await[0]["characters"].as_array().unwrap().len(), 2);
    let reply = must(&engine, &action("a1", "ana", "A")).await;
    assert_eq!((&reply["outcome"], &reply["scene_number"]), (&json!("success"), &json!(2)));
    let results = of(&fake, "action.result");
    assert_eq!((results.len(), &results[0]["action_id"]), (1, &json!("a1")));
    assert_eq!(of(&fake, "scene.update").last().unwrap()["scene_number"], 2);
    let (status, problem) = hand(&engine, &action("a2", "ana", "Z")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("NO_SUCH_CHOICE")), "{problem}");
    assert!(problem["message"].as_str().unwrap().contains("A, B, C"));
    let state = ask(Method::GET, format!("http://{}/parties/p1", engine.address), &[], None).await.2;
    assert_eq!((&state["state"]["scene_number"], &state["position"]), (&json!(2), &json!(fake.position("party:p1"))));
}

// P-6: whoever could reach the engine could play for everybody.
#[tokio::test]
async fn only_what_the_server_signed_lately_is_taken() {
    let fake = Fake::start("party").await;
    let engine = engine(&fake, None, LONG, false).await;
    let body = action("a1", "ana", "A").to_string();
    let other = action("a1", "boris", "A").to_string();
    let now = seconds();
    for (what, status) in [
        ("tampered", signed(&engine, &other, &body, now).await.0),
        ("six minutes old", signed(&engine, &body, &body, now - 360).await.0),
        ("of the future", signed(&engine, &body, &body, now + 360).await.0),
        ("unsigned", ask(Method::POST, format!("http://{}/handed-over", engine.address), &[], Some(&body)).await.0),
    ] {
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}");
    }
    assert_eq!(signed(&engine, &body, &body, now - 200).await.0, StatusCode::OK);
    // Signed, and still none of its business.
    let foreign = handed(
        "action.request",
        "a9",
        "eve",
        json!({
            "action_id": "a9", "character_id": "ana", "campaign_run_id": "r1", "action_type": "choice", "payload": { "choice": "A" },
        }),
    );
    assert_eq!(hand(&engine, &foreign).await.1["code"], "UNAUTHORIZED");
    assert_eq!(hand(&engine, &handed("chat", "a9", "ana", json!({}))).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(of(&fake, "action.result").len(), 1);
    let without = Config { secret: String::new(), ..Config::default() };
    assert!(run(without).await.is_err(), "no secret, no start");
}

// P-7
#[tokio::test]
async fn an_action_is_applied_once_whatever_fails_and_however_often_it_comes() {
    let (fake, folder) = (Fake::start("party").await, Folder::new());
    fake.fail_by_chance(4);
    let mut engine = self::engine(&fake, Some(folder.0.clone()), LONG, false).await;
    let mut scene = 1;
    for n in 0..12 {
        // To the ways, and back by a vote of both.
        let id = format!("a{n}");
        let choice = if scene == 1 { "A" } else { "C" };
        let body = action(&id, "ana", choice);
        let (one, two) = tokio::join!(must(&engine, &body), must(&engine, &body));
        assert_eq!(one, two);
        if n % 4 == 3 {
            engine.stop().await;
            engine = self::engine(&fake, Some(folder.0.clone()), LONG, false).await;
        }
        assert_eq!(must(&engine, &body).await, one, "also after a restart");
        if let Some(vote) = one["vote_id"].as_str() {
            let ballot = handed("vote.cast", &format!("{vote}/boris"), "boris", json!({ "vote_id": vote, "option": "C" }));
            let first = must(&engine, &ballot).await;
            assert_eq!(must(&engine, &ballot).await, first);
        }
        scene = 3 - scene;
    }
    let results: Vec<Value> = of(&fake, "action.result").into_iter().map(|r| r["action_id"].clone()).collect();
    assert_eq!(results, (0..12).map(|n| json!(format!("a{n}"))).collect::<Vec<_>>(), "each once, in order");
    assert_eq!((of(&fake, "vote.started").len(), of(&fake, "vote.finished").len()), (6, 6));
    assert_eq!(of(&fake, "vote.update").len(), 12);
}

// P-7: killed between its decision and the server's answer.
#[tokio::test]
async fn what_was_decided_before_a_kill_is_told_once_afterwards() {
    for fault in [Fault::LostBefore, Fault::LostAfter] {
        let (fake, folder) = (Fake::start("party").await, Folder::new());
        let engine = engine(&fake, Some(folder.0.clone()), LONG, false).await;
        until(&fake, "scene.update", 1).await;
        fake.fail(vec![fault; 50]);
        let body = action("a1", "ana", "A");
        let unanswered = tokio::time::timeout(Duration::from_millis(500), hand(&engine, &body)).await;
        assert!(unanswered.is_err());
        engine.stop().await;
        fake.heal();
        let engine = self::engine(&fake, Some(folder.0.clone()), LONG, false).await;
        // Nobody has to ask again for it to be told.
        until(&fake, "action.result", 1).await;
        assert_eq!(must(&engine, &body).await["scene_number"], 2);
        assert_eq!((of(&fake, "action.result").len(), of(&fake, "scene.update").len()), (1, 2), "{fault:?}");
        engine.stop().await;
    }
}

// P-8: the time of a vote is over while the engine is down.
#[tokio::test]
async fn a_votes_time_goes_on_while_the_engine_is_stopped() {
    let (fake, folder) = (Fake::start("party").await, Folder::new());
    let engine = engine(&fake, Some(folder.0.clone()), LONG, false).await;
    must(&engine, &action("a1", "ana", "A")).await;
    let reply = must(&engine, &action("a2", "ana", "B")).await;
    engine.stop().await;
    // Ten minutes later.
    let path = folder.0.join("state.json");
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let ends_at = &mut kept["state"]["parties"]["p1"]["vote"]["ends_at"];
    *ends_at = (ends_at.as_i64().unwrap() - LONG.as_millis() as i64 - 1).into();
    std::fs::write(&path, kept.to_string()).unwrap();
    let engine = self::engine(&fake, Some(folder.0.clone()), LONG, false).await;
    let finished = until(&fake, "vote.finished", 1).await;
    assert_eq!(
        (&finished[0]["vote_id"], &finished[0]["reason"], &finished[0]["winner"]),
        (&reply["vote_id"], &json!("timeout"), &json!("B"))
    );
    until(&fake, "combat.update", 1).await;
    let late = handed("vote.cast", "late", "boris", json!({ "vote_id": reply["vote_id"], "option": "A" }));
    assert_eq!(hand(&engine, &late).await.1["code"], "VOTE_OVER");
    engine.stop().await;
    // And it is over once, whoever starts again.
    let engine = self::engine(&fake, Some(folder.0.clone()), LONG, false).await;
    assert_eq!(hand(&engine, &late).await.1["code"], "VOTE_OVER");
    assert_eq!(of(&fake, "vote.finished").len(), 1);
    engine.stop().await;
}

// P-8
#[tokio::test]
async fn a_vote_that_nobody_ends_is_ended_by_its_time() {
    let fake = Fake::start("party").await;
    let engine = engine(&fake, None, Duration::from_millis(300), false).await;
    must(&engine, &action("a1", "ana", "A")).await;
    must(&engine, &action("a2", "ana", "C")).await;
    let finished = until(&fake, "vote.finished", 1).await;
    assert_eq!((&finished[0]["reason"], &finished[0]["winner"]), (&json!("timeout"), &json!("C")));
    let ends_at = of(&fake, "vote.started")[0]["ends_at"].as_str().unwrap().to_owned();
    let time = |text: &str| time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap();
    assert!(time::OffsetDateTime::now_utc() >= time(&ends_at), "not before its time");
    assert_eq!(of(&fake, "scene.update").last().unwrap()["scene_number"], 1);
}

// P-6, P-8
#[tokio::test]
async fn it_lives() {
    let fake = Fake::start("party").await;
    let engine = engine(&fake, None, Duration::from_secs(1), true).await;
    until(&fake, "action.result", 1).await;
    engine.stop().await;
}
