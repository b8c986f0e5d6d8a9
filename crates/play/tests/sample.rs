//! Payloads that are made up are valid, alike, consistent, and the same again.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};
use tidewire_contract::{ChannelName, Contract, Event, compile_source, load_all};
use tidewire_play::sample::{Sampler, concrete, matching};
use time::macros::datetime;

fn shipped() -> &'static [Arc<Contract>] {
    static CONTRACTS: OnceLock<Vec<Arc<Contract>>> = OnceLock::new();
    CONTRACTS.get_or_init(|| {
        let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
        load_all(&folder).unwrap_or_else(|problems| panic!("{problems:?}"))
    })
}

/// A channel of the event, with values for its address.
fn a_channel(contract: &Contract, event: &Event) -> ChannelName {
    let published = event.publishes.as_deref().and_then(|t| contract.event(t)).map(|e| e.on.clone()).unwrap_or_default();
    let kind = event.on.first().or(published.first()).copied().unwrap_or(0);
    let name = contract.channels[kind].address.fill(|variable| Some(format!("{}-1", variable.replace('_', "-")))).unwrap();
    contract.channel(&name).unwrap()
}

fn whole(schema: Value) -> Arc<Contract> {
    let yaml = "tidewire: 1\nname: chat\nversion: \"1\"\nauth: { token: bearer header, principal: { id: $claims.sub } }\n\
        channels: { room: { address: \"room:{room}\" } }\nwire: { event: { type: $type, data: $data } }\n\
        endpoints: [{ websocket: \"/{room}\", subscribes: \"room:{room}\" }]\nevents: { said: { on: room, data: said.json } }\n";
    let text = schema.to_string();
    let compiled = compile_source("contract.yaml", yaml, &|path| (path.ends_with("said.json")).then(|| text.clone()));
    Arc::new(compiled.unwrap_or_else(|problems| panic!("{problems:?}")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    // C-12: whatever the seed, every event of every shipped contract can be made up, one after the other, and its schema takes it.
    #[test]
    fn every_event_of_the_shipped_contracts_can_be_made_up(seed in any::<u64>()) {
        for contract in shipped() {
            let mut sampler = Sampler::new(contract, seed);
            for event in &contract.events {
                let channel = a_channel(contract, event);
                for event_type in concrete(event) {
                    for _ in 0..3 {
                        let data = sampler.typed(event, &event_type, &channel);
                        prop_assert!(data.is_some(), "{} {event_type}: nothing could be made up", contract.name);
                        let violations = event.validate(data.as_ref().unwrap());
                        prop_assert!(violations.is_empty(), "{} {event_type}: {violations:?}", contract.name);
                    }
                }
            }
        }
    }

    // Each keyword that a schema may have.
    #[test]
    fn schemas_of_all_kinds_are_met(seed in any::<u64>()) {
        for contract in kinds() {
            let event = &contract.events[0];
            let mut sampler = Sampler::new(contract, seed);
            let channel = contract.channel("room:r1").unwrap();
            let data = sampler.data(event, &channel);
            prop_assert!(data.is_some(), "nothing could be made up for {}", event.schema().unwrap());
            prop_assert!(event.validate(data.as_ref().unwrap()).is_empty());
        }
    }

    #[test]
    fn patterns_are_matched(seed in any::<u64>()) {
        use rand::SeedableRng;
        let mut rng = rand::rngs::SmallRng::seed_from_u64(seed);
        for pattern in ["^[a-z0-9-]+$", "^(ab|c)d{2,3}$", r"^\d{4}-\d{2}$", "^[^/]{1,20}$", "x", r"^\S+@\S+$", r"^\p{L}+$"] {
            let text = matching(pattern, &mut rng).unwrap();
            let contract = whole(json!({ "type": "string", "pattern": pattern }));
            prop_assert!(contract.events[0].validate(&json!(text)).is_empty(), "{text:?} does not match {pattern}");
        }
    }
}

fn kinds() -> &'static [Arc<Contract>] {
    static KINDS: OnceLock<Vec<Arc<Contract>>> = OnceLock::new();
    KINDS.get_or_init(|| {
        [
            json!({ "type": "object", "properties": { "a": { "const": 7 }, "b": { "enum": ["x", null] } }, "required": ["a", "b"], "additionalProperties": false }),
            json!({ "type": "integer", "minimum": 5, "maximum": 6 }),
            json!({ "type": "integer", "exclusiveMinimum": 5, "exclusiveMaximum": 7 }),
            json!({ "type": "number", "multipleOf": 0.25, "minimum": 1, "maximum": 2 }),
            json!({ "type": "integer", "multipleOf": 7, "minimum": 1, "maximum": 100 }),
            json!({ "type": "string", "minLength": 30, "maxLength": 31 }),
            json!({ "type": "string", "maxLength": 1 }),
            json!({ "type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$", "maxLength": 8 }),
            json!({ "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 3 }, "uniqueItems": true, "minItems": 3 }),
            json!({ "type": "array", "prefixItems": [{ "type": "string" }, { "type": "boolean" }], "items": false, "minItems": 2 }),
            json!({ "type": "array", "contains": { "const": "needle" } }),
            json!({ "oneOf": [{ "type": "object", "properties": { "kind": { "const": "a" } }, "required": ["kind"] },
                { "type": "object", "properties": { "kind": { "const": "b" }, "more": { "type": "integer" } }, "required": ["kind", "more"] }] }),
            json!({ "type": "object", "properties": { "kind": { "enum": ["a", "b"] }, "x": { "type": "string" } }, "required": ["kind"],
                "if": { "properties": { "kind": { "const": "a" } } }, "then": { "required": ["x"] } }),
            json!({ "allOf": [{ "type": "object", "properties": { "n": { "minimum": 3 } } }, { "properties": { "n": { "type": "integer", "maximum": 4 } }, "required": ["n"] }] }),
            json!({ "type": "object", "additionalProperties": { "type": "integer" }, "minProperties": 2, "maxProperties": 3 }),
            json!({ "type": "object", "patternProperties": { "^k[0-9]$": { "type": "boolean" } }, "additionalProperties": false, "minProperties": 1 }),
            json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } }, "dependentRequired": { "a": ["b"] } }),
            json!({ "$ref": "#/$defs/tree", "$defs": { "tree": { "type": "object", "properties": { "name": { "type": "string" },
                "children": { "type": "array", "items": { "$ref": "#/$defs/tree" } } }, "required": ["name", "children"], "additionalProperties": false } } }),
            json!({ "type": "object", "properties": { "id": { "type": "string", "format": "uuid" }, "at": { "type": "string", "format": "date-time" },
                "mail": { "type": "string", "format": "email" }, "page": { "type": "string", "format": "uri" }, "day": { "type": "string", "format": "date" },
                "hour": { "type": "string", "format": "time" }, "lasts": { "type": "string", "format": "duration" }, "host": { "type": "string", "format": "hostname" },
                "four": { "type": "string", "format": "ipv4" }, "six": { "type": "string", "format": "ipv6" }, "where": { "type": "string", "format": "json-pointer" } },
                "required": ["id", "at", "mail", "page", "day", "hour", "lasts", "host", "four", "six", "where"], "additionalProperties": false }),
            json!({ "type": ["string", "null"], "not": { "const": "" } }),
        ]
        .into_iter()
        .map(whole)
        .collect()
    })
}

