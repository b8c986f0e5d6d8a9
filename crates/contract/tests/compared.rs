//! What is decided of rules, rates and audiences, and what is not.

use tidewire_contract::{
    Contract,
    compare::{Edition, compare, is_major},
    compile_source, render_all,
};

const CONTRACT: &str = r#"
tidewire: 1
name: chat
version: VERSION
auth:
  token: bearer header
  principal: { id: $claims.sub, rooms: $claims.rooms, role: $claims.role, level: $claims.level, store: $claims.store }
limits: LIMITS
channels:
  room:
    address: room:{room}
    join: |-
      JOIN
    history: HISTORY
wire: { event: { type: $type, data: $data } }
endpoints: [{ websocket: "/{room}", subscribes: "room:{room}" }]
events:
  message: { on: room, data: message.json, audience: AUDIENCE }
"#;

fn contract(version: &str, part: &str, with: &str) -> Contract {
    let parts = [
        ("LIMITS", "{ messages: 100/minute }"),
        ("JOIN", "room in principal.rooms"),
        ("HISTORY", "{ keep: 7d }"),
        ("AUDIENCE", "{ id: $data.to }"),
    ];
    let filled = parts
        .iter()
        .fold(CONTRACT.replace("VERSION", version), |text, (name, usual)| text.replace(name, if *name == part { with } else { usual }));
    let schema = r#"{ "type": "object", "properties": { "to": { "type": "string" }, "from": { "type": "string" } } }"#;
    compile_source("contract.yaml", &filled, &|_| Some(schema.to_owned())).unwrap_or_else(|problems| panic!("{}", render_all(&problems)))
}

/// The ids of what is found when one part of the contract goes from `old` to `new`.
fn found(part: &str, old: &str, new: &str) -> Vec<&'static str> {
    let (old, new) = (contract("1.0.0", part, old), contract("1.1.0", part, new));
    let read = |_: &str| None;
    compare(&Edition::new(&old, "old".into(), &read), &Edition::new(&new, "new".into(), &read)).iter().map(|f| f.id).collect()
}

