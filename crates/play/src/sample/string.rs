//! Texts: by format, by pattern, like the examples, or of words.

use super::{Sampler, Task, pattern, shape::At, things};
use rand::Rng;
use serde_json::{Map, Value};
use tidewire_contract::Contract;

impl Sampler {
    pub(crate) fn string(&mut self, task: &Task<'_>, schema: &Map<String, Value>, at: At<'_>) -> Value {
        let format = schema.get("format").and_then(Value::as_str);
        if task.alike
            && matches!(format, None | Some("uuid"))
            && let Some(entity) = things::entity(at, task)
        {
            return self.id(task, schema, at, &entity, false);
        }
        Value::String(self.text(task, schema, at))
    }

    pub(crate) fn text(&mut self, task: &Task<'_>, schema: &Map<String, Value>, at: At<'_>) -> String {
        let length = |key: &str| schema.get(key).and_then(Value::as_u64).map(|n| n as usize);
        let (least, most) = (length("minLength").unwrap_or(0), length("maxLength").unwrap_or(usize::MAX));
        if let Some(format) = schema.get("format").and_then(Value::as_str)
            && let Some(text) = self.formatted(format, at.key)
        {
            return text;
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            let of_example = self.example(task, at.key).filter(|_| task.alike && self.rng.random_range(0..100) < 50);
            if let Some(Value::String(text)) = of_example {
                return text;
            }
            let fits = |text: &String| (least..=most).contains(&text.chars().count());
            if let Some(text) = (0..40).filter_map(|_| pattern::matching(pattern, &mut self.rng)).find(fits) {
                return text;
            }
        }
        let own = schema.get("examples").and_then(Value::as_array).and_then(|examples| self.pick(examples)).and_then(Value::as_str);
        if let Some(own) = own.filter(|_| task.alike) {
            return own.to_owned();
        }
        if task.alike
            && self.chance(60)
            && let Some(Value::String(text)) = self.example(task, at.key)
        {
            return text;
        }
        let mut text = self.words(at.key, 0);
        while text.chars().count() < least {
            text.push(' ');
            text += self.word();
        }
        if text.chars().count() > most {
            text = text.chars().take(most).collect::<String>().trim_end().to_owned();
            while text.chars().count() < least {
                text.push('x');
            }
        }
        text
    }

    /// What a member of this name has in one of the contract's examples; of the event's own, if they have it.
    pub(crate) fn example(&mut self, task: &Task<'_>, key: &str) -> Option<Value> {
        if key.is_empty() {
            return None;
        }
        let mut found = Vec::new();
        task.event.examples.iter().for_each(|example| members(example, key, &mut found));
        if found.is_empty() {
            of_all(&self.contract, key, &mut found);
        }
        self.pick(&found).cloned()
    }
}

fn of_all(contract: &Contract, key: &str, found: &mut Vec<Value>) {
    contract.events.iter().flat_map(|event| &event.examples).for_each(|example| members(example, key, found));
}

/// Plain values of members of this name, wherever they are; those of a list one by one.
fn members(value: &Value, key: &str, found: &mut Vec<Value>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::Array(items) if name == key => found.extend(items.iter().filter(|i| !i.is_object() && !i.is_array()).cloned()),
                    Value::Object(_) | Value::Array(_) => {}
                    plain if name == key && !plain.is_null() => found.push(plain.clone()),
                    _ => {}
                }
                members(value, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, key, found)),
        _ => {}
    }
}
