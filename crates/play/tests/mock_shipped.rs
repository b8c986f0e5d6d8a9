//! Each of the shipped contracts can be mocked: something happens, and every event can be made to.

use serde_json::json;
use std::{path::Path, sync::Arc, time::Duration};
use tidewire_contract::{Contract, Publisher, load_all};
use tidewire_play::{
    flow::Player,
    link::Transport,
    mock::{Mock, Options, Trigger},
    sample::concrete,
    site::{AppKeys, Keys, Site},
};

async fn serves(name: &str) {
    let contracts = load_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts")).unwrap();
    let contract: Arc<Contract> = contracts.into_iter().find(|c| c.name == name).unwrap_or_else(|| panic!("there is no contract {name}"));
    let mock = Mock::start(&contract, Options { rate: 20.0, ..Options::default() }).await.unwrap();
    let described = mock.described().await.unwrap();
    assert!(!described["channels"].as_array().unwrap().is_empty(), "nothing happens anywhere: {described}");
    assert!(mock.in_words().await.unwrap().contains("try"));

    // Something happens by itself, and somebody sees it.
    let tokens = described["tokens"].as_object().unwrap();
    let app = described["pusher"].as_object().map(|app| AppKeys {
        id: app["app_id"].as_str().unwrap().to_owned(),
        key: app["key"].as_str().unwrap().to_owned(),
        secret: app["secret"].as_str().unwrap().to_owned(),
    });
    let keys = Keys { app, tokens: tokens.iter().map(|(n, t)| (n.clone(), t.as_str().unwrap().to_owned())).collect(), ..Keys::default() };
    let site = Site::new(contract.clone(), &mock.url, keys);
    let transport = Transport::both_ways(&contract);
    let mut seen = false;
    'all: for channel in described["channels"].as_array().unwrap().iter().filter_map(|c| c.as_str()) {
        for actor in tokens.keys() {
            let mut player = Player::new(actor, transport);
            if player.join(&site, channel).await.is_err() || player.inbox.look(|a| a.iter().any(|a| a.frame.is_trouble())) {
                player.disconnect().await;
                continue;
            }
            let event =
                player.inbox.wait(|arrived| arrived.iter().find(|a| contract.event(&a.frame.spelled).is_some()).map(|a| a.frame.clone()));
            let frame = tokio::time::timeout(Duration::from_secs(60), event).await.expect("something happens");
            assert!(contract.event(&frame.spelled).unwrap().validate(&frame.payload).is_empty(), "{frame:?}");
            player.disconnect().await;
            seen = true;
            break 'all;
        }
    }
    assert!(seen, "nobody can see anything");

    // C-12: every event can be made to happen alone.
    for event in &contract.events {
        for event_type in concrete(event) {
            let wanted = Trigger { event_type: event_type.clone(), channel: None, data: None };
            let told = mock.trigger(&wanted).await.unwrap_or_else(|why| panic!("{name}: {event_type}: {why}"));
            if event.from == Publisher::Backend {
                assert!(told["seq"].as_u64().is_some(), "{told}");
            } else {
                assert!(told["as"].is_string(), "{told}");
            }
            if event.from == Publisher::Client && contract.wire.server(tidewire_contract::ServerFrame::Ack).is_some() {
                assert_ne!(told["received"], json!([]), "nobody answered: {told}");
            }
        }
    }
    mock.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_party_can_be_mocked() {
    serves("party").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_conversations_can_be_mocked() {
    serves("conversation").await;
}

/// Whoever has actors has somebody who can come in.
#[tokio::test(flavor = "multi_thread")]
async fn all_others_that_have_actors_can_be_mocked() {
    let contracts = load_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts")).unwrap();
    for contract in contracts.iter().filter(|c| !c.actors.is_empty() && !["conversation", "party"].contains(&c.name.as_str())) {
        serves(&contract.name).await;
    }
}
