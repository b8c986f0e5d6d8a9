//! The world contract: its payloads, and who each event is for.

use serde_json::{Value, json};
use std::path::Path;
use tidewire_contract::{
    AudienceRequest, Contract, Durability, MemberChange, OptionRole, Principal, Template, address::Vars, audience::Named, compile,
};

fn world() -> Contract {
    compile(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/world")).unwrap()
}

fn audience(event: &str, data: Value) -> AudienceRequest {
    let contract = world();
    let event = contract.event(event).unwrap();
    assert_eq!(event.validate(&data), vec![], "{data}");
    event.audience(&data)
}

fn only(parts: &[(&str, &[&str])]) -> AudienceRequest {
    let named = |(by, values): &(&str, &[&str])| Named { by: (*by).to_owned(), values: values.iter().map(|v| (*v).to_owned()).collect() };
    AudienceRequest::Only(parts.iter().map(named).collect())
}

fn principal(contract: &Contract, claims: Value) -> Option<Principal> {
    contract.principal(claims.as_object().unwrap())
}

// W-3
#[test]
fn it_has_all_fifteen_events_each_with_a_schema_and_an_example_that_matches() {
    let contract = world();
    let types = [
        "world.updated",
        "world.rolled_back",
        "world.freeze",
        "world.unfreeze",
        "place.updated",
        "character.updated",
        "group.updated",
        "item.transferred",
        "container.opened",
        "chat.message.created",
        "chat.message.updated",
        "chat.message.deleted",
        "history.entry.created",
        "notification.broadcast",
        "sound.play",
    ];
    for name in types {
        let event = contract.event(name).unwrap_or_else(|| panic!("{name}"));
        assert!(event.schema().is_some(), "{name}");
        assert!(!event.examples.is_empty(), "{name}");
        for example in &event.examples {
            assert_eq!(event.validate(example), vec![], "{name}");
        }
        assert!(!event.validate(&json!({ "unheard": "of" })).is_empty(), "{name} accepts anything");
    }
    assert!(contract.event("chat.message.").is_none() && contract.event("chat.message.*").is_none() && contract.event("chat").is_none());
    assert_eq!(contract.channels[0].durability, Durability::Disk);
}

// W-3, G-5
#[test]
fn a_bad_payload_is_told_by_pointer_rule_and_type() {
    let contract = world();
    let event = contract.event("item.transferred").unwrap();
    let found = event.validate(&json!({ "item_id": 7, "from": { "type": "place" }, "to": [], "visibility_after": "" }));
    let told: Vec<(&str, &str, &str)> = found.iter().map(|v| (v.pointer.as_str(), v.rule.as_str(), v.found)).collect();
    assert_eq!(
        told,
        [
            ("/item_id", "type", "number"),
            ("/from", "required", "object"),
            ("/to", "type", "array"),
            ("/visibility_after", "minLength", "string")
        ]
    );
    let event = contract.event("history.entry.created").unwrap();
    let bad_time = json!({ "id": "h", "entity_type": "e", "entity_id": "e", "action": "a", "at": "yesterday", "actor_user_id": "u" });
    assert_eq!(event.validate(&bad_time).iter().map(|v| v.rule.as_str()).collect::<Vec<_>>(), ["format"]);
    let huge = json!({ "id": "x".repeat(1_000_000), "name": vec!["y"; 100_000] });
    let found = contract.event("world.updated").unwrap().validate(&huge);
    assert!(found.iter().all(|v| v.message.len() < 1000), "a message does not repeat the payload");
}

// W-1, W-5, W-8
#[test]
fn its_paths_and_parameters_are_those_of_the_document() {
    let contract = world();
    let paths: Vec<&str> = contract.endpoints.iter().map(|e| e.path.source.as_str()).collect();
    assert_eq!(paths, ["/ws", "/sse", "/worlds/{world_id}/history"]);
    assert_eq!(contract.endpoints[0].query, [("world_id".to_owned(), "world_id".to_owned())]);
    assert_eq!(contract.endpoints[0].options, [("types".to_owned(), OptionRole::Filter), ("after".to_owned(), OptionRole::Resume)]);
    let vars = contract.endpoints[2].path.parse("/worlds/w 1:ü/history").unwrap();
    let name = contract.endpoints[2].channel.as_ref().unwrap().fill(|n| vars.iter().find(|(v, _)| &**v == n).map(|(_, v)| v.clone()));
    assert_eq!(name.as_deref(), Some("world:w 1:ü"));
    let channel = contract.channel("world:w:1").unwrap();
    assert_eq!((&*channel.log, channel.vars[0].1.as_str()), ("world:w:1", "w:1"));
    assert!(contract.channel("world:").is_none() && contract.channel("world").is_none() && contract.channel("xworld:1").is_none());
}

// W-2
#[test]
fn its_envelope_is_that_of_the_document() {
    let Template::Object(fields) = world().wire.event else { panic!("an object") };
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["id", "type", "world_id", "at", "request_id", "data"]);
}

