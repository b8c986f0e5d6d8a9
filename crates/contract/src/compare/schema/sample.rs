//! Values that a schema allows, made up: what a witness is built of. Whether one really is allowed is always asked.

use super::{conj::Conj, numbers::Num, types::Types};
use serde_json::{Map, Value, json};

const DEPTH_MAX: usize = 8;
/// Characters of a text, items of a list, members of an object that are made up.
const LENGTH_MAX: u64 = 5_000;
const ITEMS_MAX: u64 = 300;

/// Texts that fit the usual formats, or none.
const TEXTS: [&str; 22] = [
    "a",
    "",
    "0",
    "A",
    " ",
    "é",
    "a b",
    "-",
    "a1",
    "2026-01-31T12:00:00Z",
    "2026-01-31",
    "12:00:00Z",
    "P1D",
    "ana@example.org",
    "example.org",
    "192.0.2.1",
    "2001:db8::1",
    "https://example.org/a",
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "/a",
    "a/b",
    "evt_1",
];

/// A value that the schemas allow, if one can be found; `known` are values from examples, which are tried first.
pub(super) fn sample(conj: &Conj<'_>, known: &[&Value]) -> Option<Value> {
    within(conj, known, DEPTH_MAX)
}

fn within(conj: &Conj<'_>, known: &[&Value], depth: usize) -> Option<Value> {
    if !conj.side.spend() {
        return None;
    }
    let allowed = |value: &Value| conj.admits(value) == Some(true);
    if let Some(value) = known.iter().find(|value| allowed(value)) {
        return Some((*value).clone());
    }
    if let Some(values) = conj.values() {
        return values.into_iter().find(|value| allowed(value));
    }
    conj.branches().iter().find_map(|branch| {
        let types = branch.types();
        Types::EACH.iter().filter(|one| types.has(**one)).find_map(|one| of_type(branch, *one, known, depth).into_iter().find(allowed))
    })
}

/// Several values of each type, to try.
pub(super) fn varied(conj: &Conj<'_>, known: &[&Value]) -> Vec<Value> {
    let mut all: Vec<Value> = known.iter().map(|value| (*value).clone()).collect();
    for branch in conj.branches() {
        all.extend(branch.values().into_iter().flatten());
        let types = branch.types();
        for one in Types::EACH.iter().filter(|one| types.has(**one)) {
            all.extend(of_type(&branch, *one, known, 3));
        }
    }
    all
}

fn of_type(conj: &Conj<'_>, one: Types, known: &[&Value], depth: usize) -> Vec<Value> {
    match one {
        Types::NULL => vec![Value::Null],
        Types::BOOL => vec![json!(true), json!(false)],
        Types::WHOLE | Types::FRACTION => numbers(conj),
        Types::TEXT => texts(conj),
        Types::LIST => lists(conj, known, depth),
        _ => object(conj, known, depth, &[], None).into_iter().chain(all_listed(conj, known, depth)).collect(),
    }
}

pub(super) fn numbers(conj: &Conj<'_>) -> Vec<Value> {
    let mut all: Vec<Value> = [true, false].iter().filter_map(|lower| conj.end(*lower)).flat_map(|end| end.at.around()).collect();
    for step in conj.all("multipleOf").filter_map(Num::of) {
        all.extend((0..4).filter_map(|n| match step {
            Num::Whole(step) => Num::Whole(step * n).json(),
            Num::Float(step) => Num::Float(step * n as f64).json(),
        }));
        // The next multiple from the lower end on.
        if let (Num::Whole(step), Some(end)) = (step, conj.end(true))
            && let Num::Whole(low) = end.whole(true).at
            && step > 0
        {
            all.extend(Num::Whole((low + step - 1).div_euclid(step) * step).json());
        }
    }
    all.extend([0, 1, -1, 2, 3, 7, 10, 100, 1000].map(Value::from));
    all.extend([0.5, 1.5, -0.5, 0.25, 2.75].map(Value::from));
    all
}

