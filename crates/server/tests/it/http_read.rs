//! What is read back: polls, history pages, replay, lists.

use crate::http_support::{BOARD_KEY, Reply, Site, WORLD_KEY, place, player, token, whisper};
use http::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tidewire_contract::Durability;

fn keeper() -> String {
    token(json!({ "sub": "z1", "role": "zootechnician", "worker_id": "w9" }))
}

fn removed(channel: &str, ticket: &str) -> Value {
    json!({ "channel": channel, "type": "task.removed", "data": { "ticketId": ticket } })
}

fn tickets(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json().as_array().unwrap().iter().map(|e| e["payload"]["ticketId"].as_str().unwrap_or("-").to_owned()).collect()
}

fn ids(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json().as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect()
}

fn next(reply: &Reply) -> Option<String> {
    Some(reply.header("link").strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?.to_owned())
}

// B-1, B-8
#[tokio::test]
async fn a_poll_that_repeats_its_last_timestamp_gets_everything_later() {
    let site = Site::new().await;
    let begin = site.get_with_cookie("/api/events", &keeper()).await;
    assert_eq!(begin.json(), json!([]));
    let mut batch = vec![removed("board:zoo", "t0")];
    // Far more than one in a millisecond, in two channels.
    for i in 1..200 {
        batch.push(removed(if i % 3 == 0 { "worker:w9" } else { "board:zoo" }, &format!("t{i}")));
    }
    site.publish(BOARD_KEY, Value::Array(batch)).await;
    let all = site.get_with_cookie("/api/events?since=2020-01-01T00:00:00Z", &keeper()).await;
    let expected: Vec<String> = (0..200).map(|i| format!("t{i}")).collect();
    assert_eq!(tickets(&all), expected);
    let events = all.json();
    // B-5
    assert_eq!(events[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["type", "timestamp", "payload"]);
    for seen in [0, 57, 150, 199] {
        let since = events[seen]["timestamp"].as_str().unwrap();
        let rest = site.get_with_cookie(&format!("/api/events?since={since}"), &keeper()).await;
        assert_eq!(tickets(&rest), expected[seen + 1..], "since {since}");
    }
    // A client that keeps milliseconds only gets some again, and loses none.
    let rough = format!("{}Z", &events[100]["timestamp"].as_str().unwrap()[..23]);
    let again = tickets(&site.get_with_cookie(&format!("/api/events?since={rough}"), &keeper()).await);
    assert!(again.ends_with(&expected[101..]));
    // The time that an answer names is a place to go on from.
    site.publish(BOARD_KEY, removed("board:zoo", "later")).await;
    for from in [begin.header("tidewire-at"), all.header("tidewire-at")] {
        let from = if from.is_empty() { "2020-01-01T00:00:00Z" } else { from };
        let follow = tickets(&site.get_with_cookie(&format!("/api/events?since={from}"), &keeper()).await);
        assert_eq!(follow.last().unwrap(), "later");
    }
    let follow = site.get_with_cookie(&format!("/api/events?since={}", all.header("tidewire-at")), &keeper()).await;
    assert_eq!(tickets(&follow), ["later"]);
}

// B-8
#[tokio::test]
async fn a_long_poll_answers_when_something_comes_and_not_before() {
    let site = Site::new().await;
    site.publish(BOARD_KEY, removed("board:zoo", "t0")).await;
    let now = site.get_with_cookie("/api/events", &keeper()).await.header("tidewire-at").to_owned();
    let path = format!("/api/events?since={now}&wait=1");
    assert_eq!(tickets(&site.get_with_cookie(&path, &keeper()).await), Vec::<String>::new());

    let path = format!("/api/events?since={now}&wait=20");
    let worker = keeper();
    let (polled, _) = tokio::join!(site.get_with_cookie(&path, &worker), async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        // Not for this client: it is no worker of this name.
        site.publish(BOARD_KEY, removed("worker:w1", "other")).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        site.publish(BOARD_KEY, removed("worker:w9", "t1")).await;
    });
    assert_eq!(tickets(&polled), ["t1"]);
    assert_eq!(site.app.hub.waiters().count(), 0);
}

