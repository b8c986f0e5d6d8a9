//! Coming and going.

use super::player;
use crate::flow::stage::{Stage, Stop};

pub(super) async fn join(stage: &mut Stage<'_>, who: &[String], channel: &str) -> Result<(), Stop> {
    let site = stage.site;
    for name in who {
        player(stage, name)?.join(site, channel).await?;
    }
    stage.last_joined = Some(channel.to_owned());
    raise_floors(stage);
    Ok(())
}

pub(super) async fn leave(stage: &mut Stage<'_>, who: &[String], channel: &str) -> Result<(), Stop> {
    let site = stage.site;
    for name in who {
        player(stage, name)?.leave(site, channel).await?;
    }
    raise_floors(stage);
    Ok(())
}

pub(super) async fn disconnect(stage: &mut Stage<'_>, who: &[String]) -> Result<(), Stop> {
    for name in who {
        player(stage, name)?.disconnect().await;
    }
    Ok(())
}

/// What comes by coming back belongs to what follows: a repeat of what was received before would be seen there.
pub(super) async fn reconnect(stage: &mut Stage<'_>, who: &[String]) -> Result<(), Stop> {
    raise_floors(stage);
    let site = stage.site;
    for name in who {
        player(stage, name)?.reconnect(site).await?;
    }
    Ok(())
}

fn raise_floors(stage: &mut Stage<'_>) {
    for player in stage.players.values_mut() {
        player.floor = player.inbox.len();
    }
}
