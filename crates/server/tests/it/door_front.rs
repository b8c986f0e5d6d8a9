//! The door of a running server: what it forwards, how many it lets in, and that what it took is given back.

use crate::http_support::*;
use http::Method;
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// A backend that answers every request with its head as text, one request a connection.
async fn mirror() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.windows(4).any(|w| w == b"\r\n\r\n") {
                    if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                if head.starts_with(b"GET /app/slow") {
                    std::future::pending::<()>().await;
                }
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close, X-Private\r\nX-Private: 1\r\nX-Public: 1\r\n\r\n",
                    head.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.write_all(&head).await;
            });
        }
    });
    address
}

// B-7: a page gets the board's snapshot from the same origin as its events.
#[tokio::test(flavor = "multi_thread")]
async fn a_backend_is_reached_through_the_same_port() {
    let backend = mirror().await;
    let site = Site::with(&format!(
        "[limits]\nproxy_time = \"1s\"\nbody_bytes = 2048\n[proxy]\n\"/app\" = \"http://{backend}\"\n\"/gone\" = \"http://127.0.0.1:1\"\n"
    ))
    .await;
    let headers = [("cookie", "session=x"), ("connection", "x-hop"), ("x-hop", "1"), ("te", "trailers"), ("x-forwarded-for", "10.0.0.1")];
    let reply = site.send(Method::GET, "/app/board?a=%20b&c", &headers, "").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let seen = reply.text.to_lowercase();
    assert!(seen.starts_with("get /app/board?a=%20b&c http/1.1\r\n"), "{seen}");
    for kept in ["cookie: session=x\r\n", "x-forwarded-for: 10.0.0.1, 127.0.0.1\r\n", "x-forwarded-proto: http\r\n"] {
        assert!(seen.contains(kept), "{kept} in {seen}");
    }
    assert!(seen.contains(&format!("x-forwarded-host: {}", site.address())) && seen.contains(&format!("host: {backend}")), "{seen}");
    assert!(!seen.contains("x-hop") && !seen.contains("te: trailers"), "{seen}");
    assert_eq!((reply.header("x-public"), reply.header("x-private")), ("1", ""));

    let (code, _) = site.send(Method::GET, "/gone/x", &[], "").await.problem(502);
    assert_eq!(code, "backend-unreachable");
    let (code, _) = site.send(Method::GET, "/app/slow", &[], "").await.problem(504);
    assert_eq!(code, "backend-timeout");
    let (_, problem) = site.send(Method::POST, "/app/x", &[], vec![b'x'; 4096]).await.problem(413);
    assert_eq!(problem["limit"], "body_bytes");
    // A path that only begins alike is not the backend's.
    assert_eq!(site.send(Method::GET, "/apple", &[], "").await.status, 404);
}

/// Sends a request, and reads its answer up to the end of the head and `more`.
async fn ask(site: &Site, request: &str, more: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(site.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let done = |read: &[u8]| String::from_utf8_lossy(read).split_once("\r\n\r\n").is_some_and(|(_, body)| body.contains(more));
    while !done(&read) {
        let n = timeout(Duration::from_secs(10), stream.read_buf(&mut read)).await.expect("an answer in time").unwrap_or(0);
        if n == 0 {
            break;
        }
    }
    (stream, String::from_utf8_lossy(&read).into_owned())
}

fn document(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_else(|e| panic!("{e}: {answer}"))
}

fn stream_of(token: &str) -> String {
    format!("GET /sse?world_id=w1 HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n")
}

/// Repeats until it is so: what a client that has gone had is given back a moment later.
async fn soon(site: &Site, request: &str, status: &str) {
    for _ in 0..200 {
        if ask(site, request, "").await.1.starts_with(&format!("HTTP/1.1 {status}")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never {status}");
}

// G-5: past a limit there is an error that names it, and a place that was given up is another's.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted_by_address() {
    let site = Site::with("[limits]\nconnections_per_address = 2\n").await;
    let (first, answer) = ask(&site, &stream_of(&player("c1")), "").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("text/event-stream"), "{answer}");
    let (_second, answer) = ask(&site, &stream_of(&player("c2")), "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, answer) = ask(&site, &stream_of(&player("c3")), "}").await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: "), "{answer}");
    assert_eq!(document(&answer)["limit"], "connections_per_address");
    drop(first);
    soon(&site, &stream_of(&player("c3")), "200").await;
}

