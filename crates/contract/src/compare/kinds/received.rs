//! What may come, and could not.

use super::{Kind, kind};
use crate::compare::finding::Severity::{Breaks, MayBreak, Notable};

const ABOUT: &str = "Payloads: what is received";

pub(super) const KINDS: &[Kind] = &[
    kind(
        ABOUT,
        "received-field-removed",
        Breaks,
        "A field that was always there is gone.",
        "Keep sending it until no client reads it; a new type beside the old one can leave it out.",
    ),
    kind(
        ABOUT,
        "received-field-optional",
        Breaks,
        "A field that was always there may be missing now.",
        "Keep it required, with a value that says that there is none.",
    ),
    kind(
        ABOUT,
        "received-type-widened",
        Breaks,
        "A value may have a type that clients did not have to expect.",
        "Add a field with the new type beside the old one, and send both for a while.",
    ),
    kind(
        ABOUT,
        "received-null-added",
        Breaks,
        "A value may be null that could not be.",
        "Leave the field out if it was optional; else send a value that stands for nothing.",
    ),
    kind(
        ABOUT,
        "received-value-added",
        Breaks,
        "A value may come that clients do not know: a `switch` without a default falls through.",
        "Send the nearest old value in the old field, and the new one in a field beside it.",
    ),
    kind(
        ABOUT,
        "received-variant-added",
        Breaks,
        "A shape may come (`oneOf`, `anyOf`) that clients do not know.",
        "Publish it as a type of its own, which old clients pass over.",
    ),
    kind(
        ABOUT,
        "received-bound-loosened",
        MayBreak,
        "A bound on numbers, lengths or counts is wider: a client that reserved so much room has too little.",
        "Keep the bound, or tell those who rely on it.",
    ),
    kind(
        ABOUT,
        "received-format-loosened",
        MayBreak,
        "A `pattern` or `format` is gone or another one: a client that takes the value apart by it cannot.",
        "Add a field for the new form beside the old one.",
    ),
    kind(
        ABOUT,
        "received-field-added-to-closed",
        MayBreak,
        "A field is new in an object that was closed: a client that validates what it gets by the old schema refuses it.",
        "Clients should pass over what they do not know. Where one validates, publish a new type beside the old one.",
    ),
    kind(
        ABOUT,
        "received-object-opened",
        MayBreak,
        "The object was closed and is open now: a client that validates what it gets by the old schema may refuse it.",
        "Add the fields that are meant by their names.",
    ),
    kind(
        ABOUT,
        "received-optional-field-removed",
        MayBreak,
        "A field that was sometimes there never is any more.",
        "Keep it in the schema as long as a client looks for it.",
    ),
    kind(
        ABOUT,
        "received-undecided",
        MayBreak,
        "It cannot be decided whether everything that comes is what clients had to expect.",
        "Look at it; write it in simpler keywords, or beside the old schema as a new type.",
    ),
    kind(
        ABOUT,
        "received-field-added",
        Notable,
        "A field is new in an open object: clients pass over it until they know it.",
        "Nothing has to be done.",
    ),
    kind(
        ABOUT,
        "received-tightened",
        Notable,
        "Less comes than before. New clients still get the old events of the history, and events of old servers.",
        "Let new clients bear the old form as long as the history keeps it.",
    ),
];
