//! The party's document, promise by promise, through a running server, with the campaign engine of the examples behind it.

use crate::support::table::{Game, Player, Setup, ticket};
use serde_json::{Value, json};
use std::time::Duration;

/// The scene that follows a choice of the first.
async fn to_the_ways(game: &Game, ana: &mut Player) {
    ana.choose("to-the-ways", "A").await;
    assert_eq!(ana.answer().await["payload"]["reply"]["scene_number"], 2);
    game.until("scene.update", 2).await;
}

// P-1, P-3, P-6, P-10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_acts_and_the_other_sees_the_result_and_the_scene() {
    let game = Game::start(Setup::default()).await;
    game.until("party.state", 1).await;
    let mut ana = game.join("ana").await;
    let mut boris = game.join("boris").await;
    let joined = ana.next_of("party.join").await;
    assert_eq!(joined["payload"], json!({ "character_id": "ana", "display_name": "ANA" }));
    assert_eq!(ana.next_of("party.join").await["payload"]["character_id"], "boris");
    ana.choose("a1", "A").await;
    for player in [&mut ana, &mut boris] {
        let result = player.next_of("action.result").await;
        assert_eq!((&result["payload"]["action_id"], &result["payload"]["outcome"]), (&json!("a1"), &json!("success")));
        assert_eq!(player.next_of("scene.update").await["payload"]["scene_number"], 2);
        assert_eq!(player.next_of("party.state").await["payload"]["scene_number"], 2);
    }
    let ack = ana.answer().await;
    assert_eq!((&ack["type"], &ack["trace_id"], &ack["payload"]["key"]), (&json!("action.request.ack"), &json!("trace-a1"), &json!("a1")));
    assert_eq!(ack["payload"]["reply"]["outcome"], "success");
    assert!(boris.socket.is_quiet().await, "what a player asks for is not shown to the party");
    let shown: Vec<Value> = game.of("action.request").await;
    assert_eq!(shown, Vec::<Value>::new());
}

// P-1: before the upgrade, not after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_of_ones_own_party_run_and_character_or_is_none() {
    let game = Game::start(Setup::default()).await;
    let ana = ticket("ana", "p1", "r1");
    for (path, status) in [
        ("/party/p1/ws?run=r1&character=ana".to_owned(), 401),
        ("/party/p1/ws?run=r1&character=ana&token=none".to_owned(), 401),
        (format!("/party/p2/ws?run=r1&character=ana&token={ana}"), 403),
        (format!("/party/p1/ws?run=r2&character=ana&token={ana}"), 403),
        (format!("/party/p1/ws?run=r1&character=boris&token={ana}"), 403),
        (format!("/party/p1/ws?run=r1&character=ana&token={}", ticket("ana", "p9", "r1")), 403),
        (format!("/party/p1/ws?run=r1&token={ana}"), 400),
    ] {
        let refused = game.server.websocket(&path, &[]).await.err().unwrap_or_else(|| panic!("{path} was let in"));
        assert_eq!(refused.status, status, "{path}: {}", refused.body);
    }
    let mut player = game.join("ana").await;
    // Nor does it act for somebody else, or in another run.
    let foreign = |character: &str, run: &str| json!({ "action_id": "x1", "character_id": character, "campaign_run_id": run, "action_type": "choice", "payload": { "choice": "A" } });
    for payload in [foreign("boris", "r1"), foreign("ana", "r2")] {
        player.send("action.request", "t", payload).await;
        let error = player.answer().await;
        assert_eq!((&error["payload"]["code"], &error["payload"]["original_type"]), (&json!("UNAUTHORIZED"), &json!("action.request")));
    }
    assert_eq!(game.of("action.result").await.len(), 0);
}

