//! What was right to send, and is not.

use super::{Kind, kind};
use crate::compare::finding::Severity::{Breaks, MayBreak, Notable};

const ABOUT: &str = "Payloads: what is sent";

pub(super) const KINDS: &[Kind] = &[
    kind(
        ABOUT,
        "sent-field-required",
        Breaks,
        "A field must be there that was not required: what is sent without it is refused.",
        "Leave it optional, with what its absence means; require it when everybody sends it.",
    ),
    kind(
        ABOUT,
        "sent-field-removed",
        Breaks,
        "A field is gone from a closed object: what is sent with it is refused.",
        "Keep the field, and take no notice of it, until nobody sends it; `deprecated: true` says so to generators.",
    ),
    kind(
        ABOUT,
        "sent-object-closed",
        Breaks,
        "The object was open, and is closed now (`additionalProperties: false`): what is sent with a field of its own is refused.",
        "Leave it open, or make a new type, closed from its first day.",
    ),
    kind(
        ABOUT,
        "sent-type-narrowed",
        Breaks,
        "A value's type is narrower, or another one: what was right is refused.",
        "Accept both types (`type: [string, integer]`), or add a field with the new type beside the old one.",
    ),
    kind(ABOUT, "sent-null-refused", Breaks, "Null was allowed and is refused.", "Accept null as long as somebody sends it."),
    kind(
        ABOUT,
        "sent-value-removed",
        Breaks,
        "A value is no longer one of those that are allowed.",
        "Keep accepting it, and read it as what stands in its place now.",
    ),
    kind(
        ABOUT,
        "sent-bound-tightened",
        Breaks,
        "A bound on numbers, lengths or counts is tighter: what was within it is refused.",
        "Keep the bound for this type; a new type may have a tighter one from its first day.",
    ),
    kind(
        ABOUT,
        "sent-format-narrowed",
        Breaks,
        "A `pattern` or `format` is new or another one: what did not have to fit is refused.",
        "Accept what was accepted, and bring it into the new form on the backend.",
    ),
    kind(
        ABOUT,
        "sent-variant-removed",
        Breaks,
        "One of several shapes (`oneOf`, `anyOf`) is no longer accepted.",
        "Accept the old shape as well until nobody sends it.",
    ),
    kind(
        ABOUT,
        "sent-field-claimed",
        MayBreak,
        "The object is open, and a field that could hold anything has a type now: whoever sent something else under this name is refused.",
        "Look whether somebody does; close objects on their first day, so that names stay free.",
    ),
    kind(
        ABOUT,
        "sent-undecided",
        MayBreak,
        "It cannot be decided whether everything that was accepted still is.",
        "Look at it; write it in simpler keywords, or beside the old schema as a new type.",
    ),
    kind(
        ABOUT,
        "sent-loosened",
        Notable,
        "More is accepted than before: new clients that make use of it are refused by servers that do not know it yet.",
        "Roll the servers out first.",
    ),
];
