//! Envelope and frames.

use super::{Kind, kind};
use crate::compare::finding::Severity::{Breaks, MayBreak, Notable};

const ABOUT: &str = "The wire";

pub(super) const KINDS: &[Kind] = &[
    kind(
        ABOUT,
        "protocol-changed",
        Breaks,
        "The frames are those of another protocol altogether.",
        "Serve the other protocol as a contract of its own, at an endpoint of its own.",
    ),
    kind(
        ABOUT,
        "envelope-field-removed",
        Breaks,
        "A field of the envelope is gone from every event.",
        "Keep it; what an event does not have is null.",
    ),
    kind(
        ABOUT,
        "envelope-field-renamed",
        Breaks,
        "A field of the envelope has another name.",
        "Send both names for a while: `room: $channel` beside `channel: $channel`.",
    ),
    kind(
        ABOUT,
        "envelope-field-changed",
        Breaks,
        "A field of the envelope holds something else.",
        "Add a field for what is new, and leave this one as it is.",
    ),
    kind(
        ABOUT,
        "envelope-field-added",
        Notable,
        "A field of the envelope is new.",
        "Nothing has to be done, if clients pass over what they do not know.",
    ),
    kind(ABOUT, "server-frame-removed", Breaks, "A frame is no longer sent that clients may wait for.", "Keep sending it."),
    kind(
        ABOUT,
        "server-frame-changed",
        Breaks,
        "A frame of the server lacks a field, or holds something else in it.",
        "Add a field for what is new, and leave the others as they are.",
    ),
    kind(
        ABOUT,
        "server-frame-added",
        Notable,
        "A frame is sent that old clients do not know.",
        "Nothing has to be done, if clients pass over types that they do not know.",
    ),
    kind(
        ABOUT,
        "server-frame-field-added",
        Notable,
        "A frame of the server has a field more.",
        "Nothing has to be done, if clients pass over what they do not know.",
    ),
    kind(ABOUT, "client-frame-removed", Breaks, "A frame that clients send is not understood any more.", "Keep it until nobody sends it."),
    kind(
        ABOUT,
        "client-frame-changed",
        Breaks,
        "A frame is spelled otherwise: as old clients send it, it is not understood, or means less.",
        "A frame has one spelling in a contract: serve the new one as a contract of its own, at another path, for a while.",
    ),
    kind(
        ABOUT,
        "client-frame-order",
        MayBreak,
        "The first frame that what came is like is it, and they stand in another order.",
        "Leave the order as it is, and put new frames at the end.",
    ),
    kind(ABOUT, "client-frame-added", Notable, "A frame may be sent that old servers do not know.", "Roll the servers out first."),
    kind(
        ABOUT,
        "client-frame-field-added",
        Notable,
        "A frame may have a field more; old servers take no notice of it.",
        "Roll the servers out first.",
    ),
];
