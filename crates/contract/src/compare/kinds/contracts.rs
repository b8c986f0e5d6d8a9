//! Contracts as a whole.

use super::{Kind, kind};
use crate::compare::finding::Severity::{Breaks, Notable};

const ABOUT: &str = "Contracts";

pub(super) const KINDS: &[Kind] = &[
    kind(
        ABOUT,
        "contract-removed",
        Breaks,
        "The contract is gone, with its endpoints and its keys.",
        "Serve it until nobody connects to it any more: `connections` in the metrics say so, for each contract.",
    ),
    kind(
        ABOUT,
        "contract-added",
        Notable,
        "There is a contract that was not there. Its endpoints must not be taken already, and its backends need a key.",
        "Nothing has to be done.",
    ),
    kind(
        ABOUT,
        "version-not-raised",
        Notable,
        "Something changed, and `version` is what it was: nobody can tell by it which one a server speaks.",
        "Raise the last number for what clients need not know, the middle one for what is new, the first for what breaks.",
    ),
];
