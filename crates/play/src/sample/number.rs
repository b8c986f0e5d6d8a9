//! Numbers within their bounds, near those of the examples.

use super::{Sampler, Task, shape::At, things};
use rand::Rng;
use serde_json::{Map, Value};

impl Sampler {
    pub(crate) fn integer(&mut self, task: &Task<'_>, schema: &Map<String, Value>, at: At<'_>) -> Value {
        let (least, most) = bounds(schema);
        if task.alike
            && !schema.contains_key("multipleOf")
            && let Some(entity) = things::entity(at, task)
        {
            return self.id(task, schema, at, &entity, true);
        }
        let step = schema.get("multipleOf").and_then(Value::as_f64).filter(|s| *s >= 1.0).map_or(1, |s| s as i64);
        let example = self.example(task, at.key).filter(|_| task.alike).and_then(|e| e.as_i64());
        let low = least.map_or_else(|| example.map_or(0, |e| (e / 2).min(e)), |l| l.ceil() as i64);
        let span = example.map_or(100, |e| (e.abs() * 2).max(10));
        let high = most.map_or_else(|| low.saturating_add(span), |m| m.floor() as i64).max(low);
        let drawn = self.rng.random_range(low..=high.min(low.saturating_add(span.max(1000))));
        let stepped = drawn.div_euclid(step) * step;
        Value::from(if stepped < low { stepped + step } else { stepped })
    }

    pub(crate) fn number(&mut self, task: &Task<'_>, schema: &Map<String, Value>, at: At<'_>) -> Value {
        let (least, most) = bounds(schema);
        let example = self.example(task, at.key).filter(|_| task.alike).and_then(|e| e.as_f64());
        let low = least.unwrap_or_else(|| example.map_or(0.0, |e| (e / 2.0).min(e)));
        let high = most.unwrap_or_else(|| low + example.map_or(100.0, |e| (e.abs() * 2.0).max(1.0))).max(low);
        let drawn = low + (high - low) * self.rng.random_range(0.0..=1.0);
        if let Some(step) = schema.get("multipleOf").and_then(Value::as_f64) {
            return Value::from((drawn / step).round() * step);
        }
        // Two places are what people write, if that many fit in.
        let rounded = (drawn * 100.0).round() / 100.0;
        Value::from(if rounded >= low && rounded <= high { rounded } else { drawn })
    }
}

/// From where to where, the ends included.
fn bounds(schema: &Map<String, Value>) -> (Option<f64>, Option<f64>) {
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    let whole = schema.get("type").and_then(Value::as_str) == Some("integer");
    let beside = |n: f64, sign: f64| if whole { n + sign } else { n + sign * (n.abs() * 1e-6).max(1e-6) };
    let least = number("minimum").into_iter().chain(number("exclusiveMinimum").map(|n| beside(n, 1.0))).reduce(f64::max);
    let most = number("maximum").into_iter().chain(number("exclusiveMaximum").map(|n| beside(n, -1.0))).reduce(f64::min);
    (least, most)
}
