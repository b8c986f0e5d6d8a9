//! Contracts on disk: one folder, many side by side.

use std::{fs, path::PathBuf};
use tidewire_contract::{Problem, compile, load_all};

/// A folder of this test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Folder {
        let path = std::env::temp_dir().join(format!("tidewire-contract-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        for (file, text) in files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn contract(name: &str, path: &str, data: &str) -> String {
    format!(
        "tidewire: 1\nname: {name}\nversion: '1'\nauth: {{ token: bearer header, principal: {{ id: $claims.sub }} }}\n\
         channels: {{ room: {{ address: 'room:{{room}}' }} }}\nwire: {{ event: {{ t: $type }} }}\n\
         endpoints: [{{ websocket: '{path}', subscribes: 'room:{{room}}' }}]\nevents:\n  said: {{ on: room, data: {data} }}\n"
    )
}

fn codes(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|p| p.code).collect()
}

const ANY: &str = "{ \"type\": \"object\" }";

#[test]
fn contracts_side_by_side_are_named_and_reached_apart() {
    let (a, b, c) =
        (contract("a", "/ws/{room}", "s.json"), contract("b", "/ws/{x}?room={room}", "s.json"), contract("a", "/other/{room}", "s.json"));
    let folder = Folder::new(
        "many",
        &[
            ("one/contract.yaml", &a),
            ("one/s.json", ANY),
            ("two/contract.yaml", &b),
            ("two/s.json", ANY),
            ("three/contract.yaml", &c),
            ("three/s.json", ANY),
        ],
    );
    let problems = load_all(&folder.0).unwrap_err();
    assert_eq!(codes(&problems), ["same-name", "endpoint-collision"], "{}", tidewire_contract::render_all(&problems));
    assert!(problems[1].file.ends_with("two/contract.yaml") && problems[1].line == 7 && problems[1].message.contains("`a`"));
    fs::remove_dir_all(folder.0.join("three")).unwrap();
    fs::remove_dir_all(folder.0.join("two")).unwrap();
    assert_eq!(load_all(&folder.0).unwrap().len(), 1);
    assert_eq!(load_all(&folder.0.join("one")).unwrap()[0].folder, folder.0.join("one"));
}

#[test]
fn all_mistakes_of_all_contracts_are_told_at_once() {
    let (a, b) = (contract("a", "/a/{room}", "schemas/sayd.json"), contract("b", "/b/{room}", "s.json").replace("$type", "$typ"));
    let folder = Folder::new("wrong", &[("a/contract.yaml", &a), ("a/schemas/said.json", ANY), ("b/contract.yaml", &b), ("b/s.json", "{")]);
    let problems = load_all(&folder.0).unwrap_err();
    assert_eq!(codes(&problems), ["missing-schema", "unknown-name", "bad-json"]);
    assert_eq!(problems[0].help.as_deref(), Some("did you mean `schemas/said.json`?"));
    assert!(problems[2].file.ends_with("b/s.json"));
    // The same for machines.
    let json = serde_json::to_value(&problems).unwrap();
    assert_eq!(json[0]["code"], "missing-schema");
    assert_eq!((&json[0]["line"], &json[0]["column"]), (&9.into(), &27.into()));
    let keys: Vec<&String> = json[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["code", "file", "line", "column", "message", "help"]);
}

#[test]
fn a_schema_refers_to_its_neighbours_and_is_bundled() {
    let schema =
        r#"{ "type": "object", "properties": { "user": { "$ref": "parts/user.json#/$defs/user" } }, "additionalProperties": false }"#;
    let user = r#"{ "$defs": { "user": { "type": "object", "properties": { "id": { "$ref": "id.json" } }, "required": ["id"], "additionalProperties": false } } }"#;
    let id = r#"{ "type": "string" }"#;
    let yaml = contract("a", "/ws/{room}", "schemas/said.json, audience: { id: $data.user.id }");
    let files =
        [("contract.yaml", yaml.as_str()), ("schemas/said.json", schema), ("schemas/parts/user.json", user), ("schemas/parts/id.json", id)];
    let folder = Folder::new("refs", &files);
    let good = compile(&folder.0).unwrap_or_else(|p| panic!("{}", tidewire_contract::render_all(&p)));
    let event = good.event("said").unwrap();
    assert!(event.validate(&serde_json::json!({ "user": { "id": "u" } })).is_empty());
    assert_eq!(event.validate(&serde_json::json!({ "user": { "id": 7 } }))[0].pointer, "/user/id");
    let bundled = event.schema().unwrap();
    assert!(jsonschema::validator_for(bundled).unwrap().is_valid(&serde_json::json!({ "user": { "id": "u" } })), "it stands by itself");
    // Paths are followed through the references, too.
    fs::write(folder.0.join("contract.yaml"), yaml.replace("$data.user.id", "$data.user.di")).unwrap();
    assert_eq!(codes(&compile(&folder.0).unwrap_err()), ["unknown-field"]);
}

#[test]
fn a_folder_without_a_contract_says_so() {
    let folder = Folder::new("empty", &[("readme.txt", "nothing")]);
    assert_eq!(codes(&load_all(&folder.0).unwrap_err()), ["no-contract"]);
    assert_eq!(codes(&load_all(&folder.0.join("not-there")).unwrap_err()), ["no-contract"]);
    let problems = compile(&folder.0).unwrap_err();
    assert!(problems[0].render().contains("contract.yaml"), "{}", problems[0].render());
}

#[test]
fn a_file_that_cannot_be_read_is_not_called_missing() {
    let yaml = contract("a", "/ws/{room}", "s.json");
    let folder = Folder::new("unreadable", &[("contract.yaml", &yaml), ("s.json", "{}")]);
    fs::write(folder.0.join("s.json"), [0xff, 0xfe]).unwrap();
    let problems = compile(&folder.0).unwrap_err();
    assert_eq!(problems[0].message, "the file `s.json` cannot be read");
    fs::write(folder.0.join("contract.yaml"), [0xff, 0xfe]).unwrap();
    assert_eq!(codes(&compile(&folder.0).unwrap_err()), ["no-contract"]);
}

/// A contract of the Pusher protocol.
fn pusher(name: &str) -> String {
    format!(
        "tidewire: 1\nname: {name}\nversion: '1'\nauth: {{ devices: registry, principal: {{ id: $device.id }} }}\n\
         channels: {{ room: {{ address: 'private-{{room}}' }} }}\nwire: {{ protocol: pusher, event: $data }}\n\
         endpoints:\n  - pusher: /app/{{key}}\n  - replay: /v1/events/since\n    options: {{ channel: subscribe, seq: resume }}\n\
         events: {{ said: {{ on: room }} }}\n"
    )
}

// K-1: the key tells whose a connection is, so contracts share the path; nobody else is reached below it.
#[test]
fn contracts_share_the_path_of_apps_and_nothing_else() {
    let (one, two) = (pusher("one"), pusher("two"));
    let folder = Folder::new("apps", &[("one/contract.yaml", &one), ("two/contract.yaml", &two)]);
    assert_eq!(load_all(&folder.0).unwrap().len(), 2);
    let below = contract("below", "/app/{room}", "s.json");
    let folder = Folder::new("below", &[("below/contract.yaml", &below), ("below/s.json", ANY), ("one/contract.yaml", &one)]);
    let problems = load_all(&folder.0).unwrap_err();
    assert_eq!(codes(&problems), ["endpoint-collision"]);
    assert!(problems[0].message.contains("`/app/{room}` of the contract `below`"), "{}", problems[0]);
}
