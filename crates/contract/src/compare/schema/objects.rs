//! Objects.

use super::{
    conj::{Conj, Node, applying, count, list},
    reason::{Reason, What},
    sample,
    side::At,
    subset::{Ask, Prover},
    types::Types,
};
use serde_json::{Map, Value};

const SAMPLE_DEPTH: usize = 6;
/// A name that nobody has.
const STRANGER: &str = "x_unknown";

impl<'s> Prover<'s> {
    pub(super) fn objects(&mut self, whole: &Ask<'_, 's>, reasons: &mut Vec<Reason>) {
        let a = whole.a.only(Types::OBJECT);
        let ask = &Ask { a: &a, ..*whole };
        let missing = self.required(ask, reasons);
        self.properties(ask, &missing, reasons);
        self.patterns(ask, reasons);
        self.additional(ask, reasons);
        self.sizes(ask, reasons);
        for keyword in ["dependentSchemas", "dependentRequired", "propertyNames"] {
            if ask.map.contains_key(keyword) && !self.says_the_same(ask, &[keyword]) && !self.is_idle(ask, keyword) {
                reasons.push(self.leaf(ask, ask.b.below(&[keyword]), What::Undecided(keyword.to_owned()), &[keyword], &[]));
            }
        }
        if ask.map.get("unevaluatedProperties").is_some_and(|value| *value != Value::Bool(true)) {
            let what = What::Undecided("unevaluatedProperties".to_owned());
            let more: Vec<Value> = self.with(ask, STRANGER, &Value::Null).into_iter().collect();
            reasons.push(self.leaf(ask, ask.b.below(&["unevaluatedProperties"]), what, &["unevaluatedProperties"], &more));
        }
    }

