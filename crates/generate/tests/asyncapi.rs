//! Contracts as AsyncAPI, and the way back.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::{contract, root, shipped};
use tidewire_contract::{Contract, compile_source, render_all};
use tidewire_generate::asyncapi::{Failure, Restored, View, document, restore};

const VIEWS: [View; 2] = [View::Logical, View::Wire];

/// A contract of these files.
fn compiled(yaml: &str, schemas: &BTreeMap<String, Value>) -> Contract {
    let read = |path: &str| schemas.get(path).map(Value::to_string);
    compile_source("contract.yaml", yaml, &read).unwrap_or_else(|problems| panic!("{}\n{yaml}", render_all(&problems)))
}

fn restored(contract: &Contract, view: View) -> Restored {
    restore(&document(contract, view).0.to_string()).unwrap()
}

/// Compiles what came back, from the text that it is written as.
fn again(restored: &Restored) -> Contract {
    let files = restored.files().files;
    let yaml = &files.iter().find(|f| f.path == "contract.yaml").unwrap().text;
    let schemas = files.iter().filter(|f| f.path != "contract.yaml").map(|f| (f.path.clone(), serde_json::from_str(&f.text).unwrap()));
    compiled(yaml, &schemas.collect())
}

/// Every `$ref`, which has to lead somewhere.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|v| references(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

// C-1, C-13: contract → AsyncAPI → contract is the same contract, in both views, whole and in its order; what came back compiles.
#[test]
fn there_and_back_is_the_same_contract() {
    for contract in shipped() {
        for view in VIEWS {
            let restored = restored(&contract, view);
            assert_eq!(restored.notes, Vec::<String>::new());
            assert_eq!(restored.schemas, contract.source.schemas, "{} {view:?}", contract.name);
            for (key, meant) in contract.source.document.as_object().unwrap() {
                let came_back = &restored.document[key];
                assert_eq!(came_back, meant, "{} {view:?} {key}", contract.name);
                let keys = |value: &Value| value.as_object().map(|all| all.keys().cloned().collect::<Vec<_>>());
                assert_eq!(keys(came_back), keys(meant), "{} {view:?} {key}: another order", contract.name);
            }
            // Of a client's frames the first that fits is it: their order counts.
            assert_eq!(restored.document["wire"].to_string(), contract.source.document["wire"].to_string(), "{}", contract.name);
            assert_eq!(restored.document, contract.source.document, "{} {view:?}", contract.name);
            let again = again(&restored);
            assert_eq!(again.source.document, contract.source.document, "{} {view:?}: YAML", contract.name);
            assert_eq!(again.source.schemas, contract.source.schemas, "{} {view:?}: YAML", contract.name);
            assert_eq!(again.flows.len(), contract.flows.len());
            assert_eq!(again.events.len(), contract.events.len());
        }
    }
}

// C-1: what AsyncAPI can say is said in its words, and nowhere else.
#[test]
fn what_asyncapi_can_say_is_not_said_twice() {
    for contract in shipped() {
        let (made, _) = document(&contract, View::Logical);
        let own = made["x-tidewire"].as_object().unwrap();
        for key in ["title", "version", "description", "name", "channels", "events"] {
            assert!(!own.contains_key(key), "{}: {key} is under x-tidewire as a whole", contract.name);
        }
        for (key, channel) in made["channels"].as_object().unwrap() {
            assert!(channel["x-tidewire"].get("address").is_none(), "{key}");
        }
        for (key, message) in made["components"]["messages"].as_object().unwrap() {
            for said in ["data", "trigger", "example", "examples"] {
                assert!(message["x-tidewire"].get(said).is_none(), "{} {key}: {said}", contract.name);
            }
        }
        let (wire, _) = document(&contract, View::Wire);
        for key in ["title", "version", "events", "endpoints"] {
            assert!(!wire["x-tidewire"].as_object().unwrap().contains_key(key), "{}: {key}", contract.name);
        }
        // Payloads and examples are read out of the frames, also where the frame has them as a text.
        for (key, message) in wire["components"]["messages"].as_object().unwrap() {
            for said in ["data", "trigger", "example", "examples"] {
                assert!(message["x-tidewire"].get(said).is_none(), "{} {key}: {said} on the wire", contract.name);
            }
        }
    }
}