// W-4, W-9
#[test]
fn who_may_join_and_who_sees_all_is_read_off_the_token() {
    let contract = world();
    let channel = &contract.channels[0];
    let vars: Vars = contract.channel("world:w1").unwrap().vars;
    let player = principal(&contract, json!({ "sub": "u1", "worlds": ["w0", "w1"], "character_id": "c1", "role": "player" })).unwrap();
    assert_eq!((&*player.id, player.text("character").as_deref()), ("u1", Some("c1")));
    assert!(channel.may_join(&player, &vars) && !channel.oversees(&player, &vars));
    let master = principal(&contract, json!({ "sub": 7, "worlds": ["w1"], "role": "gamemaster" })).unwrap();
    assert!(&*master.id == "7" && channel.may_join(&master, &vars) && channel.oversees(&master, &vars));
    for claims in [
        json!({ "sub": "u" }),
        json!({ "sub": "u", "worlds": null }),
        json!({ "sub": "u", "worlds": "w1" }),
        json!({ "sub": "u", "worlds": ["w"] }),
        json!({ "sub": "u", "worlds": { "w2": true } }),
        json!({ "sub": "u", "worlds": [["w1"]] }),
    ] {
        let stranger = principal(&contract, claims.clone()).unwrap();
        assert!(!channel.may_join(&stranger, &vars) && !channel.oversees(&stranger, &vars), "{claims}");
    }
    for claims in [json!({}), json!({ "sub": null }), json!({ "sub": "" }), json!({ "sub": ["u"] }), json!({ "sub": true })] {
        assert_eq!(principal(&contract, claims), None, "no id, no principal");
    }
}

// W-4
#[test]
fn a_sound_is_for_its_targets() {
    let sound = |targets: Value| audience("sound.play", json!({ "url": "u", "volume": 1, "targets": targets, "by_user_id": "u" }));
    assert_eq!(audience("sound.play", json!({ "url": "u", "volume": 1, "by_user_id": "u" })), AudienceRequest::Everyone);
    assert_eq!(sound(json!(null)), AudienceRequest::Everyone);
    assert_eq!(sound(json!({})), AudienceRequest::Everyone);
    assert_eq!(sound(json!({ "broadcast": true, "place_id": "p" })), AudienceRequest::Everyone);
    assert_eq!(sound(json!({ "broadcast": false, "place_id": "p" })), only(&[("place", &["p"])]));
    assert_eq!(
        sound(json!({ "character_ids": ["a", "b"], "group_id": "g", "place_id": null })),
        only(&[("character", &["a", "b"]), ("group", &["g"])])
    );
    assert_eq!(sound(json!({ "character_ids": [] })), only(&[]), "an empty list names nobody");
    assert_eq!(sound(json!({ "character_ids": [], "place_id": "p" })), only(&[("place", &["p"])]));
}

