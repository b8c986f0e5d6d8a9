//! K-14: the kitchen's tickets over HTTP.

mod support;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Store, types};

const STATUSES: [&str; 4] = ["in_preparation", "ready", "served", "delivered"];

/// A ticket in this status: its order and its id.
async fn ticket_at(store: &Store, status: &str) -> (u64, u64) {
    let (order, ticket) = store.burger().await;
    let way: &[&str] = match status {
        "in_preparation" => &[],
        "ready" => &["ready"],
        "served" => &["ready", "served"],
        _ => &["ready", "delivered"],
    };
    for to in way {
        assert_eq!(store.bump(ticket, "bump", to).await.0, 200);
    }
    (order, ticket)
}

async fn status_of(store: &Store, path: &str, of: &str) -> Value {
    let (_, listed) = store.get(if of == "orders" { "pos" } else { "kds" }, path).await;
    listed[of].as_array().unwrap().last().unwrap()["status"].clone()
}

// K-14: every status, every action, every goal.
#[tokio::test]
async fn the_whole_table() {
    let store = Store::quiet().await;
    for from in STATUSES {
        for how in ["bump", "undo"] {
            for to in STATUSES.into_iter().chain(["burnt"]) {
                let (_, ticket) = ticket_at(&store, from).await;
                let before = store.fake.log().len();
                let (status, answer) = store.bump(ticket, how, to).await;
                let goes = matches!(
                    (how, from, to),
                    ("bump", "in_preparation", "ready") | ("bump", "ready", "served" | "delivered") | ("undo", "ready", "in_preparation")
                );
                let told = store.fake.log().split_off(before);
                if goes {
                    assert_eq!((status, &answer["ticket"]["status"]), (StatusCode::OK, &json!(to)), "{how} {from} {to}");
                    // One event for the action, one for the order that follows.
                    assert_eq!(types(&told), ["KdsTicketUpdated", "OrderStatusChanged"]);
                    assert_eq!(told[0].data, json!({ "ticket_id": ticket, "status": to, "at": answer["ticket"]["updated_at"] }));
                    assert_eq!((&told[1].data["from"], &told[1].data["to"]), (&json!(from), &json!(to)));
                } else {
                    assert_eq!(status, StatusCode::CONFLICT, "{how} {from} {to}");
                    assert_eq!((answer["current"].as_str(), told.len()), (Some(from), 0), "{answer}");
                    let allowed = match (how, from) {
                        ("bump", "in_preparation") => json!(["ready"]),
                        ("bump", "ready") => json!(["served", "delivered"]),
                        ("undo", "ready") => json!(["in_preparation"]),
                        _ => json!([]),
                    };
                    assert_eq!(answer["allowed"], allowed);
                    assert!(answer["detail"].as_str().unwrap().contains(from), "{answer}");
                }
                let now = if goes { to } else { from };
                assert_eq!(status_of(&store, "/v1/kds/tickets", "tickets").await, now);
                assert_eq!(status_of(&store, "/v1/orders", "orders").await, now);
            }
        }
    }
}

// K-14: the same request again, and two screens that do the same to what both saw, are one action.
#[tokio::test]
async fn an_action_is_told_once_however_often_it_is_sent() {
    let store = Store::quiet().await;
    let (_, ticket) = store.burger().await;
    let path = format!("/v1/kds/tickets/{ticket}/bump");
    let (_, listed) = store.get("kds", "/v1/kds/tickets").await;
    let seen = listed["tickets"][0]["updated_at"].as_str().unwrap().to_owned();
    let key = [("idempotency-key", "a")];
    let (status, _, first) = store.ask("kds", Method::POST, &path, &key, json!({ "to": "ready" })).await;
    assert_eq!(status, StatusCode::OK);
    let told = store.fake.log().len();
    // By its key, also after the ticket went on.
    let (status, _, again) = store.ask("kds", Method::POST, &path, &key, json!({ "to": "ready" })).await;
    assert_eq!((status, &again), (StatusCode::OK, &first));
    // By the state that the other screen saw, in either place.
    let quoted = format!("\"{seen}\"");
    let (status, _, by_state) = store.ask("kds", Method::POST, &path, &[("if-match", &quoted)], json!({ "to": "ready" })).await;
    assert_eq!((status, &by_state), (StatusCode::OK, &first));
    let (status, by_state) = store.post("kds", &path, json!({ "to": "ready", "updated_at": seen })).await;
    assert_eq!((status, &by_state), (StatusCode::OK, &first));
    assert_eq!(store.fake.log().len(), told);
    // Something else to a state that is past is a conflict, which names the state that is.
    for (how, to) in [("bump", "served"), ("undo", "ready"), ("undo", "in_preparation")] {
        let path = format!("/v1/kds/tickets/{ticket}/{how}");
        let (status, problem) = store.post("kds", &path, json!({ "to": to, "updated_at": seen })).await;
        assert_eq!((status, &problem["current"]), (StatusCode::CONFLICT, &json!("ready")), "{how} {to}");
        assert_eq!(problem["updated_at"], first["ticket"]["updated_at"]);
    }
    store.bump(ticket, "bump", "served").await;
    let told = store.fake.log().len();
    let (status, _, again) = store.ask("kds", Method::POST, &path, &key, json!({ "to": "ready" })).await;
    assert_eq!((status, &again), (StatusCode::OK, &first));
    // A key stands for one request.
    let (status, _, problem) = store.ask("kds", Method::POST, &path, &key, json!({ "to": "served" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(store.fake.log().len(), told);
}

// K-14: many at once.
#[tokio::test]
async fn of_many_screens_at_once_one_is_told() {
    let store = std::sync::Arc::new(Store::quiet().await);
    let (_, ticket) = store.burger().await;
    store.fake.fail_by_chance(3);
    let all: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.bump(ticket, "bump", "ready").await.0 })
        })
        .collect();
    let mut accepted = 0;
    for one in all {
        accepted += usize::from(one.await.unwrap() == StatusCode::OK);
    }
    store.fake.heal();
    assert_eq!(accepted, 1);
    assert_eq!(types(&store.told("kds")), ["KdsTicketCreated", "KdsTicketUpdated"]);
}

