//! Events, and those who take them.

use super::{Kind, kind};
use crate::compare::finding::Severity::{Breaks, MayBreak, Notable};

const EVENTS: &str = "Events";
const OTHERS: &str = "Backends, bridges, errors";

pub(super) const KINDS: &[Kind] = &[
    kind(
        EVENTS,
        "event-removed",
        Breaks,
        "Clients wait for the type in vain, and who sends it is refused.",
        "Keep it until nobody sends it; publish the new type beside it for a while.",
    ),
    kind(
        EVENTS,
        "event-added",
        Notable,
        "There is a type that old clients do not know.",
        "Nothing has to be done, if clients pass over types that they do not know.",
    ),
    kind(
        EVENTS,
        "event-moved",
        Breaks,
        "The type is no longer on a channel: who is on it waits in vain, and who publishes it there is refused.",
        "Leave it on both channels for a while.",
    ),
    kind(
        EVENTS,
        "event-also-on",
        Notable,
        "The type is on one more channel.",
        "Nothing has to be done, if clients pass over types that they do not know.",
    ),
    kind(
        EVENTS,
        "event-from-changed",
        Breaks,
        "Somebody else sends it: who sent it until now is refused.",
        "Make a new type for those who are to send it now.",
    ),
    kind(
        EVENTS,
        "event-publishes-changed",
        Breaks,
        "What a client sends is published as another type.",
        "Publish the new type beside the old one, by the backend, for a while.",
    ),
    kind(
        EVENTS,
        "event-backend-changed",
        Breaks,
        "Another backend, or none, decides what becomes of it; or one does now, and the channel no longer sees it.",
        "Make a new type for the other way.",
    ),
    kind(
        EVENTS,
        "key-changed",
        Breaks,
        "Two events are the same, or are not, by something else: what is sent again is published again, or what is new is taken for old.",
        "Keep the key as it is as long as somebody may repeat what was sent before.",
    ),
    kind(EVENTS, "newest-changed", MayBreak, "Clients keep the newest by another version.", "Let the old version grow as before."),
    kind(
        EVENTS,
        "version-changed",
        Breaks,
        "Events are refused by another version, or are now, or are not any more: whoever relied on it, or does not know it, is wrong.",
        "Make a new type with the version, or let backends send it first.",
    ),
    kind(EVENTS, "audit-removed", MayBreak, "The event is no longer in the audit trail.", "Make sure that nobody has to answer for it."),
    kind(OTHERS, "backend-removed", Breaks, "A backend is not asked any more.", "Keep it until no event goes to it."),
    kind(
        OTHERS,
        "backend-deadline-shortened",
        Breaks,
        "A backend has less time: what it answers late is `UNAVAILABLE` to the client.",
        "Look at how long its answers take before it is shortened.",
    ),
    kind(OTHERS, "bridge-removed", Breaks, "What read the bridge gets nothing any more.", "Keep it until its queues have no readers."),
    kind(
        OTHERS,
        "bridge-changed",
        Breaks,
        "Events leave by another exchange or routing key, or fewer of them do: bindings do not match.",
        "Make a second bridge beside it for a while.",
    ),
    kind(
        OTHERS,
        "error-code-removed",
        Breaks,
        "A code is not told any more that clients know what to do about.",
        "Keep the code for what it meant.",
    ),
    kind(
        OTHERS,
        "error-code-added",
        Notable,
        "There is a code that old clients do not know.",
        "Nothing has to be done, if clients treat what they do not know as a failure.",
    ),
    kind(
        OTHERS,
        "error-action-changed",
        Notable,
        "What a client should do about a code is another thing; old clients do what they did.",
        "Make sure that what old clients do does no harm.",
    ),
    kind(
        OTHERS,
        "reconnect-changed",
        Notable,
        "What clients should do after an end of their connection is another thing; old clients do what they did.",
        "Make sure that the server bears both.",
    ),
];
