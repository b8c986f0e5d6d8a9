//! `tidewire device`, and that nothing which is logged has a token in it.

use crate::support::{KEY, Server};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::process::{Command, Output};

fn run(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidewire"));
    command.env_remove("TIDEWIRE_URL").env_remove("TIDEWIRE_BACKEND_KEY");
    command.arg("device").args(args).envs(environment.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_help_of_each_command_is_enough_to_use_it() {
    for (verb, words) in [
        (
            "create",
            &["--type", "--store", "--ability", "--allow", "--name", "--id", "--json", "--backend-key", "TIDEWIRE_BACKEND_KEY", "token"][..],
        ),
        ("list", &["--url", "--json"]),
        ("show", &["<ID>"]),
        ("update", &["<ID>", "--no-abilities", "--allow-any", "stays"]),
        ("block", &["<ID>", "connections end"]),
        ("unblock", &["<ID>"]),
        ("rotate", &["<ID>", "in place of"]),
        ("remove", &["<ID>", "not given again"]),
    ] {
        let help = run(&[verb, "--help"], &[]);
        let told = text(&help.stdout);
        assert!(help.status.success() && words.iter().all(|word| told.contains(word)), "{verb}: {told}");
    }
}

// K-3: a registry from the command line, with the key in the environment, as an operator has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_from_its_token_to_its_end() {
    let server = Server::start();
    let key = format!("{KEY}-store");
    let environment = [("TIDEWIRE_URL", server.url.as_str()), ("TIDEWIRE_BACKEND_KEY", key.as_str())];
    let json = |args: &[&str]| -> Value {
        let done = run(&[args, &["--json"]].concat(), &environment);
        assert!(done.status.success(), "{}", text(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap()
    };
    let made = json(&[
        "create",
        "--id",
        "42",
        "--type",
        "KDS",
        "--store",
        "s1",
        "--ability",
        "kds.read",
        "--allow",
        "127.0.0.0/8",
        "--allow",
        "::1",
    ]);
    assert_eq!((&made["id"], &made["allow"]), (&json!(42), &json!(["127.0.0.0/8", "::1"])));
    let token = made["token"].as_str().unwrap();
    let path = "/v1/events/since?channel=private-store.s1.kds";
    assert_eq!(server.get(path, token).await.0, StatusCode::OK);
    json(&["block", "42"]);
    let (status, _, refused) = server.get(path, token).await;
    assert_eq!((status, &refused["check"]), (StatusCode::FORBIDDEN, &json!("blocked")));
    json(&["unblock", "42"]);
    assert_eq!(server.get(path, token).await.0, StatusCode::OK);
    json(&["update", "42", "--ability", "order.read", "--allow-any"]);
    assert_eq!(json(&["show", "42"])["abilities"], json!(["order.read"]));
    assert_eq!(json(&["show", "42"])["allow"], json!([]));
    assert_eq!(server.get(path, token).await.0, StatusCode::FORBIDDEN);
    let path = "/v1/events/since?channel=private-store.s1.orders";
    let rotated = json(&["rotate", "42"]);
    assert_eq!(server.get(path, token).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(server.get(path, rotated["token"].as_str().unwrap()).await.0, StatusCode::OK);
    let table = text(&run(&["list"], &environment).stdout);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("ABILITIES") && lines[1].contains("42") && lines[1].contains("order.read"), "{table}");
    json(&["remove", "42"]);
    assert_eq!(json(&["list"]), json!({ "devices": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_said_and_fails() {
    let server = Server::start();
    let key = format!("{KEY}-store");
    let url = ["--url", &server.url];
    for (args, environment, words) in [
        (vec!["list"], None, "--backend-key"),
        (vec!["list"], Some("nobody's key"), "401"),
        (vec!["list"], Some("backend-key-of-the-tests-world"), "no registry of devices"),
        (vec!["show", "7"], Some(key.as_str()), "there is no device 7"),
        (vec!["create", "--type", "POS", "--allow", "the office"], Some(key.as_str()), "the office"),
        (vec!["create"], Some(key.as_str()), "type"),
    ] {
        let environment: Vec<_> = environment.map(|key| ("TIDEWIRE_BACKEND_KEY", key)).into_iter().collect();
        let failed = run(&[&args[..], &url[..]].concat(), &environment);
        let told = text(&failed.stderr);
        assert!(!failed.status.success() && told.contains(words) && failed.stdout.is_empty(), "{args:?}: {told}");
    }
    let nobody = run(&["list", "--url", "http://127.0.0.1:1", "--backend-key", "k"], &[]);
    assert!(text(&nobody.stderr).contains("is the server running?"), "{}", text(&nobody.stderr));
}

// K-3: whatever happens to a token, no log line has it.
#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_ever_logged() {
    let server = Server::with_environment(vec![("TIDEWIRE_LOG_LEVEL", "trace".to_owned()), ("TIDEWIRE_LOG_FORMAT", "json".to_owned())]);
    let key = format!("{KEY}-store");
    let body = json!({ "type": "KDS", "store": "s1", "abilities": ["kds.read"] });
    let (_, _, made) = server.call(Method::POST, "/v1/devices", Some(&key), Some(&body)).await;
    let (_, _, rotated) = server.call(Method::POST, "/v1/devices/1/token", Some(&key), None).await;
    let tokens = [made["token"].as_str().unwrap(), rotated["token"].as_str().unwrap()];
    for token in tokens {
        let sign = json!({ "socket_id": "1.1", "channel_name": "private-store.s1.kds" });
        for path in ["/broadcasting/auth", "/broadcasting/user-auth", "/v1/devices/verify", "/v1/devices"] {
            let (status, _, answer) = server.call(Method::POST, path, Some(token), Some(&sign)).await;
            assert!(status.is_client_error() && !answer.to_string().contains(&token[2..]), "{answer}");
        }
        server.call(Method::POST, "/v1/devices/verify", Some(&key), Some(&json!({ "token": token, "ability": "none" }))).await;
        server.get("/v1/events/since?channel=private-store.s1.kds", token).await;
        let escaped = token.replace('|', "%7C");
        for path in ["/v1/events/since?channel=private-store.s1.kds&token=", "/nothing?token=", "/app/store-app-key?token="] {
            server.call(Method::GET, &format!("{path}{escaped}"), None, None).await;
        }
    }
    // The last of it is there, so all of it is.
    server.call(Method::GET, "/the-end-of-it", None, None).await;
    while !server.log().iter().any(|line| line.contains("/the-end-of-it")) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let log = server.log();
    assert!(log.iter().any(|line| line.contains("/broadcasting/auth")), "requests are logged: {log:?}");
    for token in tokens {
        let random = &token[2..];
        let found: Vec<&String> = log.iter().filter(|line| line.contains(random)).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
