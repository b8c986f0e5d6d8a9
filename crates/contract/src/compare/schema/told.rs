//! The reasons of a comparison, as findings.

use super::{
    Payload,
    reason::{Reason, What},
    side::{At, Side},
};
use crate::compare::{
    finding::{Version, Who},
    findings::{Findings, Spot},
};
use serde_json::Value;

/// What was allowed to send, and is not now.
pub(super) fn sent(findings: &mut Findings<'_>, payload: &Payload<'_>, reason: &Reason) {
    let here = subject(&reason.refused.pointer);
    let kind = match &reason.what {
        What::Required { .. } => "sent-field-required",
        What::Forbidden { .. } => "sent-field-removed",
        What::Closed => "sent-object-closed",
        What::Claimed { .. } => "sent-field-claimed",
        What::Type(_) => "sent-type-narrowed",
        What::Null => "sent-null-refused",
        What::Bound(_) => "sent-bound-tightened",
        What::Format(_) => "sent-format-narrowed",
        What::Variant => "sent-variant-removed",
        What::Value(_) | What::Undecided(_) => "sent-value-removed",
    };
    let message = match &reason.what {
        What::Required { name, .. } => format!("{} must be there, and was not required", member(&here, name)),
        What::Forbidden { name } => format!("{} is refused, and was allowed", member(&around(reason), name)),
        What::Closed => format!("{} is closed, and was open", of(&here)),
        What::Claimed { name } => format!("{} could be anything, and has a schema now", member(&parent(&here), name)),
        What::Type(types) => format!("{} cannot be {} any more", of(&here), types.words()),
        What::Null => format!("{} cannot be null any more", of(&here)),
        What::Bound(keyword) => format!("{} has a tighter `{keyword}`", of(&here)),
        What::Format(keyword) => format!("{} has to fit a `{keyword}` that it did not have to", of(&here)),
        What::Variant => format!("{} had a shape that is not accepted any more", of(&here)),
        What::Value(Some(value)) => format!("{} cannot be {value} any more", of(&here)),
        What::Value(None) => format!("{} is one of a list now", of(&here)),
        What::Undecided(keyword) => format!("{} may not be what it was, by its `{keyword}`", of(&here)),
    };
    let spot = match (&reason.what, &reason.allowed) {
        // What is gone was there.
        (What::Forbidden { .. } | What::Variant, Some(old)) => payload.spot(findings, Version::Old, old),
        (What::Value(_), Some(old)) if !old.pointer.ends_with("/type") => payload.spot(findings, Version::Old, old),
        _ => payload.spot(findings, Version::New, &reason.refused),
    };
    // Of what the server itself sends, there is only the past to bear with.
    let nobody = payload.ends.send.is_empty();
    let (kind, who): (_, &[Who]) = if nobody { ("received-tightened", &[Who::NewClients]) } else { (kind, &payload.ends.send) };
    let undecided = if nobody { "received-tightened" } else { "sent-undecided" };
    tell(findings, payload, reason, (kind, undecided), spot, who, message);
}