// C-1: a change made in AsyncAPI's words is a change of the contract.
#[test]
fn what_is_changed_there_is_changed_here() {
    let contract = contract("board");
    let (mut made, _) = document(&contract, View::Logical);
    made["info"]["title"] = json!("Another board");
    made["channels"]["keeper"] =
        json!({ "address": "keeper:{keeper}", "messages": { "task.removed": { "$ref": "#/components/messages/task.removed" } } });
    made["operations"]["toKeepers"] = json!({
        "action": "send",
        "channel": { "$ref": "#/channels/keeper" },
        "messages": [{ "$ref": "#/channels/keeper/messages/task.removed" }],
    });
    made["components"]["messages"]["task.removed"]["summary"] = json!("Somebody removed it");
    made["components"]["schemas"]["task.removed"]["properties"]["ticketId"]["maxLength"] = json!(12);
    let restored = restore(&made.to_string()).unwrap();
    assert_eq!(restored.document["title"], "Another board");
    assert_eq!(restored.document["channels"]["keeper"]["address"], "keeper:{keeper}");
    assert_eq!(restored.document["events"]["task.removed"]["on"], json!(["worker", "zoo", "keeper"]));
    assert_eq!(restored.document["channels"]["worker"]["history"], contract.source.document["channels"]["worker"]["history"]);
    assert_eq!(restored.document["events"]["task.removed"]["trigger"], "Somebody removed it");
    assert_eq!(restored.schemas["schemas/task.removed.json"]["properties"]["ticketId"]["maxLength"], 12);
    again(&restored);
}

