//! Who is where, read off the events themselves.

use crate::event::{as_name, at_path, type_matches};
use serde_json::Value;

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

impl Membership {
    pub(crate) fn is_changed_by(&self, event_type: &str) -> bool {
        type_matches(&self.on, event_type)
    }

    /// Appends what an event with this payload changes.
    pub(crate) fn changes(&self, data: &Value, changes: &mut Vec<MemberChange>) {
        let relation = || self.relation.clone();
        match &self.change {
            Change::Moves { member, now_in } => {
                let (Some(member), Some(now_in)) = (at_path(data, member).and_then(as_name), at_path(data, now_in)) else { return };
                let to = as_name(now_in);
                if to.is_some() || now_in.is_null() {
                    changes.push(MemberChange::Move { relation: relation(), member, to });
                }
            }
            Change::JoinsLeaves { group, joins, leaves } => {
                let Some(group) = at_path(data, group).and_then(as_name) else { return };
                for member in names(data, joins.as_deref()) {
                    changes.push(MemberChange::Join { relation: relation(), group: group.clone(), member });
                }
                for member in names(data, leaves.as_deref()) {
                    changes.push(MemberChange::Leave { relation: relation(), group: group.clone(), member });
                }
            }
        }
    }
}

/// The names at a path: of a list, or the one that is there.
fn names(data: &Value, path: Option<&[String]>) -> Vec<String> {
    match path.and_then(|path| at_path(data, path)) {
        Some(Value::Array(items)) => items.iter().filter_map(as_name).collect(),
        Some(value) => as_name(value).into_iter().collect(),
        None => Vec::new(),
    }
}
