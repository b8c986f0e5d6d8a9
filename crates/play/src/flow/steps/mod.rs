//! What each kind of step does.

mod connect;
mod receive;
mod send;

use super::stage::{Stage, Stop};
use tidewire_contract::{Action, Step};

pub(super) async fn act(stage: &mut Stage<'_>, step: &Step) -> Result<(), Stop> {
    match &step.action {
        Action::Join { who, channel } => connect::join(stage, who, channel).await,
        Action::Leave { who, channel } => connect::leave(stage, who, channel).await,
        Action::Disconnect { who } => connect::disconnect(stage, who).await,
        Action::Reconnect { who } => connect::reconnect(stage, who).await,
        Action::Send { who, event_type, data, channel } => send::send(stage, who, event_type, data.as_ref(), channel.as_deref()).await,
        Action::Answer { who, data } => send::answer(stage, who, data).await,
        Action::Receive { who, what } => receive::receive(stage, who, what).await,
        Action::ReceiveNothing { who } => receive::nothing(stage, who),
    }
}

/// A client of the flow.
pub(super) fn player<'s>(stage: &'s mut Stage<'_>, name: &str) -> Result<&'s mut super::player::Player, Stop> {
    stage.players.get_mut(name).ok_or_else(|| Stop::Failed(format!("'{name}' is a backend, and no client")))
}
