//! Definitions of all that a contract's clients send and receive, for TypeScript (C-11).
//!
//! One module: payloads, events in the contract's own envelope, what each channel carries, what a client sends and what it
//! is answered; and `contract`, the same as a value, which `@tidewire/client` speaks by. It imports nothing, so that it
//! serves without that client too.

mod described;
mod envelope;
mod schema;
mod text;
mod words;

use envelope::shape;
use schema::Types;
use std::collections::BTreeMap;
use text::{comment, key, pascal, quote, value, within_backticks};
use tidewire_contract::{Contract, Event, Protocol, Publisher, ServerFrame, address::Part};

/// Names that the module has in any case.
const OWN: &[&str] = &[
    "Record",
    "BaseEvent",
    "BaseClientEvent",
    "ServerEvent",
    "ClientEvent",
    "ClientFrame",
    "ChannelName",
    "Channels",
    "Events",
    "Sends",
    "Principal",
    "ErrorCode",
    "Violation",
    "Reply",
    "Protocol",
    "contract",
    "HelloFrame",
    "SubscribedFrame",
    "UnsubscribedFrame",
    "SyncedFrame",
    "AckFrame",
    "RefusedFrame",
    "ErrorFrame",
    "PingFrame",
    "PongFrame",
    "RefreshedFrame",
    "GapFrame",
    "SubscribeClientFrame",
    "UnsubscribeClientFrame",
    "SyncClientFrame",
    "PingClientFrame",
    "PongClientFrame",
    "RefreshClientFrame",
];

/// The definitions as one module's text. It ends in a newline.
pub fn definitions(contract: &Contract) -> String {
    let mut types = Types::default();
    for name in OWN {
        types.taken.take(name);
    }
    let names = Names::of(contract, &mut types);
    let mut module =
        format!("// {} {}. Made by `tidewire gen typescript`: change the contract, not this file.\n\n", contract.title, contract.version);
    let payloads = payloads(contract, &names, &mut types);
    module.push_str(&common(contract));
    for declaration in types.declarations {
        module.push_str(&declaration);
        module.push('\n');
    }
    module.push_str(&payloads);
    module.push_str(&events(contract, &names));
    module.push_str(&channels_of(contract, &names));
    module.push_str(&sends(contract, &names));
    module.push_str(&frames(contract, &names));
    module.push_str(&protocol(contract));
    module
}

/// The channels in the order in which an address is looked up: the fewest variables first, then the most fixed text.
fn channels(contract: &Contract) -> Vec<usize> {
    let rank = |kind: &usize| {
        let address = &contract.channels[*kind].address;
        let fixed: usize = address.parts.iter().map(|part| if let Part::Literal(text) = part { text.len() } else { 0 }).sum();
        (address.variables().count(), std::cmp::Reverse(fixed), *kind)
    };
    let mut kinds: Vec<usize> = (0..contract.channels.len()).filter(|kind| !contract.channels[*kind].closed).collect();
    kinds.sort_by_key(rank);
    kinds
}

/// The events that clients get: exact types before patterns, longer patterns before shorter.
fn received(contract: &Contract) -> impl Iterator<Item = &Event> {
    in_order(contract, described::is_received)
}

/// The events that clients send, in the same order.
fn sent(contract: &Contract) -> impl Iterator<Item = &Event> {
    in_order(contract, |event| event.from == Publisher::Client)
}

fn in_order(contract: &Contract, which: fn(&Event) -> bool) -> impl Iterator<Item = &Event> {
    let mut events: Vec<&Event> = contract.events.iter().map(|event| &**event).filter(|event| which(event)).collect();
    events.sort_by_key(|event| if event.is_pattern() { (1, std::cmp::Reverse(event.name.len())) } else { (0, std::cmp::Reverse(0)) });
    events.into_iter()
}

/// What the parts of an event are called, by its type.
struct Names(BTreeMap<String, String>);

impl Names {
    fn of(contract: &Contract, types: &mut Types) -> Names {
        const ENDS: &[&str] = &["Event", "ClientEvent", "Ack", "Refused"];
        let named = contract.events.iter().map(|event| (event.name.clone(), types.taken.take_with(&pascal(&event.name), ENDS)));
        Names(named.collect())
    }

    fn payload(&self, event: &Event) -> &str {
        self.0.get(&event.name).map_or("unknown", String::as_str)
    }

    fn event(&self, event: &Event) -> String {
        format!("{}Event", self.payload(event))
    }
}

/// `'task.updated'`, or of a pattern the template of all that begins so.
fn type_of(name: &str) -> String {
    match name.strip_suffix('*') {
        Some(prefix) => format!("`{}${{string}}`", within_backticks(prefix)),
        None => quote(name),
    }
}

