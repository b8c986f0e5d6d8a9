//! One task for a member whose state is not settled: it tells the channel that the member came, or, its grace over, that it left.
//!
//! Who comes and goes is told in turns: each telling carries the next number of the member as a version of the log, so of two
//! nodes that both want to tell one is refused, and looks again. The row that says who was told is written by the same commit.

use super::{Inner, Key, Told, Who, row, tells, value};
use crate::hub::{self, Hub, PublishError};
use bytes::Bytes;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tidewire_contract::{Presence, PresenceEvent};
use tidewire_engine::{
    Draft, Version,
    log::{LogError, StateRow},
    publish::{self, Request},
};
use tokio::time::Instant;

/// How long it waits after a store or another node failed, at most.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What a step came to.
enum Next {
    /// Everybody knows what is so.
    Settled,
    /// Look again.
    Again,
    /// Nothing to do before then, unless something happens.
    Wait(Instant),
}

/// What is known of the member at one moment.
struct Look {
    who: Arc<Who>,
    connections: usize,
    gone: Instant,
    shared: usize,
}

/// Sees to the member until it is settled.
pub(super) async fn keep(inner: Arc<Inner>, key: Key) {
    let mut pause = Duration::from_millis(100);
    loop {
        let Some((look, bell)) = inner.look(&key) else { return };
        if inner.closed.load(Ordering::SeqCst) {
            return;
        }
        let until = match step(&inner, &key, &look).await {
            Ok(Next::Settled) if inner.rest(&key, &look) => return,
            Ok(Next::Settled | Next::Again) => continue,
            Ok(Next::Wait(until)) => until,
            Err(why) => {
                tracing::warn!(log = %key.0, why, "who is on the channel cannot be told yet");
                pause = (pause * 2).min(PAUSE_MAX);
                Instant::now() + pause
            }
        };
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = bell.notified() => {}
        }
    }
}

async fn step(inner: &Inner, key: &Key, look: &Look) -> Result<Next, String> {
    let who = &look.who;
    if let Some(shared) = &inner.shared
        && look.shared != look.connections
    {
        match look.connections {
            0 => shared.gone(&who.log, &who.member).await?,
            n => shared.here(&who.log, &who.shown(n)).await?,
        }
        inner.told_others(key, look.connections);
    }
    let (Some(presence), Some(works)) = (who.presence().filter(|p| tells(p)), inner.works.get()) else { return Ok(Next::Settled) };
    let hub = &works.hub;
    let (told, turn) = read(hub, who).await.map_err(|e| e.to_string())?;
    let is_here = look.connections > 0
        || match &inner.shared {
            Some(shared) => shared.elsewhere(&who.log, &who.member).await?,
            None => false,
        };
    let draft = match (is_here, told) {
        (true, Some(_)) | (false, None) => return Ok(Next::Settled),
        (true, None) => draft(who, presence, presence.joins.as_ref(), Told::of(who).row(), turn + 1),
        (false, Some(told)) => {
            let over = look.gone + presence.grace;
            if Instant::now() < over {
                return Ok(Next::Wait(over));
            }
            // As it came: another process may have known more of it.
            let who = Arc::new(told.who(&who.contract, &who.channel));
            inner.remember(key, &who);
            let row = StateRow { name: row::name(&who.member), value: None };
            draft(&who, presence, presence.leaves.as_ref(), row, turn + 1)
        }
    };
    match hub.publish(vec![draft]).await {
        // Also after a conflict: another node has told it.
        Ok(_) | Err(PublishError::Conflict(_)) => Ok(Next::Again),
        Err(failure) => Err(failure.to_string()),
    }
}

/// Whether the member was told to be there, and how often it came or went.
async fn read(hub: &Arc<Hub>, who: &Arc<Who>) -> Result<(Option<Told>, i64), LogError> {
    let (hub, who) = (hub.clone(), who.clone());
    let read = tokio::task::spawn_blocking(move || {
        let store = hub.reader().store(who.contract.channels[who.channel.log_kind].durability);
        let Some(state) = store.find(&who.log)? else { return Ok((None, 0)) };
        row::of(store, state.id, &who.member)
    });
    read.await.map_err(|e| LogError::Failed(e.to_string()))?
}

/// What tells it. Where the contract tells only one of coming and going, or its event does not fit its schema, the row alone.
fn draft(who: &Who, presence: &Presence, event: Option<&PresenceEvent>, row: StateRow, turn: i64) -> Draft {
    let version = Some(Version { of: row::turn(&who.member), is: turn });
    let admitted = event.and_then(|event| {
        let data = event.data.fill(&mut |path| value(path, &who.principal, &who.channel, Some(&who.member)));
        let request = Request {
            channel: who.channel.name.to_string(),
            event_type: event.event_type.clone(),
            data: Bytes::from(data.to_string()),
            ..Request::default()
        };
        let admitted = publish::from_presence(&who.contract, request);
        if let Err(refusal) = &admitted {
            let (contract, channel) = (&who.contract.name, &who.channel.name);
            tracing::error!(contract, %channel, "type" = event.event_type, ?refusal, "what presence publishes is refused by its own contract");
        }
        admitted.ok()
    });
    // A presence event's own version has no place: there is no resource that it is one of.
    match admitted {
        Some(draft) => Draft { version, states: vec![row], ..draft },
        None => {
            let durability = who.contract.channels[who.channel.log_kind].durability;
            let event_type = presence.joins.as_ref().or(presence.leaves.as_ref()).map_or("presence", |e| &e.event_type);
            let bare = Draft::new(who.contract.clone(), who.log.clone(), durability, event_type.into(), Bytes::from_static(b"null"));
            Draft { version, states: vec![row], silent: true, ..bare }
        }
    }
}

impl Told {
    fn of(who: &Who) -> Told {
        Told { member: who.member.clone(), info: who.info.clone(), principal: who.principal.clone(), since: hub::now() }
    }
}

impl Inner {
    fn look(&self, key: &Key) -> Option<(Look, Arc<tokio::sync::Notify>)> {
        let members = super::lock(&self.members);
        let local = members.get(key)?;
        let look = Look { who: local.who.clone(), connections: local.connections, gone: local.gone, shared: local.shared };
        Some((look, local.bell.clone()))
    }

    /// Who the member is, where it is not here itself to say so.
    fn remember(&self, key: &Key, who: &Arc<Who>) {
        if let Some(local) = super::lock(&self.members).get_mut(key).filter(|local| local.connections == 0) {
            local.who = who.clone();
        }
    }

    fn told_others(&self, key: &Key, connections: usize) {
        if let Some(local) = super::lock(&self.members).get_mut(key) {
            local.shared = connections;
        }
    }

    /// Nobody sees to the member any more, if nothing happened since the look; one who is not here is forgotten.
    fn rest(&self, key: &Key, look: &Look) -> bool {
        let mut members = super::lock(&self.members);
        let Some(local) = members.get_mut(key) else { return true };
        if local.connections != look.connections || local.gone != look.gone {
            return false;
        }
        local.busy = false;
        if local.connections == 0 {
            members.remove(key);
        }
        true
    }
}