#[test]
fn the_same_seed_and_time_make_the_same_payloads() {
    for contract in shipped() {
        let run = |seed| {
            let mut sampler = Sampler::at(contract, seed, datetime!(2026-01-31 10:00 UTC));
            let mut made = Vec::new();
            for event in contract.events.iter().cycle().take(contract.events.len() * 3) {
                made.push(sampler.data(event, &a_channel(contract, event)));
            }
            made
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8), "{}: the seed makes no difference", contract.name);
    }
}

// B-6, C-3: a client that keeps the higher version keeps what comes later.
#[test]
fn versions_rise_and_what_is_updated_was_there() {
    let contract = shipped().iter().find(|c| c.name == "board").unwrap();
    let event = contract.event("task.updated").unwrap();
    let channel = contract.channel("board:zoo").unwrap();
    let mut sampler = Sampler::new(contract, 3);
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..60 {
        let data = sampler.data(event, &channel).unwrap();
        let version = data["ticket"]["version"].as_u64().unwrap();
        let before = last.insert(data["ticket"]["id"].to_string(), version);
        assert_eq!(version, before.unwrap_or(0) + 1, "{data}");
    }
    assert!((2..=12).contains(&last.len()), "a few tickets that change, not one and not as many as events: {last:?}");
    let removed = contract.event("task.removed").unwrap();
    let gone = sampler.data(removed, &channel).unwrap()["ticketId"].to_string();
    assert!(last.contains_key(&gone), "{gone} was never there: {last:?}");
}

#[test]
fn what_the_channel_is_about_is_what_its_events_are_about() {
    let contract = shipped().iter().find(|c| c.name == "world").unwrap();
    let channel = contract.channel("world:w7").unwrap();
    let event = contract.event("world.updated").unwrap();
    let mut sampler = Sampler::new(contract, 5);
    let ids: BTreeSet<String> = (0..10).map(|_| sampler.data(event, &channel).unwrap()["id"].to_string()).collect();
    assert_eq!(ids, BTreeSet::from(["\"w7\"".to_owned()]));
}
