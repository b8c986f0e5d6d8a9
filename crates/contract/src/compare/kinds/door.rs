//! Where clients connect, who they are, and how much they may do.

use super::{Kind, kind};
use crate::compare::finding::Severity::{Breaks, MayBreak, Notable};

const DOOR: &str = "Where clients connect, and who they are";
const LIMITS: &str = "How much a client may do";

pub(super) const KINDS: &[Kind] = &[
    kind(DOOR, "endpoint-removed", Breaks, "Clients that connect there find nothing.", "Keep it beside the new one until nobody uses it."),
    kind(DOOR, "endpoint-added", Notable, "There is an endpoint more; old servers do not have it.", "Roll the servers out first."),
    kind(
        DOOR,
        "endpoint-parameter-added",
        Breaks,
        "A query parameter must be given that old clients do not give.",
        "Make an endpoint of another path, and keep the old one.",
    ),
    kind(
        DOOR,
        "endpoint-parameter-removed",
        Breaks,
        "A query parameter that old clients give says nothing any more.",
        "Make an endpoint of another path, and keep the old one.",
    ),
    kind(
        DOOR,
        "endpoint-channel-changed",
        Breaks,
        "Whoever connects there is on another channel.",
        "Make an endpoint of another path, and keep the old one.",
    ),
    kind(
        DOOR,
        "default-channel-removed",
        Breaks,
        "A client that names no channel does not get this one any more.",
        "Keep it until old clients name what they want.",
    ),
    kind(
        DOOR,
        "default-channel-added",
        Notable,
        "A client that names no channel gets one more.",
        "Nothing has to be done, if clients pass over types that they do not know.",
    ),
    kind(
        DOOR,
        "option-removed",
        Breaks,
        "A query parameter does nothing any more: what it filtered, resumed or asked for is not.",
        "Keep the old name.",
    ),
    kind(DOOR, "option-changed", Breaks, "A query parameter does something else.", "Give what is new another name."),
    kind(DOOR, "option-added", Notable, "There is an option more; old servers take no notice of it.", "Roll the servers out first."),
    kind(
        DOOR,
        "token-place-removed",
        Breaks,
        "A token is not looked for there any more: clients that put it there are refused.",
        "Accept both places for a while.",
    ),
    kind(
        DOOR,
        "token-place-added",
        Notable,
        "A token may be at one more place; old servers do not look there.",
        "Roll the servers out first.",
    ),
    kind(
        DOOR,
        "tokens-changed",
        Breaks,
        "Tokens are of another kind: those that are out there are worth nothing.",
        "Serve the other kind as a contract of its own, at endpoints of its own.",
    ),
    kind(
        DOOR,
        "principal-id-changed",
        Breaks,
        "Somebody is told by another claim: a token without it is refused, and limits, keys and presence take them for somebody else.",
        "Put the old claim into new tokens for as long as old tokens live.",
    ),
    kind(
        DOOR,
        "principal-changed",
        MayBreak,
        "An attribute of principals is another one or gone: what rules and audiences make of it cannot be decided.",
        "Look at the rules that name it; give the new claim a new attribute.",
    ),
    kind(
        LIMITS,
        "limit-lowered",
        Breaks,
        "Less is allowed than before: a client that keeps to the old limit is refused.",
        "Lower it when the metrics show that nobody comes near.",
    ),
    kind(
        LIMITS,
        "newest-connection-changed",
        MayBreak,
        "What becomes of one connection too many is another one: the newest is refused, or the oldest closed.",
        "Tell those who open several; a client that is closed must not come back at once.",
    ),
    kind(
        LIMITS,
        "keepalive-ping-rarer",
        MayBreak,
        "The server is silent for longer: a client that takes silence for a broken line reconnects in vain.",
        "Keep the ping as often as clients count on.",
    ),
    kind(
        LIMITS,
        "keepalive-timeout-shortened",
        MayBreak,
        "A silent connection is given up earlier: a client that speaks more rarely is cut off.",
        "Look how often clients ping.",
    ),
];