// C-1: operations are seen from the server.
#[test]
fn operations_are_the_servers() {
    let yaml = include_str!("asyncapi/chat.yaml");
    let chat = compiled(yaml, &BTreeMap::new());
    let (logical, _) = document(&chat, View::Logical);
    let operations = &logical["operations"];
    assert_eq!(operations["send.room.message.created"]["action"], "send");
    assert_eq!(operations["receive.room.message.send"]["action"], "receive");
    let reply = &operations["receive.room.message.send"]["reply"];
    let names: Vec<&str> =
        reply["messages"].as_array().unwrap().iter().map(|m| m["$ref"].as_str().unwrap().rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["message.send.ack", "message.send.error"]);
    assert_eq!(logical["channels"]["answers"]["address"], Value::Null);
    let (wire, _) = document(&chat, View::Wire);
    let socket = &wire["channels"]["websocket.rooms__room__ws"];
    assert_eq!(socket["address"], "/rooms/{room}/ws");
    assert_eq!(socket["bindings"]["ws"]["query"]["required"], json!(["as"]));
    assert_eq!(socket["bindings"]["ws"]["query"]["properties"]["as"]["x-tidewire"]["variable"], "who");
    let frame = &wire["components"]["messages"]["message.created"]["payload"];
    assert_eq!(frame["properties"]["kind"], json!({ "const": "message.created" }));
    assert_eq!(frame["required"], json!(["kind", "body", "time"]));
    for view in VIEWS {
        assert_eq!(restored(&chat, view).document, chat.source.document, "{view:?}");
        again(&restored(&chat, view));
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for contract in shipped() {
        for view in VIEWS {
            let (made, _) = document(&contract, view);
            let mut found = Vec::new();
            references(&made, &mut found);
            assert!(found.len() > 10, "{}", contract.name);
            for reference in found {
                assert!(made.pointer(&reference[1..]).is_some(), "{} {view:?}: {reference} leads nowhere", contract.name);
            }
            assert_eq!(made.to_string(), document(&contract, view).0.to_string());
        }
    }
}

// C-2: payloads and frames mean in draft 7 what they mean in the contract: its examples are valid, and spoilt ones are not.
#[test]
fn examples_are_valid_in_draft_7() {
    for contract in shipped() {
        for view in VIEWS {
            let (made, _) = document(&contract, view);
            let mut examples = 0;
            for (key, message) in made["components"]["messages"].as_object().unwrap() {
                let pointer = format!("#/components/messages/{}/payload", key.replace('/', "~1"));
                let schema = json!({ "allOf": [{ "$ref": pointer }], "components": made["components"] });
                if message.get("payload").is_none() {
                    continue;
                }
                let validator = jsonschema::draft7::new(&schema).unwrap_or_else(|e| panic!("{} {key}: {e}", contract.name));
                for example in message["examples"].as_array().into_iter().flatten() {
                    let payload = &example["payload"];
                    assert!(
                        validator.is_valid(payload),
                        "{} {view:?} {key}: {:?}",
                        contract.name,
                        validator.iter_errors(payload).next().map(|e| e.to_string())
                    );
                    assert!(!validator.is_valid(&json!("spoilt")), "{} {view:?} {key}", contract.name);
                    examples += 1;
                }
            }
            assert!(examples > 0, "{} {view:?}", contract.name);
        }
    }
}

// C-2: a keyword that AsyncAPI's schemas do not have is reported, kept, and comes back; what draft 7 calls otherwise is said in its words.
#[test]
fn keywords_without_an_equivalent_are_reported_and_kept() {
    let draft = "https://json-schema.org/draft/2020-12/schema";
    let order = json!({
        "$schema": draft,
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": { "$ref": "#/$defs/id", "description": "beside a reference" },
            "pair": { "type": "array", "prefixItems": [{ "type": "string" }, { "type": "integer" }], "items": false },
            "lines": { "type": "array", "contains": { "type": "string" }, "minContains": 2 },
            "of": { "$ref": "parts/line.json#/$defs/name" },
            "again": { "$ref": "#" },
            "named": { "$ref": "#thing" },
            "literal": { "const": { "prefixItems": [] } },
        },
        "dependentRequired": { "pair": ["id"] },
        "dependentSchemas": { "of": { "required": ["lines"] } },
        "unevaluatedProperties": false,
        "$defs": { "id": { "type": "string" }, "thing": { "$anchor": "thing", "type": "number" } },
    });
    let line = json!({ "type": "object", "$defs": { "name": { "type": "string", "minLength": 1 } }, "properties": { "up": { "$ref": "../order.json" } } });
    let schemas = BTreeMap::from([("schemas/order.json".to_owned(), order), ("schemas/parts/line.json".to_owned(), line)]);
    let yaml = include_str!("asyncapi/chat.yaml")
        .replace("message.created: { on: room", "message.created: { on: room, data: ./schemas/order.json");
    let contract = compiled(&yaml, &schemas);
    let (made, notes) = document(&contract, View::Logical);
    let order = &made["components"]["schemas"]["order"];
    assert_eq!(order["definitions"]["id"], json!({ "type": "string" }));
    assert_eq!(order["properties"]["pair"]["items"][1], json!({ "type": "integer" }));
    assert_eq!(order["properties"]["pair"]["additionalItems"], false);
    assert_eq!(order["dependencies"]["pair"], json!(["id"]));
    assert_eq!(order["dependencies"]["of"], json!({ "required": ["lines"] }));
    assert_eq!(order["properties"]["id"]["allOf"][0]["$ref"], "#/components/schemas/order/definitions/id");
    assert_eq!(order["properties"]["literal"]["const"], json!({ "prefixItems": [] }));
    assert_eq!(order["x-tidewire"]["unevaluatedProperties"], false);
    assert_eq!(order["properties"]["lines"]["x-tidewire"]["minContains"], 2);
    for (file, keyword) in [("schemas/order.json", "`unevaluatedProperties`"), ("schemas/order.json", "`minContains`")] {
        assert!(notes.iter().any(|note| note.contains(file) && note.contains(keyword)), "{notes:?}");
    }
    assert_eq!(notes.len(), 2, "{notes:?}");
    for view in VIEWS {
        let restored = restored(&contract, view);
        assert_eq!(restored.schemas, contract.source.schemas, "{view:?}");
        assert_eq!(restored.document, contract.source.document, "{view:?}");
        again(&restored);
    }
}

