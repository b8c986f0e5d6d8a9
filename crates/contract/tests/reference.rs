//! The language, its reference and its schema for editors say the same words.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::PathBuf};
use tidewire_contract::language::{OPTION_ROLES, SECTIONS};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(repository().join("docs/contract.schema.json")).unwrap()).unwrap()
}

fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Boolean(b)) => Value::Bool(*b),
        Yaml::Value(Scalar::Integer(i)) => Value::from(*i),
        Yaml::Value(Scalar::FloatingPoint(f)) => Value::from(f.into_inner()),
        Yaml::Value(Scalar::String(s)) => Value::String(s.to_string()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(json).collect()),
        Yaml::Mapping(entries) => Value::Object(entries.iter().map(|(k, v)| (k.as_str().unwrap().to_owned(), json(v))).collect()),
        _ => Value::Null,
    }
}

fn contract(name: &str) -> Value {
    let text = fs::read_to_string(repository().join("contracts").join(name).join("contract.yaml")).unwrap();
    json(&Yaml::load_from_str(&text).unwrap()[0])
}

#[test]
fn the_schema_for_editors_accepts_the_shipped_contracts_and_no_other_words() {
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema()).unwrap();
    for entry in fs::read_dir(repository().join("contracts")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let errors: Vec<String> = validator.iter_errors(&contract(&name)).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
    for (pointer, key) in
        [("", "flow"), ("/channels/world", "retains"), ("/wire", "frames"), ("/endpoints/0", "grpc"), ("/events/sound.play", "towards")]
    {
        let mut changed = contract("world");
        changed.pointer_mut(pointer).unwrap()[key] = "x".into();
        assert!(!validator.is_valid(&changed), "{pointer}/{key}");
    }
}

#[test]
fn the_schema_for_editors_has_the_keys_of_the_language() {
    let schema = schema();
    for section in SECTIONS {
        let definition = &schema["$defs"][section.definition];
        let there: BTreeSet<&str> = definition["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let wanted: BTreeSet<&str> = section.keys.iter().map(|k| k.name).collect();
        assert_eq!(there, wanted, "{}", section.title);
        let required = |names: &Value| names.as_array().map_or(0, Vec::len);
        assert_eq!(required(&definition["required"]), section.keys.iter().filter(|k| k.required).count(), "{}", section.title);
        for (key, says) in definition["properties"].as_object().unwrap() {
            assert!(says["description"].is_string() || says["$ref"].is_string(), "{}.{key} is not described", section.definition);
        }
    }
    let roles = schema["$defs"]["endpoint"]["properties"]["options"]["additionalProperties"]["enum"].as_array().unwrap();
    assert_eq!(roles.iter().map(|r| r.as_str().unwrap()).collect::<Vec<_>>(), OPTION_ROLES);
}

#[test]
fn the_reference_explains_every_key() {
    let text = fs::read_to_string(repository().join("docs/contract-language.md")).unwrap();
    let parts: Vec<(&str, &str)> = text.split("\n## ").skip(1).map(|part| part.split_once('\n').unwrap()).collect();
    for section in SECTIONS {
        let heading = if section.path.is_empty() { "contract.yaml" } else { section.path };
        let part = parts.iter().find(|(h, _)| h.trim() == format!("`{heading}`")).unwrap_or_else(|| panic!("no heading for {heading}"));
        let explained: BTreeSet<&str> =
            part.1.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|line| line.split('`').next()).collect();
        for key in section.keys {
            assert!(explained.contains(key.name), "{heading} does not explain `{}`", key.name);
        }
    }
    for role in OPTION_ROLES {
        assert!(text.contains(&format!("`{role}`")), "{role}");
    }
}

