//! What clients send, what backends publish and answer.

use super::player;
use crate::{
    actor::Actors,
    flow::{
        expect,
        stage::{Stage, Stop},
    },
    site::in_words,
    wire::{Frame, Say, client_frame},
};
use serde_json::{Value, json};
use tidewire_contract::{Action, ClientFrame, Protocol};

pub(super) async fn send(
    stage: &mut Stage<'_>,
    who: &str,
    event_type: &str,
    data: Option<&Value>,
    channel: Option<&str>,
) -> Result<(), Stop> {
    let data = match data {
        Some(data) => expect::filled(data, &stage.met),
        // The contract's own example, where the flow leaves open what is sent.
        None => stage.site.contract.event(event_type).and_then(|event| event.examples.first()).cloned().unwrap_or_else(|| json!({})),
    };
    let channel = channel.map(str::to_owned).or_else(|| stage.last_joined.clone());
    if stage.cast.is_client(who) {
        by_frame(stage, who, event_type, &data, channel.as_deref()).await
    } else {
        publish(stage, who, event_type, data, channel).await
    }
}

async fn by_frame(stage: &mut Stage<'_>, who: &str, event_type: &str, data: &Value, channel: Option<&str>) -> Result<(), Stop> {
    let site = stage.site;
    stage.keys += 1;
    let number = stage.keys;
    let frame = match site.contract.wire.protocol {
        Protocol::Pusher => json!({ "event": event_type, "channel": channel, "data": data }),
        Protocol::Templates => {
            // A client that sends the same again says so by the same key, where the contract has one.
            let principal = Actors(&site.contract).principal(who);
            let own = site.contract.event(event_type).and_then(|event| event.dedup_key(data, principal.as_ref()));
            let (key, trace) = (own.or(Some(format!("key-{number}"))), Some(format!("flow-{number}")));
            let say = Say { channel, event_type: Some(event_type), data: Some(data), key, trace, ..Say::default() };
            client_frame(&site.contract, ClientFrame::Send, &say)
                .ok_or_else(|| Stop::Failed(format!("the wire of '{}' has no frame by which a client sends", site.contract.name)))?
        }
    };
    let player = player(stage, who)?;
    player.connect(site).await?;
    let Some(link) = player.link_to(channel) else {
        return Err(Stop::Failed(format!("{who} has no connection to send '{event_type}' by")));
    };
    if link.say(frame) {
        player.sent += 1;
    }
    Ok(())
}

/// A backend publishes: over HTTP, with its key. What the server refuses it hears of, as a client would.
async fn publish(stage: &mut Stage<'_>, who: &str, event_type: &str, data: Value, channel: Option<String>) -> Result<(), Stop> {
    let Some(channel) = channel else {
        return Err(Stop::Failed(format!("it is not clear where {who} sends '{event_type}': write `to CHANNEL`")));
    };
    let site = stage.site;
    let item = json!({ "channel": channel, "type": event_type, "data": data });
    let url = format!("{}/v1/events", site.url);
    let key = crate::http::bearer(site.backend_key()?);
    let answer = site.http.call(http::Method::POST, &url, &[key], Some(&item)).await?;
    if answer.status.is_success() {
        return Ok(());
    }
    let mut frame = Frame::refused(&site.contract, answer.status.as_u16(), &answer.body);
    frame.spelled = "error".to_owned();
    if expects_refusal(stage, who, &frame) {
        stage.told_backends.entry(who.to_owned()).or_default().push((frame, false));
        return Ok(());
    }
    let message = format!("what {who} sends was refused: {} {}", answer.status.as_u16(), in_words(&answer.body));
    Err(stage.difference(message).into())
}

/// Whether a later step has the backend receive the refusal.
fn expects_refusal(stage: &Stage<'_>, who: &str, frame: &Frame) -> bool {
    stage.flow.steps[stage.at..].iter().any(|step| match &step.action {
        Action::Receive { who: names, what } if names.iter().any(|n| n == who) => {
            what.iter().any(|expected| expect::unlike(&stage.known(expected), frame).is_some_and(|fields| fields.is_empty()))
        }
        _ => false,
    })
}

/// A backend answers what it was asked last.
pub(super) async fn answer(stage: &mut Stage<'_>, who: &str, data: &Value) -> Result<(), Stop> {
    let Some(desk) = stage.backends.desk(who).cloned() else {
        return Err(Stop::Failed(format!(
            "nothing is handed over to '{who}' here: the contract has no such backend, or --backend-listen is not given"
        )));
    };
    if tokio::time::timeout(stage.timeout, desk.answer(&expect::filled(data, &stage.met))).await.is_err() {
        let message = format!("{who} was asked nothing that it could answer, in {} s", stage.timeout.as_secs_f32());
        return Err(stage.difference(message).into());
    }
    Ok(())
}
