//! Filters by type, and names of channels.

use proptest::prelude::*;
use tidewire_contract::{Address, Filter, address::Part};

// W-5
#[test]
fn a_filter_is_types_separated_by_semicolons_where_a_star_is_the_rest() {
    let filter = Filter::parse("chat.*;item.transferred").unwrap();
    let shown = ["chat.message.created", "chat.", "item.transferred"];
    let hidden = ["chat", "item.transferred.x", "item", "", "xchat.message"];
    assert!(shown.iter().all(|t| filter.matches(t)) && !hidden.iter().any(|t| filter.matches(t)));
    assert!(Filter::parse("*").unwrap().matches("anything") && Filter::default().matches("anything"));
}

// W-5
#[test]
fn a_malformed_filter_is_refused_and_says_which_part() {
    for (text, part) in [
        ("", ""),
        ("a;;b", ""),
        ("a;", ""),
        ("chat.*,item.*", "chat.*,item.*"),
        ("*.created", "*.created"),
        ("a;b*c", "b*c"),
        ("a b", "a b"),
        ("a;é", "é"),
    ] {
        let bad = Filter::parse(text).expect_err(text);
        assert_eq!(bad.part, part, "{text}");
        assert!(!bad.reason.is_empty());
    }
    assert!(Filter::parse(&vec!["a"; 64].join(";")).is_ok() && Filter::parse(&vec!["a"; 65].join(";")).is_err());
}

fn address() -> impl Strategy<Value = Address> {
    let literal = "[a-z:._/-]{1,4}";
    (literal, prop::collection::vec(literal, 0..4), any::<bool>()).prop_map(|(first, rest, ends)| {
        let mut parts = vec![Part::Literal(first)];
        for (at, literal) in rest.iter().enumerate() {
            parts.push(Part::Variable(format!("v{at}").into()));
            if at + 1 < rest.len() || ends {
                parts.push(Part::Literal(literal.clone()));
            }
        }
        Address { source: String::new(), parts }
    })
}

proptest! {
    /// What a pattern makes, it takes apart again, into values that make the same name; no name panics.
    #[test]
    fn a_name_that_a_pattern_made_is_its_own(address in address(), values in prop::collection::vec("[a-zé0-9:.]{1,6}", 4), other in ".{0,12}") {
        let name = address.fill(|v| values.get(v[1..].parse::<usize>().ok()?).cloned()).unwrap();
        if let Some(vars) = address.parse(&name) {
            prop_assert_eq!(address.fill(|v| vars.iter().find(|(n, _)| **n == *v).map(|(_, value)| value.clone())).unwrap(), name.clone());
            prop_assert!(vars.iter().all(|(_, value)| !value.is_empty()));
        }
        if values.iter().all(|v| v.chars().all(char::is_numeric)) {
            prop_assert!(address.parse(&name).is_some());
        }
        if let Some(vars) = address.parse(&other) {
            prop_assert_eq!(address.fill(|v| vars.iter().find(|(n, _)| **n == *v).map(|(_, value)| value.clone())).unwrap(), other);
        }
    }
}