// K-14: a ticket for each station, on its channel too; the order is as far as the slowest.
#[tokio::test]
async fn stations_have_tickets_of_their_own() {
    let store = Store::quiet().await;
    let items = json!([
        { "name": "Calzone", "category_id": 1, "prep_station": "oven" },
        { "name": "Margherita", "qty": 2, "category_id": 1, "prep_station": "oven", "modifiers": ["no olives"] },
        { "name": "Burger", "category_id": 3, "prep_station": "grill" },
        { "name": "Lemonade" },
    ]);
    let (_, answer) = store.post("kiosk", "/v1/orders", json!({ "items": items, "notes": "in a hurry" })).await;
    let order = answer["order"]["id"].as_u64().unwrap();
    let kds = store.told("kds");
    assert_eq!(types(&kds), ["KdsTicketCreated"; 3]);
    let of = |station: Value| {
        kds.iter().find(|e| e.data["ticket"].get("station").unwrap_or(&Value::Null) == &station).unwrap().data["ticket"].clone()
    };
    let (none, grill, oven) = (of(Value::Null), of(json!("grill")), of(json!("oven")));
    assert_eq!((&none["category_ids"], &grill["category_ids"], &oven["category_ids"]), (&json!([]), &json!([3]), &json!([1])));
    assert_eq!(oven["items"][1]["modifiers"], json!(["no olives"]));
    assert_eq!(oven["notes"], "in a hurry");
    assert_eq!(store.told("kds.station.oven")[0].data["ticket"], oven);
    // Filters for whoever catches up.
    for (query, ids) in [
        ("category_ids=3", vec![&grill]),
        ("category_ids=1,3", vec![&grill, &oven]),
        ("station=oven", vec![&oven]),
        ("status=ready", vec![]),
        ("status=ready,in_preparation", vec![&none, &grill, &oven]),
    ] {
        let (_, listed) = store.get("kds", &format!("/v1/kds/tickets?{query}")).await;
        let found: Vec<&Value> = listed["tickets"].as_array().unwrap().iter().map(|t| &t["id"]).collect();
        assert_eq!(found, ids.into_iter().map(|t| &t["id"]).collect::<Vec<_>>(), "{query}");
    }
    let id = |ticket: &Value| ticket["id"].as_u64().unwrap();
    let mut statuses = Vec::new();
    for (ticket, to) in
        [(&none, "ready"), (&grill, "ready"), (&oven, "ready"), (&none, "served"), (&grill, "delivered"), (&oven, "delivered")]
    {
        store.bump(id(ticket), "bump", to).await;
        statuses.push(store.get("pos", &format!("/v1/orders/{order}")).await.1["order"]["status"].as_str().unwrap().to_owned());
    }
    assert_eq!(statuses, ["in_preparation", "in_preparation", "ready", "ready", "ready", "served"]);
    assert_eq!(types(&store.told("kds.station.oven")), ["KdsTicketCreated", "KdsTicketUpdated", "KdsTicketUpdated"]);
}

// K-14, K-10: from a snapshot the events go on without a hole, and `updated_since` is exact.
#[tokio::test]
async fn a_snapshot_says_where_it_is_true() {
    let store = Store::quiet().await;
    let (status, headers, empty) = store.ask("kds", Method::GET, "/v1/kds/tickets", &[], Value::Null).await;
    assert_eq!((status, &empty["seq"], headers.get("tidewire-position")), (StatusCode::OK, &json!(0), None));
    let (_, ticket) = store.burger().await;
    let (_, headers, listed) = store.ask("kds", Method::GET, "/v1/kds/tickets", &[], Value::Null).await;
    assert_eq!(headers["tidewire-position"], store.fake.position(&support::channel("kds")).as_str());
    assert_eq!((&listed["seq"], &listed["channel"]), (&json!(1), &json!(support::channel("kds"))));
    store.bump(ticket, "bump", "ready").await;
    let (_, second) = store.burger().await;
    let behind: Vec<_> = store.told("kds").into_iter().filter(|e| e.seq > listed["seq"].as_u64().unwrap()).collect();
    assert_eq!(types(&behind), ["KdsTicketUpdated", "KdsTicketCreated"]);
    let (_, all) = store.get("kds", "/v1/kds/tickets").await;
    let times: Vec<String> = all["tickets"].as_array().unwrap().iter().map(|t| t["updated_at"].as_str().unwrap().to_owned()).collect();
    for (since, expected) in [(&times[0], vec![second]), (&times[1], vec![])] {
        let (_, newer) = store.get("kds", &format!("/v1/kds/tickets?updated_since={since}")).await;
        let found: Vec<u64> = newer["tickets"].as_array().unwrap().iter().map(|t| t["id"].as_u64().unwrap()).collect();
        assert_eq!(found, expected);
    }
    for bad in ["updated_since=yesterday", "category_ids=pizza", "status=burnt"] {
        assert_eq!(store.get("kds", &format!("/v1/kds/tickets?{bad}")).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
}
