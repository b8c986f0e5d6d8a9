//! The verbs of the command line, as their --help says.

use crate::support::*;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

fn tidewire(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidewire")).args(args).current_dir(root()).env("TIDEWIRE_SECRET", SECRET).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn check_passes_what_is_right_and_tells_what_is_wrong() {
    let right = tidewire(&["check", "contracts"]);
    assert!(right.status.success(), "{}", text(&right.stderr));
    assert!(text(&right.stdout).contains("every event can be triggered by itself"), "{}", text(&right.stdout));
    let folder = tempfile::tempdir().unwrap();
    let contract = std::fs::read_to_string(root().join("contracts/board/contract.yaml")).unwrap();
    let broken = contract.replace("mirrors: zoo", "mirors: zoo").replace("channels: $channels }", "channels: $chanels }");
    copy(&root().join("contracts/board/schemas"), &folder.path().join("schemas"));
    std::fs::write(folder.path().join("contract.yaml"), broken).unwrap();
    let path = folder.path().to_str().unwrap();
    let wrong = tidewire(&["check", path]);
    assert_eq!(wrong.status.code(), Some(1));
    let told = text(&wrong.stderr);
    assert!(told.contains("contract.yaml:") && told.contains("`mirrors`") && told.contains("$channels") && told.contains("^^^"), "{told}");
    let wrong = tidewire(&["check", path, "--format", "json"]);
    assert_eq!(wrong.status.code(), Some(1));
    let problems: Vec<Value> = serde_json::from_slice(&wrong.stdout).unwrap();
    assert!(problems.len() >= 2, "all mistakes at once: {problems:?}");
    for problem in problems {
        assert!(problem["line"].as_u64() > Some(0) && problem["column"].as_u64() > Some(0) && problem["message"].is_string(), "{problem}");
    }
}

// C-12
#[test]
fn check_fails_where_an_item_of_the_checklist_does_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let contract = std::fs::read_to_string(root().join("contracts/board/contract.yaml")).unwrap();
    copy(&root().join("contracts/board/schemas"), &folder.path().join("schemas"));
    let without_pong = contract.replace("    pong:         { action: pong }\n", "");
    assert_ne!(without_pong, contract);
    std::fs::write(folder.path().join("contract.yaml"), without_pong).unwrap();
    let path = folder.path().to_str().unwrap();
    let failing = tidewire(&["check", path]);
    assert_eq!(failing.status.code(), Some(1));
    let (said, told) = (text(&failing.stdout), text(&failing.stderr));
    assert!(said.contains("1 not") && said.contains("every frame of a client has an answer"), "{said}");
    assert!(told.contains("no-answer") && told.contains("contract.yaml:") && told.contains("`pong:`") && told.contains("^^^^"), "{told}");
    let json = tidewire(&["check", path, "--format", "json"]);
    assert_eq!(json.status.code(), Some(1));
    let problems: Vec<Value> = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((problems.len(), &problems[0]["code"]), (1, &json!("no-answer")));
    assert!(tidewire(&["check", path, "--no-checklist"]).status.success(), "a server would serve it");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn token_publish_and_tail_work_together() {
    let server = Server::start();
    let made =
        tidewire(&["token", "world", "--claim", "sub=ana", "--claim", "worlds=[\"w1\"]", "--claim", "role=gamemaster", "--expires", "5m"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let token = text(&made.stdout).trim().to_owned();
    let key = format!("{KEY}-world");
    let publish = |name: &str| {
        let data = json!({ "id": "w1", "name": name }).to_string();
        tidewire(&["publish", "world:w1", "world.updated", &data, "--url", &server.url, "--backend-key", &key, "--key", name])
    };
    let first = publish("one");
    assert!(first.status.success(), "{}", text(&first.stderr));
    let first: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(first["seq"], 1);
    let again: Value = serde_json::from_slice(&publish("one").stdout).unwrap();
    assert_eq!((&again["seq"], &again["duplicate"]), (&json!(1), &json!(true)));
    let mut tail = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["tail", "world:w1", "--token", &token, "--url", &server.url, "--since", "0", "--count", "2"])
        .current_dir(root())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["data"]["name"], "one");
    assert!(publish("two").status.success());
    assert_eq!(next()["data"]["name"], "two");
    assert!(tail.wait().unwrap().success());
    let refused = tidewire(&["publish", "world:w1", "world.updated", "{}", "--url", &server.url, "--backend-key", &key]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("/errors") || text(&refused.stderr).contains("required"), "{}", text(&refused.stderr));
    let stranger = tidewire(&["tail", "world:w1", "--token", "junk", "--url", &server.url]);
    assert_eq!(stranger.status.code(), Some(1));
    assert!(text(&stranger.stderr).contains("401"), "{}", text(&stranger.stderr));
}

#[test]
fn help_is_there_for_every_verb() {
    for verb in ["serve", "demo", "check", "new", "publish", "tail", "token", "bench"] {
        let help = tidewire(&[verb, "--help"]);
        assert!(help.status.success() && text(&help.stdout).contains("Usage:"), "{verb}");
    }
}

// No key, no start.
#[test]
fn without_keys_nothing_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let refused = tidewire(&["serve", "--listen", "127.0.0.1:0", "--data", folder.path().to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    let told = text(&refused.stderr);
    assert!(told.contains("has no key"), "{told}");
}
