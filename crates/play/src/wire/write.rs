//! A client's frame, written by the contract's own template.

use serde_json::Value;
use tidewire_contract::{ClientFrame, Contract, Template};

/// What a client wants to say.
#[derive(Debug, Clone, Default)]
pub struct Say<'a> {
    pub channel: Option<&'a str>,
    pub after: Option<&'a str>,
    pub event_type: Option<&'a str>,
    pub data: Option<&'a Value>,
    pub key: Option<String>,
    pub trace: Option<String>,
    pub token: Option<&'a str>,
}

/// The frame, if the contract's wire has it. Members whose name has no value are left out.
pub fn client_frame(contract: &Contract, frame: ClientFrame, say: &Say<'_>) -> Option<Value> {
    let template = contract.wire.client(frame)?;
    let text = |text: Option<&str>| text.map(|t| Value::String(t.to_owned()));
    let filled = template.fill(&mut |path| match path[0].as_str() {
        "channel" => text(say.channel),
        "channels" => say.channel.map(|c| Value::Array(vec![c.into()])),
        "after" | "since" => text(say.after),
        "type" => text(say.event_type),
        "data" => say.data.cloned(),
        "key" => text(say.key.as_deref()),
        "trace" => text(say.trace.as_deref()),
        "token" => text(say.token),
        _ => None,
    });
    Some(without_nothing(template, filled))
}

/// What has no value is not said: a client leaves it out.
fn without_nothing(template: &Template, value: Value) -> Value {
    let (Template::Object(entries), Value::Object(members)) = (template, value.clone()) else { return value };
    let kept = members.into_iter().filter_map(|(key, value)| {
        let (_, template) = entries.iter().find(|(name, _)| *name == key)?;
        match template {
            Template::Name(path) if value.is_null() && path[0] != "data" => None,
            _ => Some((key, without_nothing(template, value))),
        }
    });
    Value::Object(kept.collect())
}
