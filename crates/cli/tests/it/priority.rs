//! A client that is behind on several channels gets what is urgent first, and each channel in its order. // K-13, G-2, G-3

use crate::support::*;
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

const CONTRACT: &str = "tidewire: 1
name: shop
version: '1'
title: Shop
auth:
  token: bearer query.token
  principal: { id: $claims.sub }
channels:
  screens: { address: screens }
  printing: { address: printing, priority: high }
wire:
  event: { id: $id, type: $type, channel: $channel, seq: $seq, data: $data }
  client: { subscribe: { do: subscribe, channels: $channels } }
  server:
    subscribed: { did: subscribe }
    error: { did: error, code: $code, message: $message }
endpoints:
  - websocket: /ws
    options: { types: filter }
  - websocket: /resuming
    options: { channels: subscribe, after: resume }
  - sse: /events
    options: { channels: subscribe }
events:
  shown: { on: screens }
  queued: { on: printing }
";

fn start(folder: &Path) -> Server {
    std::fs::create_dir(folder.join("shop")).unwrap();
    std::fs::write(folder.join("shop/contract.yaml"), CONTRACT).unwrap();
    Server::with(folder, "")
}

/// A printer's client that is on both channels and reads nothing for now.
async fn connect(server: &Server, options: &str) -> Socket {
    let token = token(json!({ "sub": "p1" }));
    let mut socket = server.narrow_websocket(&format!("/ws?token={token}{options}")).await;
    socket.send(json!({ "do": "subscribe", "channels": ["screens", "printing"] })).await;
    assert_eq!(socket.next().await, json!({ "did": "subscribe" }));
    socket
}

async fn show(server: &Server, bytes: usize) {
    server.must("shop", json!({ "channel": "screens", "type": "shown", "data": { "filler": "x".repeat(bytes) } })).await;
}

async fn queue(server: &Server) {
    server.must("shop", json!({ "channel": "printing", "type": "queued", "data": {} })).await;
}

/// Whether a client has not taken what there is for it, and stays so.
async fn is_behind(server: &Server) -> bool {
    for _ in 0..5 {
        let metrics = server.operations("/metrics").await;
        let line = metrics.lines().find(|l| l.starts_with("tidewire_clients_behind") && l.contains("contract=\"shop\""));
        if line.and_then(|l| l.rsplit_once(' ')).is_none_or(|(_, n)| n.parse::<f64>().unwrap() < 1.0) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    true
}

/// Shows until the client's socket is full; how many events that took.
async fn fill(server: &Server) -> u64 {
    for shown in 1..2000 {
        show(server, 30_000).await;
        if shown % 10 == 0 && is_behind(server).await {
            return shown;
        }
    }
    panic!("the client takes everything without reading");
}

/// Reads so many events: the channel and `seq` of each.
async fn read(socket: &mut Socket, count: u64) -> Vec<(String, u64)> {
    let mut events = Vec::new();
    for _ in 0..count {
        let event: Value = socket.next().await;
        events.push((event["channel"].as_str().unwrap().to_owned(), event["seq"].as_u64().unwrap()));
    }
    events
}

/// Nothing is lost, nothing comes twice; the jobs come one behind the other, before everything that was shown after `full`.
fn check(events: &[(String, u64)], shown: u64, queued: u64, full: u64) {
    is_whole(events, shown, queued);
    let first = events.iter().position(|(channel, _)| channel == "printing").unwrap();
    let jobs = &events[first..][..queued as usize];
    assert!(jobs.iter().all(|(channel, _)| channel == "printing"), "{jobs:?}");
    let before = events[..first].iter().map(|(_, seq)| *seq).max().unwrap_or(0);
    assert!(before <= full, "what was shown after the socket was full ({full}) came before the jobs: up to {before}");
}

// What waits is at hand: from memory.
#[tokio::test]
async fn a_job_overtakes_the_little_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let mut socket = connect(&server, "").await;
    let full = fill(&server).await;
    for _ in 0..6 {
        show(&server, 100).await;
        queue(&server).await;
    }
    check(&read(&mut socket, full + 12).await, full + 6, 6, full);
    // It is on again, and nothing comes twice.
    show(&server, 10).await;
    assert_eq!(socket.next().await["seq"], full + 7);
    assert!(socket.is_quiet().await);
}

