//! Flows and mocks of a contract whose clients are devices that speak the Pusher protocol.

mod support;

use serde_json::json;
use std::time::Duration;
use support::kitchen;
use tidewire_play::{
    flow::{Against, Difference, Options, Outcome, Player, play, text},
    link::Transport,
    mock::{Mock, Options as MockOptions, Trigger},
    site::{AppKeys, Keys, Site},
};

async fn as_written(steps: &str) {
    let plays = play(&kitchen(steps), &Options::default(), Against::Own, &mut |_| {}).await;
    let [play] = plays.as_slice() else { panic!("one play: {plays:?}") };
    assert!(play.is_as_written(), "{}", text(play));
    assert_eq!(play.transport, Transport::Pusher);
}

async fn differs(steps: &str) -> Difference {
    let options = Options { timeout: Some(Duration::from_secs(3)), ..Options::default() };
    let plays = play(&kitchen(steps), &options, Against::Own, &mut |_| {}).await;
    match &plays[0].outcome {
        Outcome::Differs(difference) => (**difference).clone(),
        other => panic!("{other:?}"),
    }
}

// K-1, K-3
#[tokio::test(flavor = "multi_thread")]
async fn devices_are_registered_and_their_subscriptions_are_signed() {
    as_written(
        "till joins private-shop.s1.orders
         grill joins private-shop.s1.kds
         shop sends OrderCreated { id: 7, status: accepted } to private-shop.s1.orders
         till receives OrderCreated { id: 7 }
         grill receives nothing
         shop sends TicketCreated { id: 8, status: accepted } to private-shop.s1.kds
         grill receives TicketCreated { id: 8 }
         till receives nothing",
    )
    .await;
}

// K-3: each refusal says which check failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_as_the_libraries_tell_it() {
    as_written(
        "grill joins private-shop.s1.orders
         grill receives pusher:subscription_error { status: 403, type: AuthError, check: ability }
         other joins private-shop.s1.kds
         other receives pusher:subscription_error { check: join }",
    )
    .await;
    let unsaid = differs("grill joins private-shop.s1.orders").await;
    assert!(unsaid.message.starts_with("grill was told pusher:subscription_error"), "{unsaid:?}");
}

// K-12
#[tokio::test(flavor = "multi_thread")]
async fn members_come_and_go() {
    as_written(
        "till joins presence-shop.s1.screens
         grill joins presence-shop.s1.screens
         till receives pusher_internal:member_added { user_info: { type: KDS } }
         grill leaves presence-shop.s1.screens
         till receives pusher_internal:member_removed",
    )
    .await;
}

// K-10, K-11
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_gets_what_it_missed() {
    as_written(
        "till joins private-shop.s1.orders
         shop sends OrderCreated { id: 1, status: accepted }
         till receives OrderCreated { id: 1 }
         till disconnects
         shop sends OrderCreated { id: 2, status: ready }
         till reconnects
         till receives OrderCreated { id: 2 }
         till receives nothing",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_shown() {
    let wrong = differs(
        "till joins private-shop.s1.orders
         shop sends OrderCreated { id: 1, status: accepted }
         till receives OrderCreated { id: 1, status: ready }",
    )
    .await;
    assert_eq!(wrong.nearest.unwrap().fields[0].path, "status");
    let seen = differs(
        "till joins private-shop.s1.orders
         shop sends OrderCreated { id: 1, status: accepted }
         till receives nothing",
    )
    .await;
    assert!(seen.message.starts_with("till was to receive nothing, and received OrderCreated"), "{seen:?}");
}

// C-12
#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_mocked() {
    let contract = kitchen("till joins private-shop.s1.orders");
    let options = MockOptions { rate: 0.0, mischief: "expired-tokens=1".parse().unwrap(), ..MockOptions::default() };
    let mock = Mock::start(&contract, options).await.unwrap();
    let described = mock.described().await.unwrap();
    assert_eq!(
        described["channels"],
        json!(["private-shop.s1.orders", "private-shop.s2.orders", "private-shop.s1.kds", "private-shop.s2.kds"])
    );
    let token = described["tokens"]["till"].as_str().unwrap().to_owned();
    assert!(token.starts_with("1|"), "{token}");
    let told = mock.trigger(&Trigger { event_type: "OrderCreated".into(), channel: None, data: None }).await.unwrap();
    assert_eq!((&told["channel"], told["data"]["id"].is_u64()), (&json!("private-shop.s1.orders"), true));
    mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_told_in_the_words_of_the_protocol() {
    let contract = kitchen("till joins private-shop.s1.orders");
    let options = MockOptions { rate: 0.0, mischief: "gaps=1".parse().unwrap(), ..MockOptions::default() };
    let mock = Mock::start(&contract, options).await.unwrap();
    let described = mock.described().await.unwrap();
    let app = AppKeys { id: "1".into(), key: described["pusher"]["key"].as_str().unwrap().into(), secret: String::new() };
    let tokens = [("till".to_owned(), described["tokens"]["till"].as_str().unwrap().to_owned())].into();
    let site = Site::new(contract.clone(), &mock.url, Keys { tokens, app: Some(app), ..Keys::default() });
    let mut till = Player::new("till", Transport::Pusher);
    till.join(&site, "private-shop.s1.orders").await.unwrap();
    for _ in 0..5 {
        let wanted = Trigger { event_type: "OrderCreated".into(), channel: Some("private-shop.s1.orders".into()), data: None };
        mock.trigger(&wanted).await.unwrap();
    }
    let gap = till.inbox.wait(|arrived| arrived.iter().find(|a| a.frame.spelled == "tidewire:gap").map(|a| a.frame.clone()));
    let gap = tokio::time::timeout(Duration::from_secs(60), gap).await.expect("a gap");
    assert_eq!((&gap.whole["channel"], &gap.payload["reason"]), (&json!("private-shop.s1.orders"), &json!("expired")));
    till.disconnect().await;
    mock.stop().await;
}