/// Every example of the reference that is a whole contract compiles.
#[test]
fn the_contracts_of_the_reference_compile() {
    let text = fs::read_to_string(repository().join("docs/contract-language.md")).unwrap();
    let mut whole = 0;
    for block in text.split("```yaml\n").skip(1).map(|b| b.split("```").next().unwrap()) {
        if block.starts_with("tidewire: 1") {
            whole += 1;
            let read = |_: &str| Some(r#"{ "type": "object" }"#.to_owned());
            if let Err(problems) = tidewire_contract::compile_source("contract.yaml", block, &read) {
                panic!("{}", tidewire_contract::render_all(&problems));
            }
        } else {
            assert!(Yaml::load_from_str(block).is_ok(), "{block}");
        }
    }
    assert!(whole >= 1);
}

/// Of a contract of the Pusher protocol the editor says what the compiler says, as far as it can see it.
#[test]
fn the_schema_for_editors_and_the_compiler_agree_on_the_pusher_protocol() {
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema()).unwrap();
    let folder = repository().join("contracts/store");
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let signed =
        json!({ "principal": { "id": "$claims.sub", "store": "$claims.store", "abilities": "$claims.abilities", "type": "$claims.type" } });
    let poll = json!({ "poll": "/orders/{sku}", "subscribes": "private-store.{sku}.orders" });
    let websocket = json!({ "websocket": "/orders/{sku}", "subscribes": "private-store.{sku}.orders" });
    let app = json!({ "pusher": "/app/{key}" });
    for (what, good, changes) in [
        ("nothing", true, vec![]),
        ("no devices, and what signs", true, vec![("/auth", signed.clone()), ("/endpoints", json!([app]))]),
        ("a number of connections", true, vec![("/limits/connections", json!(3))]),
        ("total alone", true, vec![("/limits", json!({ "total": "30/10s" }))]),
        ("total beside messages", false, vec![("/limits/total", json!("30/10s"))]),
        ("newest without at_most", false, vec![("/limits/connections", json!({ "newest": "wins" }))]),
        ("no app", false, vec![("/endpoints", json!([poll]))]),
        ("two apps", false, vec![("/endpoints", json!([app, app]))]),
        ("an app of another path", true, vec![("/endpoints/0", json!({ "pusher": "/pusher/app/{key}" }))]),
        ("an app without a key", false, vec![("/endpoints/0", json!({ "pusher": "/app" }))]),
        ("an app with options", false, vec![("/endpoints/0/options", json!({ "a": "resume" }))]),
        ("a WebSocket beside", false, vec![("/endpoints/3", websocket.clone())]),
        ("a poll beside", true, vec![("/endpoints/3", poll)]),
        ("a signer with a variable", false, vec![("/endpoints/1", json!({ "authorize": "/{x}" }))]),
        ("a signer that is allowed", false, vec![("/endpoints/1/allow", json!("true"))]),
        ("replay of another route", false, vec![("/endpoints/3/replay", json!("/since"))]),
        ("replay by another word", false, vec![("/endpoints/3/options", json!({ "channels": "subscribe", "seq": "resume" }))]),
        ("the payload alone", true, vec![("/wire/event", json!("$data"))]),
        ("frames", false, vec![("/wire/server", json!({ "pong": { "type": "pong" } }))]),
        ("the payload alone, of another protocol", false, vec![("/wire", json!({ "event": "$data" })), ("/endpoints", json!([websocket]))]),
        ("an app of another protocol", false, vec![("/wire", json!({ "event": { "data": "$data" } }))]),
        ("audit in words", false, vec![("/events/OrderCreated/audit", json!("yes"))]),
        ("a bridge of nothing", false, vec![("/bridges/analytics/of", json!([]))]),
        ("a bridge to no exchange", false, vec![("/bridges/analytics", json!({ "of": "orders" }))]),
        ("an exchange with a blank", false, vec![("/bridges/analytics/amqp", json!("a b"))]),
    ] {
        let mut changed = contract("store");
        for (pointer, value) in changes {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            match changed.pointer_mut(parent).unwrap() {
                Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
                parent => parent[key] = value,
            }
        }
        assert_eq!(validator.is_valid(&changed), good, "the editor on {what}");
        let compiled = tidewire_contract::compile_source("contract.yaml", &changed.to_string(), &read);
        assert_eq!(compiled.is_ok(), good, "the compiler on {what}: {:?}", compiled.err());
    }
}