// K-10, K-17: who follows a channel over replay waits for what comes, and is not answered before.
#[tokio::test]
async fn replay_waits_where_it_is_asked_to() {
    let site = Site::new().await;
    let path = "/v1/events/since?channel=world:w1&seq=0&wait=20s";
    let (page, _) = tokio::join!(site.get(path, WORLD_KEY), async {
        while site.app.hub.waiters().count() == 0 {
            tokio::task::yield_now().await;
        }
        site.publish(WORLD_KEY, place("p1")).await;
    });
    assert_eq!(page.json()["events"][0]["data"]["id"], "p1");
    assert_eq!(site.app.hub.waiters().count(), 0);
    // What is there is answered at once; where nothing comes, the wait ends.
    assert_eq!(site.get(path, WORLD_KEY).await.json()["events"].as_array().unwrap().len(), 1);
    let none = site.get("/v1/events/since?channel=world:w1&seq=1&wait=1", WORLD_KEY).await.json();
    assert_eq!((&none["events"], &none["gap"]), (&json!([]), &json!(null)));
    assert_eq!(site.get("/v1/events/since?channel=world:w1&wait=soon", WORLD_KEY).await.problem(400).0, "bad-parameter");
}

#[tokio::test]
async fn a_long_poll_ends_when_the_server_stops() {
    let site = Site::new().await;
    let worker = keeper();
    let (polled, ()) = tokio::join!(site.get_with_cookie("/api/events?wait=30", &worker), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        site.app.hub.waiters().close();
    });
    assert_eq!(polled.json(), json!([]));
}

// B-1: a mirror is the same events under another rule.
#[tokio::test]
async fn a_stakeholder_polls_the_mirror_and_nothing_else() {
    let site = Site::new().await;
    site.publish(BOARD_KEY, json!([removed("board:zoo", "t0"), removed("worker:w9", "t1")])).await;
    let stakeholder = token(json!({ "sub": "s1", "role": "stakeholder" }));
    assert_eq!(tickets(&site.get_with_cookie("/api/events?since=2020-01-01T00:00:00Z", &stakeholder).await), ["t0"]);
    let forbidden = site.get_with_cookie("/api/events?channels=board:zoo", &stakeholder).await;
    assert_eq!(forbidden.status, 403);
    assert_eq!(site.get_with_cookie("/v1/events/since?channel=board:zoo", &stakeholder).await.problem(403).0, "not-allowed");
    let replay = site.get_with_cookie("/v1/events/since?channel=board:readonly&seq=0", &stakeholder).await.json();
    assert_eq!(replay["events"].as_array().unwrap().len(), 1);
}

