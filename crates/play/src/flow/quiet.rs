//! That somebody receives nothing, proved without waiting for it.

use super::{
    cast::who,
    stage::{Stage, Stop},
};
use crate::link::Transport;
use serde_json::json;
use std::time::Duration;
use tidewire_contract::{Action, AudienceRequest, Event, Publisher, ServerFrame};

impl Stage<'_> {
    /// Before somebody who was to receive nothing does or receives something again, it is looked at whether it was so; and before
    /// something is sent that it may receive.
    pub(super) async fn end_quiet(&mut self, next: &Action) -> Result<(), Stop> {
        if matches!(next, Action::ReceiveNothing { .. }) {
            return Ok(());
        }
        // What waits for an answer of the flow is not over.
        let sends = matches!(next, Action::Send { .. }) && !self.backends.are_asked();
        let later = |name: &str| {
            self.flow.steps[self.at..].iter().any(|s| matches!(&s.action, Action::Receive { who, .. } if who.iter().any(|w| w == name)))
        };
        let of_step = who(next);
        let quiet = self.players.iter().filter(|(_, p)| p.quiet.is_some()).map(|(name, _)| name);
        let ends: Vec<String> = quiet.filter(|name| of_step.contains(&name.as_str()) || sends && later(name)).cloned().collect();
        if ends.is_empty() {
            return Ok(());
        }
        self.settle().await?;
        for name in ends {
            self.was_quiet(&name).await?;
        }
        Ok(())
    }

    /// Everything that was begun comes to its end: what clients have said is processed, and answered where the wire answers.
    pub(super) async fn settle(&mut self) -> Result<(), Stop> {
        for name in self.players.keys().cloned().collect::<Vec<_>>() {
            let player = &self.players[&name];
            // The server reads on when the backend has answered, and the flow says when that is.
            if self.backends.are_asked() && player.answered() < player.sent {
                continue;
            }
            for link in &player.links {
                link.fence().await;
            }
            let answers = player.transport == Transport::WebSocket && self.site.contract.wire.server(ServerFrame::Ack).is_some();
            if !answers {
                continue;
            }
            let (inbox, sent) = (player.inbox.clone(), player.sent);
            let answered = async {
                let mut seen = usize::MAX;
                while self.players[&name].answered() < sent {
                    inbox
                        .wait(|arrived| {
                            let moved = arrived.len() != seen;
                            seen = arrived.len();
                            moved.then_some(())
                        })
                        .await;
                }
            };
            if tokio::time::timeout(self.timeout, answered).await.is_err() {
                let message = format!("not everything that {name} has sent was answered in {} s", self.timeout.as_secs_f32());
                return Err(self.difference(message).into());
            }
        }
        Ok(())
    }

    /// Looks at what came to somebody who was to receive nothing.
    pub(super) async fn was_quiet(&mut self, name: &str) -> Result<(), Stop> {
        self.fence(name).await?;
        let Some(quiet) = self.players.get_mut(name).and_then(|p| p.quiet.take()) else { return Ok(()) };
        let player = &self.players[name];
        let contract = &self.site.contract;
        let found = player.inbox.look(|arrived| {
            let counts = |frame: &crate::wire::Frame| {
                // Who comes and goes is told whenever it is noticed, and is nobody's message.
                let presence =
                    contract.event(&frame.spelled).is_some_and(|e| e.from == Publisher::Presence) || frame.spelled.starts_with("pusher");
                let fence = self.fences.iter().any(|(spelled, data)| *spelled == frame.spelled && *data == frame.payload);
                frame.is_trouble() || frame.is_event() && !presence && !fence
            };
            let found = arrived.iter().skip(quiet.from).find(|a| !a.taken && counts(&a.frame));
            found.map(|a| (a.frame.clone(), arrived.clone()))
        });
        if let Some((frame, arrived)) = found {
            self.at = quiet.step;
            let message = format!("{name} was to receive nothing, and received {} {}", frame.spelled, frame.payload);
            return Err(self.difference(message).beside(&arrived, &frame).into());
        }
        Ok(())
    }

    /// Everything that the server had for the client has come.
    async fn fence(&mut self, name: &str) -> Result<(), Stop> {
        let streams: Vec<String> = {
            let player = &self.players[name];
            for link in player.links.iter().filter(|link| link.transport != Transport::Sse) {
                link.fence().await;
            }
            player.links.iter().filter(|link| link.transport == Transport::Sse).flat_map(|link| link.channels.clone()).collect()
        };
        for channel in streams {
            self.fence_stream(name, &channel).await?;
        }
        Ok(())
    }

    /// An event that everybody on the channel gets, published and waited for.
    async fn fence_stream(&mut self, name: &str, channel: &str) -> Result<(), Stop> {
        let contract = self.site.contract.clone();
        let Some(found) = contract.channel(channel) else { return Ok(()) };
        let plain = |event: &&std::sync::Arc<Event>| {
            let unremarkable = event.from == Publisher::Backend && event.version.is_none() && event.newest.is_none() && !event.is_pattern();
            let retained = contract.channels[found.log_kind].retain.iter().any(|(_, t)| *t == event.name);
            event.on.contains(&found.log_kind) && unremarkable && !retained
        };
        let mut sampler = crate::sample::Sampler::new(&contract, u64::try_from(self.fences.len()).unwrap_or_default() + 77);
        let made = contract.events.iter().filter(plain).find_map(|event| {
            (0..20).find_map(|_| {
                let data = sampler.data(event, &found)?;
                // Nobody is to be somewhere else after it.
                let changes = !contract.member_changes(&event.name, &data).is_empty();
                (!changes && event.audience(&data) == AudienceRequest::Everyone).then(|| (event.name.clone(), data))
            })
        });
        let Some((event_type, data)) = made else {
            return Err(Stop::Failed(format!(
                "'{name}' is on an event stream, and no event of '{channel}' is everybody's: that it receives nothing cannot be proved there; play the flow with --transport websocket"
            )));
        };
        let log = found.log.to_string();
        self.site.publish(&json!({ "channel": log, "type": event_type, "data": data })).await?;
        self.fences.push((event_type.clone(), data.clone()));
        let inbox = self.players[name].inbox.clone();
        let came = inbox.wait(|arrived| arrived.iter().any(|a| a.frame.spelled == event_type && a.frame.payload == data).then_some(()));
        if tokio::time::timeout(self.timeout.max(Duration::from_secs(1)), came).await.is_err() {
            let message = format!("{name} did not receive {event_type}, which was published on '{channel}' to look at what came before it");
            return Err(self.difference(message).into());
        }
        Ok(())
    }
}
