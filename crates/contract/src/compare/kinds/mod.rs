//! Everything that a comparison can find, by its stable id. `docs/evolving.md` is made of these tables.

mod channels;
mod contracts;
mod door;
mod events;
mod received;
mod sent;
mod wire;

use super::finding::Severity;

/// One kind of finding.
#[derive(Debug, PartialEq)]
pub struct Kind {
    /// Stable: what `--allow` names.
    pub id: &'static str,
    pub severity: Severity,
    /// What it is about: a heading of the documentation.
    pub about: &'static str,
    /// What it means.
    pub means: &'static str,
    /// How to do it so that nobody breaks.
    pub safely: &'static str,
}

const fn kind(about: &'static str, id: &'static str, severity: Severity, means: &'static str, safely: &'static str) -> Kind {
    Kind { id, severity, about, means, safely }
}

/// All of them, in the order of the documentation.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    const ALL: [&[Kind]; 7] = [contracts::KINDS, sent::KINDS, received::KINDS, wire::KINDS, door::KINDS, channels::KINDS, events::KINDS];
    ALL.into_iter().flatten()
}

/// The kind of an id.
pub fn kind_of(id: &str) -> Option<&'static Kind> {
    kinds().find(|kind| kind.id == id)
}
