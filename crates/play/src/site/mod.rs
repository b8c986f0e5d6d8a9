//! The server that is played against: one of our own in this process, or one that is already there.

mod keys;
mod local;

pub use keys::{AppKeys, Keys, sign};
pub use local::{Local, Wishes, longest_grace, random};

use crate::{
    actor::Actors,
    http::{Http, bearer},
};
use http::Method;
use serde_json::{Map, Value};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tidewire_contract::{Contract, Tokens};
use tokio::sync::Mutex;

/// A server, and what is needed to come in.
#[derive(Debug)]
pub struct Site {
    pub contract: Arc<Contract>,
    /// `http://host:port`.
    pub url: String,
    pub keys: Keys,
    pub http: Http,
    /// How long a token that is made here is good.
    pub lifetime: Duration,
    /// Of devices that were registered here, by the actor's name.
    devices: Mutex<HashMap<String, String>>,
}

impl Site {
    pub fn new(contract: Arc<Contract>, url: &str, keys: Keys) -> Site {
        let url = url.trim_end_matches('/').to_owned();
        Site { contract, url, keys, http: Http::default(), lifetime: Duration::from_secs(3600), devices: Mutex::default() }
    }

    /// A token of this actor: one that was given, one of a device that is registered now, or one that is signed now.
    ///
    /// # Errors
    /// In words: there is nothing to make one with; the server refuses the device.
    pub async fn token(&self, actor: &str) -> Result<String, String> {
        if let Some(token) = self.keys.tokens.get(actor) {
            return Ok(token.clone());
        }
        let claims = Actors(&self.contract).claims(actor);
        if self.contract.auth.tokens == Tokens::Devices {
            return self.device(actor, claims).await;
        }
        let Some((secret, kid)) = &self.keys.secret else {
            return Err(format!(
                "there is no key to make a token for '{actor}' with: give --config with an HS256 key, or --token {actor}=TOKEN"
            ));
        };
        sign(claims, self.lifetime.as_secs().max(1), secret.as_bytes(), kid.clone())
    }

    async fn device(&self, actor: &str, mut claims: Map<String, Value>) -> Result<String, String> {
        let mut devices = self.devices.lock().await;
        if let Some(token) = devices.get(actor) {
            return Ok(token.clone());
        }
        claims.retain(|name, _| ["id", "name", "type", "store", "abilities", "allow"].contains(&name.as_str()));
        // The registry numbers its devices; who is called otherwise gets the next number.
        let number = claims.get("id").and_then(|id| id.as_u64().or_else(|| id.as_str()?.parse().ok()));
        claims.remove("id");
        claims.extend(number.map(|id| ("id".to_owned(), id.into())));
        claims.entry("name").or_insert_with(|| actor.into());
        claims.entry("type").or_insert_with(|| "Device".into());
        let url = format!("{}/v1/devices", self.url);
        let answer = self.http.call(Method::POST, &url, &[bearer(self.backend_key()?)], Some(&Value::Object(claims))).await?;
        let token = answer.body["token"].as_str().filter(|_| answer.status.is_success());
        let token = token.ok_or_else(|| format!("the device of '{actor}' cannot be registered: {} {}", answer.status, answer.body))?;
        devices.insert(actor.to_owned(), token.to_owned());
        Ok(token.to_owned())
    }

    /// Forgets what is known of an actor's device, whose token was changed.
    pub async fn renew(&self, actor: &str, token: String) {
        self.devices.lock().await.insert(actor.to_owned(), token);
    }

    /// # Errors
    /// There is none.
    pub fn backend_key(&self) -> Result<&str, String> {
        self.keys.backend.as_deref().ok_or_else(|| "a backend key is needed for what backends do: give --backend-key".to_owned())
    }

    /// Publishes as a backend; the server's answer.
    ///
    /// # Errors
    /// In words, when it was refused.
    pub async fn publish(&self, item: &Value) -> Result<Value, String> {
        let answer = self.http.call(Method::POST, &format!("{}/v1/events", self.url), &[bearer(self.backend_key()?)], Some(item)).await?;
        if answer.status.is_success() { Ok(answer.body) } else { Err(format!("{} {}", answer.status.as_u16(), in_words(&answer.body))) }
    }
}

/// What a problem says, with what is wrong in detail.
pub fn in_words(problem: &Value) -> String {
    let detail = problem["detail"].as_str().or_else(|| problem["title"].as_str());
    let errors = problem["errors"].as_array().map(|errors| errors.iter().map(Value::to_string).collect::<Vec<_>>().join(", "));
    match (detail, errors) {
        (Some(detail), Some(errors)) => format!("{detail}: {errors}"),
        (Some(detail), None) => detail.to_owned(),
        _ => problem.to_string(),
    }
}
