//! Who an event is for, before it is settled.
//!
//! A clause whose `unless` holds, or whose `when` does not, says nothing. One that applies names the principals of its parts;
//! a part whose path is absent or null names nobody and restricts nothing, an empty list names nobody and does restrict.
//! A `when` that holds restricts by itself: an event that was found to be private never becomes everybody's for want of a name.
//! For the same reason a `when` that fails to evaluate restricts, and names nobody. If nothing restricts, the event is everybody's.

use crate::{
    compile::rule::Rule,
    event::{as_name, at_path},
};
use serde_json::Value;

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

/// One compiled part of an event's `audience`: `{ when, unless, character: $data.to, place: …, any: [ … ] }`.
#[derive(Debug)]
pub struct Clause {
    pub(crate) when: Option<Rule>,
    pub(crate) unless: Option<Rule>,
    /// Attribute or relation, with the data paths (`["message", "to"]`) that name its values.
    pub(crate) named: Vec<(String, Vec<Vec<String>>)>,
    /// Further clauses, under this one's `when` and `unless`.
    pub(crate) any: Vec<Clause>,
}

pub(crate) fn request(clauses: &[Clause], data: &Value) -> AudienceRequest {
    let mut named = Vec::new();
    let mut restricted = false;
    for clause in clauses {
        clause.apply(data, &mut named, &mut restricted);
    }
    if restricted { AudienceRequest::Only(named) } else { AudienceRequest::Everyone }
}

impl Clause {
    fn apply(&self, data: &Value, named: &mut Vec<Named>, restricted: &mut bool) {
        let holds = |rule: &Rule| rule.outcome(None, &Vec::new(), Some(data));
        if self.unless.as_ref().is_some_and(|rule| holds(rule) == Some(true)) {
            return;
        }
        match self.when.as_ref().map(holds) {
            None => {}
            Some(Some(true)) => *restricted = true,
            Some(Some(false)) => return,
            Some(None) => {
                *restricted = true;
                return;
            }
        }
        for (by, paths) in &self.named {
            let mut values = Vec::new();
            for value in paths.iter().filter_map(|path| at_path(data, path)).filter(|v| !v.is_null()) {
                *restricted = true;
                match value {
                    Value::Array(items) => values.extend(items.iter().filter_map(as_name)),
                    value => values.extend(as_name(value)),
                }
            }
            if !values.is_empty() {
                named.push(Named { by: by.clone(), values });
            }
        }
        for clause in &self.any {
            clause.apply(data, named, restricted);
        }
    }
}
