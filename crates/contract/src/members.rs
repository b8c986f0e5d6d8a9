//! Who is where, read off the events themselves.

/// A relation such as `place` (each character is in one) or `group` (a character may be in several).
#[derive(Debug)]
pub struct Membership {
    /// `place`, `group`.
    pub relation: String,
    /// The attribute of principals that its members are: `character`.
    pub of: String,
    /// The event type that changes it.
    pub on: String,
    pub(crate) change: Change,
}

/// Paths into `data`.
#[derive(Debug)]
pub(crate) enum Change {
    /// `member` is now in `now_in`, and nowhere else. An absent `now_in` changes nothing; a null one takes the member out.
    Moves { member: Vec<String>, now_in: Vec<String> },
    /// `joins` come to `group`, `leaves` go.
    JoinsLeaves { group: Vec<String>, joins: Option<Vec<String>>, leaves: Option<Vec<String>> },
}

/// What one event changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    /// The member is in this group of the relation, and in no other; in none if `None`.
    Move {
        relation: String,
        member: String,
        to: Option<String>,
    },
    Join {
        relation: String,
        group: String,
        member: String,
    },
    Leave {
        relation: String,
        group: String,
        member: String,
    },
}
