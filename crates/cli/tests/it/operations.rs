//! What an operator has of a running server: metrics and the dashboard that shows them, logs, the trail of a request.

use crate::support::*;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use tidewire_wire::pusher::sign;

/// The values of a metric, all series of it summed.
fn sum(metrics: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let series = metrics.lines().filter(|line| {
        let rest = line.strip_prefix(name).unwrap_or("-");
        (rest.starts_with(' ') || rest.starts_with('{')) && labels.iter().all(|label| rest.contains(label))
    });
    series.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).reduce(|a, b| a + b)
}

/// Asks until it is so: what the shards count is there a moment after it was done.
async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..500 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not become so")
}

fn place(id: &str) -> Value {
    json!({ "channel": "world:w1", "type": "place.updated", "data": { "id": id } })
}

/// A bit of everything.
async fn traffic(server: &Server) -> (Socket, Stream) {
    let stranger = server.websocket("/ws?world_id=w1&token=junk", &[]).await;
    assert!(stranger.is_err());
    let mut socket = server.websocket(&format!("/ws?world_id=w1&token={}", player("c1")), &[]).await.unwrap();
    let mut stream = server.sse("/sse?world_id=w1", &[("authorization", format!("Bearer {}", player("c2")))]).await;
    server.must("world", place("p1")).await;
    let mut event = place("p2");
    event["key"] = json!("once");
    server.must("world", event.clone()).await;
    server.must("world", event).await;
    for id in ["p1", "p2"] {
        assert_eq!(socket.next().await["data"]["id"], id);
        assert_eq!(stream.next().await.data["data"]["id"], id);
    }
    server.publish("world", json!({ "channel": "world:w1", "type": "place.updated", "data": 7 })).await;
    socket.send_text("no JSON").await;
    server.get("/worlds/w1/history", &player("c1")).await;
    (socket, stream)
}

/// Each family is described once, and stands together; its samples are of it; the text ends where it says so.
fn assert_well_formed(metrics: &str) {
    let mut known = BTreeSet::new();
    let (mut family, mut helped) = (String::new(), String::new());
    for line in metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && !help.ends_with('.'), "{line}");
            helped = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap().to_owned();
            assert!(family == helped && known.insert(family.clone()), "{line} comes twice");
        } else if line != "# EOF" {
            let end = line.find(['{', ' ']).unwrap();
            let suffix = line[..end].strip_prefix(&*family).unwrap_or_else(|| panic!("{line} is not of {family}"));
            assert!(["", "_total", "_sum", "_count", "_bucket"].contains(&suffix), "{line}");
        }
    }
    assert!(metrics.ends_with("# EOF\n") && known.len() > 40, "{}", known.len());
}

// K-16
#[tokio::test]
async fn metrics_tell_what_clients_and_backends_did() {
    let server = Server::start();
    let (socket, _stream) = traffic(&server).await;
    let metrics = until(async || {
        let metrics = server.operations("/metrics").await;
        sum(&metrics, "tidewire_fanout_seconds_count", &[]).is_some_and(|n| n >= 2.0).then_some(metrics)
    })
    .await;
    let world = "contract=\"world\"";
    for (name, labels, expected) in [
        ("tidewire_connections", &[world, "transport=\"websocket\""][..], 1.0),
        ("tidewire_connections", &[world, "transport=\"sse\""], 1.0),
        ("tidewire_subscriptions", &[world], 2.0),
        ("tidewire_events_delivered_total", &[world], 4.0),
        ("tidewire_events_published_total", &[world], 2.0),
        ("tidewire_events_repeated_total", &[world], 1.0),
        ("tidewire_publishes_refused_total", &[world, "reason=\"invalid-event\""], 1.0),
        ("tidewire_publish_seconds_count", &[world], 3.0),
        ("tidewire_store_sync_seconds_count", &[], 2.0),
        ("tidewire_log_events", &[world, "durability=\"disk\""], 2.0),
        ("tidewire_build_info", &["version=\"0.1.0\""], 1.0),
        ("soketi_connected", &["app_id=\"world\""], 2.0),
        ("soketi_ws_messages_received_total", &["app_id=\"world\""], 1.0),
        ("soketi_new_connections_total", &["app_id=\"world\""], 2.0),
    ] {
        let found = sum(&metrics, name, labels);
        let enough = if name.contains("sync") || name.contains("ws_messages") { found >= Some(expected) } else { found == Some(expected) };
        assert!(enough, "{name} {labels:?}: {found:?}, expected {expected}\n{metrics}");
    }
    assert!(sum(&metrics, "tidewire_admission_refused_total", &["status=\"401\""]) >= Some(1.0), "{metrics}");
    for name in [
        "tidewire_sent_bytes_total",
        "tidewire_received_bytes_total",
        "soketi_socket_transmitted_bytes",
        "tidewire_process_resident_memory_bytes",
    ] {
        assert!(sum(&metrics, name, &[]) > Some(0.0), "{name}\n{metrics}");
    }
    assert_well_formed(&metrics);
    socket.close().await;
    until(async || {
        let metrics = server.operations("/metrics").await;
        let closed = sum(&metrics, "tidewire_connections_closed_total", &[world, "transport=\"websocket\""]) == Some(1.0);
        (closed && sum(&metrics, "tidewire_connections", &[world, "transport=\"websocket\""]) == Some(0.0)).then_some(())
    })
    .await;
    // Sizes come from the store now and then, the first time at the start.
    until(async || (sum(&server.operations("/metrics").await, "tidewire_store_disk_bytes", &[]) > Some(0.0)).then_some(())).await;
}

