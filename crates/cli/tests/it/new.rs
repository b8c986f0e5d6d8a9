//! `tidewire new`: from nothing to a server that speaks the new protocol.

use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

fn tidewire(folder: &Path, environment: &[(String, String)], args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidewire")).args(args).current_dir(folder).envs(environment.iter().cloned()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Ends with the test.
struct Serving(Child, String);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(folder: &Path, environment: &[(String, String)]) -> Serving {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["serve", "--contracts", "contracts", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
        .current_dir(folder)
        .envs(environment.iter().cloned())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    while let Some(Ok(line)) = lines.next() {
        if let Some(url) = serde_json::from_str::<Value>(&line).ok().and_then(|json| json["url"].as_str().map(str::to_owned)) {
            std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
            return Serving(child, url);
        }
        said += &line;
    }
    let _ = child.wait();
    panic!("the server did not start: {said}")
}

// C-13
#[test]
fn a_new_contract_passes_its_checks_and_its_flow_and_is_served_as_the_lines_say_that_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let made = tidewire(folder.path(), &[], &["new", "night-shift"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let printed = text(&made.stdout);
    let contract = fs::read_to_string(folder.path().join("contracts/night-shift/contract.yaml")).unwrap();
    assert!(contract.contains("name: night-shift") && contract.contains("title: Night shift") && !contract.contains("__"));
    assert!(contract.contains("# "), "it explains itself");

    let checked = tidewire(folder.path(), &[], &["check", "contracts/night-shift"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert!(!text(&checked.stdout).contains("but"), "no exceptions: {}", text(&checked.stdout));
    let played = tidewire(folder.path(), &[], &["flow", "contracts/night-shift"]);
    assert!(played.status.success(), "{}{}", text(&played.stdout), text(&played.stderr));

    let environment: Vec<(String, String)> = printed
        .lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(environment.len(), 2, "{printed}");
    let server = serve(folder.path(), &environment);
    let told = printed.lines().find(|line| line.starts_with("tidewire publish")).unwrap();
    let key = told.rsplit(' ').next().unwrap();
    let token = tidewire(folder.path(), &environment, &["token", "night-shift", "--claim", "sub=ana", "--claim", "rooms=[\"lobby\"]"]);
    assert!(token.status.success(), "{}", text(&token.stderr));
    let deleted = r#"{"id":"6f0f9d2e-8a44-5a0e-9b1a-0d4c1a5f7e11"}"#;
    assert!(told.contains(deleted), "{told}");
    let published = tidewire(
        folder.path(),
        &environment,
        &["publish", "room:lobby", "message.deleted", deleted, "--backend-key", key, "--url", &server.1],
    );
    assert!(published.status.success(), "{}", text(&published.stderr));
    let token = text(&token.stdout).trim().to_owned();
    // Frames of its own come first: who is greeted, what is joined.
    let mut tail = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["tail", "room:lobby", "--contracts", "contracts", "--token", &token, "--url", &server.1, "--since", "0"])
        .current_dir(folder.path())
        .envs(environment.iter().cloned())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(tail.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut frames = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let seen = frames.find(|frame| frame["type"] == "message.deleted");
    let _ = tail.kill();
    let _ = tail.wait();
    assert_eq!(seen.unwrap()["payload"]["id"], "6f0f9d2e-8a44-5a0e-9b1a-0d4c1a5f7e11");
}

// C-13
#[test]
fn nothing_is_written_over_and_a_name_has_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("contracts/chat");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("contract.yaml"), "mine").unwrap();
    let refused = tidewire(folder.path(), &[], &["new", "chat"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is there already"), "{}", text(&refused.stderr));
    assert_eq!(fs::read_to_string(own.join("contract.yaml")).unwrap(), "mine");
    assert_eq!(fs::read_dir(&own).unwrap().count(), 1);
    for name in ["Chat", "../chat", "chat/room", "", "1chat", "chat room", "-chat", &"x".repeat(64)] {
        let refused = tidewire(folder.path(), &[], &["new", "--in", "elsewhere", "--", name]);
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(text(&refused.stderr).contains("cannot be a contract's name"), "{name}: {}", text(&refused.stderr));
    }
    assert!(!folder.path().join("elsewhere").exists(), "nothing was made");
    let elsewhere = tidewire(folder.path(), &[], &["new", "chat", "--in", "elsewhere"]);
    assert!(elsewhere.status.success() && folder.path().join("elsewhere/chat/contract.yaml").is_file(), "{}", text(&elsewhere.stderr));
}
