//! The conversation contract with its reference backend, as a client meets them: over a real WebSocket, with a real server. // C-4 C-5 C-6 C-7 C-9 C-10

use crate::support::*;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};
use tidewire_example_conversation::{Config, Running, run};

/// A server of the conversation contract, and its backend.
struct Talk {
    server: Server,
    contracts: PathBuf,
    backend: SocketAddr,
    running: Option<Running>,
    _folder: tempfile::TempDir,
}

/// With the shipped contract, but for what `change` makes of it.
async fn talk(change: impl Fn(String) -> String) -> Talk {
    let mut talk = without_backend(change);
    talk.start_backend(SECRET).await;
    talk
}

fn without_backend(change: impl Fn(String) -> String) -> Talk {
    let folder = tempfile::tempdir().unwrap();
    let contracts = folder.path().join("contracts");
    copy(&root().join("contracts/conversation"), &contracts.join("conversation"));
    let path = contracts.join("conversation/contract.yaml");
    std::fs::write(&path, change(std::fs::read_to_string(&path).unwrap())).unwrap();
    // The server has to know where its backend will be.
    let backend = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).unwrap();
    let tail = format!("[contracts.conversation.backends.conversations]\nurl = \"http://{backend}/handed-over\"\nsecret = \"{SECRET}\"\n");
    Talk { server: Server::with_tail(&contracts, &tail), contracts, backend, running: None, _folder: folder }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|e| e.unwrap().path()) {
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() { copy(&entry, &target) } else { std::fs::copy(&entry, target).map(drop).unwrap() }
    }
}

impl Talk {
    async fn start_backend(&mut self, secret: &str) {
        let config = Config {
            common: tidewire_example_world::Config {
                tidewire_url: self.server.url.clone(),
                backend_key: format!("{KEY}-conversation"),
                listen: self.backend,
                ..Default::default()
            },
            secret: secret.to_owned(),
        };
        self.running = Some(run(config).await.unwrap());
    }

