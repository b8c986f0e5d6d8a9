//! A mock: it makes things up, answers as the flows have it, and misbehaves the same way again.

mod support;

use http::Method;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use support::chat;
use tidewire_contract::Contract;
use tidewire_play::{
    flow::Player,
    http::Http,
    link::{Inbox, Transport},
    mock::{Mischief, Mock, Options},
    site::{AppKeys, Keys, Site},
    wire::{Frame, Kind},
};
use time::macros::datetime;

const FLOW: &str = "ana, boris join room:r1
    ana sends roll.ask { roll: roll-1, sides: 6 }
    engine receives roll.ask { sides: 6 }
    engine answers { roll: roll-1, luck: good }
    engine sends dice.rolled { roll: roll-1, shows: 4 }
    ana receives roll.ask.ack
    ana, boris receive dice.rolled
    ana sends roll.ask { roll: roll-2, sides: 99 }
    engine receives roll.ask { sides: 99 }
    engine answers { code: CONFLICT, message: There is no such die }
    ana receives roll.ask.error";

/// A client's view of a mock: its address, and the tokens that it hands out.
async fn site(mock: &Mock, contract: &Arc<Contract>) -> Site {
    let described = mock.described().await.unwrap();
    let tokens = described["tokens"].as_object().unwrap().iter().map(|(n, t)| (n.clone(), t.as_str().unwrap().to_owned()));
    let app = described["pusher"].as_object().map(|app| AppKeys {
        id: app["app_id"].as_str().unwrap().to_owned(),
        key: app["key"].as_str().unwrap().to_owned(),
        secret: app["secret"].as_str().unwrap().to_owned(),
    });
    let backend = described["backend_key"].as_str().map(str::to_owned);
    Site::new(contract.clone(), &mock.url, Keys { tokens: tokens.collect(), app, backend, ..Keys::default() })
}

async fn ask(mock: &Mock, body: Value) -> Value {
    let answer = Http::default().call(Method::POST, &format!("{}/mock/events", mock.url), &[], Some(&body)).await.unwrap();
    assert!(answer.status.is_success(), "{}", answer.body);
    answer.body
}

async fn events(inbox: &Arc<Inbox>, many: usize) -> Vec<Frame> {
    let some = inbox.wait(|arrived| {
        let events: Vec<Frame> = arrived.iter().filter(|a| a.frame.is_event()).map(|a| a.frame.clone()).collect();
        (events.len() >= many).then_some(events)
    });
    tokio::time::timeout(Duration::from_secs(60), some).await.expect("events in time")
}

