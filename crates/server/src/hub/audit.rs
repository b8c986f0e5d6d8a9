//! The audit trail: what of a contract's events is marked `audit: true` is also kept in its channel `audit`, by the same commit.

use std::sync::Arc;
use tidewire_contract::Contract;
use tidewire_engine::{Draft, Published, id, publish::log_name};

/// Drafts, some of them with a copy for the audit trail behind them.
pub(super) struct Audited {
    pub(super) drafts: Vec<Draft>,
    /// Which of the drafts are copies; empty where none is.
    copies: Vec<bool>,
}

impl Audited {
    /// Adds the copies.
    pub(super) fn of(drafts: Vec<Draft>) -> Audited {
        if !drafts.iter().any(is_audited) {
            return Audited { drafts, copies: Vec::new() };
        }
        let mut all = Audited { drafts: Vec::with_capacity(drafts.len() * 2), copies: Vec::with_capacity(drafts.len() * 2) };
        for draft in drafts {
            let copy = is_audited(&draft).then(|| copy(&draft)).flatten();
            all.drafts.push(draft);
            all.copies.push(false);
            if let Some(copy) = copy {
                all.drafts.push(copy);
                all.copies.push(true);
            }
        }
        all
    }

    /// The answers to the drafts that were no copies. `copies` is what [`Audited::take`] gave.
    pub(super) fn answers(copies: &[bool], published: Vec<Published>) -> Vec<Published> {
        if copies.is_empty() {
            return published;
        }
        published.into_iter().zip(copies).filter(|(_, copy)| !**copy).map(|(published, _)| published).collect()
    }

    /// Which of the drafts that were no copies stood in this place.
    pub(super) fn place(copies: &[bool], index: usize) -> usize {
        index - copies.iter().take(index).filter(|copy| **copy).count()
    }

    /// The drafts, and which of them are copies.
    pub(super) fn take(self) -> (Vec<Draft>, Vec<bool>) {
        (self.drafts, self.copies)
    }
}

/// Whether the contract wants an event of this type in its audit trail.
pub(super) fn is_audited(draft: &Draft) -> bool {
    wants(&draft.contract, &draft.event_type)
}

fn wants(contract: &Contract, event_type: &str) -> bool {
    let published_as = |e: &tidewire_contract::Event| e.publishes.as_deref() == Some(event_type);
    contract.audit.is_some()
        && (contract.event(event_type).is_some_and(|e| e.audit) || contract.events.iter().any(|e| e.audit && published_as(e)))
}

/// The copy for the trail: of the same type, trace, time and fields; its payload says where the event is, by whom, and what it was.
fn copy(draft: &Draft) -> Option<Draft> {
    let kind = draft.contract.channels.get(draft.contract.audit?)?;
    let channel = draft.log.split_once('/').map_or(&*draft.log, |(_, channel)| channel);
    let mut data = format!("{{\"channel\":{}", serde_json::Value::from(channel)).into_bytes();
    if let Some(id) = &draft.id {
        data.extend_from_slice(format!(",\"id\":\"{}\"", id::to_text(id)).as_bytes());
    }
    if let Some(sender) = sender(draft) {
        data.extend_from_slice(format!(",\"by\":{sender}").as_bytes());
    }
    data.extend_from_slice(b",\"data\":");
    data.extend_from_slice(&draft.data);
    data.push(b'}');
    let log = log_name(&draft.contract.name, &kind.address.source);
    Some(Draft {
        // The same event again is the same again here; two channels may use the same key.
        key: draft.key.as_ref().map(|key| Arc::from(format!("{channel}#{key}"))),
        trace: draft.trace.clone(),
        occurred_at: draft.occurred_at.clone(),
        fields: draft.fields.clone(),
        ..Draft::new(draft.contract.clone(), log, kind.durability, draft.event_type.clone(), data.into())
    })
}

/// The member `sender` of the event's fields.
fn sender(draft: &Draft) -> Option<serde_json::Value> {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(draft.fields.as_ref()?).ok()?;
    fields.get("sender").filter(|sender| !sender.is_null()).cloned()
}