// P-5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_back_is_told_how_things_stand() {
    let mut game = Game::start(Setup { grace: "1s", ..Setup::default() }).await;
    game.until("party.state", 1).await;
    let mut ana = game.join("ana").await;
    let boris = game.join("boris").await;
    let hello = &boris.hello["payload"];
    assert_eq!((&hello["party_id"], &hello["campaign_run_id"], &hello["scene_number"]), (&json!("p1"), &json!("r1"), &json!(1)));
    assert_eq!((&hello["status"], &hello["run_status"]), (&json!("exploring"), &json!("active")));
    let names: Vec<&str> = hello["members"].as_array().unwrap().iter().map(|m| m["character_id"].as_str().unwrap()).collect();
    assert_eq!(names, ["ana", "boris"]);
    boris.socket.close().await;
    to_the_ways(&game, &mut ana).await;
    // Back within the grace: no leave, no second join; and the scene is the present one.
    let mut boris = game.join("boris").await;
    assert_eq!(boris.hello["payload"]["scene_number"], 2);
    ana.choose("a2", "C").await;
    assert_eq!(boris.next_of("vote.started").await["payload"]["voters"], json!(["ana", "boris"]));
    let comings = |log: &[Value]| {
        let of = |e: &Value| {
            Some(format!(
                "{} {}",
                e["type"].as_str()?.strip_prefix("party.").filter(|t| *t != "state")?,
                e["payload"]["character_id"].as_str()?
            ))
        };
        log.iter().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(comings(&game.log().await), ["join ana", "join boris"]);
    // The same after the server was killed.
    game.kill_server();
    let mut ana = game.join("ana").await;
    let back = game.join("boris").await;
    assert_eq!((&back.hello["payload"]["scene_number"], &back.hello["payload"]["status"]), (&json!(2), &json!("voting")));
    assert_eq!(back.hello["payload"]["members"].as_array().unwrap().len(), 2);
    // Gone for longer, he has left, and everybody hears of it.
    back.socket.close().await;
    assert_eq!(ana.next_of("party.leave").await["payload"], json!({ "character_id": "boris" }));
    assert_eq!(comings(&game.log().await), ["join ana", "join boris", "leave boris"]);
}

// P-7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_is_applied_once_and_answered_alike() {
    let mut game = Game::start(Setup::default()).await;
    game.until("party.state", 1).await;
    let mut ana = game.join("ana").await;
    ana.choose("a1", "A").await;
    let first = ana.answer().await["payload"].clone();
    assert_eq!(first["reply"]["scene_number"], 2);
    // On the same connection; with something else in it; by somebody else.
    ana.choose("a1", "A").await;
    assert_eq!(ana.answer().await["payload"], first);
    ana.choose("a1", "B").await;
    assert_eq!(ana.answer().await["payload"], first);
    let mut boris = game.join("boris").await;
    boris.choose("a1", "A").await;
    assert_eq!(boris.answer().await["payload"], first);
    // After a reconnect, after the server was killed, after the engine was restarted.
    drop(ana);
    let mut ana = game.join("ana").await;
    ana.choose("a1", "A").await;
    assert_eq!(ana.answer().await["payload"], first);
    game.kill_server();
    let mut ana = game.join("ana").await;
    ana.choose("a1", "A").await;
    assert_eq!(ana.answer().await["payload"], first);
    game.stop_engine().await;
    ana.choose("a1", "A").await;
    assert_eq!(ana.answer().await["payload"], first, "the engine is not asked again");
    game.start_engine().await;
    // Nobody has voted yet: it was done once.
    ana.choose("a2", "C").await;
    assert_eq!(ana.answer().await["payload"]["reply"]["outcome"], "success");
    let results: Vec<Value> = game.of("action.result").await.into_iter().map(|r| r["action_id"].clone()).collect();
    assert_eq!(results, ["a1", "a2"]);
}

// P-7, G-1: sent, and the server killed before or after the answer; sent again, whatever became of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_midst_of_an_action_applies_it_once() {
    let mut game = Game::start(Setup::default()).await;
    game.until("party.state", 1).await;
    for n in 0..3u64 {
        let id = format!("k{n}");
        let mut ana = game.join("ana").await;
        let skill = json!({ "skill": "agility" });
        ana.act(&id, "skill_check", skill.clone()).await;
        tokio::time::sleep(Duration::from_millis(n * 7)).await;
        game.kill_server();
        // UNAVAILABLE while nobody knows what became of the first try: then it asks again.
        let reply = loop {
            let mut ana = game.join("ana").await;
            ana.act(&id, "skill_check", skill.clone()).await;
            let answer = ana.answer().await;
            if answer["type"] == "action.request.ack" {
                break answer["payload"].clone();
            }
            assert_eq!(answer["payload"]["code"], "UNAVAILABLE", "{answer}");
        };
        let results: Vec<Value> = game.of("action.result").await.into_iter().filter(|r| r["action_id"] == id.as_str()).collect();
        assert_eq!(results.len(), 1, "{id}");
        assert_eq!(results[0]["outcome"], reply["reply"]["outcome"]);
    }
}

