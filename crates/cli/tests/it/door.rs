//! The outer side: TLS, HTTP/2, other origins, keys of every kind, clients that dawdle.

use crate::support::*;
use http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

const EVENT: &str = "world.unfreeze";

fn event() -> Value {
    json!({ "channel": "world:w1", "type": EVENT, "data": {} })
}

fn claims() -> Value {
    json!({ "sub": "ana", "character_id": "c1", "worlds": ["w1"], "role": "player", "exp": 4_000_000_000u64 })
}

fn raw(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn read_until(stream: &mut TcpStream, what: &str) -> String {
    let mut text = String::new();
    let mut chunk = [0; 4096];
    while !text.contains(what) {
        let n = stream.read(&mut chunk).unwrap();
        assert!(n > 0, "it ended before '{what}': {text}");
        text += &String::from_utf8_lossy(&chunk[..n]);
    }
    text
}

// W-9: keys of every algorithm, each with its own; a token signed with one kind does not pass for another.
#[tokio::test]
async fn tokens_of_every_algorithm() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = String::new();
    let mut tokens = Vec::new();
    for (algorithm, name, kind) in
        [(Algorithm::ES256, "ES256", &rcgen::PKCS_ECDSA_P256_SHA256), (Algorithm::EdDSA, "EdDSA", &rcgen::PKCS_ED25519)]
    {
        let pair = rcgen::KeyPair::generate_for(kind).unwrap();
        let file = folder.path().join(format!("{name}.pem"));
        std::fs::write(&file, pair.public_key_pem()).unwrap();
        config +=
            &format!("[[contracts.world.auth.keys]]\nalgorithm = \"{name}\"\nkid = \"{name}\"\npublic_key_file = \"{}\"\n", file.display());
        let pem = pair.serialize_pem();
        let key =
            if name == "EdDSA" { EncodingKey::from_ed_pem(pem.as_bytes()) } else { EncodingKey::from_ec_pem(pem.as_bytes()) }.unwrap();
        let header = Header { kid: Some(name.into()), ..Header::new(algorithm) };
        tokens.push(encode(&header, &claims(), &key).unwrap());
        // Signed as a secret with what everybody knows.
        let forged = EncodingKey::from_secret(pair.public_key_pem().as_bytes());
        let header = Header { kid: Some(name.into()), ..Header::new(Algorithm::HS256) };
        tokens.push(encode(&header, &claims(), &forged).unwrap());
    }
    let server = Server::with_tail(&root().join("contracts"), &config);
    for (i, token) in tokens.iter().enumerate() {
        let (status, _, answer) = server.get("/worlds/w1/history", token).await;
        let expected = if i % 2 == 0 { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(status, expected, "{i}: {answer}");
    }
}

// W-1: an upgrade is as good on a connection that has served other requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_can_still_be_upgraded() {
    let server = Server::start();
    server.must("world", event()).await;
    let token = gamemaster();
    tokio::task::block_in_place(|| {
        let mut stream = raw(&server);
        write!(stream, "GET /worlds/w1/history HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n").unwrap();
        read_until(&mut stream, EVENT);
        let upgrade =
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        write!(stream, "GET /ws?world_id=w1&after=0&token={token} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n").unwrap();
        let answer = read_until(&mut stream, EVENT);
        assert!(answer.contains(" 101 ") && answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    });
}

// W-1
#[tokio::test]
async fn an_event_stream_over_http_2() {
    use http_body_util::{BodyExt, Empty};
    let server = Server::start();
    let stream = tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::get(format!("{}/sse?world_id=w1", server.url))
        .header("authorization", format!("Bearer {}", gamemaster()))
        .header("last-event-id", "0")
        .body(Empty::<hyper::body::Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    let mut text = String::new();
    for n in 1..=3 {
        server.must("world", event()).await;
        while text.matches(EVENT).count() < n {
            let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.unwrap().unwrap().unwrap();
            text += std::str::from_utf8(&frame.into_data().unwrap()).unwrap();
        }
    }
    assert_eq!(text.matches("id: ").count(), 3);
}

#[tokio::test]
async fn pages_of_other_origins_are_answered_as_configured() {
    let server = Server::with(&root().join("contracts"), "[cors]\nallowed_origins = [\"https://app.example\"]\n");
    let ask = |origin: &str| vec![("origin", origin.to_owned()), ("access-control-request-method", "GET".to_owned())];
    let (_, headers, _) = server.request(Method::OPTIONS, "/worlds/w1/history", &ask("https://app.example"), None).await;
    assert_eq!(headers["access-control-allow-origin"], "https://app.example");
    let (_, headers, _) = server.request(Method::OPTIONS, "/worlds/w1/history", &ask("https://evil.example"), None).await;
    assert!(!headers.contains_key("access-control-allow-origin"), "{headers:?}");
}

// G-5
#[tokio::test(flavor = "multi_thread")]
async fn who_dawdles_or_talks_nonsense_harms_nobody() {
    let server = Server::with(&root().join("contracts"), "[limits]\nheader_time = \"1s\"\nheader_bytes = \"8KiB\"\n");
    tokio::task::block_in_place(|| {
        let mut slow = raw(&server);
        slow.write_all(b"GET /ws HTTP/1.1\r\nHost:").unwrap();
        let answer = read_until(&mut slow, "header_time");
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        let mut long = raw(&server);
        let _ = write!(long, "GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(40_000));
        let answer = read_until(&mut long, "\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        for nonsense in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\0\0\0\0\0\0\0\0\r\n\r\n", b"GET\r\n\r\n"] {
            let mut stream = raw(&server);
            let _ = stream.write_all(nonsense);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
        }
    });
    server.must("world", event()).await;
}

// W-1
#[tokio::test(flavor = "multi_thread")]
async fn over_tls_too() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let config = format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", certificate.display(), key.display());
    let server = Server::with(&root().join("contracts"), &config);
    let url = server.url.replacen("http://", "https://", 1).replace("https://https://", "https://");
    let port = url.rsplit_once(':').unwrap().1.to_owned();
    let curl = |args: &[&str]| {
        let resolve = format!("localhost:{port}:127.0.0.1");
        let output = std::process::Command::new("curl")
            .args(["-s", "--max-time", "5", "--cacert"])
            .arg(&certificate)
            .args(["--resolve", &resolve])
            .args(args)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let base = format!("https://localhost:{port}");
    let bearer = format!("Authorization: Bearer {KEY}-world");
    let answer = curl(&[&format!("{base}/v1/events"), "-H", &bearer, "-H", "Content-Type: application/json", "-d", &event().to_string()]);
    assert!(answer.contains("\"seq\":1"), "{answer}");
    let bearer = format!("Authorization: Bearer {}", gamemaster());
    for version in ["--http1.1", "--http2"] {
        let answer = curl(&[version, "-N", "--max-time", "1", &format!("{base}/sse?world_id=w1"), "-H", &bearer, "-H", "Last-Event-ID: 0"]);
        assert!(answer.contains(EVENT), "{version}: {answer}");
    }
}
