//! Orders, their totals, their papers; who may do what; whose request caused what.

mod support;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::{SKU, Store, fake::Folder, types};

// K-9, K-7: what an order at the kiosk tells.
#[tokio::test]
async fn an_order_is_told_with_its_ticket_and_its_papers() {
    let store = Store::quiet().await;
    let items = json!([
        { "name": "Classic Burger", "qty": 2, "price_cents": 14000, "tax_percent": 9, "category_id": 3 },
        { "name": "Sauce", "price_cents": 155, "tax_percent": 10 },
        { "name": "Water" },
    ]);
    let headers = [("x-correlation-id", "trace-1")];
    let (status, headers, answer) = store.ask("kiosk", Method::POST, "/v1/orders", &headers, json!({ "items": items })).await;
    assert_eq!((status, &headers["x-correlation-id"]), (StatusCode::CREATED, &http::HeaderValue::from_static("trace-1")));
    // 15.5 cents of tax are 16.
    assert_eq!(answer["order"]["totals_cents"], json!({ "subtotal": 28155, "tax": 2536, "total": 30691 }));
    assert_eq!((&answer["order"]["number"], &answer["order"]["channel"]), (&json!("A001"), &json!("kiosk")));
    let told = store.fake.log();
    assert_eq!(types(&told), ["OrderCreated", "KdsTicketCreated", "OrderStatusChanged", "PrintJobQueued", "PrintJobQueued"]);
    assert_eq!(told[0].data["order"]["status"], "accepted");
    assert_eq!((&told[2].data["from"], &told[2].data["to"]), (&json!("accepted"), &json!("in_preparation")));
    assert_eq!([3, 4].map(|i| told[i].data["print_job"]["type"].clone()), [json!("customer_receipt"), json!("kitchen_ticket")]);
    for (event, subject) in told.iter().zip(["Order", "KdsTicket", "Order", "PrintJob", "PrintJob"]) {
        let fields = &event.whole["fields"];
        assert_eq!(fields["store"], json!({ "id": 1, "sku": SKU }));
        assert_eq!(fields["sender"], json!({ "device_id": 42, "device_type": "Kiosk" }));
        assert_eq!(fields["subject"]["type"], subject);
        assert_eq!(event.whole["trace"], "trace-1");
        assert_eq!(event.whole["occurred_at"], told[0].data["order"]["created_at"]);
    }
    assert_eq!(store.fake.requests(), 1, "one batch");
}

