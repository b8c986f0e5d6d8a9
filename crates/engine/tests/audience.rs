//! Who sees an event: members, audiences and eyes against models that take every word at its value. // W-4

mod common;

use common::TOWN;
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidewire_contract::{AudienceRequest, MemberChange, audience::Named};
use tidewire_engine::{Audience, Eye, log::MemberRow, members::Members};

/// `(relation, group, member)`: who is where, as a plain set.
type Model = BTreeSet<(String, String, String)>;

const RELATIONS: [&str; 2] = ["place", "guild"];

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "7", ""]).prop_map(str::to_owned)
}

fn change() -> impl Strategy<Value = MemberChange> {
    (prop::sample::select(RELATIONS.to_vec()), name(), name(), 0..4).prop_map(|(relation, group, member, kind)| {
        let relation = relation.to_owned();
        match kind {
            0 => MemberChange::Join { relation, group, member },
            1 => MemberChange::Leave { relation, group, member },
            2 => MemberChange::Move { relation, member, to: None },
            _ => MemberChange::Move { relation, member, to: Some(group) },
        }
    })
}

fn named() -> impl Strategy<Value = Named> {
    (prop::sample::select(vec!["character", "badge", "place", "guild"]), vec(name(), 0..4))
        .prop_map(|(by, values)| Named { by: by.to_owned(), values })
}

fn request() -> impl Strategy<Value = AudienceRequest> {
    prop_oneof![1 => Just(AudienceRequest::Everyone), 3 => vec(named(), 0..4).prop_map(AudienceRequest::Only)]
}

/// An attribute's value as a token may have it: absent, one, several, a number, something that names nobody.
fn claim() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => Just(Value::Null),
        4 => name().prop_map(Value::String),
        3 => vec(name(), 0..3).prop_map(|names| json!(names)),
        1 => Just(json!(7)),
        1 => Just(json!([7, ["a", "b"]])),
        1 => Just(json!({ "a": "b" })),
        1 => Just(json!(true)),
    ]
}

fn changed(model: &Model, change: &MemberChange) -> Model {
    let mut after = model.clone();
    match change.clone() {
        MemberChange::Join { relation, group, member } => drop(after.insert((relation, group, member))),
        MemberChange::Leave { relation, group, member } => drop(after.remove(&(relation, group, member))),
        MemberChange::Move { relation, member, to } => {
            after.retain(|(r, _, m)| *r != relation || *m != member);
            after.extend(to.map(|group| (relation, group, member)));
        }
    }
    after
}

fn rows(model: &Model) -> Vec<MemberRow> {
    let row = |(r, g, m): &(String, String, String)| MemberRow {
        relation: r.as_str().into(),
        group: g.as_str().into(),
        member: m.as_str().into(),
        present: true,
    };
    model.iter().map(row).collect()
}

/// The names that an attribute's value stands for.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::String(s) => vec![s.clone()],
        Value::Number(n) => vec![n.to_string()],
        Value::Array(items) => items.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

/// Whether the request names somebody with these attributes, with the members where they are.
fn is_named(model: &Model, part: &Named, character: &Value, badge: &Value) -> bool {
    let (of, is_relation) = match part.by.as_str() {
        "character" => (character, false),
        "badge" => (badge, false),
        "place" => (character, true),
        _ => (badge, true),
    };
    names(of).into_iter().any(|me| {
        part.values
            .iter()
            .any(|value| if is_relation { model.contains(&(part.by.clone(), value.clone(), me.clone())) } else { *value == me })
    })
}

fn eye(character: &Value, badge: &Value, role: &str) -> Eye {
    let claims = json!({ "sub": "s", "character": character, "badge": badge, "role": role });
    let principal = TOWN.principal(claims.as_object().unwrap()).unwrap().into();
    Eye::new(&TOWN, &TOWN.channel("square:1").unwrap(), &principal)
}

proptest! {
    #[test]
    fn a_change_does_what_it_says_and_tells_exactly_that(changes in vec(change(), 0..40)) {
        let (mut model, mut members, mut told) = (Model::new(), Members::default(), Vec::new());
        for change in &changes {
            let after = changed(&model, change);
            let rows_of_it = members.apply(change);
            let triple = |r: &MemberRow| (r.relation.to_string(), r.group.to_string(), r.member.to_string());
            let came: Model = rows_of_it.iter().filter(|r| r.present).map(triple).collect();
            let went: Model = rows_of_it.iter().filter(|r| !r.present).map(triple).collect();
            prop_assert_eq!(&came, &after.difference(&model).cloned().collect());
            prop_assert_eq!(&went, &model.difference(&after).cloned().collect());
            prop_assert_eq!(rows_of_it.len(), came.len() + went.len(), "nothing is told twice");
            // Who is moved leaves before it arrives: whoever applies the rows in order never sees it in two places.
            prop_assert!(rows_of_it.is_sorted_by_key(|r| r.present));
            told.extend(rows_of_it);
            model = after;
            prop_assert_eq!(&members, &Members::from_rows(&rows(&model)));
        }
        prop_assert_eq!(members, Members::from_rows(&told), "the rows alone say where everybody is");
    }

    // W-4: whom each request names, at this moment, and nobody else.
    #[test]
    fn an_audience_is_whom_every_request_names(
        changes in vec(change(), 0..25),
        later in vec(change(), 0..5),
        requests in vec(request(), 0..4),
        watchers in vec((claim(), claim()), 1..6),
    ) {
        let (mut model, mut members) = (Model::new(), Members::default());
        for change in &changes {
            model = changed(&model, change);
            members.apply(change);
        }
        let audience = members.settle(&TOWN, &requests);
        // What happens afterwards does not change who it was for.
        for change in &later {
            members.apply(change);
        }
        for (character, badge) in &watchers {
            let expected = requests.iter().all(|request| match request {
                AudienceRequest::Everyone => true,
                AudienceRequest::Only(parts) => parts.iter().any(|part| is_named(&model, part, character, badge)),
            });
            prop_assert_eq!(eye(character, badge, "baker").sees(&audience), expected, "{:?} {} {}", audience, character, badge);
            prop_assert!(eye(character, badge, "mayor").sees(&audience), "who oversees sees everything");
        }
        prop_assert!(Eye::all().sees(&audience));
        if requests.iter().all(|r| *r == AudienceRequest::Everyone) {
            prop_assert_eq!(audience, Audience::Everyone);
        }
    }
}