// W-4
#[test]
fn a_whisper_is_for_two_and_a_message_for_all() {
    let message = |to: Value| {
        let mut data = json!({ "chat_id": "c", "message": { "id": "m", "from_character_id": "a", "edited": false, "deleted": false, "at": "2025-09-05T12:34:56Z" } });
        if to != json!("absent") {
            data["message"]["to"] = to;
        }
        ["chat.message.created", "chat.message.updated", "chat.message.deleted"].map(|event| audience(event, data.clone()))
    };
    assert!(message(json!("absent")).iter().all(|a| *a == AudienceRequest::Everyone));
    assert!(message(json!(null)).iter().all(|a| *a == AudienceRequest::Everyone));
    assert!(message(json!("b")).iter().all(|a| *a == only(&[("character", &["a", "b"])])));
    assert!(message(json!(["b", "c"])).iter().all(|a| *a == only(&[("character", &["a", "b", "c"])])));
}

// W-4
#[test]
fn a_notice_is_for_its_place_and_its_actors() {
    let notice =
        |scope: Value, actors: Value| audience("notification.broadcast", json!({ "scope": scope, "message": "m", "actors": actors }));
    assert_eq!(audience("notification.broadcast", json!({ "scope": {}, "message": "m" })), AudienceRequest::Everyone);
    assert_eq!(notice(json!({ "place_id": null }), json!(null)), AudienceRequest::Everyone);
    assert_eq!(notice(json!({ "place_id": "p" }), json!(null)), only(&[("place", &["p"])]));
    assert_eq!(notice(json!({ "place_id": "p" }), json!(["a"])), only(&[("place", &["p"]), ("character", &["a"])]));
    assert_eq!(notice(json!({}), json!([])), only(&[]));
}

// W-4
#[test]
fn a_hidden_transfer_is_for_those_who_hold_held_or_moved_the_item() {
    let transfer = |from: (&str, &str), to: (&str, &str), seen: &str, by: Value| {
        let holder = |(kind, id): (&str, &str)| json!({ "type": kind, "id": id });
        audience(
            "item.transferred",
            json!({ "item_id": "i", "from": holder(from), "to": holder(to), "visibility_after": seen, "by_character_id": by }),
        )
    };
    let (a, b, p) = (("character", "a"), ("character", "b"), ("place", "p"));
    assert_eq!(transfer(a, b, "public", json!("a")), AudienceRequest::Everyone);
    assert_eq!(transfer(a, b, "private", json!("g")), only(&[("character", &["g"]), ("character", &["a"]), ("character", &["b"])]));
    assert_eq!(transfer(a, p, "hidden", json!(null)), only(&[("character", &["a"]), ("place", &["p"])]));
    // A container's id must not be taken for a character's, and an event that is hidden from all is nobody's.
    assert_eq!(transfer(("container", "a"), ("container", "b"), "hidden", json!(null)), only(&[]));
}

// W-4
#[test]
fn who_is_where_is_read_off_the_events() {
    let contract = world();
    let to = |to: Option<&str>| MemberChange::Move { relation: "place".into(), member: "c".into(), to: to.map(str::to_owned) };
    assert_eq!(contract.member_changes("character.updated", &json!({ "id": "c", "current_place_id": "p" })), [to(Some("p"))]);
    assert_eq!(contract.member_changes("character.updated", &json!({ "id": "c", "current_place_id": null })), [to(None)]);
    assert_eq!(contract.member_changes("character.updated", &json!({ "id": "c" })), []);
    assert_eq!(contract.member_changes("character.updated", &json!({ "id": "c", "current_place_id": { "x": 1 } })), []);
    assert_eq!(contract.member_changes("place.updated", &json!({ "id": "c", "current_place_id": "p" })), []);
    let (relation, group) = ("group".to_owned(), "g".to_owned());
    assert_eq!(
        contract.member_changes("group.updated", &json!({ "id": "g", "members_added": ["a"], "members_removed": ["b"] })),
        [
            MemberChange::Join { relation: relation.clone(), group: group.clone(), member: "a".into() },
            MemberChange::Leave { relation, group, member: "b".into() },
        ]
    );
    assert_eq!(contract.attribute_of("place"), "character");
    assert_eq!(contract.attribute_of("character"), "character");
}
