//! What must hold of a value at one place: all the schemas that apply to it, taken together.

use super::{
    numbers::{End, Num},
    side::{At, Side},
    types::Types,
};
use serde_json::{Map, Value};

/// Ways in which a schema branches, taken apart at most.
const BRANCHES_MAX: usize = 64;
/// Levels into which it is looked whether something is possible at all.
const EMPTY_DEPTH_MAX: usize = 4;

/// One schema among them.
#[derive(Clone)]
pub(super) struct Node<'s> {
    pub at: At,
    pub map: &'s Map<String, Value>,
    /// The branching keywords which were taken apart already.
    split: Vec<&'static str>,
}

#[derive(Clone)]
pub(super) struct Conj<'s> {
    pub side: &'s Side,
    pub nodes: Vec<Node<'s>>,
    /// Only values of these types are looked at.
    mask: Types,
    /// A schema that is `false` is among them.
    never: bool,
    /// Where they come from: all that was put in, `$ref` and `allOf` taken apart.
    entered: Vec<At>,
}

/// Names that no schema lists by themselves, and what must hold of their values.
pub(super) struct Unlisted<'s> {
    /// The pattern that they fit; `None`: no pattern.
    pub pattern: Option<String>,
    pub value: Conj<'s>,
}

impl<'s> Node<'s> {
    pub fn at(at: &At, map: &'s Map<String, Value>) -> Node<'s> {
        Node { at: at.clone(), map, split: Vec::new() }
    }
}

impl<'s> Conj<'s> {
    pub fn anything(side: &'s Side) -> Conj<'s> {
        Conj { side, nodes: Vec::new(), mask: Types::ALL, never: false, entered: Vec::new() }
    }

    pub fn of(side: &'s Side, at: &At) -> Conj<'s> {
        let mut conj = Conj::anything(side);
        conj.push(at);
        conj
    }

    /// Adds the schema at `at`, with those that it refers to.
    pub fn push(&mut self, at: &At) {
        if self.entered.contains(at) {
            return;
        }
        self.entered.push(at.clone());
        match self.side.value(at) {
            Some(Value::Bool(false)) => self.never = true,
            Some(Value::Object(map)) => {
                self.nodes.push(Node { at: at.clone(), map, split: Vec::new() });
                if let Some(target) = map.get("$ref").and_then(Value::as_str).and_then(|reference| self.side.target(at, reference)) {
                    self.push(&target);
                }
                for part in 0..list(map, "allOf").len() {
                    self.push(&at.item("allOf", part));
                }
            }
            _ => {}
        }
    }

    /// What tells it from another one.
    pub fn key(&self) -> (Vec<At>, Types) {
        let mut entered = self.entered.clone();
        entered.sort();
        (entered, self.mask)
    }

    pub fn only(&self, types: Types) -> Conj<'s> {
        Conj { mask: self.mask.and(types), ..self.clone() }
    }

    pub fn types(&self) -> Types {
        if self.never {
            return Types::NONE;
        }
        self.nodes.iter().fold(self.mask, |types, node| {
            let types = node.map.get("type").map_or(types, |named| types.and(Types::named(named)));
            let types = node.map.get("const").map_or(types, |value| types.and(Types::of(value)));
            match node.map.get("enum") {
                Some(Value::Array(values)) => types.and(values.iter().fold(Types::NONE, |all, value| all.or(Types::of(value)))),
                _ => types,
            }
        })
    }

    /// All that it allows, and perhaps more, where they can be counted.
    pub fn values(&self) -> Option<Vec<Value>> {
        let lists = self.nodes.iter().filter_map(|node| match (node.map.get("const"), node.map.get("enum")) {
            (Some(value), _) => Some(vec![value.clone()]),
            (None, Some(Value::Array(values))) => Some(values.clone()),
            _ => None,
        });
        let types = self.types();
        let few = lists.min_by_key(Vec::len);
        let few = few.or_else(|| {
            (types.without(Types::NULL.or(Types::BOOL)).is_none()).then(|| vec![Value::Null, Value::Bool(false), Value::Bool(true)])
        })?;
        Some(few.into_iter().filter(|value| types.has(Types::of(value)) && self.admits(value) != Some(false)).collect())
    }

    /// Whether a value is allowed; `None` if it cannot be said.
    pub fn admits(&self, value: &Value) -> Option<bool> {
        if self.never || !self.mask.has(Types::of(value)) {
            return Some(false);
        }
        let mut all = Some(true);
        for node in &self.nodes {
            match self.side.admits(&node.at, value) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => all = None,
            }
        }
        all
    }

