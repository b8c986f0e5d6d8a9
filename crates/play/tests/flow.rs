//! Flows, played: what is as written, and every way in which it is not.

mod support;

use serde_json::json;
use std::time::Duration;
use support::{chat, chat_of, first_line};
use tidewire_play::{
    flow::{Against, Difference, Options, Outcome, Play, json as in_json, play, text},
    link::Transport,
};

async fn all(contract: &std::sync::Arc<tidewire_contract::Contract>, options: &Options) -> Vec<Play> {
    play(contract, options, Against::Own, &mut |_| {}).await
}

/// Every play is as written; over which transports.
async fn as_written(steps: &str) -> Vec<Transport> {
    let plays = all(&chat(steps), &Options::default()).await;
    for play in &plays {
        assert!(play.is_as_written(), "{}", text(play));
    }
    plays.iter().map(|play| play.transport).collect()
}

/// What differs over a transport. What is missing is waited for no longer than it takes to be told so.
async fn differs(steps: &str, transport: Transport) -> (Difference, String) {
    let options = Options { transports: vec![transport], timeout: Some(Duration::from_secs(3)), flow: None };
    let plays = all(&chat(steps), &options).await;
    let [play] = plays.as_slice() else { panic!("one play over {transport}: {plays:?}") };
    match &play.outcome {
        Outcome::Differs(difference) => ((**difference).clone(), text(play)),
        other => panic!("{other:?}"),
    }
}

// C-13: over every transport that can carry it, with those on it who only receive.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_the_room_over_every_transport() {
    let over = as_written(
        "ana, boris join room:r1
         ana sends message.send { id: m1, from: ana, text: Hello }
         ana receives message.send.ack
         ana, boris receive message.created { text: Hello }",
    )
    .await;
    assert_eq!(over, [Transport::WebSocket, Transport::Sse, Transport::Poll]);
}

