//! Every parser of bytes from outside, on the seeds of its fuzz target, on what is near to them, and on anything: no panic,
//! and what it says of itself is so. `make fuzz` goes on from here.

// G-5

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use std::fs;
use tidewire_hostile::TARGETS;

/// Bytes put in, taken out or doubled at a place.
#[derive(Debug, Clone)]
struct Edit {
    at: usize,
    how: u8,
    with: Vec<u8>,
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let telling = prop::sample::select(vec![
        &b"\""[..],
        b"\\",
        b"{",
        b"[",
        b"}",
        b":",
        b",",
        b"$ref",
        b"\xff",
        b"\0",
        b"-1",
        b"1e999",
        b"\n",
        b"*",
        b"%",
    ]);
    let with = prop_oneof![telling.prop_map(<[u8]>::to_vec), vec(any::<u8>(), 1..6)];
    vec((any::<usize>(), any::<u8>(), with).prop_map(|(at, how, with)| Edit { at, how, with }), 0..6)
}

fn edited(seed: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for Edit { at, how, with } in edits {
        let at = at % (bytes.len() + 1);
        let end = (at + with.len()).min(bytes.len());
        match how % 4 {
            0 => drop(bytes.splice(at..at, with.iter().copied())),
            1 => drop(bytes.splice(at..end, with.iter().copied())),
            2 => drop(bytes.drain(at..end)),
            _ => {
                let again = bytes[at..(at + 40).min(bytes.len())].to_vec();
                drop(bytes.splice(at..at, again));
            }
        }
    }
    bytes
}

#[test]
fn nothing_from_outside_is_too_much() {
    for target in TARGETS {
        for seed in target.seeds {
            (target.run)(seed);
        }
        // Half of it near the seeds, half of it anything.
        let bytes = prop_oneof![
            (prop::sample::select(target.seeds.to_vec()), edits()).prop_map(|(seed, edits)| edited(seed, &edits)),
            vec(any::<u8>(), 0..300),
        ];
        // `PROPTEST_CASES` asks for more, where no fuzzer is at hand.
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
        let result = runner.run(&bytes, |bytes| {
            (target.run)(&bytes);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{}: {error}", target.name);
        }
    }
}

/// Deep nesting is what kills others.
#[test]
fn a_hundred_thousand_levels_are_nothing() {
    for target in TARGETS {
        for open in [&b"["[..], b"{\"a\":", b"- ", b"(", b"{ a: ["] {
            let deep = open.repeat(100_000);
            (target.run)(&deep);
            (target.run)(&[b"\x00", &deep[..]].concat());
        }
    }
}

#[test]
fn every_target_is_fuzzed() {
    let fuzz = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz");
    let manifest = fs::read_to_string(format!("{fuzz}/Cargo.toml")).unwrap();
    let script = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/fuzz.sh")).unwrap();
    for target in TARGETS {
        let name = target.name;
        let body = fs::read_to_string(format!("{fuzz}/fuzz_targets/{name}.rs")).unwrap_or_default();
        assert!(body.contains(&format!("run(\"{name}\", bytes)")), "fuzz/fuzz_targets/{name}.rs runs it");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml has {name}");
        assert!(script.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name), "scripts/fuzz.sh runs {name}");
    }
    for file in fs::read_dir(format!("{fuzz}/fuzz_targets")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(TARGETS.iter().any(|target| format!("{}.rs", target.name) == name), "{name} is a target");
    }
}