// P-8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_is_won_when_all_have_voted() {
    let game = Game::start(Setup { players: vec!["ana", "boris", "cleo"], ..Setup::default() }).await;
    game.until("party.state", 1).await;
    let (mut ana, mut boris, mut cleo) = (game.join("ana").await, game.join("boris").await, game.join("cleo").await);
    to_the_ways(&game, &mut ana).await;
    ana.choose("a2", "C").await;
    assert_eq!(ana.answer().await["payload"]["key"], "a2");
    let started = boris.next_of("vote.started").await["payload"].clone();
    let vote = started["vote_id"].as_str().unwrap().to_owned();
    assert_eq!(started["timeout"], 600.0);
    assert_eq!(boris.next_of("vote.update").await["payload"]["tally"], json!({ "A": 0, "B": 0, "C": 1 }));
    boris.vote(&vote, "A").await;
    let counted = boris.answer().await;
    assert_eq!((&counted["type"], &counted["payload"]["reply"]["option"]), (&json!("vote.cast.ack"), &json!("A")));
    // Once: the second ballot gets the first answer.
    boris.vote(&vote, "B").await;
    assert_eq!(boris.answer().await["payload"]["reply"], counted["payload"]["reply"]);
    ana.vote(&vote, "B").await;
    assert_eq!(ana.answer().await["payload"]["reply"]["option"], "C", "who called it has voted");
    cleo.vote(&vote, "Q").await;
    assert_eq!(cleo.answer().await["payload"]["code"], "NO_SUCH_CHOICE");
    assert_eq!(game.of("vote.update").await.len(), 2);
    cleo.vote(&vote, "A").await;
    for player in [&mut ana, &mut boris, &mut cleo] {
        let finished = player.next_of("vote.finished").await["payload"].clone();
        assert_eq!((&finished["winner"], &finished["reason"]), (&json!("A"), &json!("all_voted")));
        assert_eq!(finished["tally"], json!({ "A": 2, "B": 0, "C": 1 }));
        assert_eq!(finished["applied"]["scene_number"], 4);
        assert_eq!(player.next_of("scene.update").await["payload"]["scene_number"], 4);
    }
    assert_eq!(game.of("vote.update").await.last().unwrap()["tally"], json!({ "A": 2, "B": 0, "C": 1 }));
    assert_eq!(game.join("boris").await.hello["payload"]["scene_number"], 4);
    boris.vote(&vote, "C").await;
    assert_eq!(boris.answer().await["payload"]["reply"]["option"], "A", "what was answered is answered");
}

// P-8: nobody ends it, and the engine is stopped meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_is_finished_by_its_timeout_over_a_restart_of_the_engine() {
    let mut game = Game::start(Setup { vote: Duration::from_secs(5), ..Setup::default() }).await;
    game.until("party.state", 1).await;
    let (mut ana, mut boris) = (game.join("ana").await, game.join("boris").await);
    to_the_ways(&game, &mut ana).await;
    ana.choose("a2", "C").await;
    boris.next_of("vote.started").await;
    game.stop_engine().await;
    assert_eq!(game.of("vote.finished").await.len(), 0, "the engine was stopped before the time was over");
    game.start_engine().await;
    for player in [&mut ana, &mut boris] {
        let finished = player.next_of("vote.finished").await["payload"].clone();
        assert_eq!((&finished["winner"], &finished["reason"]), (&json!("C"), &json!("timeout")));
        assert_eq!(player.next_of("scene.update").await["payload"]["scene_number"], 1);
    }
    assert_eq!(game.of("vote.finished").await.len(), 1);
}

