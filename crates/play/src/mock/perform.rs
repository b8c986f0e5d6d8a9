//! Actors who do something because somebody asked for it: send a client's event, come, go.

use super::{
    ask::{Trigger, who_may},
    studio::Studio,
};
use crate::{
    actor::Actors,
    flow::Player,
    link::Transport,
    sample::Sampler,
    wire::{Frame, Say, client_frame},
};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tidewire_contract::{Action, ClientFrame, Contract, Event, Protocol, ServerFrame};

/// Who is on which channel on request.
#[derive(Default)]
pub struct Guests(HashMap<String, Vec<Player>>);

impl Guests {
    pub async fn leave_all(&mut self) {
        for (_, players) in self.0.drain() {
            for mut player in players {
                player.disconnect().await;
            }
        }
    }
}

/// How long what is sent may take to be answered.
const PATIENCE: Duration = Duration::from_secs(15);
/// Payloads that are made up in search of one that an actor may send.
const TRIES: usize = 60;

/// Sends a client's event as an actor who may, and says what came back.
///
/// # Errors
/// In words: no actor may send it.
pub async fn send(studio: &Arc<Studio>, event: &Event, event_type: &str, trigger: &Trigger) -> Result<Value, String> {
    let contract = &studio.site.contract;
    let Cue { actor, channel, data } = cue(studio, event, event_type, trigger).ok_or_else(|| {
        format!("no actor of the contract may send '{event_type}'{}", if trigger.data.is_some() { " with this payload" } else { "" })
    })?;
    let mut player = Player::new(&actor, Transport::both_ways(contract));
    match &channel {
        Some(channel) => player.join(&studio.site, channel).await?,
        None => player.connect(&studio.site).await?,
    }
    let before = player.inbox.len();
    let frame = match contract.wire.protocol {
        Protocol::Pusher => json!({ "event": event_type, "channel": channel, "data": data }),
        Protocol::Templates => {
            let key = Some(format!("mock-{}", crate::site::random(8)));
            let say = Say {
                channel: channel.as_deref(),
                event_type: Some(event_type),
                data: Some(&data),
                trace: key.clone(),
                key,
                ..Say::default()
            };
            client_frame(contract, ClientFrame::Send, &say).ok_or("the wire has no frame by which a client sends")?
        }
    };
    let link = player.link_to(channel.as_deref()).ok_or_else(|| format!("'{actor}' was not let in: {}", last(&player)))?;
    link.say(frame);
    link.fence().await;
    let answers = contract.wire.server(ServerFrame::Ack).is_some();
    let inbox = player.inbox.clone();
    let answered = inbox.wait(|arrived| {
        let is_answer = |frame: &Frame| {
            let answers = [ServerFrame::Ack, ServerFrame::Refused, ServerFrame::Error].map(crate::wire::Kind::Server);
            answers.contains(&frame.kind) || frame.kind == crate::wire::Kind::Ended
        };
        (!answers || arrived.iter().skip(before).any(|a| is_answer(&a.frame))).then_some(())
    });
    let _ = tokio::time::timeout(PATIENCE, answered).await;
    let received: Vec<Value> = player.inbox.look(|arrived| arrived.iter().skip(before).map(|a| a.frame.whole.clone()).collect());
    player.disconnect().await;
    Ok(json!({ "type": event_type, "as": actor, "channel": channel, "data": data, "received": received }))
}

fn last(player: &Player) -> Value {
    player.inbox.look(|arrived| arrived.last().map(|a| a.frame.payload.clone()).unwrap_or_default())
}

/// Who sends what, and where.
struct Cue {
    actor: String,
    channel: Option<String>,
    data: Value,
}

/// As a flow has it; as an example has it; made up.
fn cue(studio: &Studio, event: &Event, event_type: &str, trigger: &Trigger) -> Option<Cue> {
    let contract = &studio.site.contract;
    let mut stages: Vec<(Option<String>, Option<String>, Value)> = Vec::new();
    match &trigger.data {
        Some(data) => stages.push((None, trigger.channel.clone(), data.clone())),
        None => {
            stages
                .extend(in_flows(contract, event_type).map(|(who, channel, data)| (Some(who), trigger.channel.clone().or(channel), data)));
            stages.extend(event.examples.iter().map(|example| (None, trigger.channel.clone(), example.clone())));
        }
    }
    for (who, channel, data) in stages {
        if let Some(cue) = try_stage(studio, event, who, channel, &data) {
            return Some(cue);
        }
    }
    if trigger.data.is_some() {
        return None;
    }
    let mut sampler = Sampler::new(contract, studio.seed);
    let on = trigger.channel.clone().or_else(|| channels_for(studio, event).first().cloned());
    let name = contract.channel(on.as_deref()?)?;
    (0..TRIES).find_map(|_| {
        let data = sampler.typed(event, event_type, &name)?;
        try_stage(studio, event, None, on.clone(), &data)
    })
}