    async fn stop_backend(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    async fn connect(&self, who: &str) -> Socket {
        let token = token(json!({ "sub": who, "conversations": ["c1", "c2"] }));
        let mut socket = self.server.websocket(&format!("/conversations/ws?token={token}"), &[]).await.unwrap();
        let hello = socket.next().await;
        assert_eq!(hello["type"], "connection.established");
        socket
    }

    /// Connected, and in the room.
    async fn enter(&self, who: &str) -> Socket {
        let mut socket = self.connect(who).await;
        socket.send(join("c1")).await;
        let joined = socket.next().await;
        assert_eq!((&joined["type"], &joined["payload"]["room"]), (&json!("room.join.ack"), &json!(["conversation:c1"])));
        socket
    }

    async fn kill_and_restart(&mut self) {
        self.stop_backend().await;
        let contracts = self.contracts.clone();
        self.server.kill_and_restart(&contracts);
        self.start_backend(SECRET).await;
    }

    async fn snapshot(&self) -> Value {
        let url = format!("http://{}/conversations/c1/messages", self.backend);
        ask(&url).await
    }

    /// What the room's log has: types and ids.
    async fn told(&self) -> Vec<(String, String)> {
        let bearer = format!("{KEY}-conversation");
        let (status, _, page) = self.server.call(Method::GET, "/v1/events/since?channel=conversation:c1", Some(&bearer), None).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        page["events"].as_array().unwrap().iter().map(|e| (text(&e["type"]), text(&e["payload"]["id"]))).collect()
    }
}

async fn ask(url: &str) -> Value {
    use http_body_util::{BodyExt, Full};
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    let client: Client<_, Full<hyper::body::Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.get(url.parse().unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

fn join(conversation: &str) -> Value {
    json!({ "type": "room.join", "payload": { "room": format!("conversation:{conversation}") } })
}

fn send(text: &str, client_id: &str) -> Value {
    json!({ "type": "message.send", "payload": { "conversation": "c1", "text": text, "client_id": client_id } })
}

fn edit(id: &str, text: &str, version: i64, client_id: &str) -> Value {
    json!({ "type": "message.edit", "payload": { "conversation": "c1", "id": id, "text": text, "version": version, "client_id": client_id } })
}

fn delete(id: &str, version: i64, client_id: &str) -> Value {
    json!({ "type": "message.delete", "payload": { "conversation": "c1", "id": id, "version": version, "client_id": client_id } })
}

/// The next frame of this type; others may come before it.
async fn of(socket: &mut Socket, frame_type: &str) -> Value {
    for _ in 0..300 {
        let frame = socket.next().await;
        if frame["type"] == frame_type {
            return frame;
        }
    }
    panic!("no {frame_type} came")
}

/// Writes a message; its id.
async fn write(socket: &mut Socket, text: &str, client_id: &str) -> String {
    socket.send(send(text, client_id)).await;
    of(socket, "message.created").await["payload"]["id"].as_str().unwrap().to_owned()
}

/// An error says what is wrong, with which event, and what can be done.
fn is_error(frame: &Value, code: &str, event: &str) {
    let payload = &frame["payload"];
    assert_eq!((&payload["code"], &payload["originalEvent"]), (&json!(code), &json!(event)), "{frame}");
    for part in ["message", "action"] {
        assert!(payload[part].as_str().is_some_and(|text| !text.is_empty()), "{part} of {frame}");
    }
}

// C-2, C-3, C-4, C-7: the whole of a conversation, frame by frame.
#[tokio::test]
async fn a_conversation() {
    let talk = talk(|same| same).await;
    let ana_token = token(json!({ "sub": "ana", "conversations": ["c1"] }));
    let mut ana = talk.server.websocket(&format!("/conversations/ws?token={ana_token}"), &[]).await.unwrap();
    let hello = ana.next().await;
    assert!(hello["payload"]["connectionId"].is_string() && hello["payload"]["serverTime"].as_str().unwrap().ends_with('Z'), "{hello}");
    ana.send(join("c1")).await;
    of(&mut ana, "room.join.ack").await;
    let mut boris = talk.enter("boris").await;

    ana.send(send("Hello", "c-1")).await;
    let created = boris.next().await;
    assert_eq!(
        (&created["type"], &created["payload"]["data"]["text"], &created["payload"]["data"]["author"]),
        (&json!("message.created"), &json!("Hello"), &json!("ana"))
    );
    assert!(created["timestamp"].as_str().unwrap().ends_with('Z'));
    let mut hers = [ana.next().await, ana.next().await];
    hers.sort_by_key(|frame| frame["type"].as_str().unwrap().len());
    assert_eq!(hers[0], created);
    assert_eq!((&hers[1]["type"], &hers[1]["payload"]["duplicate"]), (&json!("message.send.ack"), &json!(false)));

    let id = created["payload"]["id"].as_str().unwrap();
    ana.send(edit(id, "Hello!", 1, "c-2")).await;
    let updated = boris.next().await;
    assert_eq!(
        (&updated["type"], &updated["payload"]),
        (&json!("message.updated"), &json!({ "id": id, "changes": { "text": "Hello!" }, "version": 2 }))
    );
    assert_eq!(of(&mut ana, "message.edit.ack").await["payload"], json!({ "id": id, "version": 2 }));
    let snapshot = talk.snapshot().await;
    assert_eq!((&snapshot["messages"][0]["text"], &snapshot["messages"][0]["version"]), (&json!("Hello!"), &json!(2)));

    boris.send(json!({ "type": "room.leave", "payload": { "room": "conversation:c1" } })).await;
    let left = boris.next().await;
    assert_eq!(left["payload"]["room"], json!(["conversation:c1"]), "{left}");
    ana.send(delete(id, 2, "c-3")).await;
    let deleted = of(&mut ana, "message.deleted").await;
    assert_eq!(deleted["payload"]["id"], id);
    assert!(boris.is_quiet().await, "who has left the room hears nothing of it");
    boris.send(json!({ "type": "ping" })).await;
    assert_eq!(boris.next().await["type"], "pong");

    // The snapshot's position is where the stream goes on (G-3).
    let snapshot = talk.snapshot().await;
    assert_eq!(snapshot["messages"], json!([]));
    write(&mut ana, "again", "c-4").await;
    let after = talk.told().await;
    let seq: usize = snapshot["position"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(after[seq..].iter().map(|(t, _)| t.as_str()).collect::<Vec<_>>(), ["message.created"]);
}

// C-1: the same events over SSE, with the bearer in the header.
#[tokio::test]
async fn the_same_over_sse() {
    let talk = talk(|same| same).await;
    let bearer = format!("Bearer {}", token(json!({ "sub": "boris", "conversations": ["c1"] })));
    let mut stream = talk.server.sse("/conversations/events?room=conversation:c1", &[("authorization", bearer)]).await;
    assert_eq!(stream.next().await.data["type"], "connection.established");
    let mut ana = talk.enter("ana").await;
    let id = write(&mut ana, "Hello", "c-1").await;
    let sent = stream.next().await;
    assert_eq!((&sent.data["type"], &sent.data["payload"]["id"]), (&json!("message.created"), &json!(id)));
}

// C-5, G-5: every way of being wrong has its code, its words and what to do; the connection lives on.
#[tokio::test]
async fn errors_say_what_to_do() {
    let talk = talk(|same| same).await;
    let mut ana = talk.enter("ana").await;
    ana.send(send(&"x".repeat(501), "c-1")).await;
    let told = ana.next().await;
    assert_eq!(told["type"], "message.send.error");
    is_error(&told, "INVALID_PAYLOAD", "message.send");
    assert_eq!(told["payload"]["errors"][0]["pointer"], "/text", "{told}");
    ana.send(json!({ "type": "message.shout", "payload": {} })).await;
    is_error(&ana.next().await, "NOT_FOUND", "message.shout");
    ana.send(json!({ "type": "message.created", "payload": {} })).await;
    assert_eq!(ana.next().await["payload"]["code"], "UNAUTHORIZED");
    ana.send(join("c9")).await;
    let told = ana.next().await;
    assert_eq!(told["type"], "error");
    is_error(&told, "UNAUTHORIZED", "room.join");
    ana.send(json!({ "type": "room.join", "payload": { "room": "lobby" } })).await;
    is_error(&ana.next().await, "NOT_FOUND", "room.join");
    ana.send(json!({ "type": "sync.request", "payload": { "since": "yesterday" } })).await;
    is_error(&ana.next().await, "INVALID_PAYLOAD", "sync.request");
    ana.send_text("no JSON").await;
    assert_eq!(ana.next().await["payload"]["code"], "INVALID_PAYLOAD");
    // Nobody writes where they may not be, in nobody's name.
    ana.send(json!({ "type": "message.send", "payload": { "conversation": "c9", "text": "x", "client_id": "c-9" } })).await;
    is_error(&ana.next().await, "UNAUTHORIZED", "message.send");
    let missing = "550e8400-e29b-41d4-a716-446655440000";
    ana.send(edit(missing, "x", 1, "c-2")).await;
    is_error(&ana.next().await, "NOT_FOUND", "message.edit");
    let id = write(&mut ana, "mine", "c-3").await;
    let mut boris = talk.enter("boris").await;
    boris.send(edit(&id, "yours", 1, "c-4")).await;
    is_error(&boris.next().await, "UNAUTHORIZED", "message.edit");
}

// C-3, C-5: who changes what has changed meanwhile gets CONFLICT, with the current version; of two at once one wins.
#[tokio::test]
async fn a_conflict_names_the_current_version() {
    let talk = talk(|same| same).await;
    let (mut here, mut there) = (talk.enter("ana").await, talk.enter("ana").await);
    let id = write(&mut here, "Hello", "c-1").await;
    of(&mut there, "message.created").await;
    here.send(edit(&id, "one", 1, "c-2")).await;
    there.send(edit(&id, "two", 1, "c-3")).await;
    let answer = |frame: &Value| frame["type"].as_str().unwrap().starts_with("message.edit.");
    let mut answers = Vec::new();
    for socket in [&mut here, &mut there] {
        answers.push(loop {
            let frame = socket.next().await;
            if answer(&frame) {
                break frame;
            }
        });
    }
    answers.sort_by_key(|frame| frame["type"].to_string());
    assert_eq!(answers[0]["type"], "message.edit.ack");
    is_error(&answers[1], "CONFLICT", "message.edit");
    let detail = &answers[1]["payload"]["errors"][0];
    assert_eq!((&detail["current"], &detail["of"]), (&json!(2), &json!(id)), "{}", answers[1]);
    assert_eq!(talk.told().await.len(), 2);
    here.send(delete(&id, 1, "c-4")).await;
    is_error(&of(&mut here, "message.delete.error").await, "CONFLICT", "message.delete");
}

// C-9: after a break, what was missed since the last timestamp, in order; and then on.
#[tokio::test]
async fn a_client_syncs_what_it_missed() {
    let talk = talk(|same| same).await;
    let (mut ana, mut boris) = (talk.enter("ana").await, talk.enter("boris").await);
    write(&mut ana, "one", "c-1").await;
    let last = of(&mut boris, "message.created").await["timestamp"].as_str().unwrap().to_owned();
    boris.close().await;
    for (n, text) in ["two", "three", "four"].into_iter().enumerate() {
        write(&mut ana, text, &format!("c-{}", n + 2)).await;
    }
    let mut boris = talk.enter("boris").await;
    boris.send(json!({ "type": "sync.request", "payload": { "since": last } })).await;
    for text in ["two", "three", "four"] {
        assert_eq!(of(&mut boris, "message.created").await["payload"]["data"]["text"], text);
    }
    write(&mut ana, "five", "c-9").await;
    assert_eq!(of(&mut boris, "message.created").await["payload"]["data"]["text"], "five");
}

// W-7, P-7: the same key again is the same message, and the same change; also after kill -9.
#[tokio::test]
async fn the_same_again_changes_nothing() {
    let mut talk = talk(|same| same).await;
    let mut ana = talk.enter("ana").await;
    let id = write(&mut ana, "Hello", "c-1").await;
    ana.send(edit(&id, "Hello!", 1, "c-2")).await;
    let first = of(&mut ana, "message.edit.ack").await["payload"].clone();
    let before = talk.told().await;
    for restarted in [false, true] {
        if restarted {
            talk.kill_and_restart().await;
            ana = talk.enter("ana").await;
        }
        ana.send(send("Hello", "c-1")).await;
        assert_eq!(of(&mut ana, "message.send.ack").await["payload"]["duplicate"], true);
        ana.send(edit(&id, "Hello!", 1, "c-2")).await;
        assert_eq!(of(&mut ana, "message.edit.ack").await["payload"], first);
        assert_eq!(talk.told().await, before);
    }
    // And it goes on where it was.
    ana.send(edit(&id, "Good evening", 2, "c-3")).await;
    assert_eq!(of(&mut ana, "message.edit.ack").await["payload"]["version"], 3);
}

// C-10: so many of one kind, so many joins, so much in all.
#[tokio::test]
async fn limits_are_told() {
    let talk = talk(|same| same).await;
    let mut ana = talk.connect("ana").await;
    let mut refused = 0;
    for n in 0..6 {
        ana.send(join(if n % 2 == 0 { "c1" } else { "c2" })).await;
        let answer = ana.next().await;
        if answer["type"] == "error" {
            is_error(&answer, "RATE_LIMITED", "room.join");
            refused += 1;
        }
    }
    assert_eq!(refused, 1, "five joins a minute");
    let mut boris = talk.enter("boris").await;
    for n in 0..30 {
        boris.send(send("x", &format!("c-{n}"))).await;
    }
    is_error(&of(&mut boris, "message.send.error").await, "RATE_LIMITED", "message.send");
    let mut clara = talk.enter("clara").await;
    for _ in 0..120 {
        clara.send(json!({ "type": "sync.request", "payload": { "since": "2099-01-31T10:00:00Z" } })).await;
    }
    is_error(&of(&mut clara, "error").await, "RATE_LIMITED", "sync.request");
}

// C-6: whoever does not answer a ping is gone after a while, with a code that says so; whoever does stays.
#[tokio::test]
async fn who_is_silent_is_let_go() {
    let shorter = |yaml: String| {
        let changed = yaml.replace("ping: 30s, timeout: 60s", "ping: 1s, timeout: 3s");
        assert_ne!(yaml, changed);
        changed
    };
    let talk = talk(shorter).await;
    let (mut lively, mut silent) = (talk.enter("ana").await, talk.enter("boris").await);
    let ended = async {
        for _ in 0..1000 {
            let text = talk.server.operations("/metrics").await;
            if text.lines().any(|line| line.contains("4408") && line.ends_with(" 1")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nobody was let go")
    };
    let pings = async {
        let mut pings = 0;
        loop {
            assert_eq!(lively.next().await["type"], "ping");
            lively.send(json!({ "type": "pong" })).await;
            pings += 1;
            if pings == 5 {
                return;
            }
        }
    };
    tokio::join!(ended, pings);
    let code = loop {
        if let Err(code) = silent.frame().await {
            break code;
        }
    };
    assert_eq!(code, Some(4408));
}

// C-3: what concerns one user alone reaches that user alone, once, also after everything was killed.
#[tokio::test]
async fn a_mention_reaches_one_user() {
    let mut talk = talk(|same| same).await;
    let (mut ana, mut boris) = (talk.enter("ana").await, talk.enter("boris").await);
    write(&mut boris, "here I am", "c-1").await;
    write(&mut ana, "hello @boris and @clara", "c-2").await;
    let told = of(&mut boris, "notification.created").await["payload"].clone();
    assert_eq!(
        (&told["data"]["kind"], &told["data"]["by"], &told["data"]["conversation"]),
        (&json!("mention"), &json!("ana"), &json!("c1"))
    );
    talk.kill_and_restart().await;
    let mut boris = talk.connect("boris").await;
    let mut ana = talk.enter("ana").await;
    write(&mut ana, "still there, @boris?", "c-3").await;
    let next = of(&mut boris, "notification.created").await["payload"].clone();
    assert_eq!(next["data"]["text"], "still there, @boris?", "the first was told before the restart");
    let (_, _, page) =
        talk.server.call(Method::GET, "/v1/events/since?channel=user:boris", Some(&format!("{KEY}-conversation")), None).await;
    assert_eq!(page["events"].as_array().unwrap().len(), 2, "{page}");
}

// C-5: without its backend a change is UNAVAILABLE by the deadline, and messages go on; once it is there the same key succeeds.
#[tokio::test]
async fn a_backend_that_is_down() {
    let shorter = |yaml: String| {
        let changed = yaml.replace("deadline: 5s", "deadline: 1s");
        assert_ne!(yaml, changed);
        changed
    };
    let mut talk = without_backend(shorter);
    let mut ana = talk.enter("ana").await;
    let id = write(&mut ana, "Hello", "c-1").await;
    ana.send(edit(&id, "Hello!", 1, "c-2")).await;
    is_error(&of(&mut ana, "message.edit.error").await, "UNAVAILABLE", "message.edit");
    write(&mut ana, "still there", "c-3").await;
    talk.start_backend(SECRET).await;
    ana.send(edit(&id, "Hello!", 1, "c-2")).await;
    assert_eq!(of(&mut ana, "message.edit.ack").await["payload"]["version"], 2);
    assert_eq!(talk.told().await.len(), 3);
}

// What is not signed with the backend's secret it does not take: nobody changes messages past the contract.
#[tokio::test]
async fn the_backend_takes_only_what_is_signed() {
    let mut talk = without_backend(|same| same);
    talk.start_backend("another secret of the same length, at least").await;
    let mut ana = talk.enter("ana").await;
    let id = write(&mut ana, "Hello", "c-1").await;
    ana.send(edit(&id, "Hello!", 1, "c-2")).await;
    is_error(&of(&mut ana, "message.edit.error").await, "UNAUTHORIZED", "message.edit");
    assert_eq!(talk.told().await.len(), 1);
}

/// A demo, until it is dropped.
struct Demo(std::process::Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// The demo serves it, with its backend at work and with nothing else installed.
#[tokio::test]
async fn it_is_part_of_the_demo() {
    use std::io::{BufRead, BufReader};
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["demo", "--json", "--quiet", "--listen", "127.0.0.1:0"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let _demo = Demo(child);
    let line = BufReader::new(out).lines().next().unwrap().unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let (url, contract) = (told["url"].as_str().unwrap(), &told["contracts"]["conversation"]);
    assert_eq!(contract["channel"], "conversation:c1");
    let token = |who: &str| contract["tokens"][who].as_str().unwrap().to_owned();
    let mut ana = connect(url, &format!("/conversations/ws?token={}", token("ana"))).await.unwrap();
    of(&mut ana, "connection.established").await;
    ana.send(join("c1")).await;
    of(&mut ana, "room.join.ack").await;
    let id = write(&mut ana, "Hello", "c-1").await;
    ana.send(edit(&id, "Hello!", 1, "c-2")).await;
    assert_eq!(of(&mut ana, "message.edit.ack").await["payload"]["version"], 2);
    let snapshot = ask(&format!("{url}/api/conversations/c1/messages")).await;
    assert_eq!(snapshot["messages"][0]["text"], "Hello!");
    let mut stranger = connect(url, &format!("/conversations/ws?token={}", token("stranger"))).await.unwrap();
    of(&mut stranger, "connection.established").await;
    stranger.send(join("c1")).await;
    is_error(&of(&mut stranger, "error").await, "UNAUTHORIZED", "room.join");
}

// The description names what the backend is asked, and leads nowhere that is not there.
#[tokio::test]
async fn the_description_names_what_the_backend_is_asked() {
    let talk = without_backend(|same| same);
    let (_, _, document) = talk.server.call(Method::GET, "/openapi.json", None, None).await;
    let asked = &document["webhooks"]["conversation.conversations"]["post"];
    let body = &asked["requestBody"]["content"]["application/json"]["schema"]["allOf"];
    assert_eq!(body[1]["properties"]["type"]["enum"], json!(["message.edit", "message.delete"]));
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| match value.as_str().filter(|_| name == "$ref") {
                Some(reference) => found.push(reference.to_owned()),
                None => references(value, found),
            }),
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(asked, &mut found);
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|reference| document.pointer(&reference[1..]).is_some()), "{found:?}");
}
