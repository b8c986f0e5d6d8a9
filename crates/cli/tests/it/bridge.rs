//! Events carried to a real RabbitMQ, while either side is killed. // K-19

use crate::support::rabbit::{Got, Rabbit, drain};
use crate::support::{KEY, Server, root, try_publish};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

const ORDERS: &str = "private-store.s1.orders";
const KDS: &str = "private-store.s1.kds";
const PRINTING: &str = "private-store.s1.printing";

fn order(n: u64) -> Value {
    json!({ "order_id": n + 1, "from": "accepted", "to": "ready", "at": "2026-01-01T00:00:00Z" })
}

fn event(channel: &str, n: u64) -> Value {
    let (event_type, data) = match channel {
        ORDERS => ("OrderStatusChanged", order(n)),
        KDS => ("KdsTicketUpdated", json!({ "ticket_id": n + 1, "status": "ready", "at": "2026-01-01T00:00:00Z" })),
        _ => ("PrintJobCompleted", json!({ "print_job_id": n + 1, "at": "2026-01-01T00:00:00Z" })),
    };
    json!({ "channel": channel, "type": event_type, "data": data, "key": format!("{channel}/{n}"), "trace": format!("t{n}") })
}

/// What came first of each message, by channel, in the order in which it came.
fn firsts(all: &[Got]) -> BTreeMap<String, Vec<i64>> {
    let mut seen = BTreeSet::new();
    let mut firsts: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for got in all.iter().filter(|got| seen.insert(got.id.clone())) {
        firsts.entry(got.channel.clone()).or_default().push(got.seq);
    }
    firsts
}

fn serve(rabbit: &Rabbit) -> Server {
    Server::with_environment(vec![("TIDEWIRE_CONTRACTS_STORE_AMQP", rabbit.url())])
}

async fn bridges(server: &Server) -> Value {
    let (_, _, answer) = server.call(hyper::Method::GET, "/v1/bridges", Some(&format!("{KEY}-store")), None).await;
    answer["bridges"][0].clone()
}