    /// Whether it surely allows nothing.
    pub fn is_empty(&self) -> bool {
        self.is_empty_within(EMPTY_DEPTH_MAX)
    }

    fn is_empty_within(&self, depth: usize) -> bool {
        let types = self.types();
        if types.is_none() || self.values().is_some_and(|values| values.is_empty()) {
            return true;
        }
        let hollow = |types: Types| types == Types::OBJECT && depth > 0 && self.side.spend();
        hollow(types) && self.required().iter().any(|name| self.property(name).is_empty_within(depth - 1))
    }

    /// The first keyword's place that is there.
    pub fn place(&self, keywords: &[&str]) -> Option<At> {
        keywords
            .iter()
            .find_map(|keyword| self.nodes.iter().find(|node| node.map.contains_key(*keyword)).map(|node| node.at.below(&[keyword])))
    }

    /// The ways in which it branches (`anyOf`, `oneOf`, `if`); one alone if it does not. Together they allow all that it does.
    pub fn branches(&self) -> Vec<Conj<'s>> {
        let mut open = vec![self.clone()];
        let mut done = Vec::new();
        while let Some(conj) = open.pop() {
            let ways = if done.len() + open.len() >= BRANCHES_MAX { None } else { conj.split() };
            match ways {
                None => done.push(conj),
                Some(ways) => open.extend(ways.into_iter().rev().filter(|way| !way.is_empty())),
            }
        }
        done
    }

