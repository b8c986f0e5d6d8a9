//! What the log says of publishes (K-17): at debug of every event, at info of those of the audit trail and of what backends
//! were refused. Never a payload, never a token.

use super::audit;
use std::sync::Arc;
use tidewire_engine::{Draft, Published, id};
use tracing::Level;

/// What will be said of an event once it is there.
pub(super) struct Note {
    place: usize,
    event_type: Arc<str>,
    trace: Option<Arc<str>>,
    audited: bool,
}

/// Notes of those drafts of which the log wants to hear.
pub(super) fn notes(drafts: &[Draft]) -> Vec<Note> {
    let all = tracing::enabled!(Level::DEBUG);
    if !all && drafts.iter().all(|draft| draft.contract.audit.is_none()) {
        return Vec::new();
    }
    let note = |(place, draft): (usize, &Draft)| {
        let audited = audit::is_audited(draft);
        let told = || Note { place, event_type: draft.event_type.clone(), trace: draft.trace.clone(), audited };
        (all || audited).then(told)
    };
    drafts.iter().enumerate().filter_map(note).collect()
}

/// Tells what was published.
pub(super) fn published(notes: &[Note], published: &[Published]) {
    for note in notes {
        let Some(event) = published.get(note.place) else { continue };
        let (contract, channel) = event.log.split_once('/').unwrap_or(("", &event.log));
        let (trace, event_type, duplicate) = (note.trace.as_deref(), &*note.event_type, event.duplicate);
        let (id, seq) = (id::to_text(&event.receipt.id), event.receipt.seq);
        if note.audited {
            tracing::info!(correlation_id = trace, channel, contract, "type" = event_type, id, seq, duplicate, audit = true, "published");
        } else {
            tracing::debug!(correlation_id = trace, channel, contract, "type" = event_type, id, seq, duplicate, "published");
        }
    }
}

/// What was asked for and refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refused<'a> {
    pub contract: &'a str,
    pub channel: Option<&'a str>,
    pub event_type: Option<&'a str>,
    pub correlation_id: Option<&'a str>,
    /// The problem's name or code.
    pub reason: &'a str,
}

impl Refused<'_> {
    /// Tells of a backend's publish: somebody has to do something about it.
    pub fn tell(&self) {
        let Refused { contract, channel, event_type, correlation_id, reason } = *self;
        tracing::info!(correlation_id, channel, contract, "type" = event_type, reason, "publish refused");
    }

    /// Tells of a client's, of which there may be any number.
    pub fn tell_quietly(&self) {
        let Refused { contract, channel, event_type, correlation_id, reason } = *self;
        tracing::debug!(correlation_id, channel, contract, "type" = event_type, reason, "publish refused");
    }
}