/// An address as the names that fit it.
fn address_of(contract: &Contract, kind: usize) -> String {
    let parts = &contract.channels[kind].address.parts;
    if let [Part::Literal(text)] = parts.as_slice() {
        return quote(text);
    }
    let pattern: String = parts
        .iter()
        .map(|part| match part {
            Part::Literal(text) => within_backticks(text),
            Part::Variable(_) => "${string}".to_owned(),
        })
        .collect();
    format!("`{pattern}`")
}

/// Declares the payloads; an event without a schema, or with that of another, is said here.
fn payloads(contract: &Contract, names: &Names, types: &mut Types) -> String {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    let mut others = String::new();
    for event in &contract.events {
        let name = names.payload(event);
        let about: Vec<String> =
            event.trigger.iter().cloned().chain(event.story.iter().map(|story| format!("User story: {story}"))).collect();
        match event.schema() {
            None => others.push_str(&format!("{}export type {name} = unknown\n\n", comment(&about, ""))),
            Some(schema) => match known.get(&schema.to_string()) {
                Some(first) => others.push_str(&format!("{}export type {name} = {first}\n\n", comment(&about, ""))),
                None => {
                    known.insert(schema.to_string(), name);
                    types.declare(name, schema, &about);
                }
            },
        }
    }
    others
}

/// The envelope, and what all contracts have.
fn common(contract: &Contract) -> String {
    let envelope = shape(&contract.wire.event, &|path| envelope::of_event(contract, path), &[], 0);
    let says = |name: &str| envelope.contains(name);
    // A parameter that nothing uses would be a mistake in the eyes of many settings.
    let base = match (envelope.starts_with('{'), says("T") && says("P")) {
        (true, true) => format!("export interface BaseEvent<T extends string, P = unknown> {envelope}\n\n"),
        _ => format!("export type BaseEvent<T extends string, P = unknown> = {envelope} & {{ readonly [of in never]: [T, P] }}\n\n"),
    };
    let codes: Vec<String> = contract.errors.iter().map(|error| quote(&error.code)).collect();
    // A backend may refuse with a code of its own.
    let open = codes.is_empty() || !contract.backends.is_empty();
    let codes = codes.into_iter().chain(open.then(|| "(string & {})".to_owned())).collect::<Vec<_>>().join(" | ");
    let principal: String = contract
        .auth
        .principal
        .iter()
        .map(|(name, _)| format!("  {}: {}\n", key(name), if name == "id" { "string | number" } else { "unknown" }))
        .collect();
    format!(
        "/** An event in the envelope of this contract. */\n{base}\
         /** Who a client is. */\nexport interface Principal {{\n{principal}}}\n\n\
         /** What can go wrong. */\nexport type ErrorCode = {codes}\n\n\
         /** One thing wrong with a payload. */\nexport interface Violation {{\n  /** JSON pointer into the payload; empty for the whole of it. */\n  pointer: string\n  \
         rule: string\n  found: string\n  message: string\n}}\n\n\
         /** What became of a client's event that was published. */\nexport interface Reply {{\n  id: string\n  seq: number\n  at: string\n  duplicate: boolean\n}}\n\n"
    )
}

fn events(contract: &Contract, names: &Names) -> String {
    let mut text = String::new();
    for event in contract.events.iter().filter(|event| described::is_received(event)) {
        let (name, of, payload) = (names.event(event), type_of(&event.name), names.payload(event));
        text.push_str(&format!("export type {name} = BaseEvent<{of}, {payload}>\n"));
    }
    let pairs = received(contract).map(|event| format!("[{}, {}]", type_of(&event.name), names.event(event)));
    text.push_str("\n/** What a client may hear, by its type: exact types first. */\n");
    text.push_str(&pairs_of("Events", pairs));
    text
}

/// Pairs of a name, or of the names that are like it, and what stands for it: the first that fits.
fn pairs_of(name: &str, pairs: impl Iterator<Item = String>) -> String {
    let pairs: String = pairs.map(|pair| format!("\n  {pair}")).collect::<Vec<_>>().join(",");
    format!("export type {name} = [{pairs}{}]\n\n", if pairs.is_empty() { "" } else { "\n" })
}

fn channels_of(contract: &Contract, names: &Names) -> String {
    let kinds = channels(contract);
    let addresses: Vec<String> = kinds.iter().map(|kind| address_of(contract, *kind)).collect();
    let mut text = format!("export type ChannelName = {}\n\n", never(&addresses));
    text.push_str("/** What each channel carries: a name is that of the first address that fits it. */\n");
    let pairs = kinds.iter().zip(&addresses).map(|(kind, address)| {
        let of = contract.channels[*kind].mirrors.unwrap_or(*kind);
        let carried: Vec<String> = received(contract).filter(|event| event.on.contains(&of)).map(|event| names.event(event)).collect();
        format!("[{address}, {}]", never(&carried))
    });
    text.push_str(&pairs_of("Channels", pairs));
    text
}

fn never(parts: &[String]) -> String {
    if parts.is_empty() { "never".to_owned() } else { parts.join(" | ") }
}

