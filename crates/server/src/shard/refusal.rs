//! What is counted and logged of a client's event that was refused.

use super::{client::Client, worker::Worker};
use crate::hub::Refused;
use tidewire_wire::Reference;

pub(super) fn note(worker: &Worker, client: &Client, event_type: &str, code: &'static str, reference: &Reference) {
    let contract = client.served.contract.name.as_str();
    worker.env.hub.tallies().publishes(contract).refused(code);
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    // Where it is on several, the frame alone said which one was meant.
    let tracks = client.tracks.borrow();
    let mut names = tracks.iter().flat_map(|track| track.names.iter());
    let channel = names.next().filter(|_| names.next().is_none());
    let correlation_id = reference.trace.as_ref().and_then(|trace| trace.as_str());
    Refused { contract, channel: channel.map(|name| &**name), event_type: Some(event_type), correlation_id, reason: code }.tell_quietly();
}
