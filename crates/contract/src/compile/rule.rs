//! CEL rules: parsed and type-checked when the contract is compiled.

use crate::{address::Vars, principal::Principal};
use serde_json::Value;

#[derive(Debug)]
pub struct Rule {}

impl Rule {
    /// Whether the rule is true. One that fails to evaluate (a null where a list is needed) is not.
    pub fn holds(&self, principal: &Principal, vars: &Vars, data: Option<&Value>) -> bool {
        let _ = (principal, vars, data);
        todo!()
    }
}