// K-9, K-14: an order from outside waits, can be added to, and its status goes its way.
#[tokio::test]
async fn an_order_from_outside_waits_until_it_is_accepted() {
    let store = Store::quiet().await;
    let item = json!({ "name": "Salad", "price_cents": 7000, "prep_station": "cold" });
    let (_, answer) = store.post("pos", "/v1/orders", json!({ "channel": "web", "items": [item] })).await;
    assert_eq!(answer["order"]["status"], "pending");
    let path = format!("/v1/orders/{}", answer["order"]["id"]);
    let (status, answer) = store.post("pos", &format!("{path}/items"), json!({ "items": [item, item] })).await;
    assert_eq!((status, &answer["order"]["totals_cents"]["total"]), (StatusCode::OK, &json!(21000)));
    assert_eq!(types(&store.fake.log()), ["OrderCreated", "OrderUpdated"]);
    assert_eq!(store.told("orders")[1].data["changes"], json!(["totals_cents"]));
    store.post("pos", &format!("{path}/status"), json!({ "to": "accepted" })).await;
    let told = store.fake.log().split_off(2);
    assert_eq!(types(&told)[..4], ["OrderStatusChanged", "KdsTicketCreated", "KdsTicketCreated", "OrderStatusChanged"]);
    assert_eq!(told[1].data["ticket"]["items"].as_array().unwrap().len(), 3);
    // The till moves the tickets with the order; what is added later is made too.
    store.post("pos", &format!("{path}/status"), json!({ "to": "ready" })).await;
    let (_, answer) = store.post("pos", &format!("{path}/items"), json!({ "items": [item] })).await;
    assert_eq!(answer["order"]["status"], "in_preparation");
    let statuses =
        |listed: Value| listed["tickets"].as_array().unwrap().iter().map(|t| t["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(statuses(store.get("kds", "/v1/kds/tickets").await.1), ["ready", "in_preparation"]);
    for to in ["ready", "delivered"] {
        assert_eq!(store.post("pos", &format!("{path}/status"), json!({ "to": to })).await.0, StatusCode::OK);
    }
    assert_eq!(statuses(store.get("kds", "/v1/kds/tickets").await.1), ["delivered", "delivered"]);
    for (to, body) in [("status", json!({ "to": "cancelled" })), ("items", json!({ "items": [item] }))] {
        let (status, problem) = store.post("pos", &format!("{path}/{to}"), body).await;
        assert_eq!((status, &problem["current"], &problem["allowed"]), (StatusCode::CONFLICT, &json!("delivered"), &json!([])));
    }
    assert_eq!(store.post("pos", &format!("{path}/status"), json!({ "to": "burnt" })).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

// K-13: papers are asked for, printed, or not; each once.
#[tokio::test]
async fn print_jobs_end_once() {
    let store = Store::quiet().await;
    let (order, _) = store.burger().await;
    let (_, listed) = store.get("printer", "/v1/print-jobs").await;
    let jobs: Vec<u64> = listed["print_jobs"].as_array().unwrap().iter().map(|job| job["id"].as_u64().unwrap()).collect();
    assert_eq!((jobs.len(), &listed["seq"]), (2, &json!(2)));
    let fail = format!("/v1/print-jobs/{}/fail", jobs[0]);
    assert_eq!(store.post("printer", &fail, json!({ "reason": "gremlins" })).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    store.post("printer", &fail, json!({ "reason": "paper_out", "message": "the roll is empty" })).await;
    store.post("printer", &format!("/v1/print-jobs/{}/complete", jobs[1]), json!({})).await;
    let told = store.told("printing").split_off(2);
    assert_eq!(types(&told), ["PrintJobFailed", "PrintJobCompleted"]);
    assert_eq!((&told[0].data["reason"], &told[0].data["message"]), (&json!("paper_out"), &json!("the roll is empty")));
    for (job, how, current) in [(jobs[0], "complete", "failed"), (jobs[1], "fail", "completed")] {
        let (status, problem) = store.post("printer", &format!("/v1/print-jobs/{job}/{how}"), json!({})).await;
        assert_eq!((status, &problem["current"]), (StatusCode::CONFLICT, &json!(current)));
    }
    // Once more, on new paper.
    let (status, again) = store.post("pos", "/v1/print-jobs", json!({ "order_id": order, "type": "customer_receipt" })).await;
    assert_eq!((status, &again["print_job"]["status"]), (StatusCode::CREATED, &json!("queued")));
    assert!(!jobs.contains(&again["print_job"]["id"].as_u64().unwrap()));
}

// K-3: 401 and 403 name the check; nothing is told.
#[tokio::test]
async fn refusals_name_the_check() {
    let store = Store::quiet().await;
    let (order, ticket) = store.burger().await;
    let told = store.fake.log().len();
    let all = [
        ("pos", Method::GET, "/v1/kds/tickets".to_owned(), "kds.read"),
        ("back_office", Method::POST, format!("/v1/kds/tickets/{ticket}/bump"), "kds.update"),
        ("back_office", Method::POST, format!("/v1/kds/tickets/{ticket}/undo"), "kds.update"),
        ("kds", Method::GET, "/v1/orders".to_owned(), "order.read"),
        ("kds", Method::GET, format!("/v1/orders/{order}"), "order.read"),
        ("kds", Method::POST, "/v1/orders".to_owned(), "order.create"),
        ("kds", Method::POST, format!("/v1/orders/{order}/items"), "order.create"),
        ("kiosk", Method::POST, format!("/v1/orders/{order}/status"), "order.status.set"),
        ("kds", Method::GET, "/v1/print-jobs".to_owned(), "printer.read"),
        ("kiosk", Method::POST, "/v1/print-jobs".to_owned(), "ticket.create"),
        ("pos", Method::POST, "/v1/print-jobs/1/complete".to_owned(), "printer.read"),
        ("pos", Method::POST, "/v1/print-jobs/1/fail".to_owned(), "printer.read"),
        ("pos", Method::GET, "/devices".to_owned(), "devices.read"),
        ("pos", Method::POST, "/devices/43/status".to_owned(), "devices.update"),
        ("pos", Method::POST, "/devices/43/notify".to_owned(), "devices.update"),
        ("pos", Method::POST, "/v1/media".to_owned(), "media.update"),
    ];
    for (who, method, path, ability) in all {
        let (status, headers, problem) = store.ask(who, method, &path, &[("x-correlation-id", "c")], json!({ "to": "ready" })).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{who} {path}");
        assert_eq!((&problem["check"], &problem["ability"]), (&json!("ability"), &json!(ability)), "{who} {path}");
        assert_eq!(headers["x-correlation-id"], "c");
    }
    for no_token in ["junk", ""] {
        let (status, problem) = store.get(no_token, "/v1/orders").await;
        assert_eq!((status, &problem["check"]), (StatusCode::UNAUTHORIZED, &json!("token")));
    }
    store.fake.change(41, "allow", json!(["10.0.0.1"]));
    let (status, problem) = store.get("pos", "/v1/orders").await;
    assert_eq!((status, &problem["check"]), (StatusCode::FORBIDDEN, &json!("ip")));
    // A proxy on this machine says who its client is; what the client itself wrote stands before.
    let forwarded = [("x-forwarded-for", "10.0.0.9, 10.0.0.1")];
    assert_eq!(store.ask("pos", Method::GET, "/v1/orders", &forwarded, Value::Null).await.0, StatusCode::OK);
    let forwarded = [("x-forwarded-for", "10.0.0.1, 10.0.0.9")];
    assert_eq!(store.ask("pos", Method::GET, "/v1/orders", &forwarded, Value::Null).await.0, StatusCode::FORBIDDEN);
    store.fake.change(41, "allow", json!([]));
    store.fake.change(41, "blocked", json!(true));
    let (status, problem) = store.get("pos", "/v1/orders").await;
    assert_eq!((status, &problem["check"]), (StatusCode::FORBIDDEN, &json!("blocked")));
    assert_eq!(store.fake.log().len(), told);
}

// K-3: nobody sees, or touches, what is another shop's.
#[tokio::test]
async fn shops_do_not_see_each_other() {
    let store = Store::quiet().await;
    let (order, ticket) = store.burger().await;
    let all =
        ["order.read", "order.status.set", "kds.read", "kds.update", "printer.read", "ticket.create", "devices.read", "devices.update"];
    let other = store.fake.device(99, "BackOffice", "other-shop", &all);
    for (list, of) in [("/v1/orders", "orders"), ("/v1/kds/tickets", "tickets"), ("/v1/print-jobs", "print_jobs"), ("/devices", "devices")]
    {
        assert_eq!(store.get(&other, list).await.1[of], json!([]), "{list}");
    }
    for path in [
        format!("/v1/orders/{order}/status"),
        format!("/v1/kds/tickets/{ticket}/bump"),
        "/v1/print-jobs/1/complete".to_owned(),
        "/devices/43/status".to_owned(),
        "/devices/43/notify".to_owned(),
    ] {
        let body = json!({ "to": if path.starts_with("/devices") { "blocked" } else { "ready" } });
        assert_eq!(store.post(&other, &path, body).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(store.post(&other, "/v1/print-jobs", json!({ "order_id": order, "type": "customer_receipt" })).await.0, 404);
}

// K-17: the request's correlation id in every event it causes and in its answer; made where it is absent.
#[tokio::test]
async fn every_event_has_the_correlation_id_of_its_request() {
    let store = Store::quiet().await;
    let (order, ticket) = store.burger().await;
    let item = json!({ "name": "Salad" });
    let (_, pending) = store.post("pos", "/v1/orders", json!({ "channel": "phone", "items": [item] })).await;
    let mut seen = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    let actions = [
        ("kiosk", "/v1/orders".to_owned(), json!({ "items": [item] })),
        ("pos", format!("/v1/orders/{order}/items"), json!({ "items": [item] })),
        ("pos", format!("/v1/orders/{}/status", pending["order"]["id"]), json!({ "to": "accepted" })),
        ("kds", format!("/v1/kds/tickets/{ticket}/bump"), json!({ "to": "ready" })),
        ("kds", format!("/v1/kds/tickets/{ticket}/undo"), json!({ "to": "in_preparation" })),
        ("printer", "/v1/print-jobs/1/complete".to_owned(), json!({})),
        ("printer", "/v1/print-jobs/2/fail".to_owned(), json!({ "reason": "cover_open" })),
        ("kds", "/devices/43/heartbeat".to_owned(), json!({})),
        ("back_office", "/devices/43/notify".to_owned(), json!({ "title": "Hello", "message": "A word" })),
        ("back_office", "/devices/44/status".to_owned(), json!({ "to": "inactive" })),
        ("back_office", "/v1/media".to_owned(), json!({ "id": 7, "type": "image" })),
    ];
    for (given, (who, path, body)) in [true, false].into_iter().flat_map(|given| actions.iter().map(move |a| (given, a))) {
        let from = store.fake.log().len();
        let id = format!("trace of {path}");
        let headers: &[(&str, &str)] = if given { &[("x-correlation-id", &id)] } else { &[] };
        let (status, headers, _) = store.ask(who, Method::POST, path, headers, body.clone()).await;
        let answered = headers["x-correlation-id"].to_str().unwrap().to_owned();
        assert_eq!(answered == id, given);
        assert!(seen.insert(answered.clone()), "{answered} twice");
        for event in store.fake.log().split_off(from) {
            assert_eq!(event.whole["trace"], answered.as_str());
            kinds.insert(event.event_type);
        }
        assert!(status.is_success() || !given, "{path}: {status}");
    }
    assert_eq!(kinds.len(), 11, "the whole catalogue: {kinds:?}");
    let long = "x".repeat(300);
    let (_, headers, _) = store.ask("pos", Method::GET, "/v1/nowhere", &[("x-correlation-id", &long)], Value::Null).await;
    assert_eq!(headers["x-correlation-id"].len(), 36, "what the server would refuse is replaced");
}

// K-8, K-14: a restart goes on where it was; a repeat over it is answered as before; no id is given twice.
#[tokio::test]
async fn a_restart_goes_on() {
    let folder = Folder::new();
    let mut store = Store::kept(folder.0.clone()).await;
    let mut ids = BTreeSet::new();
    let key = [("idempotency-key", "one")];
    let body = json!({ "items": [{ "name": "Calzone", "prep_station": "oven", "category_id": 1 }] });
    let (_, _, first) = store.ask("kiosk", Method::POST, "/v1/orders", &key, body.clone()).await;
    for round in 0..3 {
        let (order, ticket) = store.burger().await;
        assert!(ids.insert(("order", order)) && ids.insert(("ticket", ticket)));
        store.bump(ticket, "bump", "ready").await;
        let before = store.get("kds", "/v1/kds/tickets").await;
        store.restart().await;
        assert_eq!(store.get("kds", "/v1/kds/tickets").await, before, "{round}");
        let (_, _, again) = store.ask("kiosk", Method::POST, "/v1/orders", &key, body.clone()).await;
        assert_eq!(again, first);
    }
    assert_eq!(store.told("orders").iter().filter(|e| e.event_type == "OrderCreated").count(), 4);
    let keys: BTreeSet<_> = store.fake.log().iter().map(|e| (e.channel.clone(), e.key.clone())).collect();
    assert_eq!(keys.len(), store.fake.log().len());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_nothing_is_told() {
    let store = Store::quiet().await;
    let item = |extra: Value| {
        let mut item = json!({ "name": "Salad" });
        item.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({ "items": [item] })
    };
    for body in [
        json!({}),
        json!({ "items": [] }),
        json!({ "items": vec![json!({ "name": "Salad" }); 51] }),
        json!({ "items": [{ "name": "Salad" }], "channel": "carrier pigeon" }),
        json!({ "items": [{ "name": "Salad" }], "notes": "n".repeat(1001) }),
        json!({ "items": [{ "name": "Salad" }], "total": 0 }),
        item(json!({ "name": "" })),
        item(json!({ "qty": 0 })),
        item(json!({ "qty": 101 })),
        item(json!({ "qty": -1 })),
        item(json!({ "price_cents": 0.5 })),
        item(json!({ "price_cents": 10_000_001 })),
        item(json!({ "tax_percent": 101 })),
        item(json!({ "category_id": 0 })),
        item(json!({ "prep_station": "The Grill" })),
        item(json!({ "prep_station": "" })),
        item(json!({ "modifiers": [""] })),
        item(json!({ "colour": "green" })),
    ] {
        let (status, problem) = store.post("kiosk", "/v1/orders", body.clone()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {problem}");
    }
    for (path, body) in [
        ("/devices/43/status", json!({ "to": "online" })),
        ("/devices/43/status", json!({})),
        ("/devices/43/notify", json!({ "title": "", "message": "x" })),
        ("/devices/43/notify", json!({ "title": "x", "message": "x", "level": "loud" })),
        ("/devices/43/notify", json!({ "title": "x", "message": "x", "action": { "type": "explode" } })),
        ("/v1/media", json!({ "id": 0, "type": "image" })),
        ("/v1/media", json!({ "id": 1, "type": "smell" })),
        ("/v1/media", json!({ "id": 1, "type": "image", "size": 3 })),
    ] {
        assert_eq!(store.post("back_office", path, body.clone()).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{path} {body}");
    }
    for path in ["/v1/orders/7", "/v1/orders/x", "/v1/other", "/devices/me/again"] {
        assert_eq!(store.get("pos", path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(store.fake.log().len(), 0);
}
