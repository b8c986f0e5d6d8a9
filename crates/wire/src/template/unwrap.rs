//! An event's envelope, read back: what somebody publishes who makes the whole of it.

use bytes::Bytes;
use serde_json::{Map, Value};
use tidewire_contract::{Template, template::Segment};
use tidewire_engine::{id, publish::Request};

/// What an envelope carries beside what is given when the event is sequenced.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Envelope {
    pub id: Option<String>,
    pub event_type: Option<String>,
    pub trace: Option<String>,
    pub occurred_at: Option<String>,
    pub key: Option<String>,
    pub fields: Map<String, Value>,
    pub data: Value,
}

impl Envelope {
    /// What it asks to be published; the channel, and the type that it may say, are left to whoever knows them.
    ///
    /// # Errors
    /// In words: its id is none.
    pub fn request(self) -> Result<Request, String> {
        let id = match &self.id {
            None => None,
            Some(text) => Some(id::parse(text).ok_or_else(|| format!("the envelope's id '{text}' is no UUID"))?),
        };
        Ok(Request {
            data: Bytes::from(self.data.to_string()),
            id,
            key: self.key,
            trace: self.trace,
            occurred_at: self.occurred_at,
            fields: (!self.fields.is_empty()).then(|| Bytes::from(Value::Object(self.fields).to_string())),
            ..Request::default()
        })
    }
}

/// Takes an envelope apart by the template that events are spelled with. `None`: it is none, so it is a payload.
///
/// It is one if it is an object that has the template's `$data` and constants, and no member that the template does not have;
/// every other member may be missing or null.
pub fn unwrap(template: &Template, value: &Value) -> Option<Envelope> {
    if !matches!(template, Template::Object(_)) {
        return None;
    }
    let mut envelope = Envelope::default();
    let mut found_data = false;
    read(template, value, &mut envelope, &mut found_data).filter(|()| found_data)?;
    Some(envelope)
}

fn read(template: &Template, value: &Value, envelope: &mut Envelope, found_data: &mut bool) -> Option<()> {
    match template {
        Template::Value(constant) => (constant == value).then_some(()),
        Template::Name(path) => take(path, value, envelope, found_data),
        Template::Text(segments) => {
            let text = match value {
                Value::Null => return Some(()),
                Value::String(text) => text,
                _ => return None,
            };
            match segments.as_slice() {
                [Segment::Literal(before), Segment::Name(path)] => {
                    take(path, &Value::String(text.strip_prefix(before.as_str())?.to_owned()), envelope, found_data)
                }
                [Segment::Name(path), Segment::Literal(behind)] => {
                    take(path, &Value::String(text.strip_suffix(behind.as_str())?.to_owned()), envelope, found_data)
                }
                // What is put together of several values cannot be taken apart for sure, and is made anew.
                _ => Some(()),
            }
        }
        Template::Array(items) => {
            let values = value.as_array().filter(|values| values.len() == items.len())?;
            items.iter().zip(values).try_for_each(|(template, value)| read(template, value, envelope, found_data).ok_or(())).ok()
        }
        Template::Object(entries) => {
            let members = value.as_object()?;
            if members.keys().any(|key| entries.iter().all(|(known, _)| known != key)) {
                return None;
            }
            for (key, template) in entries {
                match members.get(key) {
                    Some(value) => read(template, value, envelope, found_data)?,
                    None if is_made(template) => {}
                    None => return None,
                }
            }
            Some(())
        }
    }
}

/// Whether the server makes a part that its publisher leaves out: anything but a constant.
fn is_made(template: &Template) -> bool {
    match template {
        Template::Value(_) => false,
        Template::Name(_) | Template::Text(_) => true,
        Template::Array(items) => items.iter().all(is_made),
        Template::Object(entries) => entries.iter().all(|(_, template)| is_made(template)),
    }
}

fn take(path: &[String], value: &Value, envelope: &mut Envelope, found_data: &mut bool) -> Option<()> {
    let (root, rest) = path.split_first()?;
    let text = || match value {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text.clone())),
        _ => None,
    };
    match (root.as_str(), rest) {
        ("data", []) => {
            *found_data = true;
            envelope.data = value.clone();
        }
        ("id", []) => envelope.id = text()?,
        ("type", []) => envelope.event_type = text()?,
        ("trace", []) => envelope.trace = text()?,
        ("occurred_at", []) => envelope.occurred_at = text()?,
        ("key", []) => envelope.key = text()?,
        ("fields", []) => envelope.fields.extend(value.as_object()?.clone()),
        ("fields", [name]) if !value.is_null() => {
            envelope.fields.insert(name.clone(), value.clone());
        }
        // `seq`, `at`, `replay` and the like are given here, whatever the publisher thought.
        _ => {}
    }
    Some(())
}
