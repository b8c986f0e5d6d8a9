//! Channels, and who may do what on them.

use super::{Kind, kind};
use crate::compare::finding::Severity::{Breaks, MayBreak, Notable};

const CHANNELS: &str = "Channels";
const RULES: &str = "Rules and audiences";

pub(super) const KINDS: &[Kind] = &[
    kind(
        CHANNELS,
        "channel-removed",
        Breaks,
        "Nobody can join the channel or publish to it.",
        "Keep it, or mirror the new one under the old address (`mirrors`).",
    ),
    kind(
        CHANNELS,
        "channel-address-changed",
        Breaks,
        "The channel has another address: the old one is that of nothing.",
        "Keep the old address as a channel that `mirrors` the new one.",
    ),
    kind(
        CHANNELS,
        "history-shortened",
        Breaks,
        "Less is kept: a client that was away for longer has a gap.",
        "Look at how far back clients resume before it is shortened.",
    ),
    kind(
        CHANNELS,
        "durability-weakened",
        Breaks,
        "What was acknowledged may be lost in a case in which it could not.",
        "Publish what may be lost on a channel of its own.",
    ),
    kind(
        CHANNELS,
        "priority-lowered",
        MayBreak,
        "A client that is behind gets the channel later than before.",
        "Look at what else goes to the same clients.",
    ),
    kind(
        CHANNELS,
        "mirror-changed",
        Breaks,
        "The channel shows the events of another one, or those of its own.",
        "Make a channel with another address.",
    ),
    kind(CHANNELS, "presence-removed", Breaks, "Nobody is told any more who is there.", "Keep it until no client shows it."),
    kind(
        CHANNELS,
        "presence-changed",
        Breaks,
        "Members are told apart otherwise, or less is shown of them, or their coming and going is published otherwise.",
        "Add to `info` what is new, and leave the rest as it is.",
    ),
    kind(
        CHANNELS,
        "presence-grace-changed",
        Notable,
        "A member that is away counts as gone earlier or later than before.",
        "Nothing has to be done.",
    ),
    kind(
        CHANNELS,
        "retained-removed",
        Breaks,
        "A latest value is not kept any more: who comes later does not get it.",
        "Keep it until no client reads it.",
    ),
    kind(
        CHANNELS,
        "retained-changed",
        Breaks,
        "Under the name of a latest value is one of another type.",
        "Give what is new another name.",
    ),
    kind(
        RULES,
        "rule-tightened",
        Breaks,
        "Whoever the rule let through may be refused.",
        "Put what the rule asks for into tokens first, and tighten it when the old ones have run out.",
    ),
    kind(
        RULES,
        "rule-undecided",
        MayBreak,
        "The rule changed, and it cannot be decided who is refused now.",
        "Look at it: what was true for somebody under the old rule should be under the new one.",
    ),
    kind(RULES, "rule-loosened", Notable, "The rule lets more through than before.", "Make sure that it is meant."),
    kind(
        RULES,
        "audience-narrowed",
        Breaks,
        "Somebody whom the event was for does not get it.",
        "Publish what is for fewer as another type.",
    ),
    kind(
        RULES,
        "audience-undecided",
        MayBreak,
        "The audience changed, and it cannot be decided who gets the event now.",
        "Look at it: whom it was for, it should be for.",
    ),
    kind(
        RULES,
        "audience-widened",
        MayBreak,
        "Somebody gets the event whom it was not for: what it tells was not meant for them, and they may not know it.",
        "Make sure that it is meant; it holds for new events, those of the history keep their audience.",
    ),
    kind(
        RULES,
        "members-changed",
        MayBreak,
        "Who is where is read off the events otherwise: audiences follow.",
        "Look at the audiences that name it.",
    ),
];
