//! Where events are made up and published.

use super::{
    Options,
    dice::{dice, falls},
    endpoints,
    ledger::{Given, Ledger},
    mischief::Mischief,
    perform::Guests,
    tokens,
};
use crate::{
    actor::Actors,
    sample::{Sampler, concrete},
    site::Site,
};
use rand::Rng;
use serde_json::{Map, Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tidewire_contract::{ChannelName, Event, Publisher};
use time::OffsetDateTime;
use tokio::sync::Mutex;

pub struct Studio {
    pub site: Site,
    url: OnceLock<String>,
    channels: Vec<String>,
    pub seed: u64,
    pub mischief: Mischief,
    now: Option<OffsetDateTime>,
    /// By channel: each goes its own way, whatever the others do.
    scenes: Mutex<HashMap<String, Scene>>,
    pub ledger: Arc<Ledger>,
    /// Tokens that were made, by actor.
    pub minted: Mutex<HashMap<String, u64>>,
    /// Actors who are there because somebody asked for it.
    pub guests: Mutex<Guests>,
}

/// What is made up for one channel.
struct Scene {
    sampler: Sampler,
    made: u64,
}

/// An event, made up.
pub struct Made {
    pub event_type: String,
    pub data: Value,
    number: u64,
}

impl Studio {
    pub fn new(site: &Site, channels: Vec<String>, options: &Options, ledger: Arc<Ledger>) -> Studio {
        Studio {
            site: Site::new(site.contract.clone(), &site.url, site.keys.clone()),
            url: OnceLock::new(),
            channels,
            seed: options.seed,
            mischief: options.mischief.clone(),
            now: options.now,
            scenes: Mutex::default(),
            ledger,
            minted: Mutex::default(),
            guests: Mutex::default(),
        }
    }

    pub fn channels(&self) -> &[String] {
        &self.channels
    }

    /// Where clients connect.
    pub fn set_url(&self, url: &str) {
        let _ = self.url.set(url.to_owned());
    }

    /// Something happens on a channel again and again, until it is stopped.
    pub async fn life(self: Arc<Self>, channel: String, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(why) = self.next(&channel).await {
                tracing::debug!(%channel, %why, "a made-up event was refused");
            }
        }
    }

    /// Whatever comes next on a channel.
    ///
    /// # Errors
    /// In words, when the server refused it.
    pub async fn next(&self, channel: &str) -> Result<Value, String> {
        let contract = &self.site.contract;
        let Some(name) = contract.channel(channel) else { return Err(format!("there is no channel '{channel}'")) };
        let here: Vec<&Arc<Event>> =
            contract.events.iter().filter(|e| e.from == Publisher::Backend && e.on.contains(&name.log_kind)).collect();
        if here.is_empty() {
            return Err(format!("nothing is published on '{channel}'"));
        }
        let number = self.scenes.lock().await.get(channel).map_or(0, |scene| scene.made) + 1;
        let mut chance = dice(self.seed, "type", channel, number);
        let event = here[chance.random_range(0..here.len())];
        let types = concrete(event);
        let event_type = types[chance.random_range(0..types.len())].clone();
        let made = self.make(event, &event_type, &name, None).await?;
        self.publish(channel, made).await
    }

    /// Makes an event up; with a payload that somebody gave, if there is one.
    ///
    /// # Errors
    /// No payload could be found that the schema takes.
    pub async fn make(&self, event: &Event, event_type: &str, channel: &ChannelName, data: Option<Value>) -> Result<Made, String> {
        let mut scenes = self.scenes.lock().await;
        let scene = scenes.entry(channel.name.to_string()).or_insert_with(|| {
            let seed = dice(self.seed, "channel", &channel.name, 0).random();
            let now = self.now.unwrap_or_else(OffsetDateTime::now_utc);
            Scene { sampler: Sampler::at(&self.site.contract, seed, now), made: 0 }
        });
        if self.now.is_none() {
            scene.sampler.set_now(OffsetDateTime::now_utc());
        }
        let data = match data {
            Some(data) => data,
            None => scene
                .sampler
                .typed(event, event_type, channel)
                .ok_or_else(|| format!("no payload of '{event_type}' could be made up: give the event an example"))?,
        };
        scene.made += 1;
        Ok(Made { event_type: event_type.to_owned(), data, number: scene.made })
    }

    /// Publishes what was made up; the server's answer, with type and payload.
    ///
    /// # Errors
    /// In words, when the server refused it.
    pub async fn publish(&self, channel: &str, made: Made) -> Result<Value, String> {
        let Made { event_type, data, number } = made;
        let mut item = json!({ "channel": channel, "type": event_type, "data": data });
        if falls(self.seed, "late", channel, number, self.mischief.late) {
            // It happened a while ago, and is told only now.
            let ago = dice(self.seed, "ago", channel, number).random_range(5..300);
            let then = self.now.unwrap_or_else(OffsetDateTime::now_utc) - time::Duration::seconds(ago);
            item["occurred_at"] = then.format(&time::format_description::well_known::Rfc3339).unwrap_or_default().into();
        }
        self.ledger.begin(&event_type, &data, channel, number);
        let answer = self.site.publish(&item).await;
        let given = answer
            .as_ref()
            .ok()
            .map(|answer| Given { position: position(answer), at: answer["at"].as_str().unwrap_or_default().to_owned() });
        self.ledger.given(&event_type, &data, given);
        let mut answer = answer?;
        answer["type"] = event_type.into();
        answer["data"] = data;
        Ok(answer)
    }

    /// Addresses, keys, tokens.
    ///
    /// # Errors
    /// In words: a token cannot be made.
    pub async fn described(&self) -> Result<Value, String> {
        let contract = &self.site.contract;
        let url = self.url.get().map_or(self.site.url.as_str(), String::as_str);
        let mut tokens = Map::new();
        for actor in Actors(contract).names() {
            tokens.insert(actor.clone(), tokens::mint(self, &actor).await?["token"].clone());
        }
        let mut described = json!({
            "url": url,
            "contract": contract.name,
            "version": contract.version,
            "seed": self.seed,
            "misbehave": self.mischief.to_string(),
            "channels": self.channels,
            "endpoints": endpoints(contract, url),
            "tokens": tokens,
            "backend_key": self.site.keys.backend,
        });
        if let Some(app) = &self.site.keys.app {
            described["pusher"] = json!({ "app_id": app.id, "key": app.key, "secret": app.secret });
        }
        Ok(described)
    }

    /// Those who are there on request go.
    pub async fn leave(&self) {
        self.guests.lock().await.leave_all().await;
    }
}

/// A published event's place, of whatever the answer says of it.
fn position(answer: &Value) -> String {
    match answer["position"].as_str() {
        Some(position) => position.to_owned(),
        None => format!("{}:{}", answer["epoch"].as_str().unwrap_or("0"), answer["seq"]),
    }
}
