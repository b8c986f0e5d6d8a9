//! The shipped contracts' flows, played by the verb as a user calls it.

use crate::support::root;
use serde_json::Value;
use std::{collections::BTreeSet, process::Command};
use tidewire_contract::{Contract, load_all};

fn play(contract: &Contract) -> (bool, Value, String) {
    let played = Command::new(env!("CARGO_BIN_EXE_tidewire")).args(["flow", "--format", "json"]).arg(&contract.folder).output().unwrap();
    let told = serde_json::from_slice(&played.stdout).unwrap_or(Value::Null);
    (played.status.success(), told, String::from_utf8_lossy(&played.stderr).into_owned())
}

fn all_as_written(name: &str) {
    let contracts = load_all(&root().join("contracts")).unwrap();
    let contract = contracts.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("there is no contract {name}"));
    let (ok, told, error) = play(contract);
    let plays = told.as_array().unwrap_or_else(|| panic!("{name}: {error}"));
    if let Some(play) = plays.iter().find(|play| play["ok"] != true) {
        panic!("{play:#}");
    }
    assert!(ok, "{error}");
    // None is left out: each is played over at least one transport.
    let played: BTreeSet<&str> = plays.iter().filter_map(|play| play["flow"].as_str()).collect();
    let written: BTreeSet<&str> = contract.flows.iter().map(|flow| flow.title.as_str()).collect();
    assert_eq!(played, written);
    assert!(!written.is_empty(), "{name} has no flows");
}

// C-13
#[test]
fn the_flows_of_the_conversations_are_as_written() {
    all_as_written("conversation");
}

// P-6, P-10
#[test]
fn the_flows_of_the_party_are_as_written() {
    all_as_written("party");
}

// B-1, W-4, K-3: and of every other contract that has some.
#[test]
fn the_flows_of_all_others_are_as_written() {
    for contract in load_all(&root().join("contracts")).unwrap() {
        if !contract.flows.is_empty() && !["conversation", "party"].contains(&contract.name.as_str()) {
            all_as_written(&contract.name);
        }
    }
}
