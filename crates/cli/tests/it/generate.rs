//! `tidewire gen`, as a user runs it; and what it says of the wire, held against a running server.

use crate::support::{Server, root, token};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use tidewire_contract::compile;
use tidewire_generate::{asyncapi, jsonschema};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidewire")).args(arguments).output().unwrap()
}

fn generate(arguments: &[&str]) -> (Output, String, String) {
    let output = run(&[&["gen"], arguments].concat());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

fn contracts() -> String {
    root().join("contracts").to_string_lossy().into_owned()
}

fn board() -> String {
    root().join("contracts/board").to_string_lossy().into_owned()
}

// C-13: every kind, to standard output, to a file and to a folder; comparing finds what is out of date.
#[test]
fn kinds_and_places() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, alone, all) in [
        ("typescript", "export", vec!["board.ts", "store.ts", "world.ts"]),
        ("markdown", "# Events Contract: Zoo board", vec!["board.md", "store.md", "world.md"]),
        ("asyncapi", "\"asyncapi\": \"3.0.0\"", vec!["board.asyncapi.json", "board.wire.asyncapi.json", "store.asyncapi.json"]),
        ("jsonschema", "\"$id\": \"urn:tidewire:contract:board:1.0.0:all\"", vec!["board/client.json", "board/events/task.removed.json"]),
    ] {
        let (output, printed, _) = generate(&[kind, &board()]);
        assert!(output.status.success() && printed.contains(alone), "{kind}: {printed}");
        let file = folder.path().join(format!("{kind}.one"));
        let file = file.to_str().unwrap();
        assert!(generate(&[kind, &board(), "--out", file]).0.status.success());
        assert_eq!(fs::read_to_string(file).unwrap(), printed, "{kind}");
        assert!(generate(&[kind, &board(), "--out", file, "--check"]).0.status.success(), "{kind}");

        let into = format!("{}/{kind}/", folder.path().display());
        assert!(generate(&[kind, &contracts(), "--out", &into]).0.status.success(), "{kind}");
        for name in all {
            assert!(Path::new(&into).join(name).is_file(), "{kind}: {name}");
        }
        assert!(generate(&[kind, &contracts(), "--out", &into, "--check"]).0.status.success(), "{kind}");
        fs::write(file, "old").unwrap();
        let (output, _, said) = generate(&[kind, &board(), "--out", file, "--check"]);
        assert!(!output.status.success() && said.contains("is out of date"), "{kind}: {said}");
        assert_eq!(fs::read_to_string(file).unwrap(), "old", "comparing writes nothing");
        let (output, _, said) = generate(&[kind, &board(), "--out", &format!("{file}.none"), "--check"]);
        assert!(!output.status.success() && said.contains("is not there"), "{kind}: {said}");
    }
}

// C-13: bad input is told in words that help.
#[test]
fn bad_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    fs::write(path("no.json"), "{").unwrap();
    fs::write(path("openapi.yaml"), "openapi: 3.1.0").unwrap();
    fs::write(path("two.json"), r#"{ "asyncapi": "2.6.0" }"#).unwrap();
    for (arguments, said) in [
        (vec!["picture", &board()], "possible values: typescript, asyncapi, jsonschema, markdown, contract"),
        (vec!["markdown", &path("nowhere")], "the folder cannot be read"),
        (vec!["markdown", &board(), "--view", "wire"], "`--view` is for `asyncapi` alone"),
        (vec!["markdown", &contracts()], "name a folder for them, `--out FOLDER/`"),
        (vec!["markdown", &board(), "--check"], "--out"),
        (vec!["contract", &path("nowhere.json")], "cannot be read"),
        (vec!["contract", &board()], "it is a folder"),
        (vec!["contract", &path("no.json")], "it is not JSON"),
        (vec!["contract", &path("openapi.yaml")], "this is no AsyncAPI document"),
        (vec!["contract", &path("two.json")], "this is AsyncAPI 2.6.0"),
    ] {
        let (output, printed, told) = generate(&arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(told.contains(said), "{arguments:?}: {told}");
        assert_eq!(printed, "", "{arguments:?}");
    }
}

// C-13: there and back through files gives the same contract, which the server's own compiler takes.
#[test]
fn a_contract_comes_back_from_its_asyncapi() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    for view in ["logical", "wire"] {
        assert!(generate(&["asyncapi", &board(), "--view", view, "--out", &path("board.json")]).0.status.success());
        let into = path(&format!("{view}/"));
        let (output, _, told) = generate(&["contract", &path("board.json"), "--out", &into]);
        assert!(output.status.success() && told.is_empty(), "{told}");
        let (there, back) = (compile(Path::new(&board())).unwrap(), compile(Path::new(&into)).unwrap());
        assert_eq!(there.source.document, back.source.document, "{view}");
        assert_eq!(there.source.schemas, back.source.schemas, "{view}");
    }
}

// C-13: of a document of others, what was assumed is said, beside it and in it.
#[test]
fn a_document_of_others_becomes_a_contract() {
    let folder = tempfile::tempdir().unwrap();
    let lights = root().join("crates/generate/tests/asyncapi/lights.yaml");
    let into = format!("{}/lights/", folder.path().display());
    let (output, _, told) = generate(&["contract", lights.to_str().unwrap(), "--out", &into]);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("note: the frames on the wire, `wire`, are not in the document"), "{told}");
    let written = fs::read_to_string(format!("{into}contract.yaml")).unwrap();
    assert!(written.starts_with("# "), "{written}");
    // It compiles; what a whole contract says beside, nobody can make up.
    assert!(run(&["check", &into, "--no-checklist"]).status.success());
}

