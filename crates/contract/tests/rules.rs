//! Rules, keys and audiences of a contract of our own: what a rule sees, and what it does with what it does not expect.

use serde_json::{Value, json};
use tidewire_contract::{AudienceRequest, Contract, Problem, audience::Named, compile_source};

const SCHEMA: &str = r#"{ "type": "object", "properties": { "text": { "type": "string", "maxLength": 20 }, "n": { "type": "integer" }, "list": { "type": "array" } } }"#;

fn contract(event: &str) -> Result<Contract, Vec<Problem>> {
    let yaml = format!(
        "tidewire: 1\nname: test\nversion: '1'\nauth: {{ token: bearer header, principal: {{ id: $claims.sub, tags: $claims.profile.tags, label: u-$claims.sub }} }}\n\
         channels: {{ room: {{ address: 'room:{{room}}' }} }}\nwire: {{ event: {{ t: $type }}, client: {{ send: {{ t: $type, d: $data }} }} }}\n\
         endpoints: [{{ websocket: '/ws/{{room}}', subscribes: 'room:{{room}}' }}]\nevents:\n  said: {{ on: room }}\n  say:\n{event}"
    );
    compile_source("contract.yaml", &yaml, &|name| (name == "s.json").then(|| SCHEMA.to_owned()))
}

fn rule(text: &str) -> Contract {
    let text = text.replace('\'', "''");
    contract(&format!("    from: client\n    publishes: said\n    rules: '{text}'\n"))
        .unwrap_or_else(|p| panic!("{text}: {}", tidewire_contract::render_all(&p)))
}

fn holds(text: &str, data: &Value) -> bool {
    let contract = rule(text);
    let who = contract.principal(json!({ "sub": "u", "profile": { "tags": ["a", "b"] } }).as_object().unwrap()).unwrap();
    contract.event("say").unwrap().may_send(&who, data)
}

#[test]
fn rules_are_cel() {
    let data = json!({ "text": "héllo", "n": 3, "f": 2.5, "list": [1, 2, { "k": "v" }], "deep": { "x": { "y": true } }, "big": u64::MAX, "nothing": null });
    for (text, expected) in [
        ("true", true),
        ("!false && 1 < 2 || false", true),
        ("data.n == 3 && data.n == 3.0 && data.f > 2 && data.n >= 3", true),
        ("data.text == \"héllo\" && size(data.text) == 5 && data.text.size() == 5", true),
        ("data.text.startsWith(\"hé\") && data.text.endsWith(\"lo\") && data.text.contains(\"ll\")", true),
        ("2 in data.list && !(7 in data.list)", true),
        ("data.list[2].k == \"v\" && data.deep[\"x\"].y", true),
        ("data.list[7] == 1", false),
        ("data.list[-1] == 1", false),
        ("data.list.exists(i, i == 2)", true),
        ("[1, 2, 3].all(i, i < 4)", true),
        ("[1, 2].exists(a, [2, 3].exists(b, a == b))", true),
        ("has(data.deep.x.y) && !has(data.deep.z.y) && !has(data.nothing)", true),
        ("data.n * 2 + 1 == 7 && data.n % 2 == 1 && -data.n == 0 - 3", true),
        ("data.n > 2 ? data.f < 3.0 : false", true),
        ("\"a\" in principal.tags && principal.id == \"u\" && principal.label == \"u-u\"", true),
        ("data.big > 0 && data.big == data.big", true),
        ("data.nothing == null", true),
        ("\"k\" in data.list[2]", true),
        ("data.list == [1, 2, 3]", false),
        ("data == data", true),
    ] {
        assert_eq!(holds(text, &data), expected, "{text}");
    }
}

// G-5: a rule that cannot be evaluated refuses.
#[test]
fn a_rule_that_fails_grants_nothing() {
    let data = json!({ "n": 1, "text": "x", "list": 7, "max": i64::MAX });
    for text in [
        "data.absent",
        "data.absent == null",
        "data.absent != 3",
        "!data.absent",
        "data.n",
        "data.n.deeper == 1",
        "1 in data.list",
        "data.list.exists(i, i == 1)",
        "data.n / 0 == 1",
        "data.n % 0 == 1",
        "data.max + data.max > 0",
        "data.max * data.max > 0",
        "data.n < \"x\"",
        "data.n.startsWith(\"x\")",
        "principal.tags < 3",
        "size(data.n) == 1",
    ] {
        assert!(!holds(text, &data), "{text}");
    }
    // One side that decides is enough, in either order.
    assert!(holds("data.absent || true", &data) && holds("true || data.absent", &data));
    assert!(!holds("data.absent && false", &data));
}

#[test]
fn two_things_that_are_missing_are_not_the_same_thing() {
    let contract = rule("data.owner == principal.tags");
    let who = contract.principal(json!({ "sub": "u" }).as_object().unwrap()).unwrap();
    assert!(!contract.event("say").unwrap().may_send(&who, &json!({ "owner": null })));
}

#[test]
fn a_rule_over_a_huge_payload_ends() {
    let data = json!({ "list": vec![0; 5_000] });
    assert!(!holds("data.list.all(a, data.list.all(b, data.list.all(c, a == b && b == c)))", &data));
}

