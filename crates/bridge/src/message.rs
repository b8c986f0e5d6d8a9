//! An event as an AMQP message.

use crate::{One, lane::Lane};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use serde_json::{Value, json};
use tidewire_engine::{Record, feed::Missing, id};
use tidewire_wire::EventView;

/// What is published: routing key, properties, body.
pub(crate) struct Message {
    pub routing_key: ShortString,
    pub properties: BasicProperties,
    pub body: Vec<u8>,
}

/// Bytes of a short string.
const SHORT: usize = 255;
const PERSISTENT: u8 = 2;

/// The event as the contract spells it, with what a consumer needs to know of it in the properties.
pub(crate) fn event(one: &One, lane: &Lane, record: &Record) -> Message {
    let contract = &one.served.contract;
    let mut body = Vec::new();
    let view = EventView { record, channel: &lane.channel.name, vars: &lane.channel.vars, epoch: lane.log.epoch(), replay: false };
    one.served.dialect.event(&view, &mut body);
    let mut properties = base(one, lane, record.seq)
        .with_message_id(short(&id::to_text(&record.id)))
        .with_type(short(&record.event_type))
        .with_timestamp(u64::try_from(record.at / 1_000_000).unwrap_or(0));
    if let Some(trace) = &record.trace {
        properties = properties.with_correlation_id(short(trace));
    }
    let key = one.bridge().routing_key.fill(&mut |path| match path {
        [name] if name == "contract" => Some(json!(contract.name)),
        [name] if name == "channel" => Some(json!(contract.channels[lane.channel.kind].id)),
        [name] if name == "type" => Some(json!(&*record.event_type)),
        [name] => lane.channel.vars.iter().find(|(var, _)| **var == **name).map(|(_, value)| json!(value)),
        _ => None,
    });
    Message { routing_key: short(key.as_str().unwrap_or_default()), properties, body }
}

/// What the history no longer has, told to consumers in the channel's own place.
pub(crate) fn gap(one: &One, lane: &Lane, missing: &Missing) -> Message {
    let contract = &one.served.contract;
    let reason = format!("{:?}", missing.reason).to_lowercase();
    let body: Value = json!({ "channel": &*lane.channel.name, "from": missing.from, "to": missing.to.to_string(), "reason": reason });
    let properties = base(one, lane, missing.to.seq).with_type(short("tidewire.gap"));
    let routing_key = short(&format!("{}.{}.tidewire.gap", contract.name, contract.channels[lane.channel.kind].id));
    Message { routing_key, properties, body: body.to_string().into_bytes() }
}

fn base(one: &One, lane: &Lane, seq: u64) -> BasicProperties {
    let mut headers = FieldTable::default();
    let text = |value: &str| AMQPValue::LongString(value.into());
    headers.insert("contract".into(), text(&one.served.contract.name));
    headers.insert("channel".into(), text(&lane.channel.name));
    headers.insert("seq".into(), AMQPValue::LongLongInt(i64::try_from(seq).unwrap_or(i64::MAX)));
    headers.insert("epoch".into(), text(&format!("{:x}", lane.log.epoch())));
    BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(PERSISTENT).with_headers(headers)
}

/// As much of the text as a short string takes.
fn short(text: &str) -> ShortString {
    let mut end = text.len().min(SHORT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].into()
}
