//! Redis that is found by sentinels, and Redis behind TLS that knows who asks. // G-6

use crate::support::{
    redis::{Redis, free_port},
    *,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::json;
use std::{collections::HashMap, path::Path, time::Duration};

fn path(after: &str) -> String {
    format!("/ws?world_id=w1&token={}&after={after}", gamemaster())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_dies_is_replaced_and_nothing_acknowledged_is_lost() {
    let always = ["--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"];
    let mut master = Redis::with(&always);
    let of_master = ["--replicaof", "127.0.0.1", &master.port.to_string()].map(str::to_owned);
    let replicas: Vec<Redis> = (0..2).map(|_| Redis::with(&[&always[..], &of_master.each_ref().map(String::as_str)].concat())).collect();
    for replica in &replicas {
        replica.until("info replication", "master_link_status:up");
    }
    let sentinels: Vec<Redis> = (0..3).map(|_| Redis::sentinel("main", master.port, 2)).collect();
    for sentinel in &sentinels {
        sentinel.until("info sentinel", "slaves=2,sentinels=3");
    }
    let seeds: Vec<String> = sentinels.iter().map(|s| format!("127.0.0.1:{}", s.port)).collect();
    let node = || {
        Server::with_environment(vec![
            ("TIDEWIRE_STORE_REDIS", format!("redis+sentinel://{}/main", seeds.join(","))),
            ("TIDEWIRE_STORE_REDIS_REPLICAS", "1".into()),
        ])
    };
    let (one, two) = (node(), node());
    let mut acknowledged = HashMap::new();
    for i in 0..40 {
        let key = format!("before {i}");
        let receipt = insist(if i % 2 == 0 { &one } else { &two }, &keyed(&key)).await;
        acknowledged.insert(key, receipt);
    }
    let mut socket = two.websocket(&path("0"), &[]).await.unwrap();
    for i in 0..40 {
        assert_eq!(socket.next().await["data"]["name"], format!("before {i}"));
    }
    master.kill();
    for i in 0..40 {
        let key = format!("after {i}");
        let receipt = insist(if i % 2 == 0 { &one } else { &two }, &keyed(&key)).await;
        acknowledged.insert(key, receipt);
    }
    let log = one.events("world", "world:w1").await;
    assert_eq!(log.len(), 80, "each once");
    for event in log {
        assert_eq!(event["id"], acknowledged[event["request_id"].as_str().unwrap()]["id"]);
    }
    // The connection has outlived it.
    for i in 0..40 {
        assert_eq!(socket.next().await["data"]["name"], format!("after {i}"));
    }
}

/// The files of a certificate's chain, for Redis and for who asks it.
fn certificates(folder: &Path) -> impl Fn(&str) -> String {
    let mut of_ca = CertificateParams::default();
    // Whoever has the name of its issuer would have signed itself.
    of_ca.distinguished_name.push(DnType::CommonName, "authority of the tests");
    of_ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(of_ca, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    for name in ["redis", "node"] {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
    let folder = folder.display().to_string();
    move |name| format!("{folder}/{name}")
}

/// What a user of Redis needs for the channels, and for the door of the party's backends.
const RIGHTS: &str = "on >a%secret ~tidewire:* ~{tidewire:* &tidewire:* &party:* &run:* +@all -@dangerous +info +role +config|get";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_few_rights_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let file = certificates(folder.path());
    let port = free_port();
    let tls = port.to_string();
    let files = [file("redis.pem"), file("redis.key"), file("ca.pem")];
    let mut arguments = vec!["--appendonly", "yes", "--appendfsync", "always", "--tls-port", &tls, "--tls-auth-clients", "yes"];
    arguments.extend(["--tls-cert-file", &files[0], "--tls-key-file", &files[1], "--tls-ca-cert-file", &files[2]]);
    arguments.extend(["--user", "default", "off", "--user", "tidewire"].into_iter().chain(RIGHTS.split(' ')));
    let _redis = Redis::with(&arguments);
    let own = format!("ca={}&cert={}&key={}", file("ca.pem"), file("node.pem"), file("node.key"));
    let url = |secret: &str, query: &str| format!("rediss://tidewire:{secret}@127.0.0.1:{port}/0?{query}");
    let good = url("a%25secret", &own);
    let door = format!("[contracts.party.backends.engine]\nredis = \"{good}\"\n");
    let node = || Server::said(&root().join("contracts"), &door, vec![("TIDEWIRE_STORE_REDIS", good.clone())]);
    let (one, two) = (node(), node());
    let first = insist(&one, &keyed("first")).await;
    insist(&two, &keyed("second")).await;
    let mut socket = two.websocket(&path("0"), &[]).await.unwrap();
    for name in ["first", "second"] {
        assert_eq!(socket.next().await["data"]["name"], name);
    }
    assert_eq!(two.must("world", keyed("first")).await["id"], first["id"]);
    // What operators write through the door, with a user that may do as much as a node.
    let redis_cli = |words: &[&str]| {
        let (ca, cert, key) = (file("ca.pem"), file("node.pem"), file("node.key"));
        let secured = ["-p", &tls, "--tls", "--cacert", &ca, "--cert", &cert, "--key", &key, "--user", "tidewire", "--pass", "a%secret"];
        let said = std::process::Command::new("redis-cli").args(secured).args(words).output().unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let scene =
        json!({ "scene_number": 1, "title": "Fog", "text": "Fog.", "decides": "anyone", "choices": [], "skill_checks": [], "flags": {} });
    let envelope = json!({ "type": "scene.update", "payload": scene }).to_string();
    until("both nodes hear", async || redis_cli(&["PUBLISH", "party:p1", &envelope]).trim() == "2").await;
    redis_cli(&["XADD", "tidewire:party:in", "*", "channel", "party:p1", "event", &envelope]);
    until("both are events", async || one.events("party", "party:p1").await.len() >= 2).await;
    assert!(two.log().iter().all(|line| !line.contains("NOPERM")), "{:#?}", two.log());
    // Whoever is not let in says why, and no secret.
    let stranger = format!("ca={}", file("ca.pem"));
    for (url, why) in [
        (url("wrong", &own), "WRONGPASS"),
        (url("a%25secret", &stranger), "ertificate"),
        (url("a%25secret", ""), "UnknownIssuer"),
        (url("a%25secret", "ca=/nowhere/ca.pem"), "/nowhere/ca.pem"),
    ] {
        let started = std::process::Command::new(env!("CARGO_BIN_EXE_tidewire"))
            .args(["serve", "--listen", "127.0.0.1:0", "--contracts"])
            .arg(root().join("contracts/world"))
            .current_dir(folder.path())
            .env("TIDEWIRE_STORE_REDIS", &url)
            .env("TIDEWIRE_CONTRACTS_WORLD_BACKEND_KEYS", format!("sha256:{}", "0".repeat(64)))
            .env("TIDEWIRE_CONTRACTS_WORLD_AUTH_SECRET", SECRET)
            .env("TIDEWIRE_CONTRACTS_WORLD_AUTH_ALGORITHM", "HS256")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&started.stderr);
        assert!(!started.status.success() && said.contains(why) && !said.contains("secret@") && !said.contains("wrong@"), "{why}: {said}");
    }
}

async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let begun = tokio::time::Instant::now();
    while !is().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: it never is");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