    fn split(&self) -> Option<Vec<Conj<'s>>> {
        for (index, node) in self.nodes.iter().enumerate() {
            for keyword in ["anyOf", "oneOf"] {
                let ways = list(node.map, keyword).len();
                if ways == 0 || node.split.contains(&keyword) {
                    continue;
                }
                return Some((0..ways).map(|way| self.with(index, keyword, &[node.at.item(keyword, way)])).collect());
            }
            let has = |keyword: &str| node.map.contains_key(keyword);
            if has("if") && (has("then") || has("else")) && !node.split.contains(&"if") {
                let then: Vec<At> = ["if", "then"].iter().filter(|k| has(k)).map(|k| node.at.below(&[k])).collect();
                let other: Vec<At> = ["else"].iter().filter(|k| has(k)).map(|k| node.at.below(&[k])).collect();
                return Some(vec![self.with(index, "if", &then), self.with(index, "if", &other)]);
            }
        }
        None
    }

    fn with(&self, index: usize, keyword: &'static str, more: &[At]) -> Conj<'s> {
        let mut conj = self.clone();
        conj.nodes[index].split.push(keyword);
        more.iter().for_each(|at| conj.push(at));
        conj
    }

    // Objects.

    pub fn required(&self) -> Vec<&'s str> {
        let mut names: Vec<&str> = self.nodes.iter().flat_map(|node| list(node.map, "required")).filter_map(Value::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The names that are written out under `properties`, in their order.
    pub fn listed(&self) -> Vec<&'s str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.nodes.iter().filter_map(|node| node.map.get("properties")?.as_object()).flat_map(Map::keys) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// Where a property is declared.
    pub fn declared(&self, name: &str) -> Option<At> {
        self.nodes
            .iter()
            .find(|node| node.map.get("properties").is_some_and(|p| p.get(name).is_some()))
            .map(|n| n.at.below(&["properties", name]))
    }

    /// What must hold of the value of a property.
    pub fn property(&self, name: &str) -> Conj<'s> {
        let mut value = Conj::anything(self.side);
        for node in &self.nodes {
            let (own, sure) = applying(self.side, node, name);
            if own.is_empty() && sure && node.map.contains_key("additionalProperties") {
                value.push(&node.at.below(&["additionalProperties"]));
            }
            own.iter().for_each(|at| value.push(at));
        }
        value
    }

    /// Names that are not listed, by the patterns that there are. What is said of each is sure, if perhaps not all.
    pub fn unlisted(&self) -> Vec<Unlisted<'s>> {
        let patterns = |node: &Node<'s>| node.map.get("patternProperties").and_then(Value::as_object);
        let mut keys: Vec<&String> = self.nodes.iter().filter_map(patterns).flat_map(Map::keys).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut all = Vec::new();
        for key in std::iter::once(None).chain(keys.into_iter().map(Some)) {
            let mut value = Conj::anything(self.side);
            for node in &self.nodes {
                let own = patterns(node);
                match key {
                    Some(key) if own.is_some_and(|p| p.contains_key(key)) => value.push(&node.at.below(&["patternProperties", key])),
                    // Whether it fits another pattern there, nobody knows.
                    Some(_) if own.is_some_and(|p| !p.is_empty()) => {}
                    _ if node.map.contains_key("additionalProperties") => value.push(&node.at.below(&["additionalProperties"])),
                    _ => {}
                }
            }
            all.push(Unlisted { pattern: key.cloned(), value });
        }
        all
    }

    // Lists.

    /// The greatest number of items that are told apart by their place.
    pub fn places(&self) -> usize {
        self.nodes.iter().map(|node| list(node.map, "prefixItems").len()).max().unwrap_or(0)
    }

    /// What must hold of an item; from [`Conj::places`] on of all alike.
    pub fn item(&self, at: usize) -> Conj<'s> {
        let mut item = Conj::anything(self.side);
        for node in &self.nodes {
            if at < list(node.map, "prefixItems").len() {
                item.push(&node.at.item("prefixItems", at));
            } else if node.map.contains_key("items") {
                item.push(&node.at.below(&["items"]));
            }
        }
        item
    }

    // Bounds.

    /// The strictest of a count that is a least one: `minItems`.
    pub fn at_least(&self, keyword: &str) -> u64 {
        self.nodes.iter().filter_map(|node| count(node.map.get(keyword)?)).max().unwrap_or(0)
    }

    /// The strictest of a count that is a most one: `maxItems`.
    pub fn at_most(&self, keyword: &str) -> Option<u64> {
        self.nodes.iter().filter_map(|node| count(node.map.get(keyword)?)).min()
    }

    /// The lower (or upper) end of its numbers.
    pub fn end(&self, lower: bool) -> Option<End> {
        let (closed, open) = if lower { ("minimum", "exclusiveMinimum") } else { ("maximum", "exclusiveMaximum") };
        let ends = self
            .nodes
            .iter()
            .flat_map(|node| [(closed, false), (open, true)].map(|(k, open)| Some(End { at: Num::of(node.map.get(k)?)?, open })));
        let strictest = ends.flatten().reduce(|best, end| {
            let stricter = if lower { end.at_least(best) } else { end.at_most(best) };
            if stricter { end } else { best }
        })?;
        Some(if self.types().has(Types::FRACTION) { strictest } else { strictest.whole(lower) })
    }

    /// The values of a keyword in all that has it.
    pub fn all<'c>(&'c self, keyword: &'c str) -> impl Iterator<Item = &'s Value> + 'c {
        self.nodes.iter().filter_map(move |node| node.map.get(keyword))
    }
}

/// The schemas of a node that apply to a property by its name, and whether they surely are all of them.
pub(super) fn applying(side: &Side, node: &Node<'_>, name: &str) -> (Vec<At>, bool) {
    let mut own = Vec::new();
    let mut sure = true;
    if node.map.get("properties").is_some_and(|p| p.get(name).is_some()) {
        own.push(node.at.below(&["properties", name]));
    }
    for pattern in node.map.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        match side.fits(pattern, name) {
            Some(true) => own.push(node.at.below(&["patternProperties", pattern])),
            Some(false) => {}
            None => sure = false,
        }
    }
    (own, sure)
}

pub(super) fn list<'s>(map: &'s Map<String, Value>, keyword: &str) -> &'s [Value] {
    map.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A count, which may be written as `2.0`.
pub(super) fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0 && (0.0..1e15).contains(n)).map(|n| n as u64))
}
