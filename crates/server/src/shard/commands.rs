//! What a client asks for, done.

use super::{client::Client, close, pusher, worker::Worker};
use crate::{
    handover::{Refused, Sent},
    hub::{self, PublishError},
    limits::{self, meter::Exceeded},
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{rc::Rc, time::Duration};
use tidewire_contract::ChannelName;
use tidewire_engine::{
    Conflict, Resume, id,
    publish::{self, Refusal, Request},
};
use tidewire_wire::{BadFrame, Command, Reference, Reply};

pub(super) async fn obey(worker: &Rc<Worker>, client: &Rc<Client>, frame: &[u8]) {
    let mut command = match client.framing.dialect(&client.served).decode(frame) {
        Ok(command) => command,
        Err(BadFrame { code, message, mut reference }) => {
            reference.vars = client.vars();
            if let Err(exceeded) = meter(worker, client, reference.frame.as_deref(), None).await {
                return too_many(worker, client, &exceeded, None, reference);
            }
            return error(worker, client, code, message, None, reference);
        }
    };
    let (reference, event_type) = match &mut command {
        Command::Pong => return,
        // Signs of life are no messages: limits leave them out.
        Command::Ping { reference } => {
            // Whoever has the answer has had all that there was to see before.
            client.flush(worker);
            reference.vars = client.vars();
            return client.reply(worker, &Reply::Pong { at: hub::now(), reference: reference.clone() });
        }
        Command::Send { reference, event_type, .. } => (reference, Some(event_type.clone())),
        Command::Subscribe { reference, .. }
        | Command::SignIn { reference, .. }
        | Command::Unsubscribe { reference, .. }
        | Command::Sync { reference, .. }
        | Command::Refresh { reference, .. } => (reference, None),
    };
    reference.vars = client.vars();
    if let Err(exceeded) = meter(worker, client, reference.frame.as_deref(), event_type.as_deref()).await {
        return too_many(worker, client, &exceeded, event_type, reference.clone());
    }
    match command {
        Command::Pong | Command::Ping { .. } => {}
        Command::SignIn { auth, user_data, .. } => pusher::sign_in(worker, client, &auth, user_data),
        Command::Subscribe { channels, proof: Some(proof), .. } => {
            for name in channels {
                pusher::subscribe(worker, client, &name, &proof).await;
            }
        }
        Command::Send { event_type, data, channel: Some(channel), .. } if client.pusher.is_some() => {
            pusher::send(worker, client, event_type, data.get(), channel).await;
        }
        Command::Subscribe { channels, after, proof: None, reference } => {
            subscribe(worker, client, &channels, after.as_deref(), reference).await;
        }
        Command::Unsubscribe { channels, reference } => {
            let left: Vec<String> = channels.into_iter().filter(|name| worker.leave(client, name)).collect();
            client.reply(worker, &Reply::Unsubscribed { channels: left, at: hub::now(), reference });
        }
        Command::Sync { since, reference } => sync(worker, client, &since, reference).await,
        Command::Refresh { token, reference } => refresh(worker, client, &token, reference),
        Command::Send { event_type, data, channel, reference } => {
            send(worker, client, event_type, data.get().to_owned(), channel, reference).await
        }
    }
}

async fn meter(worker: &Worker, client: &Client, frame: Option<&str>, event_type: Option<&str>) -> Result<(), Exceeded> {
    let contract = &client.served.contract;
    let event = event_type.and_then(|t| contract.event(t)).and_then(|e| e.limit);
    if contract.limits.total.is_none() && contract.limits.frames.is_empty() && event.is_none() {
        return Ok(());
    }
    let principal = client.principal.borrow().clone();
    if contract.limits.per_principal && !principal.id.is_empty() {
        let who = (contract.name.as_str(), &*principal.id);
        let frame = frame.or(event_type);
        if let Some(across) = &worker.env.across {
            let rates = limits::rates(&contract.limits, frame, event);
            match across.bounds().count(who.0, who.1, &rates.iter().map(limits::Named::shared).collect::<Vec<_>>()).await {
                Ok(exceeded) => return exceeded.map_or(Ok(()), |(place, retry)| Err(rates[place].exceeded(retry))),
                // As long as nobody can count over all nodes, each counts for itself.
                Err(failure) => tracing::debug!(%failure, "a principal's messages are counted on this node alone"),
            }
        }
        return worker.env.principals.meter(who, &contract.limits, frame, event, hub::now());
    }
    let mut meters = client.limits.take().unwrap_or_default();
    let taken = meters.take(&contract.limits, frame.or(event_type), event, hub::now());
    client.limits.set(Some(meters));
    taken
}

fn too_many(worker: &Rc<Worker>, client: &Rc<Client>, exceeded: &Exceeded, event_type: Option<String>, reference: Reference) {
    let message = format!("the limit of {} is reached; try again in {} ms", exceeded.limit, exceeded.retry.as_millis().max(1));
    match event_type {
        Some(event_type) => refused(worker, client, event_type, "RATE_LIMITED", message, Value::Array(Vec::new()), reference),
        None => error(worker, client, "RATE_LIMITED", message, None, reference),
    }
}

fn error(worker: &Rc<Worker>, client: &Rc<Client>, code: &'static str, message: String, channel: Option<String>, reference: Reference) {
    client.tally.refused(code);
    client.reply(worker, &Reply::Error { code: code.into(), message, channel, at: hub::now(), reference });
}

fn refused(
    worker: &Rc<Worker>,
    client: &Rc<Client>,
    event_type: String,
    code: &'static str,
    message: String,
    errors: Value,
    reference: Reference,
) {
    client.tally.refused(code);
    super::refusal::note(worker, client, &event_type, code, &reference);
    client.reply(worker, &Reply::Refused { event_type, code: code.into(), message, errors, at: hub::now(), reference });
}

async fn subscribe(worker: &Rc<Worker>, client: &Rc<Client>, names: &[String], after: Option<&str>, reference: Reference) {
    let resume = match after.map(|text| Resume::parse(text).ok_or(text)) {
        None => None,
        Some(Ok(resume)) => Some(resume),
        Some(Err(text)) => {
            let message = format!("cannot go on after '{text}': expected an event id, a seq, a position or an ISO 8601 time");
            return error(worker, client, "INVALID_PAYLOAD", message, None, reference);
        }
    };
    let contract = client.served.contract.clone();
    let mut joined = Vec::new();
    for name in names {
        let Some(channel) = contract.channel(name) else {
            let near = publish::nearest(name, contract.channels.iter().map(|c| c.address.source.as_str()));
            let hint = near.map(|n| format!("; the nearest is '{n}'")).unwrap_or_default();
            error(worker, client, "NOT_FOUND", format!("there is no channel '{name}'{hint}"), Some(name.clone()), reference.clone());
            continue;
        };
        if !contract.channels[channel.kind].may_join(&client.principal.borrow(), &channel.vars) {
            let message = format!("this principal may not join '{name}'");
            error(worker, client, "UNAUTHORIZED", message, Some(name.clone()), reference.clone());
            continue;
        }
        if client.tracks.borrow().len() >= worker.env.channels_per_client {
            let message = format!("a client may be on {} channels (channels_per_client)", worker.env.channels_per_client);
            error(worker, client, "RATE_LIMITED", message, Some(name.clone()), reference.clone());
            continue;
        }
        match worker.join_from(client, &channel, resume).await {
            Ok(place) => {
                joined.push((name.clone(), place.position));
                place.tell(worker, client, name);
            }
            Err(failure) => error(worker, client, "UNAVAILABLE", failure.to_string(), Some(name.clone()), reference.clone()),
        }
    }
    if !joined.is_empty() {
        client.reply(worker, &Reply::Subscribed { channels: joined, at: hub::now(), reference });
    }
    client.flush(worker);
}

async fn sync(worker: &Rc<Worker>, client: &Rc<Client>, since: &str, reference: Reference) {
    let Some(resume) = Resume::parse(since) else {
        let message = format!("cannot sync since '{since}': expected an ISO 8601 time, an event id, a seq or a position");
        return error(worker, client, "INVALID_PAYLOAD", message, None, reference);
    };
    let names: Vec<String> = client.tracks.borrow().iter().map(|t| t.names.first().to_string()).collect();
    client.reply(worker, &Reply::Synced { at: hub::now(), reference: reference.clone() });
    for name in names {
        let Some(channel) = client.served.contract.channel(&name) else { continue };
        match worker.join_from(client, &channel, Some(resume)).await {
            Ok(place) => place.tell(worker, client, &name),
            Err(failure) => error(worker, client, "UNAVAILABLE", failure.to_string(), Some(name), reference.clone()),
        }
    }
    client.flush(worker);
}

fn refresh(worker: &Rc<Worker>, client: &Rc<Client>, token: &str, reference: Reference) {
    match worker.env.check.check(&client.served, token, client.peer) {
        Err(why) => error(worker, client, "UNAUTHORIZED", why, None, reference),
        Ok((principal, _)) if principal.id != client.principal.borrow().id => {
            error(worker, client, "UNAUTHORIZED", "the new token is another principal's".into(), None, reference);
        }
        Ok((principal, expires)) => {
            let names = client.names();
            let channels: Vec<_> = names.iter().filter_map(|name| client.served.contract.channel(name)).collect();
            worker.env.presence.renew(&client.served.contract, &channels, &client.principal.borrow(), &principal);
            *client.principal.borrow_mut() = principal;
            client.expires.set(expires.unwrap_or(i64::MAX));
            client.reply(worker, &Reply::Refreshed { at: hub::now(), expires, reference });
            rights_changed(worker, client);
        }
    }
}

/// What the new token no longer allows ends now.
fn rights_changed(worker: &Rc<Worker>, client: &Rc<Client>) {
    let names = client.names();
    let contract = client.served.contract.clone();
    for name in names {
        let Some(channel) = contract.channel(&name) else { continue };
        if contract.channels[channel.kind].may_join(&client.principal.borrow(), &channel.vars) {
            let eye = tidewire_engine::Eye::new(&contract, &channel, &client.principal.borrow()).through(client.id);
            for track in client.tracks.borrow_mut().iter_mut().filter(|t| t.names.contains(&name)) {
                track.eye = eye.clone();
            }
        } else {
            worker.leave(client, &name);
            let message = format!("the new token does not allow '{name}'");
            error(worker, client, "UNAUTHORIZED", message, Some(name.to_string()), Reference::default());
        }
    }
    if client.tracks.borrow().is_empty() && client.has_channel() {
        close::close(worker, client, 4403, "the new token does not allow this channel");
    }
}

async fn send(worker: &Rc<Worker>, client: &Rc<Client>, event_type: String, data: String, channel: Option<String>, reference: Reference) {
    let contract = client.served.contract.clone();
    // Where the frame names no channel, it is the one that the client is on, if there is only one that takes the type.
    let destination = publish::destination(&contract, &event_type, data.as_bytes(), &client.principal.borrow());
    let destination = match destination {
        Ok(named) => named,
        Err(refusal) => {
            let (code, message, errors) = refusal_in_words(&refusal);
            return refused(worker, client, event_type, code, message, errors, reference);
        }
    };
    let channel = destination.or(channel).or_else(|| {
        let on = &contract.event(&event_type)?.on;
        let tracks = client.tracks.borrow();
        let mut fitting = tracks
            .iter()
            .flat_map(|t| t.names.iter())
            .filter(|n| contract.channel(n).is_some_and(|c| on.is_empty() || on.contains(&c.kind)));
        let first = fitting.next()?.to_string();
        fitting.next().is_none().then_some(first)
    });
    let Some(channel) = channel else {
        let (code, message) = match contract.event(&event_type) {
            None => ("NOT_FOUND", format!("there is no event '{event_type}'")),
            Some(_) => ("NOT_FOUND", format!("it is not clear to which channel '{event_type}' goes: join it first")),
        };
        return refused(worker, client, event_type, code, message, Value::Array(Vec::new()), reference);
    };
    let text = |value: &Option<Value>| value.as_ref().and_then(|v| v.as_str().map(str::to_owned));
    let request = Request {
        channel,
        event_type: event_type.clone(),
        data: Bytes::from(data),
        key: text(&reference.key),
        trace: text(&reference.trace),
        ..Request::default()
    };
    let principal = client.principal.borrow().clone();
    let may_join = |name: &ChannelName| contract.channels[name.kind].may_join(&principal, &name.vars);
    if let Some(name) = contract.channel(&request.channel).filter(|name| !may_join(name)) {
        let message = format!("this principal may not be on '{}', so it sends nothing there", name.name);
        return refused(worker, client, event_type, "UNAUTHORIZED", message, Value::Array(Vec::new()), reference);
    }
    let channel = request.channel.clone();
    let draft = match publish::from_client(&contract, request, &principal) {
        Ok(draft) => draft,
        Err(refusal) => {
            let (code, message, errors) = refusal_in_words(&refusal);
            return refused(worker, client, event_type, code, message, errors, reference);
        }
    };
    // Where the frame has no key, its answer names the one that the contract makes.
    let mut reference = reference;
    if reference.key.is_none() {
        reference.key = draft.key.as_deref().map(Value::from);
    }
    if contract.event(&event_type).is_some_and(|event| event.to.is_some()) {
        let sent = Sent { draft, event_type: event_type.clone(), channel, principal, connection: client.id };
        return hand_over(worker, client, sent, reference).await;
    }
    match worker.env.hub.publish(vec![draft]).await {
        Ok(published) => {
            let Some(p) = published.first() else { return };
            let reply = json!({ "id": id::to_text(&p.receipt.id), "seq": p.receipt.seq, "at": tidewire_engine::at::to_iso(p.receipt.at), "duplicate": p.duplicate });
            client.reply(worker, &Reply::Ack { event_type, reply, at: hub::now(), reference });
        }
        Err(failure) => {
            let errors = match &failure {
                PublishError::Conflict(Conflict { of, current, given, .. }) => json!([{ "of": &**of, "current": current, "given": given }]),
                _ => Value::Array(Vec::new()),
            };
            refused(worker, client, event_type, failure.client_code(), failure.to_string(), errors, reference);
        }
    }
}

/// A backend decides.
async fn hand_over(worker: &Rc<Worker>, client: &Rc<Client>, sent: Sent, reference: Reference) {
    let event_type = sent.event_type.clone();
    match decided(worker, client, sent).await {
        Ok(reply) => client.reply(worker, &Reply::Ack { event_type, reply, at: hub::now(), reference }),
        Err(Refused { code, message, errors }) => {
            client.tally.refused(known(&code));
            super::refusal::note(worker, client, &event_type, known(&code), &reference);
            client.reply(worker, &Reply::Refused { event_type, code: code.into(), message, errors, at: hub::now(), reference });
        }
    }
}

/// What the backend says. The client is not read from meanwhile, so what it sends is decided in the order in which it sent it.
pub(super) async fn decided(worker: &Rc<Worker>, client: &Rc<Client>, sent: Sent) -> Result<Value, Refused> {
    let mut answered = Box::pin(worker.env.hand_overs.send(sent));
    loop {
        tokio::select! {
            outcome = &mut answered => return outcome,
            // That nothing is heard of it is not its fault.
            () = tokio::time::sleep(Duration::from_secs(1)) => client.heard.set(worker.seconds()),
        }
    }
}

/// The code as it is counted: those of backends may be any.
fn known(code: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["INVALID_PAYLOAD", "UNAUTHORIZED", "RATE_LIMITED", "NOT_FOUND", "CONFLICT", "UNAVAILABLE", "RESTARTING"];
    KNOWN.into_iter().find(|known| *known == code).unwrap_or("OTHER")
}

/// Code, message and details of a refusal, for a client.
pub(super) fn refusal_in_words(refusal: &Refusal) -> (&'static str, String, Value) {
    let near = |nearest: &Option<String>| nearest.as_ref().map(|n| format!("; the nearest is '{n}'")).unwrap_or_default();
    let none = Value::Array(Vec::new());
    match refusal {
        Refusal::UnknownChannel { channel, nearest } => ("NOT_FOUND", format!("there is no channel '{channel}'{}", near(nearest)), none),
        Refusal::UnknownType { event_type, nearest } => ("NOT_FOUND", format!("there is no event '{event_type}'{}", near(nearest)), none),
        Refusal::NotHere { event_type, reason, .. } => ("UNAUTHORIZED", format!("'{event_type}' cannot be sent here: {reason}"), none),
        Refusal::NotAllowed { event_type } => ("UNAUTHORIZED", format!("this principal may not send this '{event_type}'"), none),
        Refusal::Invalid { violations, .. } => {
            let first = violations.first().map(|v| format!("{}: {}", if v.pointer.is_empty() { "/" } else { &v.pointer }, v.message));
            ("INVALID_PAYLOAD", first.unwrap_or_default(), serde_json::to_value(violations).unwrap_or(none))
        }
        Refusal::BadRequest { pointer, message } => ("INVALID_PAYLOAD", format!("{pointer}: {message}"), none),
    }
}