// C-12: mock events exist, and every event can be triggered alone.
#[tokio::test(flavor = "multi_thread")]
async fn every_event_can_be_made_to_happen_alone() {
    let contract = chat(FLOW);
    let mock = Mock::start(&contract, Options { rate: 0.0, ..Options::default() }).await.unwrap();
    let site = site(&mock, &contract).await;
    let mut boris = Player::new("boris", Transport::WebSocket);
    boris.join(&site, "room:r1").await.unwrap();
    for (event_type, shows) in [
        ("message.created", "message.created"),
        ("message.send", "message.created"),
        ("dice.rolled", "dice.rolled"),
        ("roll.ask", "dice.rolled"),
    ] {
        let before = boris.inbox.look(|arrived| arrived.iter().filter(|a| a.frame.is_event()).count());
        let told = ask(&mock, json!({ "type": event_type, "channel": "room:r1" })).await;
        assert_eq!(told["type"], event_type, "{told}");
        let came = events(&boris.inbox, before + 1).await;
        assert_eq!(came[before].spelled, shows, "{event_type}: {told}");
    }
    // One with a payload of ours, and one for boris alone.
    let told = ask(&mock, json!({ "type": "note.added", "channel": "room:r1", "data": { "for": "boris", "text": "Psst" } })).await;
    assert_eq!(told["channel"], "room:r1");
    assert_eq!(events(&boris.inbox, 5).await[4].payload["text"], "Psst");
    let refused = Http::default()
        .call(Method::POST, &format!("{}/mock/events", mock.url), &[], Some(&json!({ "type": "message.sent" })))
        .await
        .unwrap();
    assert_eq!(refused.status, 422);
    assert!(refused.body["message"].as_str().unwrap().contains("message.created"), "{}", refused.body);
    boris.disconnect().await;
    mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_answered_as_the_flows_have_it_with_their_own_values() {
    let contract = chat(FLOW);
    let mock = Mock::start(&contract, Options { rate: 0.0, ..Options::default() }).await.unwrap();
    let asked = ask(&mock, json!({ "type": "roll.ask", "channel": "room:r1", "data": { "roll": "my-own", "sides": 6 } })).await;
    let received = asked["received"].as_array().unwrap();
    let ack = received.iter().find(|frame| frame["type"] == "roll.ask.ack").unwrap_or_else(|| panic!("{asked}"));
    assert_eq!(ack["data"], json!({ "roll": "my-own", "luck": "good" }), "the flow's answer, of the request at hand");
    let rolled = received.iter().find(|frame| frame["type"] == "dice.rolled").unwrap_or_else(|| panic!("{asked}"));
    assert_eq!(rolled["data"], json!({ "roll": "my-own", "shows": 4 }));
    let refused = ask(&mock, json!({ "type": "roll.ask", "channel": "room:r1", "data": { "roll": "another", "sides": 99 } })).await;
    let error = &refused["received"][0];
    assert_eq!((&error["type"], &error["data"]["code"]), (&json!("roll.ask.error"), &json!("CONFLICT")), "{refused}");
    mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn things_happen_by_themselves_at_a_rate() {
    let contract = chat(FLOW);
    let mock = Mock::start(&contract, Options { rate: 50.0, ..Options::default() }).await.unwrap();
    let site = site(&mock, &contract).await;
    for transport in [Transport::WebSocket, Transport::Sse, Transport::Poll] {
        let mut ana = Player::new("ana", transport);
        ana.join(&site, "room:r1").await.unwrap();
        for frame in events(&ana.inbox, 5).await {
            let event = contract.event(&frame.spelled).unwrap();
            assert!(event.validate(&frame.payload).is_empty(), "{frame:?}");
        }
        ana.disconnect().await;
    }
    mock.stop().await;
}

/// What a client on both rooms is told of what is made up, one event after the other, until so many were made: types and payloads, in order,
/// per connection.
async fn told(mischief: Mischief, seed: u64) -> Vec<Vec<(String, Value)>> {
    let late = mischief.late > 0.0;
    let contract = chat(FLOW);
    let now = Some(datetime!(2026-01-31 10:00 UTC));
    let mock = Mock::start(&contract, Options { rate: 0.0, seed, mischief, now, ..Options::default() }).await.unwrap();
    let site = site(&mock, &contract).await;
    let mut ana = Player::new("ana", Transport::WebSocket);
    let mut connections: Vec<Vec<(String, Value)>> = Vec::new();
    let mut read = 0;
    ana.join(&site, "room:r1").await.unwrap();
    ana.join(&site, "room:r2").await.unwrap();
    for number in 0..60 {
        let room = if number % 3 == 2 { "room:r2" } else { "room:r1" };
        ask(&mock, json!({ "type": "message.created", "channel": room })).await;
        // What was published has passed the relay before the next is made; of a connection that has ended nothing more comes.
        if let Some(link) = ana.links.first() {
            link.fence().await;
        }
        if ana.inbox.look(|arrived| arrived[read..].iter().any(|a| a.frame.kind == Kind::Ended)) {
            connections.push(drain(&ana.inbox, &mut read));
            ana.reconnect(&site).await.unwrap();
        }
    }
    if let Some(link) = ana.links.first() {
        link.fence().await;
    }
    // Events that are held back come out by themselves: when nothing has come for so long, none is.
    loop {
        if !late {
            break;
        }
        let seen = ana.inbox.len();
        let more = ana.inbox.wait(|arrived| (arrived.len() > seen).then_some(()));
        if tokio::time::timeout(Duration::from_secs(5), more).await.is_err() {
            break;
        }
    }
    connections.push(drain(&ana.inbox, &mut read));
    ana.disconnect().await;
    mock.stop().await;
    connections
}

fn drain(inbox: &Inbox, read: &mut usize) -> Vec<(String, Value)> {
    inbox.look(|arrived| {
        let new = arrived[*read..].iter().filter(|a| a.frame.is_event() || a.frame.spelled == "gap" || a.frame.kind == Kind::Ended);
        let told = new
            .map(|a| {
                let payload = if a.frame.spelled == "gap" {
                    json!([a.frame.whole["room"], a.frame.whole["reason"]])
                } else {
                    a.frame.payload.clone()
                };
                (a.frame.spelled.clone(), payload)
            })
            .collect();
        *read = arrived.len();
        told
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_gaps_and_late_events_happen_and_happen_again_with_the_same_seed() {
    let mischief: Mischief = "duplicates=0.2,gaps=0.1,late=0.2".parse().unwrap();
    let (one, again, other) = (told(mischief.clone(), 7).await, told(mischief.clone(), 7).await, told(mischief, 8).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    let [told] = one.as_slice() else { panic!("one connection: {one:?}") };
    assert!(told.windows(2).any(|two| two[0] == two[1] && two[0].0 == "message.created"), "no duplicate: {told:?}");
    assert!(told.iter().any(|(spelled, said)| spelled == "gap" && said[1] == "expired"), "no gap: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn late_is_late_behind_other_channels_and_in_order_on_its_own() {
    let plain: Vec<(String, Value)> = told(Mischief::default(), 7).await.remove(0);
    let late: Vec<(String, Value)> = told("late=0.5".parse().unwrap(), 7).await.remove(0);
    assert_ne!(plain, late, "nothing was late");
    let sorted = |told: &[(String, Value)]| {
        let mut texts: Vec<String> = told.iter().map(|t| format!("{t:?}")).collect();
        texts.sort();
        texts
    };
    assert_eq!(sorted(&plain), sorted(&late), "nothing is lost, nothing comes twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_closed_in_every_way_and_resuming_misses_nothing() {
    let plain: Vec<(String, Value)> = told(Mischief::default(), 3).await.remove(0);
    let connections = told("closed-sockets=0.25".parse().unwrap(), 3).await;
    assert!(connections.len() > 3, "hardly ever closed: {connections:?}");
    let ends: std::collections::BTreeSet<String> =
        connections.iter().flatten().filter(|(s, _)| s == "close").map(|(_, said)| said["code"].to_string()).collect();
    assert!(ends.len() > 1, "always the same end: {ends:?}");
    let mut all: Vec<(String, Value)> = connections.into_iter().flatten().filter(|(spelled, _)| spelled != "close").collect();
    let mut texts: Vec<String> = all.drain(..).map(|t| format!("{t:?}")).collect();
    texts.sort();
    let mut expected: Vec<String> = plain.iter().map(|t| format!("{t:?}")).collect();
    expected.sort();
    assert_eq!(texts, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_end_while_their_owner_is_connected() {
    let contract = chat(FLOW);
    let options = Options { rate: 0.0, mischief: "expired-tokens=1".parse().unwrap(), ..Options::default() };
    let mock = Mock::start(&contract, options).await.unwrap();
    let site = site(&mock, &contract).await;
    let mut ana = Player::new("ana", Transport::WebSocket);
    ana.join(&site, "room:r1").await.unwrap();
    let ended = ana.inbox.wait(|arrived| arrived.iter().find(|a| a.frame.kind == Kind::Ended).map(|a| a.frame.payload["code"].clone()));
    let code = tokio::time::timeout(Duration::from_secs(60), ended).await.expect("the token ends");
    assert_eq!(code, 4401);
    let fresh = Http::default().call(Method::GET, &format!("{}/mock/tokens/ana", mock.url), &[], None).await.unwrap();
    assert!(fresh.body["expires_in"].as_u64().is_some_and(|s| s <= 12), "{}", fresh.body);
    let keys = Keys { tokens: [("ana".to_owned(), fresh.body["token"].as_str().unwrap().to_owned())].into(), ..Keys::default() };
    let mut again = Player::new("ana", Transport::WebSocket);
    again.join(&Site::new(contract.clone(), &mock.url, keys), "room:r1").await.unwrap();
    assert!(again.inbox.look(|arrived| arrived.iter().all(|a| !a.frame.is_trouble())));
    again.disconnect().await;
    mock.stop().await;
}

#[test]
fn what_can_go_wrong_is_named() {
    assert_eq!("duplicates=0.5, gaps".parse::<Mischief>().unwrap().to_string(), "duplicates=0.5,gaps=0.1");
    assert!("".parse::<Mischief>().unwrap().is_none());
    assert!("gap".parse::<Mischief>().unwrap_err().contains("duplicates, gaps, late, expired-tokens, closed-sockets"));
    assert!("gaps=2".parse::<Mischief>().unwrap_err().contains("from 0 to 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn event_streams_meet_the_same() {
    let contract = chat(FLOW);
    let options = Options { rate: 0.0, mischief: "duplicates=1".parse().unwrap(), ..Options::default() };
    let mock = Mock::start(&contract, options).await.unwrap();
    let site = site(&mock, &contract).await;
    let mut ana = Player::new("ana", Transport::Sse);
    ana.join(&site, "room:r1").await.unwrap();
    ask(&mock, json!({ "type": "message.created", "channel": "room:r1" })).await;
    let twice = events(&ana.inbox, 2).await;
    assert_eq!(twice[0], twice[1], "with the same id in the stream");
    ana.disconnect().await;
    mock.stop().await;

    let options = Options { rate: 0.0, mischief: "gaps=1".parse().unwrap(), ..Options::default() };
    let mock = Mock::start(&contract, options).await.unwrap();
    let site = self::site(&mock, &contract).await;
    let mut boris = Player::new("boris", Transport::Sse);
    boris.join(&site, "room:r1").await.unwrap();
    for _ in 0..5 {
        ask(&mock, json!({ "type": "message.created", "channel": "room:r1" })).await;
    }
    let gap = boris.inbox.wait(|arrived| arrived.iter().find(|a| a.frame.spelled == "gap").map(|a| a.frame.whole.clone()));
    let gap = tokio::time::timeout(Duration::from_secs(60), gap).await.expect("a gap");
    assert_eq!((&gap["room"], &gap["reason"]), (&json!("room:r1"), &json!("expired")));
    assert!(gap["to"].as_str().unwrap().ends_with(|c: char| ('2'..='4').contains(&c)), "one to three events are lost: {gap}");
    boris.disconnect().await;
    mock.stop().await;
}