/// What may be received, and could not.
pub(super) fn received(findings: &mut Findings<'_>, payload: &Payload<'_>, old: &Side, reason: &Reason) {
    let place = reason.allowed.as_ref().unwrap_or(&reason.refused);
    let here = subject(&place.pointer);
    let there = subject(&reason.refused.pointer);
    let kind = match &reason.what {
        What::Required { declared: true, .. } => "received-field-optional",
        What::Required { declared: false, .. } => "received-field-removed",
        What::Forbidden { .. } => "received-field-added-to-closed",
        What::Closed => "received-object-opened",
        What::Claimed { .. } => "received-optional-field-removed",
        What::Type(_) => "received-type-widened",
        What::Null => "received-null-added",
        What::Bound(_) => "received-bound-loosened",
        What::Format(_) => "received-format-loosened",
        What::Variant => "received-variant-added",
        What::Value(_) | What::Undecided(_) => "received-value-added",
    };
    let message = match &reason.what {
        What::Required { name, declared: true } => format!("{} may be missing, and was always there", member(&parent(&here), name)),
        What::Required { name, .. } => format!("{} is gone, and was always there", member(&there, name)),
        What::Forbidden { name } => format!("{} is new, in an object that was closed", member(&around(reason), name)),
        What::Closed => format!("{} is open, and was closed", of(&here)),
        What::Claimed { .. } => format!("{} is gone, and was there at times", of(&there)),
        What::Type(types) => format!("{} may be {}, and could not", of(&here), types.words()),
        What::Null => format!("{} may be null, and could not", of(&here)),
        What::Bound(keyword) => format!("{} has a wider `{keyword}`, or none", of(&here)),
        What::Format(keyword) => format!("{} need not fit the `{keyword}` that it had to", of(&here)),
        What::Variant => format!("{} has a shape that is new", of(&here)),
        What::Value(Some(value)) => format!("{} may be {value}, and could not", of(&here)),
        What::Value(None) => format!("{} was one of a list, and may be something else", of(&here)),
        What::Undecided(keyword) => format!("{} may be what it was not, by its `{keyword}`", of(&there)),
    };
    let spot = match (&reason.what, &reason.allowed) {
        (What::Required { name, declared: false }, _) => {
            let owner = reason.refused.pointer.rsplit_once("/required/").map_or("", |(owner, _)| owner);
            let declared = At { file: reason.refused.file.clone(), pointer: owner.to_owned() }.below(&["properties", name]);
            let gone = if old.value(&declared).is_some() { &declared } else { &reason.refused };
            payload.spot(findings, Version::Old, gone)
        }
        // That it is required, is what is gone.
        (What::Required { .. }, _) => payload.spot(findings, Version::Old, &reason.refused),
        (_, Some(new)) => payload.spot(findings, Version::New, new),
        (_, None) => payload.spot(findings, Version::Old, &reason.refused),
    };
    if payload.ends.receive.is_empty() {
        return tell(findings, payload, reason, ("sent-loosened", "sent-loosened"), spot, &[Who::NewClients], message);
    }
    tell(findings, payload, reason, (kind, "received-undecided"), spot, &payload.ends.receive, message);
}

/// As what it is, if a value shows it; else as what cannot be decided.
fn tell(
    findings: &mut Findings<'_>,
    payload: &Payload<'_>,
    reason: &Reason,
    (kind, undecided): (&'static str, &'static str),
    spot: Spot,
    who: &[Who],
    message: String,
) {
    let id = if reason.witness.is_some() { kind } else { undecided };
    let message = if reason.witness.is_some() { message } else { format!("{message}: it cannot be decided") };
    let witness: Option<Value> = reason.witness.clone();
    findings.add_of(id, spot, who, message, Some(payload.names.1), witness);
}

/// The field that a place in a schema is about: `/properties/items/items/properties/name/maxLength` is `items[].name`.
pub(super) fn subject(pointer: &str) -> String {
    let mut name = String::new();
    let mut parts = pointer.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        match part {
            "properties" | "patternProperties" => {
                let Some(field) = parts.next() else { break };
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(&field.replace("~1", "/").replace("~0", "~"));
            }
            "$defs" | "definitions" => {
                let Some(definition) = parts.next() else { break };
                name = definition.to_owned();
            }
            "items" => name.push_str("[]"),
            "prefixItems" => {
                let at = parts.next().unwrap_or("0");
                name.push_str(&format!("[{at}]"));
            }
            "additionalProperties" if parts.peek().is_some() => name.push_str(".*"),
            "required" | "enum" => break,
            _ => {}
        }
    }
    name
}

/// In a sentence: the field, or the payload itself.
fn of(subject: &str) -> String {
    if subject.is_empty() { "the payload".to_owned() } else { format!("`{subject}`") }
}

pub(super) fn member(object: &str, name: &str) -> String {
    if object.is_empty() { format!("`{name}`") } else { format!("`{object}.{name}`") }
}

/// The object that declares the field which is in one schema only.
fn around(reason: &Reason) -> String {
    let declared = reason.allowed.as_ref().unwrap_or(&reason.refused);
    declared.pointer.rsplit_once("/properties/").map_or(String::new(), |(object, _)| subject(object))
}

/// What is around a field: `ticket.id` is in `ticket`.
fn parent(subject: &str) -> String {
    subject.rsplit_once('.').map_or(String::new(), |(parent, _)| parent.to_owned())
}
