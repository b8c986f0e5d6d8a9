//! Numbers and texts.

use super::{
    conj::count,
    numbers::{End, Num, divides},
    reason::{Reason, What},
    sample::text_of,
    subset::{Ask, Prover},
    types::Types,
};
use serde_json::Value;

impl<'s> Prover<'s> {
    pub(super) fn numbers(&self, whole: &Ask<'_, 's>, reasons: &mut Vec<Reason>) {
        let a = whole.a.only(Types::NUMBER);
        let ask = &Ask { a: &a, ..*whole };
        let only_whole = !a.types().has(Types::FRACTION);
        for (keyword, lower, open) in
            [("minimum", true, false), ("exclusiveMinimum", true, true), ("maximum", false, false), ("exclusiveMaximum", false, true)]
        {
            let Some(at) = ask.map.get(keyword).and_then(Num::of) else { continue };
            let bound = if only_whole { End { at, open }.whole(lower) } else { End { at, open } };
            let own = a.end(lower);
            if own.is_some_and(|own| if lower { own.at_least(bound) } else { own.at_most(bound) }) {
                continue;
            }
            let mut more = at.around();
            more.extend(own.into_iter().flat_map(|own| own.at.around()));
            let other = if lower { ["minimum", "exclusiveMinimum"] } else { ["maximum", "exclusiveMaximum"] };
            reasons.push(self.leaf(ask, ask.b.below(&[keyword]), What::Bound(keyword.to_owned()), &other, &more));
        }
        if let Some(step) = ask.map.get("multipleOf").and_then(Num::of) {
            let own = a.all("multipleOf").filter_map(Num::of).any(|own| divides(step, own));
            let every_whole = only_whole && step == Num::Whole(1);
            if !(own || every_whole) {
                reasons.push(self.leaf(ask, ask.b.below(&["multipleOf"]), What::Bound("multipleOf".to_owned()), &["multipleOf"], &[]));
            }
        }
    }

    pub(super) fn texts(&self, whole: &Ask<'_, 's>, reasons: &mut Vec<Reason>) {
        let a = whole.a.only(Types::TEXT);
        let ask = &Ask { a: &a, ..*whole };
        if let Some(least) = ask.map.get("minLength").and_then(count)
            && a.at_least("minLength") < least
        {
            let more: Vec<Value> = (0..least.min(3)).flat_map(|n| text_of(least - 1 - n)).collect();
            reasons.push(self.leaf(ask, ask.b.below(&["minLength"]), What::Bound("minLength".to_owned()), &["minLength"], &more));
        }
        if let Some(most) = ask.map.get("maxLength").and_then(count)
            && a.at_most("maxLength").is_none_or(|own| own > most)
        {
            let more: Vec<Value> = text_of(most + 1);
            reasons.push(self.leaf(ask, ask.b.below(&["maxLength"]), What::Bound("maxLength".to_owned()), &["maxLength"], &more));
        }
        for keyword in ["pattern", "format"] {
            if let Some(wanted) = ask.map.get(keyword)
                && a.all(keyword).all(|own| own != wanted)
            {
                reasons.push(self.leaf(ask, ask.b.below(&[keyword]), What::Format(keyword.to_owned()), &[keyword], &[]));
            }
        }
    }
}