fn sends(contract: &Contract, names: &Names) -> String {
    let mut text = String::new();
    if let Some(template) = contract.wire.client(tidewire_contract::ClientFrame::Send) {
        let shape = shape(template, &envelope::of_client, &["after", "trace", "key", "channel"], 0);
        text.push_str(&format!("/** A client's event, as it goes over the wire. */\nexport interface BaseClientEvent<T extends string, P = unknown> {shape}\n\n"));
    } else if contract.wire.protocol == Protocol::Pusher {
        text.push_str("/** A client's event, as it goes over the wire. */\nexport interface BaseClientEvent<T extends string, P = unknown> {\n  event: T\n  channel: ChannelName\n  data: P\n}\n\n");
    }
    let sent: Vec<&Event> = sent(contract).collect();
    let mut union = Vec::new();
    for event in &sent {
        let (name, payload) = (names.event(event), names.payload(event));
        // What is received as it is sent has a name there already.
        let name = if described::is_received(event) { format!("{payload}ClientEvent") } else { name };
        text.push_str(&format!("export type {name} = BaseClientEvent<{}, {payload}>\n", type_of(&event.name)));
        union.push(name);
    }
    if !sent.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("/** What a client sends. */\nexport type ClientEvent = {}\n\n", never(&union)));
    text.push_str("/** What a client sends, by its type: the payload, and what it is answered. */\n");
    let pairs = sent.iter().map(|event| {
        let reply = if event.to.is_some() { "unknown" } else { "Reply" };
        format!("[{}, {{ data: {}; reply: {reply} }}]", type_of(&event.name), names.payload(event))
    });
    text.push_str(&pairs_of("Sends", pairs));
    text
}

/// The frames of both sides, and the union of all that a client receives.
fn frames(contract: &Contract, names: &Names) -> String {
    let mut text = String::new();
    let mut received: Vec<String> = received(contract).map(|event| names.event(event)).collect();
    for (frame, template) in &contract.wire.server {
        let name = pascal(frame.as_str());
        let answers = matches!(frame, ServerFrame::Ack | ServerFrame::Refused);
        let mut used = Vec::new();
        template.names(&mut used);
        if answers && used.iter().any(|name| matches!(*name, "type" | "reply" | "data")) {
            for event in sent(contract) {
                let name = format!("{}{name}", names.payload(event));
                let reply = if event.to.is_some() { "unknown" } else { "Reply" };
                let of = shape(template, &|path| envelope::of_server(contract, *frame, path, &type_of(&event.name), reply), &[], 0);
                text.push_str(&format!("export type {name} = {of}\n\n"));
                received.push(name);
            }
            continue;
        }
        let of = shape(template, &|path| envelope::of_server(contract, *frame, path, "string", "unknown"), &[], 0);
        text.push_str(&format!("export type {name}Frame = {of}\n\n"));
        received.push(format!("{name}Frame"));
    }
    if contract.wire.protocol == Protocol::Templates {
        let has = |frame| contract.wire.server(frame).is_some();
        if !has(ServerFrame::Error) {
            text.push_str("export type ErrorFrame = {\n  type: 'error'\n  code: ErrorCode\n  message: string\n}\n\n");
            received.push("ErrorFrame".to_owned());
        }
        if !has(ServerFrame::Gap) {
            text.push_str(
                "export type GapFrame = {\n  type: 'gap'\n  channel: string\n  from: string\n  to: string\n  reason: string\n  action: string\n  position: string\n}\n\n",
            );
            received.push("GapFrame".to_owned());
        }
    }
    text.push_str(&format!(
        "/** What a client receives: events, answers, errors and what the server says of itself. */\nexport type ServerEvent =\n  | {}\n\n",
        received.join("\n  | ")
    ));
    let mut sent = vec!["ClientEvent".to_owned()];
    for (frame, template) in contract.wire.client.iter().filter(|(frame, _)| *frame != tidewire_contract::ClientFrame::Send) {
        let name = format!("{}ClientFrame", pascal(frame.as_str()));
        text.push_str(&format!("export type {name} = {}\n\n", shape(template, &envelope::of_client, &["after", "trace", "key"], 0)));
        sent.push(name);
    }
    text.push_str(&format!("/** All that goes from a client over a WebSocket. */\nexport type ClientFrame = {}\n\n", sent.join(" | ")));
    text
}

fn protocol(contract: &Contract) -> String {
    let described = value(&described::describe(contract), 0);
    let described = described.trim_end_matches('}').trim_end();
    format!(
        "/** All of the above, for `@tidewire/client`. */\nexport interface Protocol {{\n  channels: Channels\n  events: Events\n  sends: Sends\n  error: ErrorCode\n}}\n\n\
         /** What a client needs at run time to speak this contract. */\nexport const contract = {described},\n  types: {{}} as Protocol\n}} as const\n"
    )
}