// W-8
#[tokio::test]
async fn history_comes_in_pages_under_permissions_and_filters() {
    let site = Site::new().await;
    let mut expected = Vec::new();
    for i in 0..25 {
        let receipts = site
            .publish(
                WORLD_KEY,
                json!([place(&format!("p{i}")), whisper("c1", "c2", &format!("m{i}")), whisper("c3", "c4", &format!("n{i}"))]),
            )
            .await;
        expected.push(receipts[0]["id"].as_str().unwrap().to_owned());
        expected.push(receipts[1]["id"].as_str().unwrap().to_owned());
    }
    let walk = async |path: &str, who: String| {
        let (mut found, mut path, mut pages) = (Vec::new(), path.to_owned(), 0);
        loop {
            let reply = site.get(&path, &who).await;
            found.extend(ids(&reply));
            pages += 1;
            assert!(reply.header("tidewire-position").contains(':'));
            match next(&reply) {
                Some(next) => path = next,
                None => return (found, pages),
            }
        }
    };
    assert_eq!(walk("/worlds/w1/history?limit=7", player("c1")).await, (expected.clone(), 8));
    assert_eq!(walk("/worlds/w1/history?limit=60", player("c2")).await, (expected.clone(), 1));
    let (strangers, _) = walk("/worlds/w1/history?limit=7", player("c9")).await;
    assert_eq!(strangers, expected.iter().step_by(2).cloned().collect::<Vec<_>>());
    // W-5
    let (chats, _) = walk("/worlds/w1/history?limit=4&types=chat.*", player("c1")).await;
    assert_eq!(chats, expected.iter().skip(1).step_by(2).cloned().collect::<Vec<_>>());
    let (none, _) = walk("/worlds/w1/history?types=chat.*", player("c9")).await;
    assert!(none.is_empty());
    assert_eq!(site.get("/worlds/w1/history?types=ch*t", &player("c1")).await.problem(400).0, "bad-filter");
    // After an id, a sequence, a time.
    let all = site.get("/worlds/w1/history?limit=50", &player("c1")).await.json();
    for after in [all[9]["id"].as_str().unwrap(), all[9]["at"].as_str().unwrap(), "14"] {
        let (rest, _) = walk(&format!("/worlds/w1/history?after={after}"), player("c1")).await;
        assert_eq!(rest, expected[10..], "after {after}");
    }
    // A game master sees everything.
    let master = token(json!({ "sub": "gm", "worlds": ["w1"], "role": "gamemaster" }));
    assert_eq!(walk("/worlds/w1/history?limit=50", master).await.0.len(), 75);
    // W-9
    assert_eq!(site.get("/worlds/w2/history", &player("c1")).await.status, 403);
    assert_eq!(site.get("/worlds/w1/history", "no token").await.status, 401);
}

// B-8
#[tokio::test]
async fn what_a_reader_does_not_get_hides_nothing_behind_it() {
    let site = Site::new().await;
    let mut secret = removed("worker:w9", "hidden");
    secret["audience"] = json!({ "worker": "nobody" });
    // More than one look passes over.
    for _ in 0..21 {
        site.publish(BOARD_KEY, Value::Array(vec![secret.clone(); 1000])).await;
    }
    site.publish(BOARD_KEY, json!([removed("board:zoo", "t1"), removed("worker:w9", "t2")])).await;
    let reply = site.get_with_cookie("/api/events?since=2020-01-01T00:00:00Z", &keeper()).await;
    assert_eq!(tickets(&reply), ["t1", "t2"]);
    assert_eq!(next(&reply), None);
}

#[tokio::test]
async fn a_link_to_the_next_page_holds_no_token() {
    let site = Site::new().await;
    site.publish(WORLD_KEY, json!([place("p1"), place("p2")])).await;
    let reply = site.send(Method::GET, &format!("/worlds/w1/history?limit=1&token={}", player("c1")), &[], "").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let next = next(&reply).unwrap();
    assert!(!next.contains("token") && next.contains("limit=1") && next.contains("after="), "{next}");
    let reply = site.send(Method::GET, &format!("/v1/events/since?channel=world:w1&limit=1&token={}", player("c1")), &[], "").await;
    assert!(reply.json()["more"] == true && !reply.header("link").contains("token"));
}