// What waits is more than is kept in memory: pages from the store.
#[tokio::test]
async fn a_job_overtakes_the_much_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let mut socket = connect(&server, "").await;
    let mut full = fill(&server).await;
    // A page may be under way already; what is in it was there first.
    for _ in 0..40 {
        show(&server, 30_000).await;
    }
    full += 40;
    for n in 0..60 {
        show(&server, 30_000).await;
        if n % 3 == 0 {
            queue(&server).await;
        }
    }
    let metrics = server.operations("/metrics").await;
    check(&read(&mut socket, full + 80).await, full + 60, 20, full);
    // All of it came by itself: nothing had to be published behind it.
    let pages = |metrics: &str| metrics.lines().find(|l| l.starts_with("tidewire_catchup_pages") && l.contains("shop")).map(str::to_owned);
    assert_ne!(pages(&metrics), pages(&server.operations("/metrics").await), "it was read in pages");
}

// G-4: the same on one channel, where a filter is in the way: the end of a burst does not wait for the next event.
#[tokio::test]
async fn much_that_waits_behind_a_filter_comes_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let token = token(json!({ "sub": "p1" }));
    let mut socket = server.narrow_websocket(&format!("/ws?token={token}&types=shown")).await;
    socket.send(json!({ "do": "subscribe", "channels": ["screens"] })).await;
    assert_eq!(socket.next().await, json!({ "did": "subscribe" }));
    let full = fill(&server).await;
    for _ in 0..100 {
        show(&server, 30_000).await;
    }
    let all: Vec<u64> = read(&mut socket, full + 100).await.into_iter().map(|(_, seq)| seq).collect();
    assert_eq!(all, (1..=full + 100).collect::<Vec<_>>());
}

// With a filter, by which nothing is written straight from what everybody gets.
#[tokio::test]
async fn a_filter_changes_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let mut socket = connect(&server, "&types=shown;queued").await;
    let full = fill(&server).await;
    for _ in 0..6 {
        show(&server, 100).await;
        queue(&server).await;
    }
    check(&read(&mut socket, full + 12).await, full + 6, 6, full);
}

/// Reads until the first job, whose id it gives beside what came up to it.
async fn read_to_a_job(mut next: impl AsyncFnMut() -> (String, Value)) -> (String, Vec<(String, u64)>) {
    let mut events = Vec::new();
    loop {
        let (id, event) = next().await;
        events.push((event["channel"].as_str().unwrap().to_owned(), event["seq"].as_u64().unwrap()));
        if event["channel"] == "printing" {
            return (id, events);
        }
    }
}

/// Both channels whole, each in its order, nothing twice.
fn is_whole(events: &[(String, u64)], shown: u64, queued: u64) {
    let of = |channel: &str| events.iter().filter(|(c, _)| c == channel).map(|(_, seq)| *seq).collect::<Vec<_>>();
    assert_eq!(of("screens"), (1..=shown).collect::<Vec<_>>());
    assert_eq!(of("printing"), (1..=queued).collect::<Vec<_>>());
}

/// Behind a full socket what is shown and what is queued in turns.
async fn much_in_turns(server: &Server) -> u64 {
    let mut shown = fill(server).await;
    for _ in 0..40 {
        show(server, 30_000).await;
        shown += 1;
    }
    for _ in 0..6 {
        show(server, 100).await;
        queue(server).await;
    }
    shown + 6
}

// G-3: an event stream has one place for all its channels: whoever comes back behind a job has missed nothing that was shown before it.
#[tokio::test]
async fn an_event_stream_that_breaks_behind_a_job_has_missed_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let token = token(json!({ "sub": "p1" }));
    let path = format!("/events?token={token}&channels=screens,printing");
    let mut stream = server.sse(&path, &[]).await;
    let shown = much_in_turns(&server).await;
    let (id, mut events) = read_to_a_job(async || {
        let sent = stream.next().await;
        (sent.id.unwrap(), sent.data)
    })
    .await;
    drop(stream);
    let mut stream = server.sse(&path, &[("last-event-id", id)]).await;
    while events.len() < (shown + 6) as usize {
        let event = stream.next().await.data;
        events.push((event["channel"].as_str().unwrap().to_owned(), event["seq"].as_u64().unwrap()));
    }
    is_whole(&events, shown, 6);
    assert!(stream.is_quiet().await);
}

// G-3: the same where a WebSocket resumes all its channels behind one event.
#[tokio::test]
async fn a_socket_that_resumes_behind_a_job_has_missed_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let token = token(json!({ "sub": "p1" }));
    let path = format!("/resuming?token={token}&channels=screens,printing");
    let mut socket = server.narrow_websocket(&path).await;
    let shown = much_in_turns(&server).await;
    let (id, mut events) = read_to_a_job(async || {
        let event = socket.next().await;
        (event["id"].as_str().unwrap().to_owned(), event)
    })
    .await;
    drop(socket);
    let mut socket = server.narrow_websocket(&format!("{path}&after={id}")).await;
    events.extend(read(&mut socket, shown + 6 - events.len() as u64).await);
    is_whole(&events, shown, 6);
    assert!(socket.is_quiet().await);
}
