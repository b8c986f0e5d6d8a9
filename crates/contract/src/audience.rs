//! Who an event is for, before it is settled.

use crate::compile::rule::Rule;

/// What the contract's `audience` says of one event: everybody, or the principals that any clause names.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum AudienceRequest {
    #[default]
    Everyone,
    /// Named parts, each one an attribute of principals (`character`) or a relation of `members` (`place`), with values.
    /// A principal is in it if one value of one part names it. No parts: nobody but those who oversee.
    Only(Vec<Named>),
}

/// `place: [p1]` or `character: [c1, c2]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Attribute or relation.
    pub by: String,
    pub values: Vec<String>,
}

/// One compiled part of an event's `audience`: `{ when, unless, character: $data.to, place: … }`.
#[derive(Debug)]
pub struct Clause {
    pub(crate) when: Option<Rule>,
    pub(crate) unless: Option<Rule>,
    /// Attribute or relation, with the data paths (`["message", "to"]`) that name its values.
    pub(crate) named: Vec<(String, Vec<Vec<String>>)>,
}