// P-4, P-6: a fight from its beginning to its end, and every type of the catalogue against its schema (each frame that a player
// gets is).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_is_as_its_schema_says() {
    let game = Game::start(Setup { grace: "100ms", ..Setup::default() }).await;
    game.until("party.state", 1).await;
    let mut ana = game.join("ana").await;
    let cleo = game.join("cleo").await;
    cleo.socket.close().await;
    ana.next_of("party.leave").await;
    let mut boris = game.join("boris").await;
    to_the_ways(&game, &mut ana).await;
    ana.choose("b", "B").await;
    let vote = boris.next_of("vote.started").await["payload"]["vote_id"].as_str().unwrap().to_owned();
    boris.vote(&vote, "B").await;
    let mut fight = boris.next_of("combat.update").await["payload"].clone();
    assert_eq!(fight["status"], "started");
    let mut n = 0;
    while fight["turn"].is_string() {
        let mover = if fight["turn"] == "ana" { &mut ana } else { &mut boris };
        let foe = fight["foes"].as_array().unwrap().iter().find(|f| f["hp"] != 0).unwrap()["foe_id"].clone();
        mover.act(&format!("m{n}"), "combat", json!({ "move": "attack", "target": foe })).await;
        n += 1;
        fight = boris.next_of("combat.update").await["payload"].clone();
    }
    assert!(["won", "lost"].contains(&fight["status"].as_str().unwrap()), "{fight}");
    boris.act("late", "combat", json!({ "move": "flee" })).await;
    assert_eq!(boris.next_of("system.error").await["payload"]["code"], "NOT_NOW");
    // Everything else that goes wrong is a system.error, too, and the connection lives on.
    boris.send("action.request", "t", json!({ "action_id": "bad", "character_id": "boris" })).await;
    let error = boris.answer().await["payload"].clone();
    assert_eq!((&error["code"], error["errors"].as_array().map(Vec::is_empty)), (&json!("INVALID_PAYLOAD"), Some(false)));
    let unfit = json!({ "action_id": "bad", "character_id": "boris", "campaign_run_id": "r1", "action_type": "choice", "payload": { "skill": "lore" } });
    boris.send("action.request", "t", unfit).await;
    assert_eq!(boris.answer().await["payload"]["code"], "INVALID_PAYLOAD");
    boris.send("scene.update", "t", json!({ "scene_number": 5 })).await;
    assert_eq!(boris.answer().await["payload"]["code"], "UNAUTHORIZED", "the engine decides");
    boris.send("dance", "t", json!({})).await;
    assert_eq!(boris.answer().await["payload"]["code"], "NOT_FOUND");
    for frame in ["{", "[]", "7", "{\"type\":7}"] {
        boris.socket.send_text(frame).await;
        assert_eq!(boris.answer().await["payload"]["code"], "INVALID_PAYLOAD", "{frame}");
    }
    let mut lost = game.join_after("boris", "000000:1").await;
    let gap = lost.next_of("system.error").await["payload"].clone();
    assert_eq!((&gap["code"], gap["action"].is_string()), (&json!("HISTORY_GAP"), true));
    let mut seen: Vec<&str> = ana.seen.iter().chain(&boris.seen).map(String::as_str).collect();
    seen.extend(["action.request", "vote.cast"]);
    let missing: Vec<&str> = game.payloads.types().into_iter().filter(|t| !seen.contains(t)).collect();
    assert_eq!(missing, [] as [&str; 0], "types of the catalogue that never came by");
}

// P-10, P-4: what was sent is in the history, on the event stream and in a resumed connection alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transport_tells_the_same() {
    let game = Game::start(Setup::default()).await;
    game.until("party.state", 1).await;
    let mut ana = game.join("ana").await;
    let bearer = ("authorization", format!("Bearer {}", ticket("ana", "p1", "r1")));
    let mut stream = game.server.sse("/party/p1/events?run=r1", std::slice::from_ref(&bearer)).await;
    assert_eq!(stream.next().await.data["type"], "system.hello");
    // Who watches the run sees how its parties stand.
    let watcher = ("authorization", format!("Bearer {}", ticket("eve", "p9", "r1")));
    let mut watching = game.server.sse("/runs/r1/events", &[watcher]).await;
    let hello = watching.next().await.data;
    game.payloads.check(&hello);
    assert_eq!((&hello["payload"]["campaign_run_id"], &hello["payload"]["run_status"]), (&json!("r1"), &json!("active")));
    let position = ana.hello["payload"]["position"].as_str().unwrap().to_owned();
    to_the_ways(&game, &mut ana).await;
    let mut again = game.join_after("ana", &position).await;
    let (status, _, page) = game.server.request(http::Method::GET, &format!("/party/p1/events?after={position}"), &[bearer], None).await;
    assert_eq!(status, 200, "{page}");
    let told = page.as_array().unwrap().clone();
    let types: Vec<&str> = told.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["party.join", "action.result", "scene.update", "party.state"]);
    for event in &told {
        assert_eq!(&again.next().await, event);
    }
    for event in &told[1..] {
        let sent = loop {
            let sent = stream.next().await.data;
            if sent["type"] != "party.join" {
                break sent;
            }
        };
        assert_eq!(&sent, event);
    }
    let state = watching.next().await.data;
    assert_eq!((&state["type"], &state["payload"]["scene_number"]), (&json!("party.state"), &json!(2)));
}