// G-3
#[tokio::test]
async fn replay_says_what_the_history_no_longer_has() {
    let site = Site::new().await;
    let mut at = Vec::new();
    for i in 0..10 {
        at.push(site.publish(WORLD_KEY, place(&format!("p{i}"))).await);
    }
    site.app.hub.trim("world/world:w1".into(), Durability::Disk, tidewire_engine::log::Retention { count: Some(4), ..Default::default() });
    let deadline = Instant::now() + Duration::from_secs(5);
    while site.get("/v1/channels/world:w1", WORLD_KEY).await.json()["first"] == 1 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let behind = site.get("/v1/events/since?channel=world:w1&seq=3", WORLD_KEY).await;
    let page = behind.json();
    assert_eq!(page["events"].as_array().unwrap().len(), 4);
    assert_eq!((&page["gap"]["from"], &page["gap"]["reason"]), (&json!("3"), &json!("expired")));
    assert!(page["gap"]["to"].as_str().unwrap().ends_with(":6"), "{page}");
    assert!(page["gap"]["action"].as_str().is_some_and(|a| a.contains("refetch")));
    assert!(behind.header("tidewire-gap").starts_with("expired;"), "{}", behind.header("tidewire-gap"));
    // Reaching back exactly, or asking for all that is kept, is no gap.
    for path in ["/v1/events/since?channel=world:w1&seq=6", "/v1/events/since?channel=world:w1"] {
        let whole = site.get(path, WORLD_KEY).await;
        assert_eq!(whole.json()["gap"], Value::Null);
        assert_eq!(whole.json()["events"].as_array().unwrap().len(), 4);
        assert_eq!(whole.header("tidewire-gap"), "");
    }
    // Another log's position.
    let other = site.get("/v1/events/since?channel=world:w1&after=5:7", WORLD_KEY).await.json();
    assert_eq!(other["gap"]["reason"], "reset");
    // A history page says it in its header, a position goes on exactly.
    let page = site.get("/worlds/w1/history?after=3", &player("c1")).await;
    assert_eq!(ids(&page).len(), 4);
    assert!(page.header("tidewire-gap").starts_with("expired;channel=\"world:w1\";from=\"3\""));
    let position = at[7]["position"].as_str().unwrap();
    assert_eq!(ids(&site.get(&format!("/worlds/w1/history?after={position}"), &player("c1")).await).len(), 2);
}

// G-3: a poll says it in the wire's own words, in front of the events.
#[tokio::test]
async fn a_poll_carries_its_gap_as_an_element() {
    let site = Site::new().await;
    for i in 0..5 {
        site.publish(BOARD_KEY, removed("board:zoo", &format!("t{i}"))).await;
    }
    let log = site.app.hub.reader().known("board/board:zoo").unwrap();
    site.app.hub.trim(log.name.clone(), log.durability, tidewire_engine::log::Retention { count: Some(2), ..Default::default() });
    while log.first() == 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let reply = site.get_with_cookie("/api/events?since=2020-01-01T00:00:00Z", &keeper()).await;
    let events = reply.json();
    assert_eq!(events[0]["type"], "board.refreshHint", "{events}");
    assert_eq!(events.as_array().unwrap().len(), 3);
    assert!(reply.header("tidewire-gap").starts_with("expired;"));
}

#[tokio::test]
async fn replay_is_for_those_who_may_see_and_its_parameters_are_checked() {
    let site = Site::new().await;
    site.publish(WORLD_KEY, json!([place("p1"), whisper("c1", "c2", "m1")])).await;
    let count = |reply: Reply| reply.json()["events"].as_array().unwrap().len();
    assert_eq!(count(site.get("/v1/events/since?channel=world:w1", WORLD_KEY).await), 2);
    assert_eq!(count(site.get("/v1/events/since?channel=world:w1", &player("c2")).await), 2);
    assert_eq!(count(site.get("/v1/events/since?channel=world:w1", &player("c3")).await), 1);
    assert_eq!(count(site.get("/v1/events/since?channel=world:w1&types=chat.*", WORLD_KEY).await), 1);
    // W-9
    assert_eq!(site.get("/v1/events/since?channel=world:w2", &player("c3")).await.problem(403).0, "not-allowed");
    assert_eq!(site.send(Method::GET, "/v1/events/since?channel=world:w1", &[], "").await.problem(401).0, "unauthorized");
    assert_eq!(site.get("/v1/events/since?channel=world:w1", "x.y.z").await.status, 401);
    for (path, name) in [
        ("/v1/events/since", "bad-parameter"),
        ("/v1/events/since?channel=world:w1&seq=x", "bad-parameter"),
        ("/v1/events/since?channel=world:w1&limit=0", "bad-parameter"),
        ("/v1/events/since?channel=world:w1&limit=1001", "bad-parameter"),
        ("/v1/events/since?channel=world:w1&sequence=1", "bad-parameter"),
        ("/v1/events/since?channel=world:w1&types=a,b", "bad-filter"),
        ("/v1/events/since?channel=world:w1&after=yesterday", "bad-position"),
    ] {
        assert_eq!(site.get(path, WORLD_KEY).await.problem(400).0, name, "{path}");
    }
}

