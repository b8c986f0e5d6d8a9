//! The board as a program: asked over HTTP, heard at the publish interface.

#[path = "../../backend/tests/fake/mod.rs"]
mod fake;

use fake::{Fake, Folder, KEY, Stored, ask};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf};
use tidewire_example_board::{Config, Running, run};

async fn board(fake: &Fake, data: Option<PathBuf>, life: bool) -> Running {
    run(Config { tidewire_url: fake.url.clone(), backend_key: KEY.into(), data, life, ..Config::default() }).await.unwrap()
}

async fn call(board: &Running, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let (status, _, answer) = ask(method, format!("http://{}{path}", board.address), &[], Some(&body.to_string())).await;
    (status, answer)
}

async fn create(board: &Running, body: Value) -> Value {
    let (status, answer) = call(board, Method::POST, "/api/tickets", body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer["ticket"].clone()
}

async fn snapshot(board: &Running) -> Value {
    let (status, headers, body) = ask(Method::GET, format!("http://{}/api/board", board.address), &[], None).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(headers["tidewire-position"], body["positions"]["board:zoo"].as_str().unwrap());
    body
}

/// What was told from there on: channel and type.
fn told(fake: &Fake, from: usize) -> Vec<(String, String)> {
    fake.log().into_iter().skip(from).map(|e| (e.channel, e.event_type)).collect()
}

/// A client of a channel: a snapshot, then the events, the higher version wins.
fn follow(snapshot: &Value, events: &[Stored]) -> BTreeMap<String, Value> {
    let mut tickets: BTreeMap<String, Value> = BTreeMap::new();
    for ticket in snapshot["tickets"].as_array().unwrap() {
        tickets.insert(ticket["id"].as_str().unwrap().into(), ticket.clone());
    }
    let seq: u64 = snapshot["positions"]["board:zoo"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    for event in events.iter().filter(|e| e.channel == "board:zoo" && e.seq > seq) {
        match event.event_type.as_str() {
            "task.updated" => {
                let ticket = &event.data["ticket"];
                let id = ticket["id"].as_str().unwrap();
                if let Some(known) = tickets.get(id) {
                    assert_eq!(ticket["version"].as_u64(), known["version"].as_u64().map(|v| v + 1), "nothing missed, nothing twice");
                }
                tickets.insert(id.into(), ticket.clone());
            }
            "task.removed" => assert!(tickets.remove(event.data["ticketId"].as_str().unwrap()).is_some()),
            _ => {}
        }
    }
    tickets
}

// B-6
#[tokio::test]
async fn a_ticket_is_told_whole_to_the_zoo_and_to_its_worker() {
    let fake = Fake::start("board").await;
    let board = board(&fake, None, false).await;
    snapshot(&board).await;
    let from = fake.log().len();
    let body =
        json!({ "assigneeId": "w123", "plannedDate": "2025-12-05", "storyPoints": 3, "checklist": [{ "text": "water", "done": false }] });
    let ticket = create(&board, body).await;
    let requests = fake.requests();
    let updated = |of: &str| (of.to_owned(), "task.updated".to_owned());
    let stats = |of: &str| (of.to_owned(), "worker.statsUpdated".to_owned());
    let (zoo, old, new) = ("board:zoo", "worker:w123", "worker:w124");
    assert_eq!(told(&fake, from), [updated(zoo), updated(old), stats(zoo), stats(old)]);
    assert_eq!(fake.log()[from].data["ticket"], ticket);
    let (from, id) = (fake.log().len(), ticket["id"].as_str().unwrap());
    let (status, answer) = call(&board, Method::PATCH, &format!("/api/tickets/{id}"), json!({ "version": 1, "assigneeId": "w124" })).await;
    assert_eq!((status, &answer["ticket"]["version"]), (StatusCode::OK, &json!(2)));
    let removed = (old.to_owned(), "task.removed".to_owned());
    assert_eq!(told(&fake, from), [updated(zoo), updated(new), removed, stats(zoo), stats(old), stats(zoo), stats(new)]);
    assert_eq!(fake.requests(), requests + 1, "one batch");
    let (_, stats) = call(&board, Method::GET, "/api/workers/w124/stats", Value::Null).await;
    assert_eq!(stats, fake.log().last().unwrap().data);
}

// B-6
#[tokio::test]
async fn a_ticket_that_was_changed_meanwhile_is_a_conflict_which_names_the_version() {
    let fake = Fake::start("board").await;
    let board = board(&fake, None, false).await;
    let ticket = create(&board, json!({})).await;
    let path = format!("/api/tickets/{}", ticket["id"].as_str().unwrap());
    call(&board, Method::PATCH, &path, json!({ "status": "in_progress" })).await;
    let length = fake.log().len();
    let (status, problem) = call(&board, Method::PATCH, &path, json!({ "version": 1, "status": "done" })).await;
    assert_eq!((status, &problem["version"]), (StatusCode::CONFLICT, &json!(2)));
    let url = format!("http://{}{path}", board.address);
    for method in [Method::PATCH, Method::DELETE] {
        let (status, _, problem) = ask(method, url.clone(), &[("if-match", "\"1\"")], Some("{}")).await;
        assert_eq!((status, &problem["version"]), (StatusCode::CONFLICT, &json!(2)));
    }
    assert_eq!(ask(Method::PATCH, url.clone(), &[("if-match", "soon")], Some("{}")).await.0, 422);
    assert_eq!(fake.log().len(), length);
    assert_eq!(ask(Method::PATCH, url.clone(), &[("if-match", "\"2\"")], Some("{\"status\":\"done\"}")).await.0, 200);
    assert_eq!(ask(Method::DELETE, url.clone(), &[("if-match", "\"3\"")], None).await.0, 200);
    assert_eq!(ask(Method::DELETE, url, &[], None).await.0, 404);
    assert_eq!(fake.log().last().unwrap().data, json!({ "ticketId": ticket["id"] }));
}

// B-7
#[tokio::test]
async fn a_sprint_is_one_hint_and_the_board_says_the_rest() {
    let fake = Fake::start("board").await;
    let board = board(&fake, None, false).await;
    let before = snapshot(&board).await;
    let from = fake.log().len();
    let (status, _) = call(&board, Method::POST, "/api/sprints/generate", json!({ "sprintId": "2025-48", "tickets": 200 })).await;
    assert_eq!(status, StatusCode::OK);
    let types: Vec<String> = told(&fake, from).into_iter().map(|(_, t)| t).collect();
    assert_eq!(types.iter().filter(|t| *t == "board.refreshHint").count(), 1);
    assert_eq!(types.iter().filter(|t| t.starts_with("task.")).count(), 0, "no flood");
    let after = snapshot(&board).await;
    assert_eq!(after["tickets"].as_array().unwrap().len(), before["tickets"].as_array().unwrap().len() + 200);
    for channel in ["board:zoo", "worker:w123", "worker:w124"] {
        assert_eq!(after["positions"][channel], fake.position(channel));
    }
    assert!(after["at"].as_str() > before["at"].as_str());
}

// B-7, B-8: from any snapshot the events lead to every later one, although requests fail and the board is restarted.
#[tokio::test]
async fn a_client_that_goes_on_from_a_snapshot_misses_nothing_and_gets_nothing_twice() {
    let (fake, folder) = (Fake::start("board").await, Folder::new());
    fake.fail_by_chance(8);
    let mut board = board(&fake, Some(folder.0.clone()), false).await;
    let mut looks = vec![snapshot(&board).await];
    for round in 0..15 {
        let ticket = create(&board, json!({ "assigneeId": format!("w{}", round % 3), "data": { "title": "Feed" } })).await;
        let path = format!("/api/tickets/{}", ticket["id"].as_str().unwrap());
        match round % 3 {
            0 => drop(call(&board, Method::DELETE, &path, Value::Null).await),
            _ => drop(call(&board, Method::PATCH, &path, json!({ "status": "done" })).await),
        }
        if round % 5 == 4 {
            board.stop().await;
            board = self::board(&fake, Some(folder.0.clone()), false).await;
        }
        looks.push(snapshot(&board).await);
    }
    let log = fake.log();
    let last = follow(looks.last().unwrap(), &[]);
    for look in &looks {
        assert_eq!(follow(look, &log), last);
    }
    let mut keys: Vec<_> = log.iter().map(|e| (&e.channel, &e.key)).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), log.len());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_nothing_is_published() {
    let fake = Fake::start("board").await;
    let board = board(&fake, None, false).await;
    snapshot(&board).await;
    let length = fake.log().len();
    for body in [
        json!({ "status": "lost" }),
        json!({ "assigneeId": "" }),
        json!({ "assigneeId": "a:b" }),
        json!({ "assigneeId": 7 }),
        json!({ "plannedDate": "tomorrow" }),
        json!({ "plannedDate": "2025-02-30" }),
        json!({ "storyPoints": -1 }),
        json!({ "data": "text" }),
        json!({ "checklist": {} }),
        json!({ "titel": "x" }),
        json!([]),
    ] {
        for (method, path) in [(Method::POST, "/api/tickets"), (Method::PATCH, "/api/tickets/t101")] {
            let (status, problem) = call(&board, method.clone(), path, body.clone()).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{method} {body}: {problem}");
        }
    }
    for body in [json!({ "tickets": 0 }), json!({ "tickets": 501 }), json!({ "tickets": "many" }), json!({ "sprintId": 7 })] {
        let (status, problem) = call(&board, Method::POST, "/api/sprints/generate", body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    }
    assert_eq!(call(&board, Method::PATCH, "/api/tickets/t999", json!({})).await.0, 404);
    assert_eq!(call(&board, Method::GET, "/api/bored", Value::Null).await.0, 404);
    assert_eq!(fake.log().len(), length);
}

// B-6
#[tokio::test]
async fn it_lives() {
    let fake = Fake::start("board").await;
    let board = board(&fake, None, true).await;
    snapshot(&board).await;
    let length = fake.log().len();
    tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while !told(&fake, length).iter().any(|(_, t)| t == "task.updated") {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    board.stop().await;
}
