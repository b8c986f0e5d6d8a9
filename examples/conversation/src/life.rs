//! A life of its own: a host who says something now and then, and corrects or takes back what was said.

use crate::{Backend, Message};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tidewire_example_backend::{Event, Publisher, life::Chance};

const CHANNEL: &str = "conversation:c1";
const HOST: &str = "host";
const SAID: &[&str] =
    &["Good morning", "Has anybody seen the minutes?", "Lunch at half past twelve", "The build is green", "Who has the key of room 3?"];
/// Messages of the host that stay.
const KEPT: usize = 5;

pub(crate) async fn live(backend: Arc<Backend>, publisher: Publisher, seed: u64) {
    let mut chance = Chance::new(seed);
    loop {
        tokio::time::sleep(Duration::from_millis(1000 + chance.below(2000) as u64)).await;
        let mine: Vec<Message> = match backend.room(CHANNEL).await {
            Ok(room) => room.lock().await.messages().filter(|m| m.author == HOST).cloned().collect(),
            Err(_) => continue,
        };
        let event = next(&mine, &mut chance);
        // What somebody was faster with is not done.
        let _ = publisher.publish(&[event]).await;
    }
}

fn next(mine: &[Message], chance: &mut Chance) -> Event {
    let (event_type, data) = match (chance.below(4), mine.first(), mine.last()) {
        (_, Some(oldest), _) if mine.len() > KEPT => ("message.deleted", json!({ "id": oldest.id })),
        (0, _, Some(newest)) => {
            let text = format!("{}!", newest.text.trim_end_matches('!'));
            ("message.updated", json!({ "id": newest.id, "changes": { "text": text }, "version": newest.version + 1 }))
        }
        _ => {
            let text = chance.pick(SAID).copied().unwrap_or_default();
            let message = json!({ "conversation": "c1", "text": text, "author": HOST, "version": 1 });
            ("message.created", json!({ "id": uuid::Uuid::new_v4().to_string(), "data": message }))
        }
    };
    Event { channel: CHANNEL.into(), event_type: event_type.into(), data, key: uuid::Uuid::new_v4().to_string(), ..Event::default() }
}