// C-2, C-3: what a running server sends and answers is what the generated schemas say; no frame is out of them.
#[tokio::test]
async fn a_running_servers_frames_are_what_the_schemas_say() {
    let server = Server::start();
    for (name, channel, path, claims) in [
        ("world", "world:w1", "/ws?world_id=w1", json!({ "sub": "gm", "worlds": ["w1"], "role": "gamemaster" })),
        ("board", "board:zoo", "/api/realtime", json!({ "sub": "z1", "role": "zootechnician" })),
    ] {
        let contract = compile(&root().join("contracts").join(name)).unwrap();
        let schema = |wanted: &str| -> Value {
            let files = jsonschema::files(&contract).files;
            let file = files.into_iter().find(|file| file.path == format!("{name}/{wanted}.json")).unwrap();
            serde_json::from_str(&file.text).unwrap()
        };
        let frames = ::jsonschema::draft202012::new(&schema("server")).unwrap();
        let client = ::jsonschema::draft202012::new(&schema("client")).unwrap();
        let token = token(claims);
        let header =
            if name == "board" { vec![("cookie", format!("session={token}"))] } else { vec![("authorization", format!("Bearer {token}"))] };
        let mut socket = server.websocket(path, &header).await.unwrap();
        let ping = if name == "board" { json!({ "action": "ping" }) } else { json!({ "type": "ping" }) };
        assert!(client.is_valid(&ping));
        socket.send(ping).await;
        assert!(frames.is_valid(&socket.next().await), "{name}: pong");
        let wrong = json!({ "type": "nothing of the kind" });
        assert!(!client.is_valid(&wrong));
        socket.send(wrong).await;
        let error = socket.next().await;
        assert!(frames.is_valid(&error), "{name}: {error}");
        let mut seen = 0;
        for event in contract.events.iter().filter(|e| e.on.iter().any(|kind| contract.channels[*kind].address.parse(channel).is_some())) {
            let event_type = event.name.replace('*', "created");
            server.must(name, json!({ "channel": channel, "type": event_type, "data": event.examples[0] })).await;
            let frame = socket.next().await;
            assert_eq!(frame["type"], event_type.as_str());
            assert!(frames.is_valid(&frame), "{name}: {frame}");
            seen += 1;
        }
        assert!(seen >= 4, "{name}");
        // And what the server describes is what the command makes.
        let (status, _, described) = server.call(hyper::Method::GET, &format!("/asyncapi/{name}.json?view=wire"), None, None).await;
        assert_eq!(status, 200);
        assert_eq!(described, asyncapi::document(&contract, asyncapi::View::Wire).0, "{name}");
    }
}

// C-2, C-4, C-5, C-7: a conversation, frame by frame: what a client sends is what `client.json` takes, what it hears what `server.json` says.
#[tokio::test]
async fn a_conversations_frames_are_what_the_schemas_say() {
    let server = Server::start();
    let contract = compile(&root().join("contracts/conversation")).unwrap();
    let schema = |wanted: &str| {
        let files = jsonschema::files(&contract).files;
        let file = files.into_iter().find(|file| file.path == format!("conversation/{wanted}.json")).unwrap();
        ::jsonschema::draft202012::new(&serde_json::from_str(&file.text).unwrap()).unwrap()
    };
    let (client, frames, page) = (schema("client"), schema("server"), schema("page"));
    let token = token(json!({ "sub": "ana", "name": "Ana", "conversations": ["c1"] }));
    let mut socket = server.websocket(&format!("/conversations/ws?token={token}"), &[]).await.unwrap();
    let hello = socket.next().await;
    assert!(hello["type"] == "connection.established" && frames.is_valid(&hello), "{hello}");
    let send = |text: &str| json!({ "type": "message.send", "payload": { "conversation": "c1", "text": text, "client_id": "c-1" } });
    for (frame, wanted, is_good) in [
        (json!({ "type": "room.join", "payload": { "room": "conversation:c1" } }), vec!["room.join.ack"], true),
        (json!({ "type": "room.join", "payload": { "room": "conversation:c2" } }), vec!["error"], true),
        (send("Hello"), vec!["message.created", "message.send.ack"], true),
        (send(&"x".repeat(501)), vec!["message.send.error"], false),
        (json!({ "type": "room.leave" }), vec!["error"], false),
        (
            json!({ "type": "sync.request", "payload": { "since": "2026-01-31T10:00:00Z" } }),
            vec!["message.created", "sync.request.ack"],
            true,
        ),
        (json!({ "type": "ping" }), vec!["pong"], true),
    ] {
        assert_eq!(client.is_valid(&frame), is_good, "{frame}");
        socket.send(frame).await;
        let mut heard = Vec::new();
        for _ in &wanted {
            let frame = socket.next().await;
            assert!(frames.is_valid(&frame), "{frame}");
            heard.push(frame["type"].as_str().unwrap().to_owned());
        }
        heard.sort();
        assert_eq!(heard, wanted);
    }
    let (status, _, read) = server.get("/conversations/c1/messages", &token).await;
    assert!(status == 200 && page.is_valid(&read) && read.as_array().unwrap().len() == 1, "{read}");
    assert!(!page.is_valid(&json!([{ "type": "message.created" }])));
}
