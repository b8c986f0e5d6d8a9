//! Is every value of one schema a value of another? Random schemas and random values are asked, and the validator is
//! believed: a yes must hold for every value that is tried, a no must show one.

mod random;
mod table;

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use random::{Pair, pair, values};
use serde_json::Value;
use tidewire_contract::compare::{Answer, is_within};

/// The files of a schema as the comparison takes them.
pub type Files = Vec<(&'static str, Value)>;

/// The validator as the server has it, independent of what the comparison does with it.
pub fn validator(files: &Files) -> Option<jsonschema::Validator> {
    struct Others(Files);
    impl jsonschema::Retrieve for Others {
        fn retrieve(&self, uri: &jsonschema::Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
            let found = self.0.iter().find(|(name, _)| uri.as_str() == format!("test:///{name}"));
            found.map(|(_, value)| value.clone()).ok_or_else(|| "no such file".into())
        }
    }
    let (name, root) = files.first()?;
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_base_uri(format!("test:///{name}"))
        .with_retriever(Others(files.clone()))
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .should_validate_formats(true)
        .build(root)
        .ok()
}

/// What was answered, for those who want to know that all answers come up.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    yes: usize,
    no: usize,
    unknown: usize,
    /// Values that a yes was tried on.
    tried: usize,
}

/// Asks of one pair, and tries the answer.
fn holds(Pair { a, b }: &Pair, values: &[Value], ask: &dyn Fn(&Files, &Files) -> Answer, seen: &mut Seen) -> Result<(), TestCaseError> {
    let (Some(first), Some(second)) = (validator(a), validator(b)) else { return Ok(()) };
    match ask(a, b) {
        Answer::Yes => {
            seen.yes += 1;
            for value in values.iter().filter(|value| first.is_valid(value)) {
                seen.tried += 1;
                prop_assert!(second.is_valid(value), "it says yes, and {value} is one of\n{a:?}\nand not of\n{b:?}");
            }
        }
        Answer::No(witness) => {
            seen.no += 1;
            prop_assert!(first.is_valid(&witness), "{witness} should be one of\n{a:?}");
            prop_assert!(!second.is_valid(&witness), "{witness} should not be one of\n{b:?}");
        }
        Answer::Unknown => seen.unknown += 1,
    }
    Ok(())
}

/// The pair that failed, and the values it was tried on.
type Failed = TestError<(Pair, Vec<Value>)>;

/// Other cases with each run, or always the same with a seed.
fn cases(count: u32, seed: Option<u8>, ask: &dyn Fn(&Files, &Files) -> Answer) -> (Result<(), Failed>, Seen) {
    let seen = std::cell::RefCell::new(Seen::default());
    // The environment (`PROPTEST_CASES`) may ask for more.
    let config = Config { failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let count = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases.max(count) } else { count };
    let config = Config { cases: count, ..config };
    let mut runner = match seed {
        None => TestRunner::new(config),
        Some(seed) => TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32])),
    };
    let result = runner.run(&(pair(), values()), |(pair, values)| holds(&pair, &values, ask, &mut seen.borrow_mut()));
    (result, seen.into_inner())
}

fn ours(a: &Files, b: &Files) -> Answer {
    is_within(a, b)
}

#[test]
fn a_yes_holds_for_every_value_and_a_no_shows_one() {
    let (result, seen) = cases(600, None, &ours);
    if let Err(TestError::Fail(reason, (pair, _))) = result {
        panic!("{reason}\n{pair:?}");
    }
    assert!(seen.yes > 30 && seen.no > 30 && seen.tried > 1000, "all answers come up: {seen:?}");
}

/// A wrong rule, of each kind, is found: the property is not one that anything has. By cases that are always the same: each fault is
/// found by some of them, and chance has no say in which.
#[test]
fn a_planted_wrong_rule_turns_it_red() {
    for keyword in ["type", "required", "additionalProperties", "minimum", "enum", "properties", "items", "anyOf", "minLength"] {
        let blind = |a: &Files, b: &Files| {
            let mut b = b.clone();
            b.iter_mut().for_each(|(_, schema)| forget(schema, keyword));
            is_within(a, &b)
        };
        let found = (0..40).any(|seed| cases(400, Some(seed), &blind).0.is_err());
        assert!(found, "a comparison that is blind for `{keyword}` passes");
    }
}

fn forget(schema: &mut Value, keyword: &str) {
    match schema {
        Value::Object(map) => {
            map.shift_remove(keyword);
            map.values_mut().for_each(|value| forget(value, keyword));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| forget(value, keyword)),
        _ => {}
    }
}