#[test]
fn a_key_is_made_of_what_the_contract_names_or_there_is_none() {
    let contract = contract("    from: client\n    publishes: said\n    key: $data.vote/$principal.id\n").unwrap();
    let event = contract.event("say").unwrap();
    let who = contract.principal(json!({ "sub": "u" }).as_object().unwrap()).unwrap();
    assert_eq!(event.dedup_key(&json!({ "vote": "v" }), Some(&who)).as_deref(), Some("v/u"));
    assert_eq!(event.dedup_key(&json!({ "vote": 7 }), Some(&who)).as_deref(), Some("7/u"));
    assert_eq!(event.dedup_key(&json!({}), Some(&who)), None);
    assert_eq!(event.dedup_key(&json!({ "vote": null }), Some(&who)), None);
    assert_eq!(event.dedup_key(&json!({ "vote": { "a": 1 } }), Some(&who)), None);
    assert_eq!(event.dedup_key(&json!({ "vote": "v" }), None), None);
}

// W-4
#[test]
fn an_audience_that_cannot_be_settled_is_nobodys() {
    let audience = |clause: &str, data: Value| {
        contract(&format!("    on: room\n    audience: {clause}\n")).unwrap().event("say").unwrap().audience(&data)
    };
    let only = |values: &[&str]| {
        let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        AudienceRequest::Only(if values.is_empty() { vec![] } else { vec![Named { by: "id".into(), values }] })
    };
    // Absent reads as null in what restricts.
    assert_eq!(audience("{ when: data.private, id: $data.to }", json!({ "to": "u" })), AudienceRequest::Everyone);
    assert_eq!(audience("{ when: data.private, id: $data.to }", json!({ "private": true, "to": "u" })), only(&["u"]));
    assert_eq!(audience("{ when: data.private, id: $data.to }", json!({ "private": true })), only(&[]));
    assert_eq!(audience("{ when: 'data.seen != \"all\"', id: $data.to }", json!({ "to": "u" })), only(&["u"]));
    // What fails to evaluate restricts.
    assert_eq!(audience("{ when: 'data.n > 3', id: $data.to }", json!({ "n": "many", "to": "u" })), only(&[]));
    assert_eq!(audience("{ unless: 'data.n > 3', id: $data.to }", json!({ "n": "many", "to": "u" })), only(&["u"]));
    assert_eq!(audience("{ id: $data.to }", json!({ "to": [1, "u", null, {}] })), only(&["1", "u"]));
    assert_eq!(audience("{ id: $data.to }", json!({ "to": {} })), only(&[]));
    assert_eq!(audience("{ id: $data.to }", json!("text")), AudienceRequest::Everyone);
    assert_eq!(
        audience("{ unless: data.open, any: [{ when: data.a, id: $data.x }, { id: $data.y }] }", json!({ "a": true, "x": "1" })),
        only(&["1"])
    );
    assert_eq!(audience("{ unless: data.open, any: [{ id: $data.y }] }", json!({ "open": true, "y": "1" })), AudienceRequest::Everyone);
}

#[test]
fn a_pattern_gives_way_to_a_name_and_a_short_one_to_a_long_one() {
    let events = "    on: room\n  a.*: { on: room }\n  a.b.*: { on: room }\n  a.b.c: { on: room, data: s.json }\n";
    let contract = contract(events).unwrap();
    let name = |t: &str| contract.event(t).map(|e| e.name.clone());
    assert_eq!(name("a.b.c").as_deref(), Some("a.b.c"));
    assert_eq!(name("a.b.d").as_deref(), Some("a.b.*"));
    assert_eq!(name("a.x").as_deref(), Some("a.*"));
    assert_eq!(name("a.*"), None);
    assert_eq!(name("a."), None);
    assert_eq!(name("b"), None);
    let event = contract.event("a.b.c").unwrap();
    assert_eq!(event.validate(&json!({ "text": "é".repeat(20), "n": 3.0 })), vec![]);
    assert_eq!(event.validate(&json!({ "text": "é".repeat(21) }))[0].rule, "maxLength");
}

#[test]
fn a_name_without_variables_goes_first_and_hostile_names_are_no_channels() {
    let yaml = "tidewire: 1\nname: test\nversion: '1'\nauth: { token: bearer header, principal: { id: $claims.sub } }\n\
         channels: { any: { address: 'room:{room}' }, main: { address: 'room:main' } }\nwire: { event: { t: $type } }\n\
         endpoints: [{ websocket: '/ws', unless_asked: 'room:main' }]\nevents: { said: { on: [any, main] } }\n";
    let contract = compile_source("contract.yaml", yaml, &|_| None).unwrap();
    let kind = |name: &str| contract.channel(name).map(|c| c.kind);
    assert_eq!((kind("room:main"), kind("room:mains"), kind("room:")), (Some(1), Some(0), None));
    assert_eq!((kind("room:a\nb"), kind("room:\0"), kind(&format!("room:{}", "x".repeat(600)))), (None, None, None));
}
