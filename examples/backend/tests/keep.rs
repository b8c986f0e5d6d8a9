//! State and events stay together, whatever the server, the disk or the client does.

mod fake;

use fake::{Fake, Fault, Folder, KEY};
use serde_json::json;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tidewire_example_backend::{Event, Keep, Keys, Publisher, Refusal};

fn open(fake: &Fake, folder: Option<PathBuf>) -> Keep<u32> {
    Keep::open(folder, 0, uuid::Uuid::new_v4().to_string(), Publisher::new(&fake.url, KEY)).unwrap()
}

/// One more, told as the name of a place.
fn count(state: &u32, keys: &mut Keys) -> Result<(u32, Vec<Event>), Refusal> {
    let next = state + 1;
    let event = |key| Event {
        channel: "world:w1".into(),
        event_type: "place.updated".into(),
        data: json!({ "id": "p1", "name": next.to_string() }),
        key,
        ..Event::default()
    };
    Ok((next, vec![event(keys.next_key())]))
}

fn told(fake: &Fake) -> Vec<u32> {
    fake.log().iter().map(|s| s.data["name"].as_str().unwrap().parse().unwrap()).collect()
}

// W-6, W-7
#[tokio::test]
async fn order_and_onceness_hold_when_half_of_the_requests_go_wrong() {
    let fake = Fake::start("world").await;
    fake.fail_by_chance(11);
    let keep = open(&fake, None);
    for _ in 0..40 {
        keep.change(None, count).await.unwrap();
        let look = keep.look();
        assert_eq!(look.positions["world:w1"], fake.position("world:w1"));
        assert_eq!(look.state as usize, fake.log().len());
    }
    assert!(fake.requests() > 50, "nothing went wrong");
    assert_eq!(told(&fake), (1..=40).collect::<Vec<_>>());
}

// W-6: a change that nobody waits for any more is published all the same, and before the next one.
#[tokio::test]
async fn a_change_that_is_dropped_half_way_comes_before_the_next() {
    let fake = Fake::start("world").await;
    let keep = open(&fake, None);
    for fault in [Fault::LostBefore, Fault::LostAfter, Fault::Unavailable] {
        fake.fail(vec![fault; 20]);
        let before = keep.look();
        let dropped = tokio::time::timeout(Duration::from_millis(200), keep.change(None, count)).await;
        assert!(dropped.is_err());
        // Not yet certain: the state is still that of the position.
        assert_eq!((keep.look().state, keep.look().positions), (before.state, before.positions));
        fake.heal();
        keep.change(None, count).await.unwrap();
        assert_eq!(keep.look().state, before.state + 2);
    }
    assert_eq!(told(&fake), (1..=6).collect::<Vec<_>>());
}

// W-7: killed between writing down and the answer, the next start publishes the same under the same key.
#[tokio::test]
async fn what_an_earlier_run_left_is_published_first_and_once() {
    for fault in [Fault::LostBefore, Fault::LostAfter] {
        let (fake, folder) = (Fake::start("world").await, Folder::new());
        let keep = open(&fake, Some(folder.0.clone()));
        keep.change(Some("a"), count).await.unwrap();
        fake.fail(vec![fault; 20]);
        let killed = tokio::time::timeout(Duration::from_millis(200), keep.change(Some("b"), count)).await;
        assert!(killed.is_err());
        drop(keep);
        fake.heal();
        let keep = open(&fake, Some(folder.0.clone()));
        let again = keep.change(Some("b"), count).await.unwrap();
        assert_eq!((again.len(), again[0].position.as_str()), (1, "0:2"), "{fault:?}: answered, not done again");
        assert_eq!(keep.change(Some("a"), count).await.unwrap()[0].position, "0:1");
        keep.change(Some("c"), count).await.unwrap();
        assert_eq!(told(&fake), [1, 2, 3], "{fault:?}");
        assert_eq!(keep.look().state, 3);
    }
}

// W-7: the same request from many sides at once.
#[tokio::test]
async fn a_request_is_done_once_however_often_it_comes() {
    let fake = Fake::start("world").await;
    fake.fail_by_chance(5);
    let keep = Arc::new(open(&fake, None));
    let many: Vec<_> = (0..8)
        .map(|_| {
            let keep = keep.clone();
            tokio::spawn(async move { keep.change(Some("req_1"), count).await.unwrap() })
        })
        .collect();
    let mut answers = Vec::new();
    for one in many {
        answers.push(one.await.unwrap());
    }
    assert!(answers.windows(2).all(|w| w[0] == w[1]));
    assert_eq!(told(&fake), [1]);
}

#[tokio::test]
async fn what_is_refused_did_not_happen() {
    let fake = Fake::start("world").await;
    let keep = open(&fake, None);
    keep.change(None, count).await.unwrap();
    fake.fail([Fault::Refused]);
    let refusal = keep.change(Some("r"), count).await.unwrap_err();
    assert_eq!(refusal.status, 502);
    assert_eq!((keep.look().state, keep.look().positions["world:w1"].as_str()), (1, "0:1"));
    keep.change(Some("r"), count).await.unwrap();
    assert_eq!(told(&fake), [1, 2]);
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_published() {
    let (fake, folder) = (Fake::start("world").await, Folder::new());
    let data = folder.0.join("data");
    let keep = open(&fake, Some(data.clone()));
    std::fs::write(&data, "a file where the folder should be").unwrap();
    let refusal = keep.change(None, count).await.unwrap_err();
    assert_eq!(refusal.status, 503);
    assert_eq!((keep.look().state, fake.requests()), (0, 0));
    std::fs::remove_file(&data).unwrap();
    keep.change(None, count).await.unwrap();
    assert_eq!(told(&fake), [1]);
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_stays_as_it_is() {
    let (fake, folder) = (Fake::start("world").await, Folder::new());
    let path = folder.0.join("state.json");
    std::fs::write(&path, "{\"state\": 7").unwrap();
    let error = Keep::<u32>::open(Some(folder.0.clone()), 0, "i".into(), Publisher::new(&fake.url, KEY)).err().unwrap();
    assert!(error.to_string().contains("state.json"), "{error}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"state\": 7");
}

// A repeat of something old is answered with its old position; that is not where the state stands.
#[tokio::test]
async fn positions_never_go_back_but_into_another_log() {
    let fake = Fake::start("world").await;
    let keep = open(&fake, None);
    let named = |state: &u32, keys: &mut Keys| {
        let (_, mut events) = count(state, keys)?;
        events[0].key = keys.named("first");
        Ok((*state, events))
    };
    keep.change(None, named).await.unwrap();
    keep.change(None, count).await.unwrap();
    keep.change(None, named).await.unwrap();
    assert_eq!((keep.look().positions["world:w1"].as_str(), fake.log().len()), ("0:2", 2));
    fake.lose_everything();
    keep.change(None, named).await.unwrap();
    assert_eq!(keep.look().positions["world:w1"], "1:1");
}
