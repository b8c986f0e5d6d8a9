//! What was published, so that whoever sees it on the wire knows which event it is.

use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Notify;

/// One event's place.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub channel: String,
    /// The how manieth of what was made up for the channel, from 1.
    pub number: u64,
    /// Known once the server has answered: `epoch`, `seq`, `at`.
    pub given: Option<Given>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// `epoch:seq`.
    pub position: String,
    pub at: String,
}

#[derive(Debug, Default)]
pub struct Ledger {
    places: Mutex<HashMap<String, Place>>,
    moved: Notify,
}

/// An event is known by its type and payload: they are what every wire shows.
fn key(event_type: &str, data: &Value) -> String {
    format!("{event_type} {data}")
}

impl Ledger {
    /// Before it is published: it may be seen before its publisher has the answer.
    pub fn begin(&self, event_type: &str, data: &Value, channel: &str, number: u64) {
        let place = Place { channel: channel.to_owned(), number, given: None };
        self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(key(event_type, data), place);
    }

    pub fn given(&self, event_type: &str, data: &Value, given: Option<Given>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get_mut(&key(event_type, data)) {
            match given {
                Some(given) => place.given = Some(given),
                None => {
                    places.remove(&key(event_type, data));
                }
            }
        }
        drop(places);
        self.moved.notify_waiters();
    }

    /// What is known of an event.
    pub fn find(&self, event_type: &str, data: &Value) -> Option<Place> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).get(&key(event_type, data)).cloned()
    }

    /// The same, once the server has said where it is.
    pub async fn settled(self: &Arc<Self>, event_type: &str, data: &Value) -> Option<Place> {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            let place = self.find(event_type, data)?;
            if place.given.is_some() {
                return Some(place);
            }
            moved.await;
        }
    }
}
