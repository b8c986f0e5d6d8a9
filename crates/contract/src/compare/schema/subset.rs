//! Whether every value that one schema allows is allowed by another.
//!
//! Yes, if no reason against it is found: each step claims so only where it is certain, and what it does not understand
//! is a reason. A reason with a witness is a no that was tried on the validator; one without is a "cannot be said".

use super::{
    conj::{Conj, list},
    disjoint::disjoint,
    reason::{Reason, What},
    same::same,
    sample,
    side::{At, Side},
    types::Types,
};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Pairs of places that are compared; beyond, it cannot be said.
const STEPS_MAX: usize = 5_000;
/// Levels of a value.
const DEPTH_MAX: usize = 60;
/// Values of a list that are looked at one by one.
const VALUES_MAX: usize = 2_000;

type Key = (Vec<At>, Types, At);

pub(super) struct Prover<'s> {
    pub a: &'s Side,
    pub b: &'s Side,
    /// What is being compared, and how deep in the value: who comes back to it deeper may take it for granted.
    running: HashMap<Key, usize>,
    steps: usize,
}

/// The reasons against: every value of `a` is one of `b`. `examples` are values of `a`, as a help.
pub(super) fn against(a: &Side, b: &Side, examples: &[&Value]) -> Vec<Reason> {
    let mut prover = Prover { a, b, running: HashMap::new(), steps: 0 };
    let mut reasons = prover.compare(&Conj::of(a, a.root()), b.root(), 0, examples);
    for reason in &mut reasons {
        // The whole of it is asked, whatever the parts said.
        let shows = |value: &Value| a.admits(a.root(), value) == Some(true) && b.admits(b.root(), value) == Some(false);
        reason.witness = reason.witness.take().filter(shows);
    }
    let mut once: Vec<Reason> = Vec::new();
    for reason in reasons {
        match once.iter_mut().find(|r| (&r.what, &r.allowed, &r.refused) == (&reason.what, &reason.allowed, &reason.refused)) {
            Some(known) => known.witness = known.witness.take().or(reason.witness),
            None => once.push(reason),
        }
    }
    once
}

/// One question: is all of `a` allowed by the schema at `b`?
pub(super) struct Ask<'q, 's> {
    pub a: &'q Conj<'s>,
    pub b: &'q At,
    /// What stands at `b`.
    pub map: &'s Map<String, Value>,
    /// Levels into the value.
    pub depth: usize,
    /// Values from examples at this place.
    pub known: &'q [&'q Value],
}

impl<'s> Prover<'s> {
    pub fn compare(&mut self, a: &Conj<'s>, b: &At, depth: usize, known: &[&Value]) -> Vec<Reason> {
        self.steps += 1;
        self.a.refuel();
        let reason = |what| vec![Reason { what, allowed: None, refused: b.clone(), witness: None }];
        let undecided = |keyword: &str| reason(What::Undecided(keyword.to_owned()));
        if self.steps > STEPS_MAX || depth > DEPTH_MAX {
            return undecided("$ref");
        }
        let map = match self.b.value(b) {
            Some(Value::Bool(true)) => return Vec::new(),
            Some(Value::Object(map)) => map,
            Some(Value::Bool(false)) if a.is_empty() => return Vec::new(),
            Some(Value::Bool(false)) => {
                let mut reasons = reason(What::Type(a.types()));
                reasons[0].witness = sample::sample(a, known);
                return reasons;
            }
            _ => return undecided("$ref"),
        };
        if a.is_empty() || a.nodes.iter().any(|node| same(self.a, &node.at, self.b, b)) {
            return Vec::new();
        }
        let (entered, mask) = a.key();
        let key = (entered, mask, b.clone());
        if let Some(before) = self.running.get(&key) {
            // Deeper in the value it is the same question of something smaller.
            return if depth > *before { Vec::new() } else { undecided("$ref") };
        }
        self.running.insert(key.clone(), depth);
        let branches = a.branches();
        let mut reasons = Vec::new();
        for branch in &branches {
            let ask = Ask { a: branch, b, map, depth, known };
            if branches.len() > 1 && disjoint(branch, &Conj::of(self.b, b)) {
                reasons.push(self.variant(&ask));
            } else {
                self.keywords(&ask, &mut reasons);
            }
        }
        self.running.remove(&key);
        reasons
    }

    /// A branch that the other schema does not have.
    pub fn variant(&self, ask: &Ask<'_, 's>) -> Reason {
        let what = if ask.a.types() == Types::NULL { What::Null } else { What::Variant };
        let place = ["oneOf", "anyOf"].iter().find(|keyword| ask.map.contains_key(**keyword));
        let refused = place.map_or_else(|| ask.b.clone(), |keyword| ask.b.below(&[keyword]));
        let branch = |at: &&At| at.pointer.contains("/anyOf/") || at.pointer.contains("/oneOf/");
        Reason { allowed: ask.a.nodes.iter().map(|node| &node.at).find(branch).cloned(), ..self.leaf(ask, refused, what, &[], &[]) }
    }

