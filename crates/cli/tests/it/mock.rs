//! `tidewire mock` as a user calls it, and `tidewire flow` against a server that is there.

use crate::support::{KEY, Server, root};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

struct Mock {
    child: Child,
    described: Value,
}

impl Mock {
    fn start(contract: &str, more: &[&str]) -> Mock {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidewire"))
            .args(["mock", "--json", "--listen", "127.0.0.1:0", "--rate", "0"])
            .arg(root().join("contracts").join(contract))
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Mock { child, described: serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")) }
    }

    fn url(&self) -> &str {
        self.described["url"].as_str().unwrap()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(args: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tidewire")).args(args).current_dir(root()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

// C-12
#[test]
fn an_event_is_made_to_happen_from_the_command_line() {
    let mock = Mock::start("party", &[]);
    assert_eq!(mock.described["channels"][0], "party:p1");
    assert!(mock.described["tokens"]["ana"].is_string());
    let (ok, answer, error) = run(&["mock", "contracts/party", "--once", "scene.update", "--url", mock.url()]);
    assert!(ok, "{error}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer["channel"], &answer["type"], &answer["seq"]), (&json!("party:p1"), &json!("scene.update"), &json!(1)));

    // As a backend of any server, with the payload that is given.
    let key = mock.described["backend_key"].as_str().unwrap();
    let vote = json!({ "vote_id": "v-1", "tally": { "A": 1 }, "votes": 1, "voters": 2 }).to_string();
    let more = ["--data", &vote, "--channel", "party:p1", "--url", mock.url(), "--backend-key", key];
    let (ok, answer, error) = run(&[&["mock", "contracts/party", "--once", "vote.update"], &more[..]].concat());
    assert!(ok, "{error}");
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["seq"], 2);

    let (ok, _, error) = run(&["mock", "contracts/party", "--once", "scene.updated", "--url", mock.url()]);
    assert!(!ok && error.contains("there are: ") && error.contains("scene.update"), "{error}");
    let (ok, _, error) = run(&["mock", "contracts/party", "--misbehave", "gap"]);
    assert!(!ok && error.contains("closed-sockets"), "{error}");
}

// C-13
#[test]
fn flows_are_played_against_a_server_that_is_there() {
    let server = Server::start();
    let config = server.folder().join("tidewire.toml");
    let key = format!("{KEY}-conversation");
    let common = ["flow", "contracts/conversation", "--url", &server.url, "--config", config.to_str().unwrap(), "--backend-key", &key];
    let (ok, told, error) = run(&[&common[..], &["--flow", "a message reaches the room"]].concat());
    assert!(ok, "{told}{error}");
    assert!(told.contains("✓ ana, boris receive message.created"), "{told}");
    let (ok, _, error) = run(&[&common[..], &["--flow", "a message reaches the moon"]].concat());
    assert!(!ok && error.contains("a message reaches the room"), "{error}");
}
