//! The language, its reference and its schema for editors say the same words.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::Value;
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
        [("", "flows"), ("/channels/world", "retain"), ("/wire", "protocol"), ("/endpoints/0", "pusher"), ("/events/sound.play", "to")]
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
