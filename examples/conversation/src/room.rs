//! The messages of one conversation, as its events tell them. The log is the truth; this is what it comes to.

use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tidewire_example_backend::Refusal;

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    pub id: String,
    pub text: String,
    /// Who wrote it.
    pub author: String,
    /// The id of the message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Grows by one with each change.
    pub version: u64,
    pub created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<String>,
}

/// Messages by id, in the order in which they were written.
#[derive(Debug, Clone, Default)]
pub struct Room {
    messages: BTreeMap<u64, Message>,
    places: BTreeMap<String, u64>,
    /// Those that are deleted.
    gone: BTreeSet<String>,
    /// Everybody who has written, and what: also what is deleted.
    authors: BTreeSet<String>,
    wrote: BTreeMap<String, String>,
    /// Everything up to here is in it: `epoch:seq`.
    pub position: Option<String>,
    written: u64,
}

/// An event of the conversation, as it is read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    pub event_type: String,
    pub data: Value,
    pub at: String,
}

impl Room {
    /// Takes in the next event.
    pub fn hear(&mut self, heard: Heard) {
        let Heard { event_type, data, at } = heard;
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        let id = text("id");
        match event_type.as_str() {
            "message.created" => {
                self.written += 1;
                self.places.insert(id.clone(), self.written);
                let written = &data["data"];
                let text = |name: &str| written[name].as_str().unwrap_or_default().to_owned();
                let version = written["version"].as_u64().unwrap_or(1);
                let reply_to = written["reply_to"].as_str().map(str::to_owned);
                let (text, author) = (text("text"), text("author"));
                self.authors.insert(author.clone());
                self.wrote.insert(id.clone(), author.clone());
                self.messages.insert(self.written, Message { id, text, author, reply_to, version, created_at: at, changed_at: None });
            }
            "message.updated" => {
                if let Some(message) = self.places.get(&id).and_then(|place| self.messages.get_mut(place)) {
                    if let Some(changed) = data["changes"]["text"].as_str() {
                        changed.clone_into(&mut message.text);
                    }
                    message.version = data["version"].as_u64().unwrap_or(message.version);
                    message.changed_at = Some(at);
                }
            }
            "message.deleted" => {
                if let Some(place) = self.places.remove(&id) {
                    self.messages.remove(&place);
                }
                self.gone.insert(id);
            }
            _ => {}
        }
    }

    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    /// Messages behind a place, with their places.
    pub fn written_after(&self, place: u64) -> impl Iterator<Item = (u64, &Message)> {
        self.messages.range(place + 1..).map(|(place, message)| (*place, message))
    }

    /// Whether somebody has written here.
    pub fn knows(&self, user: &str) -> bool {
        self.authors.contains(user)
    }

    /// Who wrote a message.
    pub fn author_of(&self, id: &str) -> Option<&str> {
        self.wrote.get(id).map(String::as_str)
    }

    /// A message that somebody wants to change: theirs, and as they saw it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `UNAUTHORIZED`, or `CONFLICT` with the current version.
    pub fn to_change(&self, id: &str, by: &str, seen: u64) -> Result<&Message, Refusal> {
        let message = self.places.get(id).and_then(|place| self.messages.get(place));
        let Some(message) = message else {
            let detail = match self.gone.contains(id) {
                true => format!("message '{id}' is deleted"),
                false => format!("there is no message '{id}'"),
            };
            return Err(Refusal { more: json!({ "code": "NOT_FOUND" }), ..Refusal::not_found(detail) });
        };
        if message.author != by {
            let refusal = Refusal::new(http::StatusCode::FORBIDDEN, "Not allowed", format!("message '{id}' is {}'s", message.author));
            return Err(Refusal { more: json!({ "code": "UNAUTHORIZED" }), ..refusal });
        }
        if message.version != seen {
            let detail = format!("message '{id}' is at version {}, not at {seen}: take it as it is now, and change that", message.version);
            let errors = json!([{ "of": id, "current": message.version, "given": seen }]);
            return Err(Refusal { more: json!({ "code": "CONFLICT", "errors": errors }), ..Refusal::conflict(detail) });
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(event_type: &str, data: Value) -> Heard {
        Heard { event_type: event_type.into(), data, at: "2026-01-31T10:00:00Z".into() }
    }

    fn room() -> Room {
        let mut room = Room::default();
        for id in ["m1", "m2", "m3"] {
            room.hear(heard("message.created", json!({ "id": id, "data": { "text": id, "author": "ana", "version": 1 } })));
        }
        room
    }

    // C-3: created carries the resource, updated its changes and a version, deleted the id.
    #[test]
    fn events_come_to_messages() {
        let mut room = room();
        room.hear(heard("message.updated", json!({ "id": "m1", "changes": { "text": "new" }, "version": 2 })));
        room.hear(heard("message.deleted", json!({ "id": "m2" })));
        room.hear(heard("message.updated", json!({ "id": "never", "changes": {}, "version": 9 })));
        let told: Vec<_> = room.messages().map(|m| (m.id.as_str(), m.text.as_str(), m.version)).collect();
        assert_eq!(told, [("m1", "new", 2), ("m3", "m3", 1)]);
    }

    // C-5: whoever changes what is not there, not theirs, or not as they saw it is told which.
    #[test]
    fn a_change_is_of_what_was_seen() {
        let mut room = room();
        assert_eq!(room.to_change("m1", "ana", 1).unwrap().id, "m1");
        let code = |refused: Result<&Message, Refusal>| refused.unwrap_err().more;
        assert_eq!(code(room.to_change("m9", "ana", 1))["code"], "NOT_FOUND");
        assert_eq!(code(room.to_change("m1", "boris", 1))["code"], "UNAUTHORIZED");
        let conflict = code(room.to_change("m1", "ana", 0));
        assert_eq!(conflict, json!({ "code": "CONFLICT", "errors": [{ "of": "m1", "current": 1, "given": 0 }] }));
        room.hear(heard("message.deleted", json!({ "id": "m1" })));
        assert_eq!(code(room.to_change("m1", "ana", 2))["code"], "NOT_FOUND");
    }
}