// K-16: what goes wrong between server and clients is counted by what it was.
#[tokio::test]
async fn gaps_refusals_and_ended_sessions_are_counted_by_their_reason() {
    let server = Server::start();
    server.must("world", place("p1")).await;
    let mut lost = server.websocket(&format!("/ws?world_id=w1&after=4711&token={}", player("c1")), &[]).await.unwrap();
    assert_eq!(lost.next().await["type"], "gap");
    let (_, _, closed) =
        server.call(Method::POST, "/v1/disconnect", Some(&format!("{KEY}-world")), Some(&json!({ "principal": "user-c1" }))).await;
    assert_eq!(closed["closed"], 1);
    while let Ok(frame) = lost.frame().await {
        assert!(frame["type"] != "error", "{frame}");
    }
    let (status, _, _) = server.get("/worlds/w1/history?after=4711", &player("c1")).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _, _) = server.get("/worlds/w2/history", &player("c1")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let metrics = until(async || {
        let metrics = server.operations("/metrics").await;
        (sum(&metrics, "tidewire_connections_closed_total", &["transport=\"websocket\""]) == Some(1.0)).then_some(metrics)
    })
    .await;
    for (name, labels) in [
        ("tidewire_gaps_told_total", &["transport=\"websocket\""][..]),
        ("tidewire_gaps_told_total", &["transport=\"poll\""]),
        ("tidewire_sessions_ended_total", &["contract=\"world\"", "transport=\"websocket\"", "code=\"4403\""]),
        ("tidewire_admission_refused_total", &["status=\"403\"", "reason=\"not-allowed\""]),
    ] {
        assert_eq!(sum(&metrics, name, labels), Some(1.0), "{name} {labels:?}\n{metrics}");
    }
}

/// Every name of a metric in an expression.
fn names(expression: &str, found: &mut BTreeSet<String>) {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    found.extend(words.filter(|w| w.starts_with("tidewire_") || w.starts_with("soketi_")).map(str::to_owned));
}

fn panels<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    for panel in value["panels"].as_array().into_iter().flatten() {
        found.push(panel);
        panels(panel, found);
    }
}

// K-16: what the dashboard asks for is there.
#[tokio::test]
async fn the_dashboard_and_the_guide_name_only_metrics_that_exist() {
    let server = Server::start();
    let _clients = traffic(&server).await;
    let text = std::fs::read_to_string(root().join("docs/grafana.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    assert!(dashboard["schemaVersion"].as_u64() >= Some(39));
    let mut all = Vec::new();
    panels(&dashboard, &mut all);
    let rows: Vec<&str> = all.iter().filter(|p| p["type"] == "row").filter_map(|p| p["title"].as_str()).collect();
    assert_eq!(rows, ["Traffic", "Latency", "Store", "Refusals", "Pusher, webhooks and bridges", "Redis", "Process"]);
    let ids: BTreeSet<u64> = all.iter().filter_map(|p| p["id"].as_u64()).collect();
    assert_eq!(ids.len(), all.len());
    let mut asked = BTreeSet::new();
    for target in all.iter().flat_map(|p| p["targets"].as_array().into_iter().flatten()) {
        assert_eq!(target["datasource"]["uid"], "${datasource}");
        names(target["expr"].as_str().unwrap(), &mut asked);
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        names(variable["query"]["query"].as_str().unwrap_or_default(), &mut asked);
    }
    assert!(asked.len() > 25, "{asked:?}");
    let guide = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    for line in guide.lines().filter(|l| l.starts_with("| `")) {
        names(line.split('|').nth(1).unwrap(), &mut asked);
    }
    // Bridges, webhooks and Redis are there where they are configured; these come into being when there is something to count.
    let later = |name: &str| {
        ["tidewire_bridge_", "tidewire_webhook", "tidewire_redis_"].iter().any(|p| name.starts_with(p))
            || name == "tidewire_sessions_ended_total"
    };
    let mut missing = BTreeSet::new();
    until(async || {
        let metrics = server.operations("/metrics").await;
        let there = |name: &String| [name, &format!("{name}_count")].iter().any(|n| sum(&metrics, n, &[]).is_some()) || later(name);
        missing = asked.iter().filter(|name| !there(name)).cloned().collect();
        // What the server counts a moment later is asked for again.
        (missing.is_empty() || metrics.contains("tidewire_store_bytes") && metrics.contains("tidewire_fanout_seconds")).then_some(())
    })
    .await;
    assert!(missing.is_empty(), "{missing:?}");
}

/// The lines of the log, as JSON, that carry this correlation id.
fn lines_of(server: &Server, correlation_id: &str) -> Vec<Value> {
    let lines = server.log();
    let parsed = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("not JSON ({e}): {line}")));
    parsed.filter(|line| line["correlation_id"] == correlation_id).collect()
}

