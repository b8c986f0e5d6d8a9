//! CEL rules: parsed and type-checked when the contract is compiled, evaluated on borrowed values.

mod check;
mod eval;
mod expr;

use crate::{address::Vars, principal::Principal};
pub(crate) use check::{Scope, compile};
pub(crate) use expr::{Expr, Order, TextMatch};
use serde_json::Value;

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    expr: Expr,
    /// As it is written.
    source: String,
    /// A part of the payload that is absent reads as null. Otherwise reading it fails, as CEL says.
    absent_is_null: bool,
}

impl Rule {
    /// As it is written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Whether the rule is true. One that fails to evaluate (a null where a list is needed) is not.
    pub fn holds(&self, principal: &Principal, vars: &Vars, data: Option<&Value>) -> bool {
        self.outcome(Some(principal), vars, data) == Some(true)
    }

    /// The first of its parts, joined by `&&`, that is not true; the whole rule where they cannot be told apart.
    pub fn failing(&self, principal: &Principal, vars: &Vars) -> Option<&str> {
        let mut conjuncts = Vec::new();
        flatten(&self.expr, &mut conjuncts);
        let texts = split(&self.source);
        let input = || eval::Input { principal: Some(principal), vars, data: None, absent_is_null: self.absent_is_null };
        if texts.len() != conjuncts.len() {
            return (eval::outcome(&self.expr, &input()) != Some(true)).then_some(&self.source);
        }
        let failing = conjuncts.iter().position(|part| eval::outcome(part, &input()) != Some(true))?;
        Some(texts[failing])
    }

    /// The rule's value; `None` if it fails to evaluate.
    pub(crate) fn outcome(&self, principal: Option<&Principal>, vars: &Vars, data: Option<&Value>) -> Option<bool> {
        eval::outcome(&self.expr, &eval::Input { principal, vars, data, absent_is_null: self.absent_is_null })
    }
}

fn flatten<'e>(expr: &'e Expr, into: &mut Vec<&'e Expr>) {
    match expr {
        Expr::And(left, right) => {
            flatten(left, into);
            flatten(right, into);
        }
        other => into.push(other),
    }
}

/// What stands between the `&&` of the outermost level.
fn split(source: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    let bytes = source.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], quote) {
            (b'\\', Some(_)) => at += 1,
            (b, Some(open)) if b == open => quote = None,
            (_, Some(_)) => {}
            (b @ (b'"' | b'\''), None) => quote = Some(b),
            (b'(' | b'[' | b'{', None) => depth += 1,
            (b')' | b']' | b'}', None) => depth = depth.saturating_sub(1),
            (b'&', None) if depth == 0 && bytes.get(at + 1) == Some(&b'&') => {
                parts.push(source[start..at].trim());
                start = at + 2;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(source[start..].trim());
    parts
}
