//! The things that a channel's events are about: a few of each kind, that come, change and go.

use super::{Sampler, Task, shape::At};
use crate::actor::Actors;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tidewire_contract::{ChannelName, Event, address::Vars};

/// What there is on each channel.
#[derive(Debug, Clone, Default)]
pub struct Things {
    /// Ids by channel and kind.
    known: BTreeMap<(String, String), Vec<Value>>,
    /// By channel, and what has versions.
    versions: BTreeMap<(String, String), u64>,
    /// Made so far, for ids that are numbered.
    made: u64,
    /// Of the payload at hand: what it is about.
    subject: Option<(String, Value)>,
}

/// Things of a kind at a time.
const FEW: usize = 5;

/// What a type says that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Comes,
    Changes,
    Goes,
}

fn verb(event_type: &str) -> Verb {
    let lower = event_type.to_lowercase();
    let ends = |verbs: &[&str]| verbs.iter().any(|verb| lower.ends_with(verb));
    if ends(&["created", "added", "started", "queued", "new"]) {
        Verb::Comes
    } else if ends(&["deleted", "removed", "finished", "closed", "cancelled", "ended"]) {
        Verb::Goes
    } else {
        Verb::Changes
    }
}

/// The words of a name, in lower case: `KdsTicketCreated`, `print_job_id`, `chat.message.created`.
fn parts(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            parts.push(String::new());
        } else {
            if c.is_uppercase() && lower {
                parts.push(String::new());
            }
            if let Some(last) = parts.last_mut() {
                last.extend(c.to_lowercase());
            }
        }
        lower = c.is_lowercase() || c.is_ascii_digit();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// One of what the name says that there are several of.
pub(super) fn singular(name: &str) -> String {
    if let Some(stem) = name.strip_suffix("ies") {
        return format!("{stem}y");
    }
    name.strip_suffix('s').filter(|stem| !stem.is_empty() && !stem.ends_with('s')).unwrap_or(name).to_owned()
}

/// Whether a member of this name says which thing is meant.
pub(super) fn is_id(name: &str) -> bool {
    parts(name).last().is_some_and(|last| last == "id" || last == "uuid")
}

/// The kind of thing that the value at hand is the id of: `ticket` for `ticket_id`, for `id` within `ticket`, and for `id` of a
/// `ticket.created`.
pub(super) fn entity(at: At<'_>, task: &Task<'_>) -> Option<String> {
    let key = if at.item { singular(at.key) } else { at.key.to_owned() };
    if !is_id(&key) {
        return None;
    }
    let mut words = parts(&key);
    words.pop();
    if let Some(last) = words.pop() {
        return Some(last);
    }
    if let Some(last) = parts(at.owner).pop() {
        return Some(singular(&last));
    }
    Some(noun(task.event_type))
}

/// What a type is about: the word before what happens to it.
fn noun(event_type: &str) -> String {
    let mut words = parts(event_type);
    if words.len() > 1 {
        words.pop();
    }
    words.pop().unwrap_or_default()
}

impl Things {
    fn key(channel: &ChannelName, entity: &str) -> (String, String) {
        (channel.log.to_string(), entity.to_owned())
    }

    /// A payload was taken: what it is about is there from now on, or is gone.
    pub(super) fn happened(&mut self, event_type: &str, channel: &ChannelName) {
        let Some((entity, id)) = self.subject.take() else { return };
        if verb(event_type) == Verb::Goes
            && let Some(known) = self.known.get_mut(&Things::key(channel, &entity))
        {
            known.retain(|known| *known != id);
        }
    }

    /// Gives the version that comes next of what the payload is about, where the contract says which that is.
    pub(super) fn number(&mut self, event: &Event, channel: &ChannelName, data: &mut Value) {
        let (of, is) = match (&event.version, &event.newest) {
            (Some(version), _) => (version.of.clone(), version.is.clone()),
            (None, Some(newest)) => {
                // Beside a version stands the id of what has it.
                let mut of = newest.clone();
                of.pop();
                of.push("id".to_owned());
                (of, newest.clone())
            }
            (None, None) => return,
        };
        let id = at_path(data, &of).map(Value::to_string).unwrap_or_default();
        let Some(place) = is.iter().try_fold(data, |value, name| value.get_mut(name)) else { return };
        let (channel, _) = Things::key(channel, "");
        let last = self.versions.entry((channel, format!("{}:{id}", of.join(".")))).or_default();
        *last += 1;
        *place = (*last).into();
    }

    /// The ids of a kind that there are on a channel.
    pub fn of(&self, channel: &ChannelName, entity: &str) -> &[Value] {
        self.known.get(&Things::key(channel, entity)).map(Vec::as_slice).unwrap_or_default()
    }
}