/// Waits until the bridge has nothing more to carry.
async fn carried(server: &Server) -> Value {
    for _ in 0..1200 {
        let bridge = bridges(server).await;
        if bridge["connected"] == true && bridge["lag"]["events"] == 0 {
            return bridge;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the bridge does not come to an end: {}", bridges(server).await);
}

/// Whichever side dies, RabbitMQ ends up with everything, each channel in its order.
#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_in_order_whoever_is_killed() {
    let mut rabbit = Rabbit::start("");
    rabbit.queue("all", "#", FieldTable::default()).await;
    let mut server = serve(&rabbit);
    let url = Arc::new(std::sync::Mutex::new(server.url.clone()));
    let over = Arc::new(AtomicBool::new(false));
    let publishers: Vec<_> = [ORDERS, KDS, PRINTING]
        .into_iter()
        .map(|channel| {
            let (url, over) = (url.clone(), over.clone());
            tokio::spawn(async move {
                let mut n = 0;
                while !over.load(Ordering::Relaxed) {
                    let to = url.lock().unwrap().clone();
                    match try_publish(&to, "store", &event(channel, n)).await {
                        Some(_) => n += 1,
                        None => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
                n
            })
        })
        .collect();
    for round in 0..6 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        if round % 3 == 1 {
            rabbit.kill();
            tokio::time::sleep(Duration::from_millis(200)).await;
            rabbit.begin();
        } else {
            server.kill_and_restart(&root().join("contracts"));
            *url.lock().unwrap() = server.url.clone();
        }
    }
    over.store(true, Ordering::Relaxed);
    let mut published = BTreeMap::new();
    for (channel, publisher) in [ORDERS, KDS, PRINTING].into_iter().zip(publishers) {
        published.insert(channel.to_owned(), publisher.await.unwrap());
    }
    carried(&server).await;
    let channel = rabbit.connect().await.create_channel().await.unwrap();
    let all = drain(&channel, "all").await;
    for (channel, seqs) in firsts(&all) {
        let wanted: Vec<i64> = (1..=seqs.len() as i64).collect();
        assert_eq!(seqs, wanted, "{channel}");
        // What was acknowledged is there; a try that got no answer may be there as well.
        assert!(
            seqs.len() as u64 >= published[&channel] && published[&channel] > 0,
            "{channel}: {} of {}",
            seqs.len(),
            published[&channel]
        );
    }
    assert_eq!(firsts(&all).len(), 3);
    let one = all.iter().find(|got| got.channel == KDS).unwrap();
    assert_eq!((one.routing_key.as_str(), one.event_type.as_str()), ("store.kds.KdsTicketUpdated", "KdsTicketUpdated"));
    assert_eq!((one.body["event_id"].as_str(), one.body["seq"].as_i64()), (Some(one.id.as_str()), Some(one.seq)));
    // K-17
    assert_eq!(one.correlation.as_deref(), one.body["correlation_id"].as_str());
    // A graceful stop carries nothing twice.
    assert_eq!(server.terminate(), Some(0));
    server.restart(&root().join("contracts"));
    carried(&server).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(drain(&channel, "all").await.len(), 0);
}

/// What RabbitMQ refuses for itself is set aside, the others go on, and an operator tries again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_set_aside_and_can_be_tried_again() {
    let rabbit = Rabbit::start("max_message_size = 2000");
    // Nobody wants what is printed; of orders no more than two are taken.
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(2));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let orders = rabbit.queue("orders", "store.orders.#", arguments).await;
    let kitchen = rabbit.queue("kitchen", "store.kds.#", FieldTable::default()).await;
    let server = serve(&rabbit);
    for n in 0..4 {
        server.must("store", event(ORDERS, n)).await;
    }
    server.must("store", event(PRINTING, 0)).await;
    server.must("store", event(KDS, 0)).await;
    // RabbitMQ answers what is too large by closing the channel, and whatever was under way comes once more: nothing else is.
    carried(&server).await;
    let items: Vec<Value> = (1..=40).map(|n| json!({ "id": n, "name": "a long name ".repeat(5), "qty": 1 })).collect();
    let ticket =
        json!({ "ticket": { "id": 9, "order_id": 9, "items": items, "status": "in_preparation", "created_at": "2026-01-01T00:00:00Z" } });
    server.must("store", json!({ "channel": KDS, "type": "KdsTicketCreated", "data": ticket })).await;
    server.must("store", event(KDS, 1)).await;
    let bridge = carried(&server).await;
    let aside: Vec<(String, u64, String)> = bridge["aside"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a["channel"].as_str().unwrap().to_owned(), a["seq"].as_u64().unwrap(), a["reason"].as_str().unwrap().to_owned()))
        .collect();
    let places: Vec<(&str, u64)> = aside.iter().map(|(channel, seq, _)| (channel.as_str(), *seq)).collect();
    assert_eq!(places, [(KDS, 2), (ORDERS, 3), (ORDERS, 4), (PRINTING, 1)], "{bridge}");
    let why = |at: usize| aside[at].2.as_str();
    assert!(why(0).contains("size"), "{}", why(0));
    assert!(why(1).contains("nack") && why(3).contains("NO_ROUTE"), "{aside:?}");
    let kds: Vec<i64> = drain(&kitchen, "kitchen").await.iter().map(|got| got.seq).collect();
    assert_eq!(kds.first().zip(kds.last()), Some((&1, &3)));
    // Room was made: what is tried again arrives, what is still too large stays aside.
    assert_eq!(drain(&orders, "orders").await.len(), 2);
    rabbit.queue("papers", "store.printing.#", FieldTable::default()).await;
    let retry = server.call(hyper::Method::POST, "/v1/bridges/analytics/retry", Some(&format!("{KEY}-store")), None).await;
    assert_eq!(retry.2["retrying"], 4);
    for _ in 0..200 {
        if bridges(&server).await["aside"].as_array().unwrap().len() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(bridges(&server).await["aside"].as_array().unwrap().len(), 1);
    assert_eq!(drain(&orders, "orders").await.len(), 2);
    assert_eq!(drain(&orders, "papers").await.len(), 1);
    let metrics = server.operations("/metrics").await;
    assert!(metrics.contains("tidewire_bridge_lag_events"), "{metrics}");
}