fn try_stage(studio: &Studio, event: &Event, who: Option<String>, channel: Option<String>, data: &Value) -> Option<Cue> {
    if !event.validate(data).is_empty() {
        return None;
    }
    let contract = &studio.site.contract;
    let channels = match channel {
        Some(channel) => vec![Some(channel)],
        None => channels_for(studio, event).into_iter().map(Some).collect(),
    };
    let channels = if channels.is_empty() { vec![None] } else { channels };
    for channel in channels {
        let mut actors = match &channel {
            Some(channel) => who_may(studio, channel),
            None => Actors(contract).names(),
        };
        if let Some(who) = &who {
            actors.retain(|actor| actor == who);
        }
        let may = |actor: &String| Actors(contract).principal(actor).is_some_and(|principal| event.may_send(&principal, data));
        if let Some(actor) = actors.into_iter().find(may) {
            return Some(Cue { actor, channel, data: data.clone() });
        }
    }
    None
}

/// The channels to which a client's event goes: its own, or those of the event as which it is published.
fn channels_for(studio: &Studio, event: &Event) -> Vec<String> {
    let contract = &studio.site.contract;
    let published = event.publishes.as_deref().and_then(|t| contract.event(t));
    let on = if event.on.is_empty() { published.map(|e| e.on.clone()).unwrap_or_default() } else { event.on.clone() };
    let known = studio.channels().iter().cloned().chain(super::channels::channels(contract));
    known.filter(|name| on.is_empty() || contract.channel(name).is_some_and(|c| on.contains(&c.kind) || on.contains(&c.log_kind))).collect()
}

/// Where flows have an actor of the contract send it.
fn in_flows<'c>(contract: &'c Contract, event_type: &'c str) -> impl Iterator<Item = (String, Option<String>, Value)> + 'c {
    contract.flows.iter().flat_map(move |flow| {
        let mut joined = None;
        flow.steps.iter().filter_map(move |step| match &step.action {
            Action::Join { channel, .. } => {
                joined = Some(channel.clone());
                None
            }
            Action::Send { who, event_type: sent, data: Some(data), channel } if sent == event_type => {
                Some((who.clone(), channel.clone().or_else(|| joined.clone()), data.clone()))
            }
            _ => None,
        })
    })
}

/// Lets an actor come to a channel, or go, so that the server tells of it.
///
/// # Errors
/// In words: no channel's presence has this type; no actor may join.
pub async fn come_or_go(studio: &Arc<Studio>, event_type: &str, channel: Option<&str>) -> Result<Value, String> {
    let contract = &studio.site.contract;
    let is = |event: &Option<tidewire_contract::PresenceEvent>| event.as_ref().is_some_and(|e| e.event_type == event_type);
    let found = contract.channels.iter().enumerate().find_map(|(kind, c)| {
        let presence = c.presence.as_ref()?;
        (is(&presence.joins) || is(&presence.leaves)).then(|| (kind, is(&presence.joins)))
    });
    let Some((kind, comes)) = found else { return Err(format!("no channel tells of somebody by '{event_type}'")) };
    let known = studio.channels().iter().cloned().chain(super::channels::channels(contract));
    let fits = |name: &String| contract.channel(name).is_some_and(|c| c.kind == kind);
    let channel = channel.map(str::to_owned).or_else(|| known.into_iter().find(fits)).ok_or("no actor may join such a channel")?;
    let mut guests = studio.guests.lock().await;
    let there = guests.0.entry(channel.clone()).or_default();
    if !comes && let Some(mut player) = there.pop() {
        player.disconnect().await;
        return Ok(json!({ "type": event_type, "as": player.name, "channel": channel, "does": "leaves" }));
    }
    // Who is there already would not be told of again.
    let who = who_may(studio, &channel).into_iter().rev().find(|actor| there.iter().all(|p| p.name != *actor));
    let actor = who.ok_or_else(|| format!("every actor who may join '{channel}' is there already"))?;
    let mut player = Player::new(&actor, Transport::both_ways(contract));
    player.join(&studio.site, &channel).await?;
    let does = if comes {
        there.push(player);
        "joins"
    } else {
        player.disconnect().await;
        "joins and leaves"
    };
    Ok(json!({ "type": event_type, "as": actor, "channel": channel, "does": does }))
}