#[tokio::test]
async fn channels_are_listed_and_described_to_their_own_backend() {
    let site = Site::new().await;
    for world in ["w1", "w2", "w3"] {
        let mut event = place("p");
        event["channel"] = json!(format!("world:{world}"));
        site.publish(WORLD_KEY, event).await;
    }
    let page = site.get("/v1/channels?prefix=world:&limit=2", WORLD_KEY).await;
    let names = |page: &Value| page["channels"].as_array().unwrap().iter().map(|c| c["channel"].clone()).collect::<Vec<_>>();
    assert_eq!((names(&page.json()), &page.json()["more"]), (vec![json!("world:w1"), json!("world:w2")], &json!(true)));
    let rest = site.get(&next(&page).unwrap(), WORLD_KEY).await;
    assert_eq!((names(&rest.json()), next(&rest)), (vec![json!("world:w3")], None));
    assert_eq!(site.get("/v1/channels", BOARD_KEY).await.json()["channels"], json!([]));

    let one = site.get("/v1/channels/world%3Aw1", WORLD_KEY).await;
    let channel = one.json();
    assert_eq!((&channel["seq"], &channel["first"], &channel["subscribers"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!(channel["position"], one.header("tidewire-position"));
    assert!(channel["newest_at"].as_str().unwrap().ends_with('Z'));
    let empty = site.get("/v1/channels/world:w9", WORLD_KEY).await.json();
    assert_eq!((&empty["seq"], &empty["position"], &empty["newest_at"]), (&json!(0), &json!("0:0"), &Value::Null));
    assert_eq!(site.get("/v1/channels/board:zoo", WORLD_KEY).await.problem(404).0, "unknown-channel");
    assert_eq!(site.get("/v1/channels/world:w1/presence", WORLD_KEY).await.problem(404).0, "not-found");
}

#[tokio::test]
async fn clients_are_ended_by_selectors_that_say_whom() {
    let site = Site::new().await;
    let none = site.post("/v1/disconnect", WORLD_KEY, "{\"principal\":\"player-c1\"}").await;
    assert_eq!((none.status, none.json()), (200, json!({ "closed": 0 })));
    let none = site.post("/v1/unsubscribe", WORLD_KEY, "{\"channel\":\"world:w1\",\"principal\":\"p\"}").await;
    assert_eq!(none.json(), json!({ "unsubscribed": 0 }));
    for body in ["{}", "[]", "{\"principal\":7}", "{\"princpal\":\"x\"}", "{\"connection\":\"x\"}", "{\"principal\":{\"a\":1}}"] {
        assert_eq!(site.post("/v1/disconnect", WORLD_KEY, body).await.problem(422).0, "invalid-selector", "{body}");
    }
    assert_eq!(site.post("/v1/unsubscribe", WORLD_KEY, "{\"principal\":\"p\"}").await.problem(422).0, "invalid-selector");
    assert_eq!(site.post("/v1/disconnect", WORLD_KEY, "{\"channel\":\"board:zoo\"}").await.problem(404).0, "unknown-channel");
    assert_eq!(site.post("/v1/disconnect", "wrong", "{}").await.problem(401).0, "unauthorized");
}
