//! Rules: what one lets through, and another does not.
//!
//! It is decided for the usual shapes only: a condition more or less, a list with more or fewer words in it, a bound moved.
//! `true` is what counts: a rule that cannot be evaluated lets nobody through, and `&&` and `||` keep to that.

use super::{
    finding::Who,
    findings::{Findings, Spot},
};
use crate::compile::rule::{Expr, Order, Rule, TextMatch};
use std::cmp::Ordering;

/// What stands in place of a rule that is not there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Absent {
    /// `join`, `allow`, `rules`: everybody.
    Everybody,
    /// `oversees`: nobody.
    Nobody,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    Same,
    Looser,
    Tighter,
    Unknown,
}

/// Tells what became of a rule; `what` is what it lets do, as `join the channel`.
pub(super) fn rule(
    findings: &mut Findings<'_>,
    old: Option<&Rule>,
    new: Option<&Rule>,
    absent: Absent,
    spot: Spot,
    who: &[Who],
    what: &str,
) {
    let said = |rule: Option<&Rule>| rule.map_or("nothing".to_owned(), |rule| format!("`{}`", rule.source().trim()));
    let change = format!("it was {}", said(old));
    match verdict(old, new, absent) {
        Verdict::Same => {}
        Verdict::Looser => findings.add("rule-loosened", spot, &[], format!("more may {what} than before: {change}")),
        Verdict::Tighter => findings.add("rule-tightened", spot, who, format!("fewer may {what} than before: {change}")),
        Verdict::Unknown => findings.add("rule-undecided", spot, who, format!("who may {what} changed: {change}")),
    }
}

pub(super) fn verdict(old: Option<&Rule>, new: Option<&Rule>, absent: Absent) -> Verdict {
    match (old, new) {
        (None, None) => Verdict::Same,
        (None, Some(_)) if absent == Absent::Everybody => Verdict::Tighter,
        (None, Some(_)) => Verdict::Looser,
        (Some(_), None) if absent == Absent::Everybody => Verdict::Looser,
        (Some(_), None) => Verdict::Tighter,
        (Some(old), Some(new)) => match (implies(old.expr(), new.expr()), implies(new.expr(), old.expr())) {
            (true, true) => Verdict::Same,
            (true, false) => Verdict::Looser,
            (false, true) => Verdict::Tighter,
            (false, false) => Verdict::Unknown,
        },
    }
}

/// Whether `b` surely is true wherever `a` is.
pub(super) fn implies(a: &Expr, b: &Expr) -> bool {
    if a == b {
        return true;
    }
    match (a, b) {
        (Expr::Bool(false), _) | (_, Expr::Bool(true)) => true,
        (_, Expr::And(left, right)) => implies(a, left) && implies(a, right),
        (Expr::Or(left, right), _) => implies(left, b) && implies(right, b),
        (Expr::And(left, right), Expr::Or(one, other)) => implies(left, b) || implies(right, b) || implies(a, one) || implies(a, other),
        (Expr::And(left, right), _) => implies(left, b) || implies(right, b),
        (_, Expr::Or(left, right)) => implies(a, left) || implies(a, right) || each(a, b),
        _ => alone(a, b),
    }
}

/// Whether `a` is one of a list, each of which is enough for one part of `b`.
fn each(a: &Expr, b: &Expr) -> bool {
    fn enough(x: &Expr, value: &Expr, b: &Expr) -> bool {
        match b {
            Expr::Or(left, right) => enough(x, value, left) || enough(x, value, right),
            _ => one_of(b).is_some_and(|(y, values)| x == y && values.contains(&value)),
        }
    }
    one_of(a).is_some_and(|(x, values)| values.iter().all(|value| enough(x, value, b)))
}

/// The same of two that are no `&&` or `||`.
fn alone(a: &Expr, b: &Expr) -> bool {
    if let (Some((of_a, values)), Some((of_b, others))) = (one_of(a), one_of(b)) {
        return of_a == of_b && values.iter().all(|value| others.contains(value));
    }
    match (a, b) {
        (Expr::Equal(a, b), Expr::Equal(c, d)) => (a, b) == (d, c),
        (Expr::Compare(order, x, bound), Expr::Compare(other, y, wider)) if x == y => within(*order, bound, *other, wider),
        (Expr::Match(kind, x, part), Expr::Match(other, y, shorter)) if x == y => match (kind, other, &**part, &**shorter) {
            (TextMatch::StartsWith, TextMatch::StartsWith, Expr::Text(long), Expr::Text(short)) => long.starts_with(short.as_str()),
            (TextMatch::EndsWith, TextMatch::EndsWith, Expr::Text(long), Expr::Text(short)) => long.ends_with(short.as_str()),
            (_, TextMatch::Contains, Expr::Text(long), Expr::Text(short)) => long.contains(short.as_str()),
            _ => false,
        },
        (Expr::Exists(list, test), Expr::Exists(other, wider)) | (Expr::All(list, test), Expr::All(other, wider)) => {
            list == other && implies(test, wider)
        }
        _ => false,
    }
}

/// `x == "a"` and `x in ["a", "b"]`: what is compared, and with which constants.
fn one_of(expr: &Expr) -> Option<(&Expr, Vec<&Expr>)> {
    let constant = |expr: &Expr| matches!(expr, Expr::Text(_) | Expr::Number(_) | Expr::Bool(_));
    match expr {
        Expr::Equal(x, value) if constant(value) && !constant(x) => Some((x, vec![value])),
        Expr::Equal(value, x) if constant(value) && !constant(x) => Some((x, vec![value])),
        Expr::In(x, list) => match &**list {
            Expr::List(values) if values.iter().all(constant) => Some((x, values.iter().collect())),
            _ => None,
        },
        _ => None,
    }
}

fn within(order: Order, bound: &Expr, other: Order, wider: &Expr) -> bool {
    let number = |expr: &Expr| match expr {
        Expr::Number(n) => n.as_f64(),
        Expr::Negate(inner) => match &**inner {
            Expr::Number(n) => n.as_f64().map(|n| -n),
            _ => None,
        },
        _ => None,
    };
    let (Some(bound), Some(wider)) = (number(bound), number(wider)) else { return false };
    let compared = bound.total_cmp(&wider);
    match (order, other) {
        (Order::Less | Order::LessEqual, Order::LessEqual) | (Order::Less, Order::Less) => compared != Ordering::Greater,
        (Order::LessEqual, Order::Less) => compared == Ordering::Less,
        (Order::Greater | Order::GreaterEqual, Order::GreaterEqual) | (Order::Greater, Order::Greater) => compared != Ordering::Less,
        (Order::GreaterEqual, Order::Greater) => compared == Ordering::Greater,
        _ => false,
    }
}