// G-5
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted_in_all() {
    let site = Site::with("[limits]\nconnections_total = 1\n").await;
    let (_first, answer) = ask(&site, &stream_of(&player("c1")), "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, answer) = ask(&site, &stream_of(&player("c2")), "}").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert_eq!(document(&answer)["limit"], "connections_total");
}

// G-5: a principal's connections are its own affair; another one is let in.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted_by_principal() {
    let site = Site::with("[limits]\nconnections_per_principal = 1\n").await;
    let (first, answer) = ask(&site, &stream_of(&player("c1")), "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, answer) = ask(&site, &stream_of(&player("c1")), "}").await;
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    assert_eq!(document(&answer)["limit"], "connections_per_principal");
    let (_, answer) = ask(&site, &stream_of(&player("c2")), "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(first);
    soon(&site, &stream_of(&player("c1")), "200").await;
}

// W-9, W-5, G-5: refused before the upgrade, each with its reason, and the connection is good for another request.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_come_before_the_upgrade() {
    let site = Site::new().await;
    let token = player("c1");
    let asking = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let without_key = format!("{asking}Sec-WebSocket-Version: 13\r\n");
    let upgrade = &*format!("{without_key}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    let cases = [
        (format!("/ws?token={token}"), upgrade, "400", "missing-parameter", "world_id"),
        ("/ws?world_id=w1".into(), upgrade, "401", "no-token", "token"),
        ("/ws?world_id=w1&token=x.y.z".into(), upgrade, "401", "invalid-token", "JWT"),
        (format!("/ws?world_id=w2&token={token}"), upgrade, "403", "not-allowed", "world:w2"),
        (format!("/ws?world_id=w1&types=a**&token={token}"), upgrade, "400", "bad-filter", "a**"),
        (format!("/ws?world_id=w1&after=yesterday&token={token}"), upgrade, "400", "bad-position", "after"),
        (format!("/ws?world_id=%ff&token={token}"), upgrade, "400", "bad-parameter", "world_id"),
        (format!("/ws?world_id=w1&token={token}"), "", "426", "upgrade-required", "upgrade"),
        (format!("/ws?world_id=w1&token={token}"), asking, "426", "websocket-version", "13"),
        (format!("/ws?world_id=w1&token={token}"), &without_key, "400", "bad-handshake", "Sec-WebSocket-Key"),
        (format!("/worlds/w1/history?limit=0&token={token}"), "", "400", "bad-parameter", "limit"),
        (format!("/worlds/w1/history?token={token}"), upgrade, "400", "not-a-websocket", "history"),
    ];
    for (path, headers, status, code, word) in cases {
        let (mut stream, answer) = ask(&site, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n"), "}").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        let problem = document(&answer);
        assert_eq!(problem["type"], json!(format!("urn:tidewire:problem:{code}")), "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(word), "{path}: {problem}");
        assert!(!answer.contains(&token), "{path}: {answer}");
        stream.write_all(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut next = [0; 15];
        timeout(Duration::from_secs(10), stream.read_exact(&mut next)).await.expect("the connection is kept").unwrap();
        assert_eq!(&next, b"HTTP/1.1 200 OK", "{path}");
    }
}

// B-2: a page of another origin does not get in with somebody's cookie.
#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_good_for_pages_of_this_host_alone() {
    let site = Site::new().await;
    let token = token(json!({ "sub": "w", "role": "zootechnician", "worker_id": "7" }));
    let upgrade =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (origin, status) in [
        ("", "101"),
        ("Origin: http://zoo.example\r\n", "101"),
        ("Origin: HTTP://Zoo.Example:80\r\n", "101"),
        ("Origin: https://zoo.example.evil.example\r\n", "403"),
        ("Origin: http://zoo.example:8080\r\n", "403"),
        ("Origin: null\r\n", "403"),
    ] {
        let request = format!("GET /api/realtime HTTP/1.1\r\nHost: zoo.example\r\nCookie: a=b; session={token}\r\n{origin}{upgrade}\r\n");
        let (_, answer) = ask(&site, &request, "").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{origin}: {answer}");
    }
}