fn at_path<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

impl Sampler {
    /// The id of a thing of this kind: the channel's own, one that is there, or a new one.
    pub(super) fn id(&mut self, task: &Task<'_>, schema: &Map<String, Value>, at: At<'_>, entity: &str, number: bool) -> Value {
        if let Some(own) = of_channel(&task.channel.vars, entity) {
            return if number { own.parse::<i64>().map_or(Value::String(own), Value::from) } else { Value::String(own) };
        }
        let subject = entity == noun(task.event_type);
        let key = (task.channel.log.to_string(), format!("{entity}{}", if number { "#" } else { "" }));
        let known = self.things.known.get(&key).cloned().unwrap_or_default();
        let comes = subject && verb(task.event_type) == Verb::Comes && self.things.subject.is_none();
        let new = comes || known.is_empty() || !subject && known.len() < FEW && self.chance(20);
        let id = if new {
            let made = self.new_id(task, schema, at, entity, number, &known);
            let known = self.things.known.entry(key.clone()).or_default();
            if !known.contains(&made) {
                known.push(made.clone());
            }
            if known.len() > FEW {
                known.remove(0);
            }
            made
        } else {
            self.pick(&known).cloned().unwrap_or_default()
        };
        if subject && self.things.subject.is_none() {
            self.things.subject = Some((key.1, id.clone()));
        }
        id
    }

    fn new_id(&mut self, task: &Task<'_>, schema: &Map<String, Value>, at: At<'_>, entity: &str, number: bool, known: &[Value]) -> Value {
        // Somebody whom the contract knows is who it is about.
        let of_actors: Vec<Value> = self.of_actors(entity).into_iter().filter(|v| v.is_number() == number && !known.contains(v)).collect();
        if let Some(one) = self.pick(&of_actors) {
            return one.clone();
        }
        self.things.made += 1;
        let count = self.things.made;
        let key = if at.item { singular(at.key) } else { at.key.to_owned() };
        let example = self.example(task, &key).or_else(|| self.example(task, at.key));
        if number {
            let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or(1);
            let most = schema.get("maximum").and_then(Value::as_i64).unwrap_or(i64::MAX);
            let base = example.and_then(|e| e.as_i64()).unwrap_or(least).max(least);
            return Value::from((base + count as i64).min(most));
        }
        if schema.contains_key("pattern") || schema.get("format").is_some_and(|f| f == "uuid") {
            return Value::String(self.text(&Task { alike: false, ..*task }, schema, at));
        }
        let text = match example.as_ref().and_then(Value::as_str) {
            Some(example) if uuid::Uuid::parse_str(example).is_ok() => self.uuid(),
            Some(example) => numbered(example, count),
            None => format!("{entity}-{count}"),
        };
        Value::String(text)
    }

    /// The values of actors' claims and attributes that say who or which they are: `character_id`, `worlds`.
    fn of_actors(&self, entity: &str) -> Vec<Value> {
        let actors = Actors(&self.contract);
        let people = ["user", "member", "actor", "sender", "author", "player"].contains(&entity);
        let mut found = Vec::new();
        for name in actors.names() {
            let claims = actors.claims(&name);
            for (claim, value) in &claims {
                let words = parts(claim);
                let meant = match words.last().map(String::as_str) {
                    Some("id") => words.len() > 1 && words[words.len() - 2] == entity,
                    Some("sub") => people,
                    Some(last) => singular(last) == entity,
                    None => false,
                };
                if meant {
                    match value {
                        Value::Array(items) => found.extend(items.iter().filter(|v| v.is_string() || v.is_number()).cloned()),
                        Value::String(_) | Value::Number(_) => found.push(value.clone()),
                        _ => {}
                    }
                }
            }
        }
        found
    }
}

/// The channel's variable of this kind of thing.
fn of_channel(vars: &Vars, entity: &str) -> Option<String> {
    let named = |name: &str| {
        let mut words = parts(name);
        if words.last().is_some_and(|last| last == "id") {
            words.pop();
        }
        words.pop().is_some_and(|last| last == entity)
    };
    vars.iter().find(|(name, _)| named(name)).map(|(_, value)| value.clone())
}

/// Like the example, with another number: `t123` → `t124`.
fn numbered(example: &str, count: u64) -> String {
    let stem = example.trim_end_matches(|c: char| c.is_ascii_digit());
    let number: u64 = example[stem.len()..].parse().unwrap_or(0);
    if stem.len() == example.len() { format!("{example}-{count}") } else { format!("{stem}{}", number.saturating_add(count)) }
}
