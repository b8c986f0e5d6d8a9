//! Tokens of actors; on request such as end while their owner is connected.

use super::{
    dice::{dice, falls},
    studio::Studio,
};
use crate::{actor::Actors, http::bearer, site::sign};
use http::Method;
use rand::Rng;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tidewire_contract::Tokens;

/// How long a token is good, in seconds; one that ends while its owner is connected.
const GOOD: u64 = 12 * 3600;
const SHORT: std::ops::RangeInclusive<u64> = 4..=12;

/// A new token of an actor: `{actor, token, expires_in}`. A front end's callback for fresh tokens asks for it here.
///
/// # Errors
/// In words: there is no such actor.
pub async fn mint(studio: &Studio, actor: &str) -> Result<Value, String> {
    let contract = &studio.site.contract;
    let actors = Actors(contract);
    if !actors.names().iter().any(|name| name == actor) {
        return Err(format!("the contract has no actor '{actor}'; there are: {}", actors.names().join(", ")));
    }
    if contract.auth.tokens == Tokens::Devices {
        return Ok(json!({ "actor": actor, "token": studio.site.token(actor).await? }));
    }
    let number = {
        let mut minted = studio.minted.lock().await;
        let number = minted.entry(actor.to_owned()).or_default();
        *number += 1;
        *number
    };
    let short = falls(studio.seed, "expired-tokens", actor, number, studio.mischief.expired_tokens);
    let seconds = if short { dice(studio.seed, "expires", actor, number).random_range(SHORT) } else { GOOD };
    let Some((secret, kid)) = &studio.site.keys.secret else { return Err("there is no key to sign with".to_owned()) };
    let token = sign(actors.claims(actor), seconds, secret.as_bytes(), kid.clone())?;
    Ok(json!({ "actor": actor, "token": token, "expires_in": seconds }))
}

/// A device's token has no end of its own: now and then one is changed, which ends the old one at once.
pub async fn rotate(studio: Arc<Studio>) {
    let mut round = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        round += 1;
        for actor in Actors(&studio.site.contract).names() {
            if falls(studio.seed, "expired-tokens", &actor, round, studio.mischief.expired_tokens)
                && let Err(why) = renew(&studio, &actor).await
            {
                tracing::debug!(%actor, %why, "a device's token cannot be changed");
            }
        }
    }
}

async fn renew(studio: &Studio, actor: &str) -> Result<(), String> {
    let token = studio.site.token(actor).await?;
    let key = bearer(studio.site.backend_key()?);
    // A device's token begins with its number.
    let id = token.split('|').next().unwrap_or_default();
    let url = format!("{}/v1/devices/{id}/token", studio.site.url);
    let answer = studio.site.http.call(Method::POST, &url, &[key], None).await?;
    let new = answer.body["token"].as_str().ok_or_else(|| format!("{} {}", answer.status, answer.body))?;
    studio.site.renew(actor, new.to_owned()).await;
    Ok(())
}
