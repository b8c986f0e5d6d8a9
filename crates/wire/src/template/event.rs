//! The event's template, compiled: bytes that are always the same, and slots between them.

use crate::dialect::EventView;
use serde_json::{Value, value::RawValue};
use std::collections::BTreeMap;
use tidewire_contract::{Template, template::Segment};
use tidewire_engine::{Position, at, id};

#[derive(Debug, Default)]
pub(crate) struct Pieces(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Bytes(Vec<u8>),
    /// A JSON value.
    Value(Slot),
    /// The inside of a JSON string.
    Text(Slot),
}

#[derive(Debug, Clone, PartialEq)]
enum Slot {
    Id,
    Type,
    At,
    OccurredAt,
    Seq,
    Epoch,
    Position,
    Key,
    Trace,
    Channel,
    Replay,
    Data(Vec<String>),
    Fields(Vec<String>),
    Variable(String),
}

impl Pieces {
    pub(crate) fn compile(template: &Template) -> Pieces {
        let mut pieces = Pieces::default();
        pieces.add(template);
        pieces
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(Piece::Bytes(last)) = self.0.last_mut() {
            last.extend_from_slice(bytes);
        } else {
            self.0.push(Piece::Bytes(bytes.to_vec()));
        }
    }

    fn json(&mut self, value: &Value) {
        self.bytes(value.to_string().as_bytes());
    }

    fn add(&mut self, template: &Template) {
        match template {
            Template::Value(value) => self.json(value),
            Template::Name(path) => self.0.push(Piece::Value(slot(path))),
            Template::Text(segments) => {
                self.bytes(b"\"");
                for segment in segments {
                    match segment {
                        Segment::Literal(text) => {
                            let quoted = Value::String(text.clone()).to_string();
                            self.bytes(&quoted.as_bytes()[1..quoted.len() - 1]);
                        }
                        Segment::Name(path) => self.0.push(Piece::Text(slot(path))),
                    }
                }
                self.bytes(b"\"");
            }
            Template::Array(items) => {
                self.bytes(b"[");
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        self.bytes(b",");
                    }
                    self.add(item);
                }
                self.bytes(b"]");
            }
            Template::Object(entries) => {
                self.bytes(b"{");
                for (i, (key, value)) in entries.iter().enumerate() {
                    if i > 0 {
                        self.bytes(b",");
                    }
                    self.json(&Value::String(key.clone()));
                    self.bytes(b":");
                    self.add(value);
                }
                self.bytes(b"}");
            }
        }
    }

    pub(crate) fn write(&self, event: &EventView<'_>, out: &mut Vec<u8>) {
        for piece in &self.0 {
            match piece {
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                Piece::Value(slot) => slot.write(event, out),
                Piece::Text(slot) => {
                    let start = out.len();
                    slot.write(event, out);
                    unquote(out, start);
                }
            }
        }
    }
}

fn slot(path: &[String]) -> Slot {
    let rest = || path[1..].to_vec();
    match path[0].as_str() {
        "id" => Slot::Id,
        "type" => Slot::Type,
        "at" => Slot::At,
        "occurred_at" => Slot::OccurredAt,
        "seq" => Slot::Seq,
        "epoch" => Slot::Epoch,
        "position" => Slot::Position,
        "key" => Slot::Key,
        "trace" => Slot::Trace,
        "channel" => Slot::Channel,
        "replay" => Slot::Replay,
        "data" => Slot::Data(rest()),
        "fields" => Slot::Fields(rest()),
        variable => Slot::Variable(variable.to_owned()),
    }
}

impl Slot {
    fn write(&self, event: &EventView<'_>, out: &mut Vec<u8>) {
        let record = event.record;
        match self {
            Slot::Id => plain(&id::text(&record.id), out),
            Slot::Type => string(&record.event_type, out),
            Slot::At => plain(&at::iso(record.at), out),
            Slot::OccurredAt => match &record.occurred_at {
                Some(text) => string(text, out),
                None => plain(&at::iso(record.at), out),
            },
            Slot::Seq => out.extend_from_slice(record.seq.to_string().as_bytes()),
            Slot::Epoch => plain(format!("{:x}", event.epoch).as_bytes(), out),
            Slot::Position => plain(Position { epoch: event.epoch, seq: record.seq }.to_string().as_bytes(), out),
            Slot::Key => optional(record.key.as_deref(), out),
            Slot::Trace => optional(record.trace.as_deref(), out),
            Slot::Channel => string(event.channel, out),
            Slot::Replay => out.extend_from_slice(if event.replay { b"true" } else { b"false" }),
            Slot::Data(path) => pick(&record.data, path, out),
            Slot::Fields(path) => match &record.fields {
                Some(fields) => pick(fields, path, out),
                None => out.extend_from_slice(b"null"),
            },
            Slot::Variable(name) => optional(event.vars.iter().find(|(n, _)| **n == **name).map(|(_, v)| v.as_str()), out),
        }
    }
}

fn optional(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => string(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// Text that needs no escapes.
fn plain(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

fn string(text: &str, out: &mut Vec<u8>) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        return plain(text.as_bytes(), out);
    }
    // Writing to a Vec does not fail.
    let _ = serde_json::to_writer(out, text);
}

/// The raw JSON at a path of members.
fn pick(json: &[u8], path: &[String], out: &mut Vec<u8>) {
    let Some((name, rest)) = path.split_first() else { return out.extend_from_slice(json) };
    match serde_json::from_slice::<BTreeMap<String, &RawValue>>(json) {
        Ok(members) if members.contains_key(name) => pick(members[name].get().as_bytes(), rest, out),
        _ => out.extend_from_slice(b"null"),
    }
}

/// Makes the JSON value that begins at `start` the inside of a string: a string loses its quotes, null is nothing.
fn unquote(out: &mut Vec<u8>, start: usize) {
    let value = &out[start..];
    if value == b"null" {
        out.truncate(start);
    } else if value.len() >= 2 && value[0] == b'"' {
        out.pop();
        out.remove(start);
    } else {
        let text = String::from_utf8_lossy(value).into_owned();
        out.truncate(start);
        string(&text, out);
        unquote(out, start);
    }
}
