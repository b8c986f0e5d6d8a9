//! Whether two schemas say the same, word for word, with all that they refer to.

use super::side::{At, Side};
use serde_json::Value;

pub(super) fn same(a: &Side, at_a: &At, b: &Side, at_b: &At) -> bool {
    Pair { a, b, seen: Vec::new() }.places(at_a, at_b)
}

struct Pair<'s> {
    a: &'s Side,
    b: &'s Side,
    seen: Vec<(At, At)>,
}

impl Pair<'_> {
    fn places(&mut self, at_a: &At, at_b: &At) -> bool {
        let pair = (at_a.clone(), at_b.clone());
        if self.seen.contains(&pair) {
            return true;
        }
        self.seen.push(pair);
        match (self.a.value(at_a), self.b.value(at_b)) {
            (Some(a), Some(b)) => self.values(a, at_a, b, at_b),
            _ => false,
        }
    }

    fn values(&mut self, a: &Value, at_a: &At, b: &Value, at_b: &At) -> bool {
        match (a, b) {
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, a)| {
                        b.get(key).is_some_and(|b| match (a, b) {
                            (Value::String(ra), Value::String(rb)) if key == "$ref" || key == "$dynamicRef" => {
                                ra == rb
                                    && match (self.a.target(at_a, ra), self.b.target(at_b, rb)) {
                                        (Some(a), Some(b)) => self.places(&a, &b),
                                        // What cannot be followed is the same if all files are.
                                        _ => false,
                                    }
                            }
                            (a, b) => self.values(a, at_a, b, at_b),
                        })
                    })
            }
            (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.values(a, at_a, b, at_b)),
            (a, b) => a == b,
        }
    }
}