    /// Members that `b` asks for and `a` does not.
    fn required(&self, ask: &Ask<'_, 's>, reasons: &mut Vec<Reason>) -> Vec<&'s str> {
        let own = ask.a.required();
        let mut missing = Vec::new();
        for (at, name) in list(ask.map, "required").iter().enumerate().filter_map(|(at, name)| Some((at, name.as_str()?))) {
            if own.contains(&name) {
                continue;
            }
            missing.push(name);
            let mut more: Vec<Value> = sample::object(ask.a, ask.known, SAMPLE_DEPTH, &[name], None).into_iter().collect();
            more.extend(ask.known.iter().filter_map(|value| {
                let mut value = (*value).clone();
                value.as_object_mut()?.shift_remove(name)?;
                Some(value)
            }));
            let declared = ask.a.declared(name);
            let what = What::Required { name: name.to_owned(), declared: declared.is_some() };
            reasons.push(Reason { allowed: declared, ..self.leaf(ask, ask.b.item("required", at), what, &[], &more) });
        }
        missing
    }

    fn properties(&mut self, ask: &Ask<'_, 's>, missing: &[&str], reasons: &mut Vec<Reason>) {
        for name in ask.map.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            let value = ask.a.property(name);
            if value.is_empty() {
                continue;
            }
            let to = ask.b.below(&["properties", name]);
            let declared = ask.a.declared(name);
            let found = self.member(ask, name, &value, &to);
            if found.is_empty() {
                continue;
            }
            let witness = found.iter().find_map(|reason| reason.witness.clone());
            match declared {
                // One finding says it: there, it is missing.
                None if missing.contains(&name.as_str()) => {}
                None => {
                    let what = What::Claimed { name: name.clone() };
                    reasons.push(Reason { what, allowed: None, refused: to, witness });
                }
                Some(declared) if self.b.value(&to) == Some(&Value::Bool(false)) => {
                    let what = What::Forbidden { name: name.clone() };
                    reasons.push(Reason { what, allowed: Some(declared), refused: to, witness });
                }
                Some(_) => reasons.extend(found),
            }
        }
    }

    fn patterns(&mut self, ask: &Ask<'_, 's>, reasons: &mut Vec<Reason>) {
        for pattern in ask.map.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            let to = ask.b.below(&["patternProperties", pattern]);
            for name in ask.a.listed() {
                match self.b.fits(pattern, name) {
                    Some(true) => reasons.extend(self.member(ask, name, &ask.a.property(name), &to)),
                    Some(false) => {}
                    None => reasons.push(self.leaf(ask, to.clone(), What::Undecided("patternProperties".to_owned()), &[], &[])),
                }
            }
            // A name of the same pattern is under its schema; another one may fit this pattern, too.
            let unlisted = ask.a.unlisted();
            let own: Vec<_> = match unlisted.iter().any(|u| u.pattern.as_ref() == Some(pattern)) {
                true => unlisted.into_iter().filter(|u| u.pattern.as_ref() == Some(pattern)).collect(),
                false => unlisted,
            };
            let names = super::pattern::texts(pattern);
            for class in own {
                let name = names.iter().find(|name| self.b.fits(pattern, name) == Some(true)).map_or(STRANGER, String::as_str);
                reasons.extend(self.member(ask, name, &class.value, &to));
            }
        }
    }

    fn additional(&mut self, ask: &Ask<'_, 's>, reasons: &mut Vec<Reason>) {
        if !ask.map.contains_key("additionalProperties") {
            return;
        }
        let to = ask.b.below(&["additionalProperties"]);
        let closed = self.b.value(&to) == Some(&Value::Bool(false));
        let node = Node::at(ask.b, ask.map);
        for name in ask.a.listed() {
            let (own, sure) = applying(self.b, &node, name);
            let value = ask.a.property(name);
            if !own.is_empty() || value.is_empty() {
                continue;
            }
            if !sure {
                reasons.push(self.leaf(ask, to.clone(), What::Undecided("patternProperties".to_owned()), &[], &[]));
                continue;
            }
            let found = self.member(ask, name, &value, &to);
            if closed && !found.is_empty() {
                let witness = found.into_iter().find_map(|reason| reason.witness);
                let what = What::Forbidden { name: name.to_owned() };
                reasons.push(Reason { what, allowed: ask.a.declared(name), refused: to.clone(), witness });
            } else {
                reasons.extend(found);
            }
        }
        let patterns = ask.map.get("patternProperties").and_then(Value::as_object);
        for class in ask.a.unlisted() {
            if class.pattern.as_ref().is_some_and(|own| patterns.is_some_and(|p| p.contains_key(own))) || class.value.is_empty() {
                continue;
            }
            let name = match &class.pattern {
                Some(own) => super::pattern::texts(own).into_iter().find(|name| self.a.fits(own, name) == Some(true)).unwrap_or_default(),
                None => STRANGER.to_owned(),
            };
            let found = self.member(ask, &name, &class.value, &to);
            if closed && !found.is_empty() {
                let witness = found.into_iter().find_map(|reason| reason.witness);
                let allowed = ask.a.place(&["additionalProperties", "patternProperties"]);
                reasons.push(Reason { what: What::Closed, allowed, refused: to.clone(), witness });
            } else {
                reasons.extend(found);
            }
        }
    }

    fn sizes(&self, ask: &Ask<'_, 's>, reasons: &mut Vec<Reason>) {
        let bound = |keyword: &str| self.leaf(ask, ask.b.below(&[keyword]), What::Bound(keyword.to_owned()), &[keyword], &[]);
        if let Some(least) = ask.map.get("minProperties").and_then(count)
            && ask.a.at_least("minProperties").max(ask.a.required().len() as u64) < least
        {
            reasons.push(bound("minProperties"));
        }
        if let Some(most) = ask.map.get("maxProperties").and_then(count)
            && ask.a.at_most("maxProperties").or_else(|| self.members_at_most(ask.a)).is_none_or(|own| own > most)
        {
            reasons.push(bound("maxProperties"));
        }
    }

    /// How many members a closed object can have.
    fn members_at_most(&self, a: &Conj<'s>) -> Option<u64> {
        a.unlisted().iter().all(|class| class.value.is_empty()).then(|| a.listed().len() as u64)
    }

    /// Whether the keyword cannot be about any object of `a`.
    fn is_idle(&self, ask: &Ask<'_, 's>, keyword: &str) -> bool {
        let closed = || ask.a.unlisted().iter().all(|class| class.value.is_empty());
        match (keyword, ask.map.get(keyword)) {
            ("propertyNames", Some(_)) => {
                let names = ask.b.below(&["propertyNames"]);
                closed() && ask.a.listed().iter().all(|name| self.b.admits(&names, &Value::from(*name)) == Some(true))
            }
            (_, Some(Value::Object(of))) => of.iter().all(|(name, needs)| {
                let own = ask.a.required();
                let given = needs.as_array().is_some_and(|needs| needs.iter().filter_map(Value::as_str).all(|need| own.contains(&need)));
                given || ask.a.property(name).is_empty()
            }),
            _ => false,
        }
    }

    /// A member's value against the schema at `to`; what shows it is an object with that member.
    fn member(&mut self, ask: &Ask<'_, 's>, name: &str, value: &Conj<'s>, to: &At) -> Vec<Reason> {
        let known: Vec<&Value> = ask.known.iter().filter_map(|value| value.get(name)).collect();
        let mut reasons = self.compare(value, to, ask.depth + 1, &known);
        for reason in &mut reasons {
            reason.witness = reason.witness.take().and_then(|value| self.with(ask, name, &value));
        }
        reasons
    }

    fn with(&self, ask: &Ask<'_, 's>, name: &str, value: &Value) -> Option<Value> {
        let allowed = |object: &Value| ask.a.admits(object) == Some(true);
        let made = sample::object(ask.a, ask.known, SAMPLE_DEPTH, &[], Some((name, value))).filter(allowed);
        made.or_else(|| {
            ask.known.iter().find_map(|known| {
                let mut object = (*known).clone();
                object.as_object_mut()?.insert(name.to_owned(), value.clone());
                allowed(&object).then_some(object)
            })
        })
    }
}
