//! CEL rules: parsed and type-checked when the contract is compiled, evaluated on borrowed values.

mod check;
mod eval;
mod expr;

use crate::{address::Vars, principal::Principal};
pub(crate) use check::{Scope, compile};
use expr::Expr;
use serde_json::Value;

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    expr: Expr,
    /// A part of the payload that is absent reads as null. Otherwise reading it fails, as CEL says.
    absent_is_null: bool,
}

impl Rule {
    /// Whether the rule is true. One that fails to evaluate (a null where a list is needed) is not.
    pub fn holds(&self, principal: &Principal, vars: &Vars, data: Option<&Value>) -> bool {
        self.outcome(Some(principal), vars, data) == Some(true)
    }

    /// The rule's value; `None` if it fails to evaluate.
    pub(crate) fn outcome(&self, principal: Option<&Principal>, vars: &Vars, data: Option<&Value>) -> Option<bool> {
        eval::outcome(&self.expr, &eval::Input { principal, vars, data, absent_is_null: self.absent_is_null })
    }
}