// C-2, C-5
#[tokio::test(flavor = "multi_thread")]
async fn who_receives_nothing_receives_nothing_over_every_transport() {
    let over = as_written(
        "ana, boris join room:r1
         ana sends message.send { id: m1, from: ana, text: ($ 501 characters) }
         ana receives message.send.error { code: INVALID_PAYLOAD }
         boris receives nothing",
    )
    .await;
    assert_eq!(over, [Transport::WebSocket, Transport::Sse, Transport::Poll]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_one_is_seen_by_nobody_else() {
    as_written(
        "ana, boris join room:r1
         engine sends note.added { for: boris, text: Psst } to room:r1
         boris receives note.added { text: Psst }
         ana receives nothing
         engine sends note.added { for: ana, text: Hello } to room:r1
         ana receives note.added { text: Hello }",
    )
    .await;
}

// G-3: no gap and no repeat at the seam, over every transport.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_goes_on_from_where_it_was() {
    let over = as_written(
        "ana, boris join room:r1
         ana sends message.send { id: m1, from: ana, text: one }
         boris receives message.created { text: one }
         boris disconnects
         ana sends message.send { id: m2, from: ana, text: two }
         ana receives message.created { id: m1 }, message.created { id: m2 }
         boris reconnects
         boris receives message.created { text: two }
         boris receives nothing",
    )
    .await;
    assert_eq!(over, [Transport::WebSocket, Transport::Sse, Transport::Poll]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_told_so_and_who_left_hears_nothing() {
    as_written(
        "eve joins room:r1
         eve receives error { code: UNAUTHORIZED }
         ana, boris join room:r1
         boris leaves room:r1
         ana sends message.send { id: m1, from: ana, text: Hello }
         ana receives message.send.ack
         boris receives nothing",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_was_met_is_known_from_then_on() {
    let steps = "ana, boris join room:r1
         ana sends message.send { id: m1, from: ana, text: Hello }
         boris receives message.created { id: $message }
         boris sends message.send { id: $message, from: boris, text: Again }
         ana receives message.created { id: $message, from: ana }, message.created { id: $message, from: boris }";
    as_written(steps).await;
    let wrong = format!(
        "{steps}\n         ana sends message.send {{ id: m9, from: ana, text: Other }}\n         boris receives message.created {{ id: $message, from: ana, text: Other }}"
    );
    let (difference, _) = differs(&wrong, Transport::WebSocket).await;
    let nearest = difference.nearest.unwrap();
    assert_eq!((nearest.fields[0].path.as_str(), &nearest.fields[0].expected), ("id", &json!("m1")));
}

// P-6: what is handed to a backend is played by the one who plays the flow.
#[tokio::test(flavor = "multi_thread")]
async fn a_backend_takes_what_it_is_handed_and_answers_as_the_flow_says() {
    as_written(
        "ana, boris join room:r1
         ana sends roll.ask { roll: a1, sides: 6 }
         engine receives roll.ask { sides: 6 }
         engine sends dice.rolled { roll: a1, shows: 4 }
         engine answers { shows: 4 }
         ana receives roll.ask.ack { shows: 4 }
         ana, boris receive dice.rolled { shows: 4 }
         ana sends roll.ask { roll: a2, sides: 7 }
         engine receives roll.ask { roll: a2 }
         engine answers { code: CONFLICT, message: There is no such die }
         ana receives roll.ask.error { code: CONFLICT, message: There is no such die }
         boris receives nothing",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_was_asked_twice_was_not_asked_nothing() {
    let steps = "ana joins room:r1
         ana sends roll.ask { roll: a1, sides: 6 }
         ana receives roll.ask.ack
         engine receives roll.ask
         ana sends roll.ask { roll: a1, sides: 6 }
         ana receives roll.ask.ack
         engine receives nothing";
    as_written(steps).await;
    let wrong = steps.replace(
        "ana sends roll.ask { roll: a1, sides: 6 }\n         ana receives roll.ask.ack\n         engine receives nothing",
        "ana sends roll.ask { roll: a2, sides: 6 }\n         ana receives roll.ask.ack\n         engine receives nothing",
    );
    let (difference, _) = differs(&wrong, Transport::WebSocket).await;
    assert!(difference.message.starts_with("engine was to receive nothing, and received roll.ask"), "{difference:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_field_is_shown_beside_what_came() {
    let steps = "ana, boris join room:r1
         ana sends message.send { id: m1, from: ana, text: Hello }
         ana receives message.send.ack
         boris receives message.created { id: m1, text: Hallo }";
    for transport in [Transport::WebSocket, Transport::Sse, Transport::Poll] {
        let (difference, shown) = differs(steps, transport).await;
        assert_eq!((difference.step, difference.line), (4, first_line() + 3));
        assert!(difference.message.starts_with("boris received no message.created that is like this"), "{shown}");
        let nearest = difference.nearest.unwrap();
        assert_eq!(nearest.shown.spelled, "message.created");
        let [field] = nearest.fields.as_slice() else { panic!("{nearest:?}") };
        assert_eq!((field.path.as_str(), &field.expected, &field.came), ("text", &json!("Hallo"), &Some(json!("Hello"))));
        assert!(shown.contains("text: expected \"Hallo\", came \"Hello\""), "{shown}");
        assert!(shown.contains(&format!("contract.yaml:{} (step 4 of 4)", first_line() + 3)), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_event_is_told_with_what_came_in_its_place() {
    let (difference, shown) = differs(
        "ana, boris join room:r1
         ana sends message.send { id: m1, from: ana, text: Hello }
         boris receives dice.rolled",
        Transport::WebSocket,
    )
    .await;
    assert!(difference.message.starts_with("boris received no dice.rolled in"), "{shown}");
    assert!(difference.nearest.is_none());
    assert!(difference.beside.iter().any(|beside| beside.spelled == "message.created"), "{shown}");
}

// G-2
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_order_is_told_as_one() {
    let (difference, shown) = differs(
        "ana, boris join room:r1
         ana sends message.send { id: m1, from: ana, text: one }
         ana sends message.send { id: m2, from: ana, text: two }
         boris receives message.created { text: two }, message.created { text: one }",
        Transport::WebSocket,
    )
    .await;
    assert_eq!(difference.message, "boris received message.created before what the flow has come first", "{shown}");
    assert_eq!(difference.step, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_seen_by_one_who_must_receive_nothing_is_told() {
    let steps = "ana, boris join room:r1
         ana sends message.send { id: m1, from: ana, text: Hello }
         ana receives message.send.ack
         boris receives nothing
         ana receives message.created";
    for transport in [Transport::WebSocket, Transport::Sse, Transport::Poll] {
        let (difference, shown) = differs(steps, transport).await;
        assert!(difference.message.starts_with("boris was to receive nothing, and received message.created"), "{shown}");
        assert_eq!(difference.step, 4, "the step that says so, although it is found out later: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_the_flow_does_not_say_is_told_at_once() {
    let options = Options { timeout: Some(Duration::from_secs(600)), transports: vec![Transport::WebSocket], flow: None };
    let contract = chat_of(&[
        ("not her name", "ana joins room:r1\nana sends message.send { id: m1, from: boris, text: Hello }\nana receives message.created"),
        ("nobody says it", "ana joins room:r1\nana sends message.send { id: m1, from: boris, text: Hello }"),
        ("not let in", "ana, eve join room:r1\nana sends message.send { id: m1, from: ana, text: Hello }\neve receives message.created"),
    ]);
    let plays = all(&contract, &options).await;
    let expected = ["ana was told message.send.error", "ana was told message.send.error", "eve was told error"];
    assert_eq!(plays.len(), 3);
    for (play, begins) in plays.iter().zip(expected) {
        let Outcome::Differs(difference) = &play.outcome else { panic!("{play:?}") };
        assert!(difference.message.starts_with(begins), "{}", text(play));
        assert!(difference.message.contains("UNAUTHORIZED"), "{}", text(play));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_are_told_the_same() {
    let contract =
        chat("ana joins room:r1\nana sends message.send { id: m1, from: ana, text: Hello }\nana receives message.created { text: Hallo }");
    let options = Options { timeout: Some(Duration::from_secs(2)), ..Options::default() };
    let plays = all(&contract, &options).await;
    let told = in_json(&plays);
    assert_eq!(told[0]["ok"], false);
    assert_eq!(told[0]["difference"]["nearest"]["fields"], json!([{ "path": "text", "expected": "Hallo", "came": "Hello" }]));
    assert_eq!(told[0]["steps"][2]["state"], "differs");
    assert_eq!(told[0]["steps"][1]["state"], "as written");
}

// What "receives nothing" rests on: a ping is answered when all that there was to see before it has been written.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_answer_to_a_ping_has_had_what_was_published_before() {
    use tidewire_play::{
        flow::Player,
        site::{Local, Wishes},
    };
    let contract = chat("ana joins room:r1");
    let backends = vec![("engine".to_owned(), "http://127.0.0.1:1/engine".to_owned(), "a secret of at least 24 bytes".to_owned())];
    let local = Local::start(&contract, &Wishes { backends, ..Wishes::default() }).await.unwrap();
    for transport in [Transport::WebSocket, Transport::Poll] {
        let mut ana = Player::new("ana", transport);
        ana.join(&local.site, "room:r1").await.unwrap();
        for number in 0..150 {
            let data = json!({ "id": format!("m{number}"), "from": "ana", "text": "Hello" });
            local.site.publish(&json!({ "channel": "room:r1", "type": "message.created", "data": data })).await.unwrap();
            ana.links[0].fence().await;
            let came = ana.inbox.look(|arrived| arrived.iter().any(|a| a.frame.payload == data));
            assert!(came, "{transport}: the answer came before event {number}");
        }
        ana.disconnect().await;
    }
    local.stop().await;
}
