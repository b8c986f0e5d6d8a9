//! Tells users of messages that mention them, or answer one of theirs.
//!
//! It looks at all conversations now and then, and publishes each notification under a key of its own: killed anywhere, it tells
//! the same again, and the server knows that it did.

use crate::{Backend, Message, Room};
use serde_json::json;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tidewire_example_backend::{Event, Publisher};

const LOOK: Duration = Duration::from_millis(500);

pub(crate) async fn watch(backend: Arc<Backend>, publisher: Publisher) {
    // By conversation: the newest `seq` that was looked at, and the place of the last message that was told of.
    let mut seen: HashMap<String, (u64, u64)> = HashMap::new();
    loop {
        // What cannot be read now is read the next time.
        for (channel, seq) in backend.log.conversations().await.unwrap_or_default() {
            let (looked, told) = seen.get(&channel).copied().unwrap_or_default();
            if looked == seq {
                continue;
            }
            let Ok(room) = backend.room(&channel).await else { continue };
            let (events, last) = {
                let room = room.lock().await;
                // A log that began anew is told from its beginning.
                let told = if seq < looked { 0 } else { told };
                let new: Vec<(u64, &Message)> = room.written_after(told).collect();
                let events: Vec<Event> = new.iter().flat_map(|(_, message)| notifications(&channel, &room, message)).collect();
                (events, new.last().map_or(told, |(place, _)| *place))
            };
            if !events.is_empty()
                && let Err(refused) = publisher.publish(&events).await
            {
                eprintln!("conversation: notifications were refused: {refused}");
            }
            seen.insert(channel, (seq, last));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Only those who have written in the conversation: others may not be of it, and what is said there is not for them.
fn notifications(channel: &str, room: &Room, message: &Message) -> Vec<Event> {
    let answered = message.reply_to.as_deref().and_then(|id| room.author_of(id)).map(|user| (user, "reply"));
    let mentioned = mentions(&message.text).filter(|user| room.knows(user)).map(|user| (user, "mention"));
    let mut told: Vec<(&str, &str)> = Vec::new();
    for (user, kind) in answered.into_iter().chain(mentioned) {
        if user != message.author && told.iter().all(|(known, _)| *known != user) {
            told.push((user, kind));
        }
    }
    let conversation = channel.strip_prefix("conversation:").unwrap_or(channel);
    let event = |(user, kind): (&str, &str)| {
        let key = format!("{kind}/{}/{user}", message.id);
        let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, key.as_bytes()).to_string();
        let data = json!({ "kind": kind, "conversation": conversation, "message": message.id, "by": message.author, "text": message.text });
        let data = json!({ "id": id, "data": data });
        Event { channel: format!("user:{user}"), event_type: "notification.created".into(), data, key, ..Event::default() }
    };
    told.into_iter().map(event).collect()
}

/// `@boris, @clara!` names boris and clara.
fn mentions(text: &str) -> impl Iterator<Item = &str> {
    text.split('@').skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
        Some(&rest[..end]).filter(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Heard;
    use serde_json::Value;

    fn room(said: &[(&str, &str, &str, Value)]) -> Room {
        let mut room = Room::default();
        for (id, author, text, reply_to) in said {
            let data = json!({ "id": id, "data": { "author": author, "text": text, "reply_to": reply_to, "version": 1 } });
            room.hear(Heard { event_type: "message.created".into(), data, at: String::new() });
        }
        room
    }

    #[test]
    fn who_is_of_the_conversation_is_told_once() {
        let room = room(&[
            ("m1", "ana", "hello", Value::Null),
            ("m2", "boris", "hi @ana, @ana and @eve; I am @boris", Value::Null),
            ("m3", "boris", "yes @ana", json!("m1")),
        ]);
        let told = |at: usize| {
            let message = room.messages().nth(at).unwrap();
            notifications("conversation:c1", &room, message)
                .into_iter()
                .map(|e| (e.channel, e.data["data"]["kind"].clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(0), []);
        assert_eq!(told(1), [("user:ana".to_owned(), json!("mention"))], "eve may be nobody's business, and boris knows");
        assert_eq!(told(2), [("user:ana".to_owned(), json!("reply"))]);
    }
}
