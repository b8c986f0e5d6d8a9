//! Fields that come and go without a value that would show it: new ones in open objects, optional ones that are gone.

use super::{
    Payload,
    conj::Conj,
    reason::{Reason, What},
    told::{member, subject},
    types::Types,
};
use crate::compare::{finding::Version, findings::Findings};

/// Levels of a payload that are looked into.
const DEPTH_MAX: usize = 12;

/// Tells of the fields of two payloads, as far as `reasons` did not.
pub(super) fn fields(findings: &mut Findings<'_>, payload: &Payload<'_>, both: (&Conj<'_>, &Conj<'_>), reasons: &[Reason]) {
    walk(findings, payload, both, reasons, DEPTH_MAX);
}

fn walk(findings: &mut Findings<'_>, payload: &Payload<'_>, (old, new): (&Conj<'_>, &Conj<'_>), reasons: &[Reason], depth: usize) {
    if depth == 0 || !old.types().and(new.types()).has(Types::OBJECT.or(Types::LIST)) {
        return;
    }
    for name in new.listed() {
        let Some(at) = new.declared(name) else { continue };
        let value = new.property(name);
        match old.declared(name) {
            Some(_) => walk(findings, payload, (&old.property(name), &value), reasons, depth - 1),
            None if old.property(name).is_empty() || value.is_empty() => {}
            None => {
                let message = format!("{} is new", member(&around(&at.pointer), name));
                let spot = payload.spot(findings, Version::New, &at);
                findings.add_of("received-field-added", spot, &[], message, Some(payload.names.1), None);
            }
        }
    }
    for name in old.listed() {
        let Some(at) = old.declared(name) else { continue };
        let told = reasons.iter().any(|reason| match &reason.what {
            What::Claimed { name: told } | What::Required { name: told, .. } => told == name,
            _ => false,
        });
        if new.declared(name).is_none() && !told && !old.property(name).is_empty() {
            let message = format!("{} is gone, and was there at times", member(&around(&at.pointer), name));
            let spot = payload.spot(findings, Version::Old, &at);
            findings.add_of("received-optional-field-removed", spot, &payload.ends.receive, message, Some(payload.names.1), None);
        }
    }
    let places = old.places().max(new.places());
    for at in 0..=places {
        walk(findings, payload, (&old.item(at), &new.item(at)), reasons, depth - 1);
    }
}

/// The object that a declared field is in.
fn around(pointer: &str) -> String {
    pointer.rsplit_once("/properties/").map_or(String::new(), |(object, _)| subject(object))
}
