//! Schemas of what goes over the wire, held against what does go over it.

mod support;

use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};
use support::{contract, root, shipped, validator};
use tidewire_contract::Contract;
use tidewire_generate::jsonschema;

/// The files of a contract by their path below its folder.
fn schemas(contract: &Contract) -> BTreeMap<String, Value> {
    let files = jsonschema::files(contract).files;
    files
        .into_iter()
        .map(|file| {
            let path = file.path.strip_prefix(&format!("{}/", contract.name)).unwrap().strip_suffix(".json").unwrap().to_owned();
            (path, serde_json::from_str(&file.text).unwrap())
        })
        .collect()
}

/// `> ` and what follows `= `, `< `: the frames of a wire's transcript.
fn transcript(name: &str) -> Option<Vec<(char, Value, String)>> {
    let text = fs::read_to_string(root().join("crates/wire/tests/transcripts").join(format!("{name}.txt"))).ok()?;
    let lines: Vec<&str> = text.lines().collect();
    let mut frames = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((direction @ (">" | "<"), json)) = line.split_once(' ') else { continue };
        // What is no JSON at all, no schema can say.
        let Ok(frame) = serde_json::from_str(json) else { continue };
        // What a client's frame means stands below it, what made the server's above.
        let beside = if direction == ">" { at + 1 } else { at - 1 };
        frames.push((direction.chars().next().unwrap(), frame, lines.get(beside).unwrap_or(&"").to_string()));
    }
    Some(frames)
}

// C-2, C-3: every schema stands by itself, is one by the rules of JSON Schema 2020-12, and has a name of its own.
#[test]
fn every_schema_stands_by_itself() {
    for contract in shipped() {
        let mut ids = Vec::new();
        for (path, schema) in schemas(&contract) {
            assert!(::jsonschema::draft202012::meta::is_valid(&schema), "{} {path}", contract.name);
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{path}");
            let id = schema["$id"].as_str().unwrap().to_owned();
            assert!(id.starts_with(&format!("urn:tidewire:contract:{}:", contract.name)), "{id}");
            assert!(!ids.contains(&id), "{id} twice");
            ids.push(id);
            validator(&schema);
        }
        assert!(ids.len() > contract.events.len(), "{}", contract.name);
    }
}

// C-2, C-3: what the wire reads and writes in its transcripts is what the schemas say, and what it refuses they refuse.
#[test]
fn frames_of_the_transcripts_are_what_the_schemas_say() {
    let mut seen = (0, 0, 0);
    for contract in shipped() {
        let Some(frames) = transcript(&contract.name) else { continue };
        let schemas = schemas(&contract);
        let (client, server) = (validator(&schemas["client"]), validator(&schemas["server"]));
        for (direction, frame, meaning) in frames {
            // A payload that breaks its own schema is the contract's to refuse, not the wire's.
            let bad_payload = meaning.starts_with("= Send");
            match direction {
                '<' => {
                    // The wire spells any payload; the contract, and the schema with it, does not take any.
                    let words: Vec<&str> = meaning.split(' ').collect();
                    let is_good = match words.as_slice() {
                        ["!", "event", _, event_type, data, ..] => {
                            contract.event(event_type).unwrap().validate(&serde_json::from_str(data).unwrap()).is_empty()
                        }
                        _ => true,
                    };
                    assert_eq!(server.is_valid(&frame), is_good, "{}: {frame}", contract.name);
                    seen.0 += 1;
                }
                _ if meaning.starts_with("= INVALID") || meaning.starts_with("= TOO_DEEP") => {
                    assert!(!client.is_valid(&frame), "{}: the wire refuses {frame}, the schema does not", contract.name);
                    seen.1 += 1;
                }
                _ if !bad_payload => {
                    assert!(client.is_valid(&frame), "{}: {frame} is not valid", contract.name);
                    seen.2 += 1;
                }
                _ => {}
            }
        }
    }
    assert!(seen.0 >= 10 && seen.1 >= 5 && seen.2 >= 5, "{seen:?}");
}

// C-2: an example is a payload that its schema takes, and on the wire a frame that the schema of the frame takes, and no other event's.
#[test]
fn examples_are_valid_on_the_wire_and_nothing_else_is() {
    for contract in shipped() {
        let schemas = schemas(&contract);
        let server = validator(&schemas["server"]);
        let mut frames = 0;
        for (path, schema) in &schemas {
            let Some(name) = path.strip_prefix("frames/") else { continue };
            let own = validator(schema);
            let example = &schema["examples"][0];
            assert!(own.is_valid(example), "{} {name}: {:?}", contract.name, own.iter_errors(example).next().map(|e| e.to_string()));
            assert!(server.is_valid(example), "{} {name}", contract.name);
            for (other, schema) in schemas.iter().filter(|(p, _)| p.starts_with("frames/") && *p != path) {
                assert!(!validator(schema).is_valid(example), "{} {name} passes for {other}", contract.name);
            }
            frames += 1;
        }
        assert!(frames > 0, "{}", contract.name);
        for garbage in [json!(null), json!([]), json!({}), json!({ "type": "no.such" })] {
            assert!(!server.is_valid(&garbage), "{}: {garbage}", contract.name);
        }
    }
}

// K-7: in the Pusher protocol an event's data is a JSON text, and what is in it has a schema too.
#[test]
fn the_envelope_within_a_pusher_frame_has_a_schema() {
    let contract = contract("store");
    let schemas = schemas(&contract);
    let frame = &schemas["frames/OrderCreated"];
    let within = &frame["properties"]["data"];
    assert_eq!(within["contentMediaType"], "application/json");
    let data = frame["examples"][0]["data"].as_str().unwrap();
    let page = validator(&schemas["page"]);
    let envelope: Value = serde_json::from_str(data).unwrap();
    assert!(page.is_valid(&json!([envelope])), "{envelope:#}");
    let mut wrong = envelope.clone();
    wrong["data"]["order"]["id"] = json!("not a number");
    assert!(!page.is_valid(&json!([wrong])));
    let mut without = envelope;
    without.as_object_mut().unwrap().remove("seq");
    assert!(!page.is_valid(&json!([without])));
}

// C-2: one document with all of them, each found by its own id.
#[test]
fn the_bundle_is_one_document() {
    for contract in shipped() {
        let made = jsonschema::bundle(&contract).files;
        let [file] = made.as_slice() else { panic!("{made:?}") };
        let bundle: Value = serde_json::from_str(&file.text).unwrap();
        let whole = validator(&bundle);
        for (path, schema) in schemas(&contract).iter().filter(|(path, _)| path.starts_with("frames/")) {
            assert!(whole.is_valid(&schema["examples"][0]), "{} {path}", contract.name);
        }
        assert!(!whole.is_valid(&json!({})), "{}", contract.name);
    }
}

#[test]
fn the_same_contract_gives_the_same_bytes() {
    for (one, two) in shipped().iter().zip(&shipped()) {
        assert_eq!(jsonschema::files(one), jsonschema::files(two));
        assert_eq!(jsonschema::bundle(one), jsonschema::bundle(two));
    }
}
