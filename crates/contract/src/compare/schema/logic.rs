//! Schemas made of others.

use super::{
    conj::{Conj, list},
    disjoint::disjoint,
    reason::{Reason, What},
    side::At,
    subset::{Ask, Prover},
    types::Types,
};
use serde_json::Value;

impl<'s> Prover<'s> {
    pub(super) fn logic(&mut self, ask: &Ask<'_, 's>, reasons: &mut Vec<Reason>) {
        for keyword in ["anyOf", "oneOf"] {
            if !list(ask.map, keyword).is_empty() && !self.says_the_same(ask, &[keyword]) {
                self.ways(ask, keyword, reasons);
            }
        }
        if ask.map.contains_key("not") && !self.says_the_same(ask, &["not"]) && !disjoint(ask.a, &Conj::of(self.b, &ask.b.below(&["not"])))
        {
            reasons.push(self.leaf(ask, ask.b.below(&["not"]), What::Undecided("not".to_owned()), &["not"], &[]));
        }
        if ask.map.contains_key("if") && !self.says_the_same(ask, &["if", "then", "else"]) {
            self.condition(ask, reasons);
        }
        for keyword in ["$dynamicRef", "$recursiveRef", "dependencies", "additionalItems"] {
            if ask.map.contains_key(keyword) && !self.says_the_same(ask, &[keyword]) {
                reasons.push(self.leaf(ask, ask.b.below(&[keyword]), What::Undecided(keyword.to_owned()), &[keyword], &[]));
            }
        }
    }

    fn ways(&mut self, ask: &Ask<'_, 's>, keyword: &'static str, reasons: &mut Vec<Reason>) {
        let ways: Vec<At> = (0..list(ask.map, keyword).len()).map(|way| ask.b.item(keyword, way)).collect();
        if self.covered(ask, keyword, &ways) {
            return;
        }
        // One type at a time may be in one of them each.
        let types = ask.a.types();
        let each: Vec<Types> = [Types::NULL, Types::BOOL, Types::NUMBER, Types::TEXT, Types::LIST, Types::OBJECT]
            .into_iter()
            .filter(|t| types.has(*t))
            .collect();
        let mut told = Vec::new();
        for one in &each {
            let part = ask.a.only(*one);
            let part = Ask { a: &part, ..*ask };
            if each.len() > 1 && self.covered(&part, keyword, &ways) {
                continue;
            }
            let near: Vec<&At> = ways.iter().filter(|way| !disjoint(part.a, &Conj::of(self.b, way))).collect();
            match near[..] {
                [] => told.push(self.variant(&part)),
                // It can be in this one alone: what is wrong with it there, is wrong.
                [way] => {
                    let found = self.compare(part.a, way, ask.depth, ask.known);
                    told.extend(found.into_iter().map(|mut reason| {
                        let shows = |value: &Value| self.b.admits(ask.b, value) == Some(false);
                        reason.witness = reason.witness.take().filter(shows);
                        reason
                    }));
                }
                _ => told.push(self.leaf(&part, ask.b.below(&[keyword]), What::Undecided(keyword.to_owned()), &[], &[])),
            }
        }
        // Each alone may be in one way, and nothing was found: only then is it covered.
        reasons.extend(told);
    }

    /// Whether one of the ways has all of it; under `oneOf`, and no other has any of it.
    fn covered(&mut self, ask: &Ask<'_, 's>, keyword: &str, ways: &[At]) -> bool {
        (0..ways.len()).any(|at| {
            self.compare(ask.a, &ways[at], ask.depth, ask.known).is_empty()
                && (keyword == "anyOf"
                    || ways.iter().enumerate().all(|(other, way)| other == at || disjoint(ask.a, &Conj::of(self.b, way))))
        })
    }

    fn condition(&mut self, ask: &Ask<'_, 's>, reasons: &mut Vec<Reason>) {
        let test = ask.b.below(&["if"]);
        let [never, always] = [disjoint(ask.a, &Conj::of(self.b, &test)), self.compare(ask.a, &test, ask.depth, ask.known).is_empty()];
        for (keyword, idle) in [("then", never), ("else", always)] {
            if idle || !ask.map.contains_key(keyword) {
                continue;
            }
            let place = ask.b.below(&[keyword]);
            if !self.compare(ask.a, &place, ask.depth, ask.known).is_empty() {
                reasons.push(self.leaf(ask, place, What::Undecided("if".to_owned()), &["if"], &[]));
            }
        }
    }
}
