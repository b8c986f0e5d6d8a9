//! How a server takes new certificates, and how it stops while requests are under way.

use crate::support::{KEY, Server, gamemaster, root};
use hyper::Method;
use serde_json::json;
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    time::Duration,
};

const EVENT: &str = r#"{"channel":"world:w1","type":"world.updated","data":{"id":"w1","name":"W"}}"#;

fn certificate(folder: &Path, name: &str) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), name.to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.pem()
}

/// SIGHUP: who connects from then on gets the new certificate, who is connected stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_taken_and_nobody_is_thrown_out() {
    let folder = tempfile::tempdir().unwrap();
    let old = certificate(folder.path(), "old.example");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", path("cert.pem"), path("key.pem"));
    let server = Server::with(&root().join("contracts"), &config);
    let port = server.url.rsplit_once(':').unwrap().1.to_owned();
    let (old_file, new_file) = (folder.path().join("old.pem"), folder.path().join("new.pem"));
    std::fs::write(&old_file, old).unwrap();
    let curl = |ca: &Path, args: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "--resolve", &format!("localhost:{port}:127.0.0.1"), "--cacert"]).arg(ca).args(args);
        command
    };
    let url = format!("https://localhost:{port}/sse?world_id=w1");
    let bearer = format!("Authorization: Bearer {}", gamemaster());
    let mut open = curl(&old_file, &["-N", "--max-time", "20", &url, "-H", &bearer]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let works = |ca: &Path| curl(ca, &["--max-time", "5", &format!("https://localhost:{port}/")]).output().unwrap().status.success();
    assert!(works(&old_file));
    std::fs::write(&new_file, certificate(folder.path(), "new.example")).unwrap();
    Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap();
    let mut tries = 0;
    while !works(&new_file) {
        tries += 1;
        assert!(tries < 100, "the new certificate is not taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!works(&old_file));
    // The stream that was opened before hears what is published after.
    let key = format!("Authorization: Bearer {KEY}-world");
    let args = ["-H", &key, "-H", "Content-Type: application/json", "-d", EVENT, &format!("https://localhost:{port}/v1/events")];
    assert!(curl(&new_file, &args).output().unwrap().status.success());
    let mut heard = Vec::new();
    let mut stdout = open.stdout.take().unwrap();
    let mut bytes = [0; 4096];
    while !String::from_utf8_lossy(&heard).contains("world.updated") {
        let n = stdout.read(&mut bytes).unwrap();
        assert!(n > 0, "the stream ended: {}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&bytes[..n]);
    }
    open.kill().unwrap();
    open.wait().unwrap();
}

/// SIGTERM: a publish that has begun ends, a long poll is answered, WebSockets are told, the exit code is 0, and what was
/// acknowledged is there. // G-1
#[tokio::test(flavor = "multi_thread")]
async fn requests_under_way_come_to_their_end() {
    let mut server = Server::with(&root().join("contracts"), "");
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut socket = crate::support::connect(&server.url, &format!("/ws?world_id=w1&token={}", gamemaster())).await.unwrap();
    // Half of a publish is there when it is told to stop.
    let mut publish = TcpStream::connect(&address).unwrap();
    publish.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}-world\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        EVENT.len()
    );
    publish.write_all(head.as_bytes()).unwrap();
    publish.write_all(&EVENT.as_bytes()[..20]).unwrap();
    let key = format!("{KEY}-world");
    server.call(Method::POST, "/v1/events", Some(&key), Some(&serde_json::from_str(EVENT).unwrap())).await;
    let mut poll = TcpStream::connect(&address).unwrap();
    poll.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let asked = format!("GET /v1/events/since?channel=world:w1&seq=1&wait=50 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n");
    poll.write_all(asked.as_bytes()).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let pid = server.pid().to_string();
    Command::new("kill").arg(&pid).status().unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    publish.write_all(&EVENT.as_bytes()[20..]).unwrap();
    let read = |mut stream: TcpStream| {
        tokio::task::spawn_blocking(move || {
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        })
    };
    let (published, polled) = (read(publish).await.unwrap(), read(poll).await.unwrap());
    assert!(published.starts_with("HTTP/1.1 200"), "{published}");
    assert!(published.contains("\"seq\":2"), "{published}");
    assert!(polled.starts_with("HTTP/1.1 200"), "{polled}");
    let code = loop {
        if let Err(code) = socket.frame().await {
            break code;
        }
    };
    assert_eq!(code, Some(1012));
    assert_eq!(server.wait(), Some(0));
    assert!(TcpStream::connect(&address).is_err());
    server.restart(&root().join("contracts"));
    let (_, _, page) = server.call(Method::GET, "/v1/events/since?channel=world:w1&seq=0", Some(&key), None).await;
    assert_eq!(page["events"].as_array().map(Vec::len), Some(2), "{page}");
    assert_eq!(page["gap"], json!(null));
}