/// The world's contract, with the trace in its envelope.
fn traced() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (root().join("contracts/world"), folder.path().join("world"));
    copy(&from, &to);
    let contract = std::fs::read_to_string(from.join("contract.yaml")).unwrap();
    let traced = contract.replacen("    request_id: $key\n", "    request_id: $key\n    trace_id: $trace\n", 1);
    assert_ne!(contract, traced);
    std::fs::write(to.join("contract.yaml"), traced).unwrap();
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|e| e.unwrap()) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

// K-17
#[tokio::test]
async fn one_correlation_id_leads_from_the_request_over_the_log_to_the_event() {
    let contracts = traced();
    let server = Server::with(contracts.path(), "[log]\nlevel = \"debug\"\nformat = \"json\"");
    let token = player("c1");
    let mut socket = server.websocket(&format!("/ws?world_id=w1&token={token}"), &[]).await.unwrap();
    let headers = |id: &str| vec![("authorization", format!("Bearer {KEY}-world")), ("x-correlation-id", id.to_owned())];
    let (status, answered, receipt) =
        server.request(Method::POST, "/v1/events", &headers("order-4711"), Some(place("p1").to_string())).await;
    assert_eq!((status, answered["x-correlation-id"].to_str().unwrap()), (StatusCode::OK, "order-4711"));
    let event = socket.next().await;
    assert_eq!(event["trace_id"], "order-4711", "{event}");
    let said = until(async || lines_of(&server, "order-4711").into_iter().find(|l| l["message"] == "published")).await;
    for (field, expected) in [
        ("channel", json!("world:w1")),
        ("contract", json!("world")),
        ("type", json!("place.updated")),
        ("seq", receipt["seq"].clone()),
        ("level", json!("DEBUG")),
    ] {
        assert_eq!(said[field], expected, "{said}");
    }
    assert!(event["id"].as_str().unwrap().ends_with(said["id"].as_str().unwrap()), "{event} {said}");

    // An event's own trace goes before the request's, in the answer too.
    let mut own = place("p2");
    own["trace"] = json!("order-4712");
    let (_, answered, _) = server.request(Method::POST, "/v1/events", &headers("batch-1")[..1], Some(own.to_string())).await;
    assert_eq!(answered["x-correlation-id"], "order-4712");
    assert_eq!(socket.next().await["trace_id"], "order-4712");

    // Nobody gave one: the answer has a new one, which the log has too; the event has none.
    let (_, answered, _) = server.request(Method::POST, "/v1/events", &headers("")[..1], Some(place("p3").to_string())).await;
    let new = answered["x-correlation-id"].to_str().unwrap().to_owned();
    assert_eq!(new.len(), 36);
    assert!(socket.next().await["trace_id"].as_str().is_none());
    until(async || lines_of(&server, &new).into_iter().find(|l| l["message"] == "request" && l["status"] == 200)).await;

    // A refusal is told with channel and reason, at info.
    let wrong = json!({ "channel": "world:w1", "type": "place.moved", "data": {} });
    let (status, _, _) = server.request(Method::POST, "/v1/events", &headers("order-4713"), Some(wrong.to_string())).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let said = until(async || lines_of(&server, "order-4713").into_iter().find(|l| l["message"] == "publish refused")).await;
    assert_eq!((&said["channel"], &said["reason"], &said["level"]), (&json!("world:w1"), &json!("unknown-type"), &json!("INFO")));

    // No token and no key is ever in the log.
    for line in server.log() {
        assert!(!line.contains(&token) && !line.contains(KEY) && !line.contains(SECRET), "{line}");
    }
}