    fn keywords(&mut self, ask: &Ask<'_, 's>, reasons: &mut Vec<Reason>) {
        let Ask { a, b, map, depth, known } = *ask;
        // What can be counted is asked value by value.
        let few = a.values().filter(|values| values.len() <= VALUES_MAX);
        let answers = few.as_ref().map(|values| values.iter().map(|value| (value, self.b.admits(b, value))).collect::<Vec<_>>());
        if answers.as_ref().is_some_and(|answers| answers.iter().all(|(_, answer)| *answer == Some(true))) {
            return;
        }
        let before = reasons.len();
        if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
            match self.b.target(b, reference) {
                Some(target) => reasons.extend(self.compare(a, &target, depth, known)),
                None => reasons.push(self.leaf(ask, b.below(&["$ref"]), What::Undecided("$ref".to_owned()), &["$ref"], &[])),
            }
        }
        for part in 0..list(map, "allOf").len() {
            reasons.extend(self.compare(a, &b.item("allOf", part), depth, known));
        }
        if let Some(answers) = answers.filter(|answers| answers.iter().all(|(_, answer)| answer.is_some())) {
            if reasons.len() == before {
                reasons.extend(answers.iter().filter(|(_, answer)| *answer == Some(false)).map(|(value, _)| value_reason(ask, value)));
            }
            return;
        }
        let types = a.types();
        if let Some(named) = map.get("type") {
            let named = Types::named(named);
            let missing = types.without(named);
            if !missing.is_none() {
                let what = if missing == Types::NULL { What::Null } else { What::Type(missing) };
                let missing = Ask { a: &a.only(missing), ..*ask };
                reasons.push(self.leaf(&missing, b.below(&["type"]), what, &["type", "enum", "const"], &[]));
                if types.and(named).is_none() {
                    return;
                }
                // The rest of it is about what both have.
                return self.of_types(&Ask { a: &a.only(named), ..*ask }, reasons);
            }
        }
        self.of_types(ask, reasons);
    }

    fn of_types(&mut self, ask: &Ask<'_, 's>, reasons: &mut Vec<Reason>) {
        for keyword in ["enum", "const"] {
            if ask.map.contains_key(keyword) {
                reasons.push(self.leaf(ask, ask.b.below(&[keyword]), What::Value(None), &["enum", "const", "type"], &[]));
            }
        }
        let types = ask.a.types();
        if types.has(Types::NUMBER) {
            self.numbers(ask, reasons);
        }
        if types.has(Types::TEXT) {
            self.texts(ask, reasons);
        }
        if types.has(Types::LIST) {
            self.lists(ask, reasons);
        }
        if types.has(Types::OBJECT) {
            self.objects(ask, reasons);
        }
        self.logic(ask, reasons);
    }

    /// A reason at this place, with a value that shows it, if one is found among `more` and what the schemas suggest.
    pub fn leaf(&self, ask: &Ask<'_, 's>, refused: At, what: What, keywords: &[&str], more: &[Value]) -> Reason {
        self.a.refuel();
        let shows = |value: &&Value| ask.a.admits(value) == Some(true) && self.b.admits(ask.b, value) == Some(false);
        let witness = more.iter().find(shows).cloned().or_else(|| sample::varied(ask.a, ask.known).iter().find(shows).cloned());
        Reason { what, allowed: ask.a.place(keywords), refused, witness }
    }

    /// Whether a node of `a` says of these keywords the same as `b`, word for word.
    pub fn says_the_same(&self, ask: &Ask<'_, 's>, keywords: &[&str]) -> bool {
        ask.a.nodes.iter().any(|node| {
            keywords.iter().all(|keyword| match (node.map.get(*keyword), ask.map.get(*keyword)) {
                (Some(_), Some(_)) => same(self.a, &node.at.below(&[keyword]), self.b, &ask.b.below(&[keyword])),
                (None, None) => true,
                _ => false,
            })
        })
    }
}

fn value_reason(ask: &Ask<'_, '_>, value: &Value) -> Reason {
    let keywords = ["enum", "const", "type", "anyOf", "oneOf", "pattern", "format"];
    let keyword = keywords.into_iter().find(|keyword| ask.map.contains_key(*keyword));
    let what = if value.is_null() { What::Null } else { What::Value(Some(value.clone())) };
    let own = ask.a.nodes.iter().find_map(|node| match (node.map.get("const"), node.map.get("enum")) {
        (Some(_), _) => Some(node.at.below(&["const"])),
        (None, Some(Value::Array(values))) => Some(node.at.item("enum", values.iter().position(|v| v == value)?)),
        _ => None,
    });
    Reason {
        what,
        allowed: own.or_else(|| ask.a.place(&["type"])),
        refused: keyword.map_or_else(|| ask.b.clone(), |keyword| ask.b.below(&[keyword])),
        witness: (ask.a.admits(value) == Some(true)).then(|| value.clone()),
    }
}
