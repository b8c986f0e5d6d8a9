//! Drafts as the publishing script takes them.

use crate::{record::front, reply::Run};
use serde_json::{Value, json};
use tidewire_contract::{AudienceRequest, Contract, MemberChange};
use tidewire_engine::{Draft, state};
use xxhash_rust::xxh3::xxh3_64;

/// What every event weighs, see [`tidewire_engine::Record::weight`]; its audience is weighed where it is settled.
const WEIGHT: usize = 128;

/// Appends a draft. `salt`: tells the ids of this node from those of others.
pub(crate) fn put(run: &mut Run, draft: &Draft, salt: u64) {
    let Draft {
        contract,
        log,
        event_type,
        data,
        key,
        trace,
        occurred_at,
        fields,
        id,
        audience,
        changes,
        version,
        retain,
        states,
        silent,
        ..
    } = draft;
    run.put(log.as_bytes());
    run.put(key.as_deref().unwrap_or_default().as_bytes());
    run.put(id.as_ref().map_or(&[][..], |id| &id[..]));
    // Two logs of a contract never have the same time, so the log's name need not be in it; it costs nothing.
    run.put(&(0x8000_0000_0000_0000 | ((salt ^ xxh3_64(log.as_bytes())) >> 2)).to_be_bytes());
    run.number((WEIGHT + event_type.len() + data.len() + fields.as_ref().map_or(0, |f| f.len())) as u64);
    run.put(&front(event_type, key.as_deref(), trace.as_deref(), occurred_at.as_deref(), fields.as_deref(), draft.except));
    run.put(data);
    run.put(wanted(contract, audience).as_bytes());
    run.put(
        if changes.is_empty() { String::new() } else { Value::from(changes.iter().map(change).collect::<Vec<_>>()).to_string() }.as_bytes(),
    );
    match version {
        Some(version) => {
            run.put(state::version_name(&version.of).as_bytes());
            run.put(version.is.to_string().as_bytes());
        }
        None => {
            run.put(b"");
            run.put(b"");
        }
    }
    run.flag(*silent);
    run.number(retain.len() as u64);
    retain.iter().for_each(|name| run.put(state::retained_name(name).as_bytes()));
    run.number(states.len() as u64);
    for row in states {
        run.put(row.name.as_bytes());
        run.flag(row.value.is_some());
        run.put(row.value.as_deref().unwrap_or_default());
    }
}

/// `[[[attribute, relation or "", values]]]`; empty for everyone.
fn wanted(contract: &Contract, requests: &[AudienceRequest]) -> String {
    let mut all = Vec::new();
    for request in requests {
        let AudienceRequest::Only(named) = request else { continue };
        let any = named.iter().map(|part| {
            let attribute = contract.attribute_of(&part.by);
            json!([attribute, if attribute == part.by { "" } else { part.by.as_str() }, part.values])
        });
        all.push(Value::from(any.collect::<Vec<_>>()));
    }
    if all.is_empty() { String::new() } else { Value::from(all).to_string() }
}

fn change(change: &MemberChange) -> Value {
    match change {
        MemberChange::Join { relation, group, member } => json!(["join", relation, group, member]),
        MemberChange::Leave { relation, group, member } => json!(["leave", relation, group, member]),
        MemberChange::Move { relation, member, to: Some(to) } => json!(["move", relation, member, to]),
        MemberChange::Move { relation, member, to: None } => json!(["move", relation, member, false]),
    }
}
