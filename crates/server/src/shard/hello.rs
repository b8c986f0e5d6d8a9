//! The first frame of a connection, with what is there already: who is on its channel, and what that retains.
//!
//! The cursors are put into the logs before anything is read, so nothing is missed between the two. What the frame says may
//! be newer than the place from which events follow, never older: the first events may tell again what it has told, and whoever
//! applies them in their order comes to what is so.

use super::{
    client::Client,
    framing::Framing,
    worker::{Joined, Worker},
};
use crate::{hub, presence::Presences, served::Served, session::Join};
use serde_json::{Map, Value};
use std::{rc::Rc, sync::Arc};
use tidewire_contract::{ChannelName, Contract, Principal, address::Vars};
use tidewire_engine::{Eye, Position, Reader, Retained, log::LogError, publish::log_name, state};
use tidewire_wire::{Reply, sse};

/// Joins what the client joins by connecting, sends the `response` that says that it is connected, greets it, and serves it. What is
/// published from then on it gets.
pub(super) fn greet(worker: &Rc<Worker>, client: Rc<Client>, response: &[u8], joins: Vec<Join>, leftover: Vec<u8>) {
    client.held.set(true);
    // Before the heads: clients may take it for the place from which they go on.
    let at = hub::now();
    let own = joins.first().map(|join| join.channel.clone()).filter(|_| client.has_channel());
    // Whoever breaks off before the first event goes on from where events begin to follow. Read before the heads: everything up to
    // it is behind the cursors. Whoever resumes has a place already.
    let is_new = client.framing == Framing::Sse && joins.iter().all(|join| join.resume.is_none());
    let begins = is_new.then(|| worker.reader.watermark_of(&client.served.contract.name)).filter(|at| *at > 0);
    let mut joined = Vec::new();
    let mut failed = None;
    for join in joins {
        match worker.join(&client, &join.channel, join.resume, join.place) {
            Ok(place) => joined.push((join.channel.name, place)),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    client.send(worker, response);
    if let Some(error) = failed {
        tracing::warn!(%error, "cannot join a channel");
        super::close::close(worker, &client, 1011, "the store failed");
    }
    let served = client.served.clone();
    let place = own
        .as_ref()
        .and_then(|own| joined.iter().find(|(name, _)| *name == own.name))
        .map(|(name, place)| (name.to_string(), place.position));
    let channel = own.filter(|_| served.greets_with_presence || served.greets_with_retained);
    let Some(channel) = channel else {
        let said = Said { at, vars: client.vars(), channel: place, presence: Value::Null, retained: Value::Null, begins };
        say(worker, &client, said, joined);
        return super::reading::begin(worker, &client, leftover);
    };
    client.turn.busy.set(true);
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        match look(&worker, &client, &channel).await {
            Ok((presence, retained)) => {
                let mut vars = client.vars();
                let own = vars.len();
                let more = channel.vars.iter().filter(|(name, _)| vars[..own].iter().all(|(known, _)| known != name)).cloned();
                vars.extend(more.collect::<Vec<_>>());
                say(&worker, &client, Said { at, vars, channel: place, presence, retained, begins }, joined);
            }
            Err(error) => {
                tracing::warn!(connection = client.id, %error, "what is on the channel cannot be told");
                client.held.set(false);
                super::close::close(&worker, &client, 1011, "the store failed");
            }
        }
        super::reading::begin(&worker, &client, leftover);
    });
}

/// What the first frame says beside who greets.
struct Said {
    /// When it was connected (µs).
    at: i64,
    vars: Vars,
    channel: Option<(String, Position)>,
    presence: Value,
    retained: Value,
    /// Where events begin to follow (µs), on an event stream.
    begins: Option<i64>,
}

fn say(worker: &Rc<Worker>, client: &Rc<Client>, said: Said, joined: Vec<(Arc<str>, Joined)>) {
    client.held.set(false);
    let Said { at, vars, channel, presence, retained, begins } = said;
    client.reply(worker, &Reply::Hello { connection: client.id.to_string(), at, vars, channel, presence, retained });
    if let (Some(at), Some((_, first))) = (begins, joined.first()) {
        let mut bytes = Vec::new();
        sse::place(&first.room.place(at), &mut bytes);
        client.send(worker, &bytes);
    }
    for (name, place) in joined {
        place.tell(worker, client, &name);
    }
    client.flush(worker);
}

async fn look(worker: &Rc<Worker>, client: &Rc<Client>, channel: &ChannelName) -> Result<(Value, Value), LogError> {
    let (served, principal) = (client.served.clone(), client.principal.borrow().clone());
    let presence = match served.greets_with_presence {
        true => present(&worker.env.presence, &served, channel).await?,
        false => Value::Null,
    };
    if !served.greets_with_retained {
        return Ok((presence, Value::Null));
    }
    let (reader, channel) = (worker.reader.clone(), channel.clone());
    let read = tokio::task::spawn_blocking(move || retained(&reader, &served.contract, &channel, &principal));
    Ok((presence, read.await.map_err(|e| LogError::Failed(e.to_string()))??))
}

async fn present(presences: &Presences, served: &Served, channel: &ChannelName) -> Result<Value, LogError> {
    let members = presences.list(&served.contract, channel).await?;
    Ok(members.into_iter().map(|m| if m.info.is_null() { m.member } else { m.info }).collect())
}

/// Payloads by name, as far as the principal may see them.
fn retained(reader: &Reader, contract: &Contract, channel: &ChannelName, principal: &Arc<Principal>) -> Result<Value, LogError> {
    let kind = &contract.channels[channel.log_kind];
    let mut all = Map::new();
    let store = reader.store(kind.durability);
    let Some(log) = store.find(&log_name(&contract.name, &channel.log))? else { return Ok(all.into()) };
    let eye = Eye::new(contract, channel, principal);
    for (name, _) in &kind.retain {
        let Some(row) = store.state(log.id, &state::retained_name(name))? else { continue };
        let newest = Retained::decode(&row).ok_or_else(|| LogError::Damaged(format!("{}: what is retained as '{name}'", channel.log)))?;
        if eye.sees(&newest.audience) {
            all.insert(name.clone(), serde_json::from_slice(&newest.data).unwrap_or_default());
        }
    }
    Ok(all.into())
}
