//! Lists.

use super::{
    conj::{Conj, count, list},
    reason::{Reason, What},
    sample,
    subset::{Ask, Prover},
    types::Types,
};
use serde_json::Value;

const SAMPLE_DEPTH: usize = 6;

impl<'s> Prover<'s> {
    pub(super) fn lists(&mut self, whole: &Ask<'_, 's>, reasons: &mut Vec<Reason>) {
        let a = whole.a.only(Types::LIST);
        let ask = &Ask { a: &a, ..*whole };
        self.counts(ask, reasons);
        let most = a.at_most("maxItems");
        let own = list(ask.map, "prefixItems").len();
        let rest = ask.map.contains_key("items");
        for at in 0..own.max(if rest { a.places() + 1 } else { 0 }) {
            let to = match at < own {
                true => ask.b.item("prefixItems", at),
                false if rest => ask.b.below(&["items"]),
                false => continue,
            };
            if most.is_none_or(|most| most > at as u64) {
                self.item(ask, at, &a.item(at), to, reasons);
            }
        }
        // Where `b` has more places than `a`, what follows them in `a` is the same as before.
        if rest && own > a.places() && most.is_none_or(|most| most > own as u64) {
            self.item(ask, own, &a.item(own), ask.b.below(&["items"]), reasons);
        }
        for (keyword, with) in [("contains", &["contains", "minContains", "maxContains"][..]), ("unevaluatedItems", &["unevaluatedItems"])]
        {
            // What is evaluated depends on all that stands beside it, and that was asked before this: whole schemas that are the same.
            if ask.map.contains_key(keyword) && (keyword == "unevaluatedItems" || !self.says_the_same(ask, with)) {
                reasons.push(self.leaf(ask, ask.b.below(&[keyword]), What::Undecided(keyword.to_owned()), &[keyword], &[]));
            }
        }
    }

    fn item(&mut self, ask: &Ask<'_, 's>, at: usize, item: &Conj<'s>, to: super::side::At, reasons: &mut Vec<Reason>) {
        let known: Vec<&Value> = ask.known.iter().filter_map(|value| value.get(at)).collect();
        for mut reason in self.compare(item, &to, ask.depth + 1, &known) {
            reason.witness = reason.witness.and_then(|value| {
                let least = ask.a.at_least("minItems").max(at as u64 + 1);
                let whole = sample::list_of(ask.a, least, Some((at, &value)), ask.known, SAMPLE_DEPTH)?;
                (ask.a.admits(&whole) == Some(true)).then_some(whole)
            });
            reasons.push(reason);
        }
    }

    fn counts(&self, ask: &Ask<'_, 's>, reasons: &mut Vec<Reason>) {
        let of = |length: u64| sample::list_of(ask.a, length, None, ask.known, SAMPLE_DEPTH);
        let bound = |keyword: &str, more: Option<Value>| {
            self.leaf(ask, ask.b.below(&[keyword]), What::Bound(keyword.to_owned()), &[keyword], &more.into_iter().collect::<Vec<_>>())
        };
        if let Some(least) = ask.map.get("minItems").and_then(count)
            && ask.a.at_least("minItems") < least
        {
            reasons.push(bound("minItems", of(least - 1)));
        }
        if let Some(most) = ask.map.get("maxItems").and_then(count)
            && ask.a.at_most("maxItems").is_none_or(|own| own > most)
        {
            reasons.push(bound("maxItems", of(most + 1)));
        }
        let unique = |value: &Value| *value == Value::Bool(true);
        if ask.map.get("uniqueItems").is_some_and(unique)
            && !ask.a.all("uniqueItems").any(unique)
            && ask.a.at_most("maxItems").is_none_or(|most| most > 1)
        {
            reasons.push(bound("uniqueItems", of(ask.a.at_least("minItems").max(2))));
        }
    }
}
