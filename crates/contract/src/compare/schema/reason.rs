//! Why one schema allows what another does not.

use super::{side::At, types::Types};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reason {
    pub what: What,
    /// Where in the schema that allows it, if it is said there.
    pub allowed: Option<At>,
    /// Where in the schema that does not.
    pub refused: At,
    /// A value that the first allows and the second does not. Without one nothing is proved.
    pub witness: Option<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// The member must be there; whether the first schema knows it.
    Required {
        name: String,
        declared: bool,
    },
    /// The member, which the first schema declares, must not be there.
    Forbidden {
        name: String,
    },
    /// Members that neither declares must not be there.
    Closed,
    /// The first schema lets this name be anything.
    Claimed {
        name: String,
    },
    /// Values of these types.
    Type(Types),
    Null,
    /// One of a list of values, or all but a list.
    Value(Option<Value>),
    /// A bound, by its keyword.
    Bound(String),
    /// `pattern` or `format`.
    Format(String),
    /// One of several shapes.
    Variant,
    /// It cannot be said; the keyword at which it ends.
    Undecided(String),
}
