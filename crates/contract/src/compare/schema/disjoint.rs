//! Whether nothing is allowed by both of two schemas.

use super::{conj::Conj, types::Types};
use std::cmp::Ordering;

const DEPTH_MAX: usize = 4;
/// Pairs of branches that are looked at.
const PAIRS_MAX: usize = 64;

/// Surely nothing is; `false` where it cannot be said.
pub(super) fn disjoint(a: &Conj<'_>, b: &Conj<'_>) -> bool {
    within(a, b, DEPTH_MAX)
}

fn within(a: &Conj<'_>, b: &Conj<'_>, depth: usize) -> bool {
    if !a.side.spend() {
        return false;
    }
    let (a, b) = (a.branches(), b.branches());
    a.len() * b.len() <= PAIRS_MAX && a.iter().all(|a| b.iter().all(|b| apart(a, b, depth)))
}

fn apart(a: &Conj<'_>, b: &Conj<'_>, depth: usize) -> bool {
    let types = a.types().and(b.types());
    if types.is_none() || a.is_empty() || b.is_empty() {
        return true;
    }
    if let Some(values) = a.values() {
        return values.iter().all(|value| b.admits(value) == Some(false));
    }
    if let Some(values) = b.values() {
        return values.iter().all(|value| a.admits(value) == Some(false));
    }
    if types.without(Types::NUMBER).is_none() {
        let beyond = |low: &Conj<'_>, high: &Conj<'_>| match (low.end(false), high.end(true)) {
            (Some(upper), Some(lower)) => match upper.at.cmp(lower.at) {
                Ordering::Less => true,
                Ordering::Equal => upper.open || lower.open,
                Ordering::Greater => false,
            },
            _ => false,
        };
        return beyond(a, b) || beyond(b, a);
    }
    let beyond = |least: &str, most: &str| {
        let over = |low: &Conj<'_>, high: &Conj<'_>| low.at_most(most).is_some_and(|most| most < high.at_least(least));
        over(a, b) || over(b, a)
    };
    if types == Types::TEXT {
        return beyond("minLength", "maxLength");
    }
    if types == Types::LIST {
        return beyond("minItems", "maxItems");
    }
    if types == Types::OBJECT && depth > 0 {
        return beyond("minProperties", "maxProperties")
            || a.required().iter().chain(&b.required()).any(|name| within(&a.property(name), &b.property(name), depth - 1));
    }
    false
}
