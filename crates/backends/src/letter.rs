//! A message of a backend: an envelope as clients get it, or what `POST /v1/events` takes.

use redis::Value;
use serde_json::value::RawValue;
use std::sync::Arc;
use tidewire_contract::Contract;
use tidewire_engine::{Draft, publish, publish::Request};
use tidewire_server::http::{event_of, faults_of};
use tidewire_wire::template::unwrap;

/// An entry of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Letter {
    /// `1764929700000-0`
    pub entry: String,
    pub channel: Option<String>,
    pub event: Option<String>,
}

impl Letter {
    /// The events that it is, each with a key, so that the same entry again makes no more of them.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(&self, contract: &Arc<Contract>) -> Result<Vec<Draft>, String> {
        let text = self.event.as_deref().ok_or("it has no field `event`")?;
        let mut drafts = match &self.channel {
            Some(channel) => vec![enveloped(contract, channel, text)?],
            None => items(contract, text)?,
        };
        for (index, draft) in drafts.iter_mut().enumerate() {
            draft.key.get_or_insert_with(|| format!("redis/{}/{index}", self.entry).into());
        }
        Ok(drafts)
    }

    /// The entries of an answer to `XREADGROUP`, of one stream. Taken away ones have no fields.
    pub fn of_answer(answer: Value) -> Vec<Letter> {
        let streams = match answer {
            Value::Map(streams) => streams.into_iter().map(|(_, entries)| entries).collect(),
            Value::Array(streams) => streams.into_iter().filter_map(second).collect(),
            _ => Vec::new(),
        };
        streams.into_iter().flat_map(list).filter_map(Letter::of_entry).collect()
    }

    fn of_entry(entry: Value) -> Option<Letter> {
        let mut parts = list(entry).into_iter();
        let mut letter = Letter { entry: text(parts.next()?)?, channel: None, event: None };
        let fields: Vec<Value> = match parts.next()? {
            Value::Map(pairs) => pairs.into_iter().flat_map(|(name, value)| [name, value]).collect(),
            other => list(other),
        };
        let mut fields = fields.into_iter();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            match text(name).as_deref() {
                Some("channel") => letter.channel = text(value),
                Some("event") => letter.event = text(value),
                _ => {}
            }
        }
        Some(letter)
    }
}

/// The envelope, read back by the template that events are spelled with.
fn enveloped(contract: &Arc<Contract>, channel: &str, text: &str) -> Result<Draft, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| format!("it is not JSON: {e}"))?;
    let mut envelope = unwrap(&contract.wire.event, &value).ok_or("it is no envelope as the contract's `wire.event` spells it")?;
    let event_type = envelope.event_type.take().ok_or("the envelope does not say which type it is")?;
    let request = Request { channel: channel.to_owned(), event_type, ..envelope.request()? };
    publish::from_backend(contract, request)
        .map_err(|refusal| faults_of(refusal).iter().map(|f| format!("{}: {}", f.pointer, f.message)).collect::<Vec<_>>().join("; "))
}

fn items(contract: &Arc<Contract>, text: &str) -> Result<Vec<Draft>, String> {
    let is_list = text.trim_start().starts_with('[');
    let raw: Vec<Box<RawValue>> = if is_list { serde_json::from_str(text) } else { serde_json::from_str(text).map(|one| vec![one]) }
        .map_err(|e| format!("it is not JSON: {e}"))?;
    raw.iter().map(|one| event_of(contract, one, None)).collect()
}

fn second(pair: Value) -> Option<Value> {
    list(pair).into_iter().nth(1)
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

pub(crate) fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}