pub(super) fn texts(conj: &Conj<'_>) -> Vec<Value> {
    let mut all = Vec::new();
    for pattern in conj.all("pattern").filter_map(Value::as_str) {
        all.extend(super::pattern::texts(pattern));
    }
    all.extend(TEXTS.iter().map(|text| (*text).to_owned()));
    let mut lengths = vec![conj.at_least("minLength")];
    lengths.extend(conj.at_most("maxLength"));
    all.extend(lengths.into_iter().filter(|n| (1..=LENGTH_MAX).contains(n)).flat_map(|n| ["a", "0"].map(|c| c.repeat(n as usize))));
    all.into_iter().map(Value::String).collect()
}

/// A text of so many characters, if that is not too many.
pub(super) fn text_of(length: u64) -> Vec<Value> {
    if length > LENGTH_MAX { Vec::new() } else { ["a", "0", "é"].map(|c| Value::String(c.repeat(length as usize))).to_vec() }
}

fn lists(conj: &Conj<'_>, known: &[&Value], depth: usize) -> Vec<Value> {
    let least = conj.at_least("minItems");
    let mut all = Vec::new();
    for length in [least, least + 1, conj.places() as u64] {
        all.extend(list_of(conj, length, None, known, depth));
    }
    all
}

/// A list of so many items, `item` at its place in it.
pub(super) fn list_of(conj: &Conj<'_>, length: u64, item: Option<(usize, &Value)>, known: &[&Value], depth: usize) -> Option<Value> {
    if depth == 0 || length > ITEMS_MAX {
        return None;
    }
    let items = (0..length as usize).map(|at| match item {
        Some((place, value)) if place == at => Some(value.clone()),
        _ => {
            let known: Vec<&Value> = known.iter().filter_map(|value| value.get(at)).collect();
            within(&conj.item(at), &known, depth - 1)
        }
    });
    let mut items: Vec<Value> = items.collect::<Option<_>>()?;
    if conj.all("uniqueItems").any(|unique| *unique == Value::Bool(true)) {
        let others = varied(&conj.item(conj.places()), &[]);
        for at in 1..items.len() {
            if item.is_none_or(|(place, _)| place != at) && items[..at].contains(&items[at]) {
                let other = others.iter().find(|other| !items.contains(other)).cloned();
                items[at] = other.unwrap_or_else(|| match &items[at] {
                    Value::Number(_) => json!(at + 1000),
                    _ => json!(format!("a{at}")),
                });
            }
        }
    }
    Some(Value::Array(items))
}

fn all_listed(conj: &Conj<'_>, known: &[&Value], depth: usize) -> Option<Value> {
    let mut object = object(conj, known, depth, &[], None)?;
    for name in conj.listed() {
        if depth > 0
            && object.get(name).is_none()
            && let Some(value) = within(&conj.property(name), &[], depth.min(3) - 1)
            && let Some(map) = object.as_object_mut()
        {
            map.insert(name.to_owned(), value);
        }
    }
    Some(object)
}

/// An object with what it must have, without the members `without`, and with a member of this value.
pub(super) fn object(conj: &Conj<'_>, known: &[&Value], depth: usize, without: &[&str], with: Option<(&str, &Value)>) -> Option<Value> {
    if depth == 0 {
        return None;
    }
    let mut map = Map::new();
    if let Some((name, value)) = with {
        map.insert(name.to_owned(), value.clone());
    }
    let mut wanted = conj.required();
    // What one member asks of others.
    for dependent in conj.all("dependentRequired").filter_map(Value::as_object) {
        for (name, needs) in dependent {
            if map.contains_key(name) || wanted.contains(&name.as_str()) {
                wanted.extend(needs.as_array().into_iter().flatten().filter_map(Value::as_str));
            }
        }
    }
    for name in wanted {
        if map.contains_key(name) || without.contains(&name) {
            continue;
        }
        let known: Vec<&Value> = known.iter().filter_map(|value| value.get(name)).collect();
        map.insert(name.to_owned(), within(&conj.property(name), &known, depth - 1)?);
    }
    let least = conj.at_least("minProperties").min(ITEMS_MAX);
    let spare = conj.listed().into_iter().map(str::to_owned).chain((1..=least).map(|n| format!("x{n}")));
    for name in spare {
        if map.len() as u64 >= least {
            break;
        }
        if !map.contains_key(&name)
            && !without.contains(&name.as_str())
            && let Some(value) = within(&conj.property(&name), &[], depth - 1)
        {
            map.insert(name, value);
        }
    }
    Some(Value::Object(map))
}
