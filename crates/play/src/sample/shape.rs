//! Values of every JSON type, by their schema.

use super::{Sampler, Task, merge, pattern, things};
use rand::Rng;
use serde_json::{Map, Value};

/// Where in the payload a value is.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    /// The member that it is, or that the list is which it is in.
    pub key: &'a str,
    /// The member that the object is which it is in.
    pub owner: &'a str,
    pub depth: usize,
    /// Of a list.
    pub item: bool,
}

impl At<'_> {
    pub fn root() -> At<'static> {
        At { key: "", owner: "", depth: 0, item: false }
    }
}

/// From here on only what is required is there.
const DEPTH: usize = 6;
/// Of hundred optional members those that are there.
const OPTIONAL: u32 = 70;

impl Sampler {
    pub(crate) fn value(&mut self, task: &Task<'_>, schema: &Value, at: At<'_>) -> Value {
        if *schema == Value::Bool(true) || schema.as_object().is_some_and(Map::is_empty) {
            return Value::String(self.words(at.key, 1));
        }
        let mut choices = Vec::new();
        let rng = &mut self.rng;
        let schema = merge::settled(task.root, schema, &mut |many| {
            let chosen = rng.random_range(0..many);
            choices.push(chosen);
            chosen
        });
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(Value::Array(values)) = schema.get("enum")
            && let Some(value) = self.pick(values)
        {
            return value.clone();
        }
        match self.kind(&schema) {
            "object" => self.object(task, &schema, at),
            "array" => self.array(task, &schema, at),
            "integer" => self.integer(task, &schema, at),
            "number" => self.number(task, &schema, at),
            "boolean" => Value::Bool(self.chance(50)),
            "null" => Value::Null,
            _ => self.string(task, &schema, at),
        }
    }

    /// One of the types that there may be; null seldom.
    fn kind<'s>(&mut self, schema: &'s Map<String, Value>) -> &'s str {
        match schema.get("type") {
            Some(Value::String(one)) => one,
            Some(Value::Array(several)) => {
                let some: Vec<&str> = several.iter().filter_map(Value::as_str).filter(|t| *t != "null").collect();
                let null = several.len() > some.len();
                if some.is_empty() || null && self.chance(15) {
                    return "null";
                }
                some[self.rng.random_range(0..some.len())]
            }
            _ if schema.keys().any(|k| ["properties", "required", "additionalProperties", "patternProperties"].contains(&k.as_str())) => {
                "object"
            }
            _ if schema.keys().any(|k| ["items", "prefixItems", "minItems", "contains"].contains(&k.as_str())) => "array",
            _ if schema.keys().any(|k| ["minimum", "maximum", "multipleOf"].contains(&k.as_str())) => "number",
            _ => "string",
        }
    }

    fn object(&mut self, task: &Task<'_>, schema: &Map<String, Value>, at: At<'_>) -> Value {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let mut required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut members = Map::new();
        // Of what an object is comes before what it has: who it is decides.
        let owner = if at.item { things::singular(at.key) } else { at.key.to_owned() };
        for (name, of_member) in properties {
            if *of_member == Value::Bool(false) {
                continue;
            }
            let wanted = required.contains(&name.as_str()) || at.depth < DEPTH && self.chance(OPTIONAL);
            if wanted {
                let below = At { key: name, owner: &owner, depth: at.depth + 1, item: false };
                members.insert(name.clone(), self.value(task, of_member, below));
            }
        }
        if let Some(dependent) = schema.get("dependentRequired").and_then(Value::as_object) {
            for (name, needs) in dependent.iter().filter(|(name, _)| members.contains_key(*name)).collect::<Vec<_>>() {
                let _ = name;
                required.extend(needs.as_array().into_iter().flatten().filter_map(Value::as_str));
            }
        }
        required.retain(|name| !members.contains_key(*name));
        for name in required {
            let any = Value::Bool(true);
            let of_member = properties.get(name).or_else(|| schema.get("additionalProperties")).unwrap_or(&any).clone();
            let below = At { key: name, owner: &owner, depth: at.depth + 1, item: false };
            members.insert(name.to_owned(), self.value(task, &of_member, below));
        }
        self.further(task, schema, at, &owner, &mut members);
        Value::Object(members)
    }

    /// Members whose names the schema leaves open: as many as it wants, and where nothing else may be there, some.
    fn further(&mut self, task: &Task<'_>, schema: &Map<String, Value>, at: At<'_>, owner: &str, members: &mut Map<String, Value>) {
        let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or(0) as usize;
        let most = schema.get("maxProperties").and_then(Value::as_u64).unwrap_or(u64::MAX) as usize;
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        let of_others = schema.get("additionalProperties").filter(|s| s.is_object());
        let open = patterns.is_some() || of_others.is_some();
        let some = if open && at.depth < DEPTH { self.rng.random_range(1..=3) } else { 0 };
        let wanted = least.max(members.len() + some).min(most);
        for _ in 0..wanted.saturating_sub(members.len()) * 4 {
            if members.len() >= wanted {
                break;
            }
            let (name, of_member) = match patterns.and_then(|p| p.iter().next()) {
                Some((pattern, of_member)) => (pattern::matching(pattern, &mut self.rng).unwrap_or_default(), of_member.clone()),
                None => {
                    let named = schema.get("propertyNames").and_then(|names| names.get("pattern")).and_then(Value::as_str);
                    let name = named.and_then(|p| pattern::matching(p, &mut self.rng));
                    let name = name.unwrap_or_else(|| self.word().to_lowercase());
                    (name, of_others.cloned().unwrap_or(Value::Bool(true)))
                }
            };
            let below = At { key: &name, owner, depth: at.depth + 1, item: false };
            let value = self.value(task, &of_member, below);
            members.insert(name.clone(), value);
        }
        while members.len() > most {
            let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            let Some(name) = members.keys().rev().find(|name| !required.iter().any(|r| r == name.as_str())).cloned() else { return };
            members.remove(&name);
        }
    }

    fn array(&mut self, task: &Task<'_>, schema: &Map<String, Value>, at: At<'_>) -> Value {
        let number = |key: &str| schema.get(key).and_then(Value::as_u64).map(|n| n as usize);
        let prefix = schema.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let least = number("minItems").unwrap_or(0).max(prefix.len().min(number("maxItems").unwrap_or(usize::MAX)));
        let most = number("maxItems").unwrap_or(least + 3).max(least);
        let many = if at.depth >= DEPTH { least } else { self.rng.random_range(least..=most.min(least + 3)) };
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let any = Value::Bool(true);
        let of_items = schema.get("items").unwrap_or(&any);
        let mut items: Vec<Value> = Vec::new();
        for _ in 0..many * 8 {
            if items.len() >= many {
                break;
            }
            let of_item = prefix.get(items.len()).unwrap_or(of_items);
            if *of_item == Value::Bool(false) {
                break;
            }
            let below = At { item: true, depth: at.depth + 1, ..at };
            let item = self.value(task, of_item, below);
            // A list of things names each of them once, whether it has to or not.
            let names = things::is_id(things::singular(at.key).as_str());
            if !(unique || names) || !items.contains(&item) || items.len() < least && !unique {
                items.push(item);
            }
        }
        if let Some(contains) = schema.get("contains")
            && items.is_empty()
        {
            let contains = contains.clone();
            items.push(self.value(task, &contains, At { item: true, depth: at.depth + 1, ..at }));
        }
        Value::Array(items)
    }
}
