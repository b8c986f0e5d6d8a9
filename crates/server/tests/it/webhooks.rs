//! Webhooks against a receiver of our own: what is written down is told, once it stays, by whichever run. K-1

use aws_lc_rs::hmac;
use serde_json::Value;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};
use tidewire_engine::log::{Log, memory::MemoryLog};
use tidewire_server::{
    Served,
    config::AppConfig,
    outbound::Outbound,
    pusher::{PusherApp, plain_contract, roster::Change},
    webhooks::Webhooks,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// One who is told. Keeps the events of each request that it took.
struct Receiver {
    port: u16,
    status: AtomicU16,
    attempts: AtomicU16,
    told: Mutex<Vec<Vec<Value>>>,
}

impl Receiver {
    async fn start() -> Arc<Receiver> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = Arc::new(Receiver { port, status: AtomicU16::new(200), attempts: AtomicU16::new(0), told: Mutex::default() });
        let shared = receiver.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                shared.answer(socket).await;
            }
        });
        receiver
    }

    async fn answer(&self, mut socket: TcpStream) {
        let mut bytes = Vec::new();
        let (head, body) = loop {
            if socket.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let header = |name: &str| {
                let line = head.lines().find(|l| l.to_lowercase().starts_with(&format!("{name}: ")))?;
                Some(line[name.len() + 2..].to_owned())
            };
            if header("content-length").is_some_and(|n| n.parse() == Ok(body.len())) {
                let key = hmac::Key::new(hmac::HMAC_SHA256, b"the secret");
                let expected: String = hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect();
                assert_eq!(header("x-pusher-signature"), Some(expected));
                assert_eq!(header("x-pusher-key").as_deref(), Some("the-key"));
                assert_eq!(header("content-type").as_deref(), Some("application/json"));
                break (head.to_owned(), body.to_owned());
            }
        };
        assert!(head.starts_with("POST /hook "));
        self.attempts.fetch_add(1, Ordering::SeqCst);
        let status = self.status.load(Ordering::SeqCst);
        if status == 200 {
            let body: Value = serde_json::from_str(&body).unwrap();
            assert!(body["time_ms"].is_i64());
            self.told.lock().unwrap().push(body["events"].as_array().unwrap().clone());
        }
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let _ = socket.write_all(answer.as_bytes()).await;
    }

    fn events(&self) -> Vec<Value> {
        self.told.lock().unwrap().iter().flatten().cloned().collect()
    }
}

async fn until(enough: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !enough() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("in time");
}

fn start(log: &Arc<MemoryLog>, port: u16, hooks: &[&str]) -> Webhooks {
    let mut text = "app_id = \"7\"\nkey = \"the-key\"\nsecret = \"the secret\"\n".to_owned();
    for hook in hooks {
        text += &format!("[[webhooks]]\nurl = \"http://127.0.0.1:{port}/hook\"\n{hook}\n");
    }
    let app: AppConfig = toml::from_str(&text).unwrap();
    let Ok(contract) = plain_contract("hooks", &app) else { panic!("an app has a contract") };
    let pusher = PusherApp::new(&app, &contract, true, 32);
    let served = [Arc::new(Served::new(contract, Some(pusher), 32))];
    Webhooks::start(log.clone(), &served, Outbound::new(None).unwrap()).unwrap()
}

fn occupied(n: usize) -> Change {
    Change::Occupied { channel: format!("c{n}") }
}

fn vacated(n: usize) -> Change {
    Change::Vacated { channel: format!("c{n}") }
}

/// Two targets of one address once wrote over each other's rows: what one was still to be told was lost in a restart.
#[tokio::test]
async fn two_of_one_address_keep_what_is_theirs() {
    let (log, receiver) = (Arc::new(MemoryLog::default()), Receiver::start().await);
    receiver.status.store(500, Ordering::SeqCst);
    let hooks = ["debounce = \"1h\"\nchannel_prefix = \"c1\"", "debounce = \"1h\"\nchannel_prefix = \"c2\""];
    let webhooks = start(&log, receiver.port, &hooks);
    let listener = webhooks.listener();
    listener("hooks", occupied(1));
    listener("hooks", occupied(2));
    until(|| receiver.attempts.load(Ordering::SeqCst) >= 2).await;
    let reports = webhooks.reporter()();
    assert_eq!(reports.len(), 1, "one series for each app");
    assert_eq!(reports[0].waiting, 2);
    drop(webhooks);
    receiver.status.store(200, Ordering::SeqCst);
    let _webhooks = start(&log, receiver.port, &hooks);
    let has = |channel: &str| receiver.events().iter().any(|e| e["channel"] == channel && e["name"] == "channel_occupied");
    until(|| has("c1") && has("c2")).await;
    until(|| log.values(b"webhook/").unwrap().is_empty()).await;
}

#[tokio::test]
async fn a_thousand_at_once_are_few_requests_in_order() {
    let (log, receiver) = (Arc::new(MemoryLog::default()), Receiver::start().await);
    let webhooks = start(&log, receiver.port, &["debounce = \"1h\""]);
    let listener = webhooks.listener();
    (0..1000).for_each(|n| listener("hooks", occupied(n)));
    until(|| receiver.events().len() == 1000).await;
    assert!(receiver.events().iter().enumerate().all(|(n, e)| e["channel"] == format!("c{n}")));
    assert!(receiver.told.lock().unwrap().len() <= 100, "batches of up to 50, where some may be cut short");
}

#[tokio::test]
async fn who_comes_back_was_never_away_and_who_does_not_has_left() {
    let (log, receiver) = (Arc::new(MemoryLog::default()), Receiver::start().await);
    let webhooks = start(&log, receiver.port, &["debounce = \"1s\""]);
    let listener = webhooks.listener();
    // All in one go, so that no clock decides: 0 leaves and returns, 1 leaves, returns and leaves again.
    for change in [occupied(0), occupied(1), vacated(0), vacated(1), occupied(0), occupied(1), vacated(1)] {
        listener("hooks", change);
    }
    until(|| receiver.events().len() == 3).await;
    drop(webhooks);
    let said = |e: &Value| format!("{} {}", e["name"].as_str().unwrap(), e["channel"].as_str().unwrap());
    let told: Vec<String> = receiver.events().iter().map(said).collect();
    assert_eq!(told, ["channel_occupied c0", "channel_occupied c1", "channel_vacated c1"]);
    // Nobody came back after the restart.
    let _webhooks = start(&log, receiver.port, &["debounce = \"10ms\""]);
    until(|| receiver.events().iter().any(|e| said(e) == "channel_vacated c0")).await;
    until(|| log.values(b"webhooks/hooks/told/").unwrap().is_empty()).await;
}