// K-17: a backend follows any channel, with what is there and what comes.
#[tokio::test]
async fn tail_follows_a_channel_with_a_backend_key() {
    let server = Server::start();
    server.must("world", place("p1")).await;
    let key = format!("{KEY}-world");
    let mut tail = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["tail", "world:w1", "--key", &key, "--url", &server.url, "--since", "0", "--count", "2"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["data"]["id"], "p1");
    // It waits by now, or will find it: both are right.
    server.must("world", place("p2")).await;
    assert_eq!(next()["data"]["id"], "p2");
    assert!(tail.wait().unwrap().success());
    let stranger =
        Command::new(env!("CARGO_BIN_EXE_tidewire")).args(["tail", "world:w1", "--key", "x", "--url", &server.url]).output().unwrap();
    assert!(String::from_utf8_lossy(&stranger.stderr).contains("401"));
}

// K-17: what is critical is in the trail too, which backends read and nobody else does.
#[tokio::test]
async fn critical_actions_leave_a_trail_that_only_backends_read() {
    let server = Server::start();
    let key = format!("{KEY}-store");
    let sender = json!({ "device_id": "d42", "device_type": "KDS" });
    let bump = json!({ "ticket_id": 98765, "status": "ready", "at": "2025-09-26T14:05:44Z" });
    let event = json!({ "channel": "private-store.S1.kds", "type": "KdsTicketUpdated", "data": bump, "key": "bump-1",
        "trace": "tap-7", "fields": { "sender": sender } });
    let first = server.must("store", event.clone()).await;
    assert_eq!((&first["channel"], &first["seq"]), (&json!("private-store.S1.kds"), &json!(1)));
    assert_eq!(server.must("store", event).await["duplicate"], true);
    let job = json!({ "print_job": { "id": 5551, "type": "customer_receipt", "target_printer_id": 31, "order_id": 123456 } });
    server.must("store", json!({ "channel": "private-store.S1.printing", "type": "PrintJobQueued", "data": job })).await;
    let failed = json!({ "print_job_id": 5551, "printer_id": 31, "reason": "paper_out", "at": "2025-09-26T14:00:09Z" });
    server.must("store", json!({ "channel": "private-store.S1.printing", "type": "PrintJobFailed", "data": failed })).await;

    let (status, _, page) = server.call(Method::GET, "/v1/events/since?channel=audit&seq=0", Some(&key), None).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let events = page["events"].as_array().unwrap();
    assert_eq!(events.len(), 2, "{page}");
    let [bumped, not_printed] = [&events[0], &events[1]];
    assert_eq!((&bumped["event"], &bumped["correlation_id"], &bumped["seq"]), (&json!("KdsTicketUpdated"), &json!("tap-7"), &json!(1)));
    assert_eq!(bumped["sender"], sender);
    assert_eq!(bumped["data"], json!({ "channel": "private-store.S1.kds", "by": sender, "data": bump }));
    assert_eq!(not_printed["data"], json!({ "channel": "private-store.S1.printing", "data": failed }));

    // In the terminal; and the log tells of them without being asked for every publish.
    let tail = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["tail", "audit", "--key", &key, "--url", &server.url, "--since", "0", "--count", "2"])
        .output()
        .unwrap();
    let told: Vec<Value> = String::from_utf8_lossy(&tail.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told, *events);
    let said = until(async || lines_of(&server, "tap-7").into_iter().find(|line| line["message"] == "published")).await;
    assert_eq!((&said["audit"], &said["level"], &said["channel"]), (&json!(true), &json!("INFO"), &json!("private-store.S1.kds")));

    // Not for clients, and nobody writes to it.
    let (status, _, _) = server.call(Method::GET, "/v1/events/since?channel=audit&seq=0", None, None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let mut socket = server.websocket(&format!("/app/{STORE_APP}?protocol=7"), &[]).await.unwrap();
    assert_eq!(socket.next().await["event"], "pusher:connection_established");
    socket.send(json!({ "event": "pusher:subscribe", "data": { "channel": "audit" } })).await;
    let refused = socket.next().await;
    assert_eq!(refused["event"], "pusher:subscription_error", "{refused}");
    let forged = json!({ "channel": "audit", "type": "KdsTicketUpdated", "data": bump });
    assert_eq!(server.publish("store", forged).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let metrics = server.operations("/metrics").await;
    assert_eq!(sum(&metrics, "tidewire_connections", &["contract=\"store\"", "transport=\"pusher\""]), Some(1.0));
    assert_eq!(sum(&metrics, "soketi_connected", &["app_id=\"4711\""]), Some(1.0));
    assert_eq!(sum(&metrics, "tidewire_messages_refused_total", &["transport=\"pusher\"", "reason=\"UNAUTHORIZED\""]), Some(1.0));
}

// K-16, K-17: a channel of the Pusher protocol is followed like any other.
#[tokio::test]
async fn tail_follows_the_channels_of_an_app() {
    let server = Server::start();
    let key = format!("{KEY}-store");
    let order = json!({ "order_id": 1, "from": "in_preparation", "to": "ready", "at": "2025-09-26T14:04:22Z" });
    let event = json!({ "channel": "private-store.S1.orders", "type": "OrderStatusChanged", "data": order });
    let mut tail = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["tail", "private-store.S1.orders", "--key", &key, "--url", &server.url, "--since", "0", "--count", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    server.must("store", event).await;
    let mut line = String::new();
    BufReader::new(tail.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let shown: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&shown["event"], &shown["data"]), (&json!("OrderStatusChanged"), &order));
    assert!(tail.wait().unwrap().success());
    let metrics = server.operations("/metrics").await;
    assert!(sum(&metrics, "tidewire_http_calls_total", &["contract=\"store\""]) >= Some(1.0), "{metrics}");
}

/// A request to the store's app as publishers' libraries sign it. `digest`: MD5 of the body.
async fn signed(server: &Server, body: &str, digest: &str, correlation_id: &str) -> (StatusCode, http::HeaderMap, Value) {
    let stamp = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().to_string();
    let parameters = [("auth_key", STORE_APP), ("auth_timestamp", &stamp), ("auth_version", "1.0"), ("body_md5", digest)];
    let pairs: Vec<(String, String)> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let path = "/apps/4711/events";
    let signature = sign::sign(SECRET, &sign::request_text("POST", path, &pairs));
    let query: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let path = format!("{path}?{}&auth_signature={signature}", query.join("&"));
    server.request(Method::POST, &path, &[("x-correlation-id", correlation_id.to_owned())], Some(body.to_owned())).await
}

// K-17, K-16: over an app's HTTP interface it is no different.
#[tokio::test]
async fn an_apps_publishers_have_the_same_trail_and_the_same_figures() {
    let server = Server::with(&root().join("contracts"), "[log]\nlevel = \"debug\"");
    let good = r#"{"name":"OrderStatusChanged","channel":"private-store.S1.orders","data":"{\"order_id\":1,\"from\":\"in_preparation\",\"to\":\"ready\",\"at\":\"2025-09-26T14:04:22Z\"}"}"#;
    let bad = r#"{"name":"OrderStatusChanged","channel":"private-store.S1.orders","data":"{}"}"#;
    let (status, headers, answer) = signed(&server, good, "913a2ccd3840b62917d6871ebfe1f568", "order-1").await;
    assert_eq!((status, &headers["x-correlation-id"]), (StatusCode::OK, &http::HeaderValue::from_static("order-1")), "{answer}");
    let (_, _, page) =
        server.call(Method::GET, "/v1/events/since?channel=private-store.S1.orders&seq=0", Some(&format!("{KEY}-store")), None).await;
    assert_eq!(page["events"][0]["correlation_id"], "order-1", "{page}");
    let said = until(async || lines_of(&server, "order-1").into_iter().find(|line| line["message"] == "published")).await;
    assert_eq!((&said["channel"], &said["contract"]), (&json!("private-store.S1.orders"), &json!("store")));

    let (status, headers, answer) = signed(&server, bad, "ee1456f299bcd9e22028a243e8f54cab", "order-2").await;
    assert!(status.is_client_error() && headers["x-correlation-id"] == "order-2", "{answer}");
    let said = until(async || lines_of(&server, "order-2").into_iter().find(|line| line["message"] == "publish refused")).await;
    assert_eq!((&said["channel"], &said["type"]), (&json!("private-store.S1.orders"), &json!("OrderStatusChanged")));
    let metrics = server.operations("/metrics").await;
    for (name, labels) in [
        ("tidewire_events_published_total", &["contract=\"store\""][..]),
        ("tidewire_publishes_refused_total", &["contract=\"store\"", "reason=\"invalid-event\""]),
        ("soketi_http_calls_received_total", &["app_id=\"4711\""]),
    ] {
        assert!(sum(&metrics, name, labels) >= Some(1.0), "{name}\n{metrics}");
    }
    assert!(!server.log().concat().contains(SECRET));
}
