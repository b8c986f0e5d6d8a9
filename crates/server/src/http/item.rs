//! One event of a publish request, read member by member so that every mistake has its place.

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, json, value::RawValue};
use std::fmt;
use tidewire_contract::audience::Named;
use tidewire_engine::publish::{Request, nearest};
use tidewire_wire::minify::minify;

/// One thing wrong with one event of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What the answer's status is when there is only this.
    pub status: u16,
    /// The problem's name, as in [`crate::Problem::code`].
    pub kind: &'static str,
    /// JSON pointer into the event.
    pub pointer: String,
    pub rule: String,
    /// The JSON type of what was found.
    pub found: String,
    pub message: String,
    pub nearest: Option<String>,
}

impl Fault {
    pub fn to_json(&self, index: usize) -> Value {
        let mut value = json!({
            "index": index, "pointer": self.pointer, "rule": self.rule, "found": self.found, "message": self.message,
        });
        if let Some(nearest) = &self.nearest {
            value["nearest"] = nearest.as_str().into();
        }
        value
    }
}

const MEMBERS: [&str; 8] = ["channel", "type", "data", "key", "trace", "occurred_at", "fields", "audience"];

/// Reads one event. `trace` stands in where the event has none.
pub fn read(raw: &RawValue, trace: Option<&str>) -> Result<Request, Vec<Fault>> {
    if kind_of(raw) != "object" {
        return Err(vec![fault("", "type", raw, "an event is an object with channel, type and data")]);
    }
    let Members(members) = match serde_json::from_str(raw.get()) {
        Ok(members) => members,
        Err(error) => return Err(vec![fault("", "json", raw, &error.to_string())]),
    };
    let mut faults = Vec::new();
    let mut request = Request { trace: trace.map(str::to_owned), ..Request::default() };
    for (at, (name, value)) in members.iter().enumerate() {
        let absent = value.get() == "null";
        if members[..at].iter().any(|(earlier, _)| earlier == name) {
            faults.push(fault(&pointer(name), "unique", value, "the member is given twice"));
            continue;
        }
        match name.as_str() {
            "channel" => text(name, value, &mut faults, |t| request.channel = t),
            "type" => text(name, value, &mut faults, |t| request.event_type = t),
            "data" => request.data = minified(value),
            _ if absent && MEMBERS.contains(&name.as_str()) => {}
            "key" => text(name, value, &mut faults, |t| request.key = Some(t)),
            "trace" => text(name, value, &mut faults, |t| request.trace = Some(t)),
            "occurred_at" => text(name, value, &mut faults, |t| request.occurred_at = Some(t)),
            "fields" if kind_of(value) == "object" => request.fields = Some(minified(value)),
            "fields" => faults.push(fault("/fields", "type", value, "expected an object")),
            "audience" => match audience(value) {
                Ok(named) => request.audience = Some(named),
                Err(wrong) => faults.push(wrong),
            },
            unknown => {
                let near = nearest(unknown, MEMBERS.into_iter());
                let hint = near.as_ref().map_or_else(|| format!("an event has {}", MEMBERS.join(", ")), |n| format!("did you mean '{n}'?"));
                let mut wrong = fault(&pointer(name), "unknown-member", value, &format!("there is no such member; {hint}"));
                wrong.nearest = near;
                faults.push(wrong);
            }
        }
    }
    for required in ["channel", "type", "data"] {
        if !members.iter().any(|(name, _)| name == required) {
            faults.push(fault("", "required", raw, &format!("'{required}' is missing")));
        }
    }
    if let Some(fields) = &request.fields
        && let Err(error) = serde_json::from_slice::<Value>(fields)
    {
        faults.push(Fault { found: "object".into(), ..plain("/fields", "json", &error.to_string()) });
    }
    if faults.is_empty() { Ok(request) } else { Err(faults) }
}

/// `{"character": ["c1", "c2"], "place": "p1"}`.
fn audience(raw: &RawValue) -> Result<Vec<Named>, Fault> {
    let wrong =
        |pointer: &str, raw| fault(pointer, "type", raw, "expected attributes or relations, each with a string or an array of strings");
    if kind_of(raw) != "object" {
        return Err(wrong("/audience", raw));
    }
    let Members(members) = serde_json::from_str(raw.get()).map_err(|e| fault("/audience", "json", raw, &e.to_string()))?;
    let mut named = Vec::new();
    for (by, value) in members {
        let at = format!("/audience{}", pointer(&by));
        let values = match kind_of(value) {
            "string" => serde_json::from_str(value.get()).map(|one| vec![one]),
            "array" => serde_json::from_str::<Vec<String>>(value.get()),
            _ => return Err(wrong(&at, value)),
        };
        named.push(Named { by, values: values.map_err(|_| wrong(&at, value))? });
    }
    Ok(named)
}

fn text(name: &str, raw: &RawValue, faults: &mut Vec<Fault>, set: impl FnOnce(String)) {
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => set(text),
        Err(_) if kind_of(raw) != "string" => faults.push(fault(&pointer(name), "type", raw, "expected a string")),
        Err(error) => faults.push(fault(&pointer(name), "json", raw, &error.to_string())),
    }
}

fn fault(pointer: &str, rule: &str, raw: &RawValue, message: &str) -> Fault {
    Fault { found: kind_of(raw).to_owned(), ..plain(pointer, rule, message) }
}

fn plain(pointer: &str, rule: &str, message: &str) -> Fault {
    Fault {
        status: 422,
        kind: "invalid-event",
        pointer: pointer.to_owned(),
        rule: rule.to_owned(),
        found: String::new(),
        message: message.to_owned(),
        nearest: None,
    }
}

/// A member's name as JSON pointer (RFC 6901), cut short where it is long.
fn pointer(name: &str) -> String {
    format!("/{}", super::query::excerpt(name).replace('~', "~0").replace('/', "~1"))
}

/// The JSON type of a value that was not read yet.
pub fn kind_of(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// The value without whitespace between its tokens, otherwise byte for byte.
fn minified(raw: &RawValue) -> Bytes {
    let mut out = Vec::with_capacity(raw.get().len());
    minify(raw.get().as_bytes(), &mut out);
    out.into()
}

/// The members of an object, in order, repeated ones too.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    members.push(entry);
                    if members.len() > 64 {
                        return Err(serde::de::Error::custom("more than 64 members"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}