// C-2: what would not come back as it was is kept whole: any payload, words of older drafts, an anchor across files.
#[test]
fn odd_schemas_come_back_too() {
    let schemas = [
        json!(true),
        json!({ "definitions": { "a": { "type": "string" } }, "$defs": { "b": true }, "$ref": "#/definitions/a" }),
        json!({ "$id": "urn:example:odd", "dependencies": { "a": ["b"] }, "dependentRequired": { "c": ["d"] }, "additionalItems": false }),
        json!({ "$ref": "other.json#name", "x-tidewire": { "mine": 1 }, "items": { "prefixItems": [true] } }),
        json!({ "properties": { "$ref": { "type": "string" }, "x-tidewire": false, "allOf": true }, "allOf": [{ "$ref": "#/properties/$ref" }] }),
    ];
    let other =
        json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": { "n": { "$anchor": "name", "type": "string" } } });
    for schema in schemas {
        let files = BTreeMap::from([("deep/odd.json".to_owned(), schema.clone()), ("deep/other.json".to_owned(), other.clone())]);
        let yaml =
            include_str!("asyncapi/chat.yaml").replace("message.created: { on: room", "message.created: { on: room, data: deep/odd.json");
        let read = |path: &str| files.get(path).map(Value::to_string);
        let Ok(contract) = compile_source("contract.yaml", &yaml, &read) else { panic!("{schema}") };
        for view in VIEWS {
            let restored = restored(&contract, view);
            assert_eq!(restored.schemas, contract.source.schemas, "{view:?} {schema}");
            assert_eq!(restored.document, contract.source.document, "{view:?} {schema}");
        }
    }
}

// C-1: what is no AsyncAPI document is refused in words that help.
#[test]
fn other_documents_are_refused() {
    for (text, said) in [
        ("", "it is empty"),
        ("{", "it is not JSON"),
        ("a: [", "it is neither JSON nor YAML"),
        ("{}", "it has no `asyncapi`"),
        ("openapi: 3.1.0", "it has no `asyncapi`"),
        ("[1]", "it has no `asyncapi`"),
        ("asyncapi: 2.6.0", "this is AsyncAPI 2.6.0"),
    ] {
        let failure = restore(text).unwrap_err();
        assert!(failure.to_string().contains(said), "{text:?}: {failure}");
    }
    assert_eq!(restore("asyncapi: 2.6.0").unwrap_err(), Failure::OtherVersion("2.6.0".to_owned()));
    let bomb = (0..60).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| text + &format!("a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1));
    assert!(restore(&bomb).unwrap_err().to_string().contains("it is too large"));
}

// C-13: of a document that never was a contract there is as much of one as can be made, it compiles, and what was missing is said.
#[test]
fn a_document_of_others_gives_as_much_as_can_be_made() {
    let text = std::fs::read_to_string(root().join("crates/generate/tests/asyncapi/lights.yaml")).unwrap();
    let restored = restore(&text).unwrap();
    assert_eq!(restored.name, "city-lights");
    let made = &restored.document;
    assert_eq!(made["channels"]["measured"]["address"], "lights/{light_id}/measured");
    assert_eq!(made["events"]["light.measured"]["on"], "measured");
    assert_eq!(made["events"]["light.measured"]["from"], "client");
    assert_eq!(made["events"]["light.turned"]["on"], "turned");
    assert_eq!(made["events"]["light.turned"].get("from"), None);
    assert_eq!(made["auth"]["token"], json!(["bearer query.token"]));
    let path = made["events"]["light.measured"]["data"].as_str().unwrap();
    assert_eq!(restored.schemas[path]["properties"]["lumens"]["minimum"], 0);
    for said in ["`wire`", "`endpoints`", "`auth.principal`", "has no address", "application/vnd.apache.avro"] {
        assert!(restored.notes.iter().any(|note| note.contains(said)), "{said}: {:#?}", restored.notes);
    }
    let contract = again(&restored);
    let measured = contract.event("light.measured").unwrap();
    assert!(measured.validate(&json!({ "lumens": 12, "at": "2026-01-31T10:00:00Z" })).is_empty());
    assert!(!measured.validate(&json!({ "lumens": -1 })).is_empty());
    // And it is a contract like any other from then on.
    let (document, _) = document(&contract, View::Logical);
    assert_eq!(restore(&document.to_string()).unwrap().document, contract.source.document);
}