fn table(part: &str, cases: &[(&str, &str, &[&str])]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(old, new, expected)| {
            let ids = found(part, old, new);
            (ids != *expected).then(|| format!("{old}\n  → {new}\n  is {expected:?}, and {ids:?} was found"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules_are_decided_in_their_usual_shapes() {
    const A: &str = "room in principal.rooms";
    const TIGHTER: &[&str] = &["rule-tightened"];
    const LOOSER: &[&str] = &["rule-loosened"];
    const UNDECIDED: &[&str] = &["rule-undecided"];
    let and = &*format!("{A} && principal.level > 1");
    let dna = &*format!("principal.level > 1 && {A}");
    let or = &*format!("{A} || principal.role == \"owner\"");
    let both = &*format!("({A} || principal.role == \"owner\") && principal.level > 1");
    table(
        "JOIN",
        &[
            (A, A, &[]),
            (A, "room  in  principal.rooms", &[]),
            (A, and, TIGHTER),
            (and, A, LOOSER),
            (and, dna, &[]),
            (A, or, LOOSER),
            (or, A, TIGHTER),
            (or, both, TIGHTER),
            (and, both, LOOSER),
            (A, "principal.role == \"owner\"", UNDECIDED),
            (and, or, LOOSER),
            ("principal.role in [\"a\", \"b\"]", "principal.role in [\"b\", \"a\"]", &[]),
            ("principal.role in [\"a\", \"b\"]", "principal.role in [\"b\"]", TIGHTER),
            ("principal.role in [\"a\", \"b\"]", "principal.role == \"b\"", TIGHTER),
            ("principal.role == \"b\"", "principal.role in [\"a\", \"b\"]", LOOSER),
            ("principal.role == \"b\"", "\"b\" == principal.role", &[]),
            ("principal.role == \"b\"", "principal.role == \"a\" || principal.role == \"b\"", LOOSER),
            ("principal.role in [\"a\", \"b\"]", "principal.role == \"a\" || principal.role == \"b\"", &[]),
            ("principal.role in [\"a\", \"c\"]", "principal.role == \"a\" || principal.role == \"b\"", UNDECIDED),
            ("principal.role == \"b\"", "principal.role in [\"a\"]", UNDECIDED),
            ("principal.role != \"b\"", "principal.role != \"a\"", UNDECIDED),
            ("principal.level > 1", "principal.level > 2", TIGHTER),
            ("principal.level > 1", "principal.level >= 1", LOOSER),
            ("principal.level >= 2", "principal.level > 1", LOOSER),
            ("principal.level < 5", "principal.level <= 4", TIGHTER),
            ("principal.level < 5", "principal.level > 4", UNDECIDED),
            ("principal.store.startsWith(\"a\")", "principal.store.startsWith(\"ab\")", TIGHTER),
            ("principal.store.startsWith(\"ab\")", "principal.store.startsWith(\"a\")", LOOSER),
            ("!(principal.level > 1)", "!(principal.level > 2)", UNDECIDED),
            ("principal.rooms.exists(r, r == room)", "principal.rooms.exists(r, r == room && principal.level > 1)", TIGHTER),
        ],
    );
}

#[test]
fn rates_are_compared_by_what_they_let_through() {
    table(
        "LIMITS",
        &[
            ("{ messages: 100/minute }", "{ messages: 100/60s }", &[]),
            ("{ messages: 100/minute }", "{ messages: 200/minute }", &[]),
            ("{ messages: 100/minute }", "{}", &[]),
            ("{}", "{ messages: 100/minute }", &["limit-lowered"]),
            // As many at once, and fewer in the long run; and the other way round.
            ("{ messages: 100/minute }", "{ messages: 100/5m }", &["limit-lowered"]),
            ("{ messages: 100/minute }", "{ messages: 10/second }", &["limit-lowered"]),
            ("{ messages: 100/minute }", "{ messages: 100/minute, per: principal.id }", &["limit-lowered"]),
            ("{ connections: 5 }", "{ connections: 4 }", &["limit-lowered"]),
            ("{ connections: 5 }", "{ connections: 6 }", &[]),
            ("{ connections: 5 }", "{}", &[]),
            ("{}", "{ connections: 5 }", &["limit-lowered"]),
        ],
    );
    table(
        "HISTORY",
        &[
            ("{ keep: 7d }", "{ keep: 168h }", &[]),
            ("{ keep: 7d }", "{ keep: 30d }", &[]),
            ("{ keep: 7d }", "{ keep: 7d, count: 5 }", &["history-shortened"]),
            ("{ keep: 7d, count: 5 }", "{ keep: 7d, bytes: 1MB }", &["history-shortened"]),
            ("{ keep: 7d, bytes: 1MB }", "{ keep: 7d, bytes: 1KB }", &["history-shortened"]),
        ],
    );
}

#[test]
fn audiences_are_decided_where_a_condition_restricts() {
    table(
        "AUDIENCE",
        &[
            ("{ id: $data.to }", "{ id: [$data.to] }", &[]),
            ("{ id: [$data.to, $data.from] }", "{ id: [$data.from, $data.to] }", &[]),
            // Without a condition a part that is named may make private what was everybody's.
            ("{ id: $data.to }", "{ id: [$data.to, $data.from] }", &["audience-undecided"]),
            ("{ when: has(data.to), id: $data.to }", "{ when: has(data.to), id: [$data.to, $data.from] }", &["audience-widened"]),
            ("{ when: has(data.to), id: [$data.to, $data.from] }", "{ when: has(data.to), id: $data.to }", &["audience-narrowed"]),
            ("{ when: has(data.to), id: $data.to }", "{ when: has(data.from), id: $data.to }", &["audience-undecided"]),
            ("{ when: has(data.to), id: $data.to }", "{ when: has(data.to), id: $data.from }", &["audience-undecided"]),
        ],
    );
}

#[test]
fn a_version_says_whether_it_breaks() {
    for (old, new, major) in [
        ("1.0.0", "2.0.0", true),
        ("1.9.9", "2.0.0-rc.1", true),
        ("1.0.0", "1.9.0", false),
        ("2.0.0", "1.0.0", false),
        ("0.2.7", "0.3.0", true),
        ("0.2.7", "0.2.8", false),
        ("0.9.0", "1.0.0", true),
        ("1", "2", true),
        ("v1", "v2", true),
        ("1.0", "1.0", false),
        ("spring", "summer", false),
        ("", "", false),
    ] {
        assert_eq!(is_major(old, new), major, "{old} → {new}");
    }
}
