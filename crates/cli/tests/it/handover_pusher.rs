//! Clients' events that a backend decides about, under the Pusher protocol. // K-1, C-2, C-5

use crate::support::{
    KEY, SECRET, Server, Socket,
    backend::{self, Backend, say},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::Path;

const CONTRACT: &str = "tidewire: 1
name: table
version: '1'
title: Table
auth:
  devices: registry
  principal: { id: $device.id, table: $device.store }
channels:
  table: { address: 'private-table.{id}', join: id == principal.table }
backends:
  waiter: { sends: [dish.ordered], deadline: 2s }
errors:
  SOLD_OUT: { means: There is none left, action: Order something else }
wire:
  protocol: pusher
  event: { seq: $seq, dish: $data.dish }
endpoints:
  - pusher: /app/{key}
  - authorize: /broadcasting/auth
events:
  client-order: { from: client, to: waiter, on: table, data: order.json, key: $data.order, example: { order: o1, dish: soup } }
  dish.ordered: { on: table, data: order.json, example: { order: o1, dish: soup } }
";

fn contracts(folder: &Path) -> std::path::PathBuf {
    let contract = folder.join("contracts/table");
    std::fs::create_dir_all(&contract).unwrap();
    std::fs::write(contract.join("contract.yaml"), CONTRACT).unwrap();
    let text = json!({ "type": "string" });
    let order = json!({ "type": "object", "required": ["order", "dish"], "properties": { "order": text, "dish": text } });
    std::fs::write(contract.join("order.json"), order.to_string()).unwrap();
    folder.join("contracts")
}

/// Who sits at the table, subscribed as pusher-js would.
async fn sit(server: &Server, who: &str) -> Socket {
    let mut socket = server.websocket("/app/table-key?protocol=7", &[]).await.unwrap();
    let hello: Value = serde_json::from_str(socket.next().await["data"].as_str().unwrap()).unwrap();
    let device = json!({ "type": "Tablet", "store": "t1", "name": who });
    let (status, _, device) = server.call(Method::POST, "/v1/devices", Some(&format!("{KEY}-table")), Some(&device)).await;
    assert_eq!(status, StatusCode::CREATED, "{device}");
    let token = device["token"].as_str().unwrap();
    let asked = json!({ "channel_name": "private-table.t1", "socket_id": hello["socket_id"] });
    let (status, _, signed) = server.call(Method::POST, "/broadcasting/auth", Some(token), Some(&asked)).await;
    assert_eq!(status, StatusCode::OK, "{signed}");
    socket.send(json!({ "event": "pusher:subscribe", "data": { "channel": "private-table.t1", "auth": signed["auth"] } })).await;
    assert_eq!(socket.next().await["event"], "pusher_internal:subscription_succeeded");
    socket
}

fn order(order: &str, dish: &str) -> Value {
    json!({ "event": "client-order", "channel": "private-table.t1", "data": { "order": order, "dish": dish } })
}

#[tokio::test]
async fn a_backend_decides_what_comes_of_a_client_event() {
    let (folder, waiter) = (tempfile::tempdir().unwrap(), Backend::start().await);
    let tail = format!(
        "[contracts.table.pusher]\napp_id = \"1\"\nkey = \"table-key\"\nsecret = \"{SECRET}\"\n{}",
        backend::configured("table", "waiter", waiter.address)
    );
    let server = Server::with_tail(&contracts(folder.path()), &tail);
    let (mut ana, mut boris) = (sit(&server, "ana").await, sit(&server, "boris").await);
    let ordered = json!({ "channel": "private-table.t1", "type": "dish.ordered", "data": { "order": "o1", "dish": "soup" } });
    waiter.then([
        say(200, json!({ "events": [ordered] })),
        say(422, json!({ "code": "SOLD_OUT", "message": "the soup was good" })),
        say(422, json!({ "code": "SOLD_OUT", "message": "it is late" })),
    ]);
    // What the backend answers is everybody's event, who asked included; the order itself is shown to nobody.
    ana.send(order("o1", "soup")).await;
    let told = json!({ "event": "dish.ordered", "channel": "private-table.t1", "data": json!({ "seq": 1, "dish": "soup" }).to_string() });
    for socket in [&mut ana, &mut boris] {
        let mut frame = socket.next().await;
        // The protocol's data is text, with members in whatever order.
        let data: Value = serde_json::from_str(frame["data"].as_str().unwrap()).unwrap();
        frame["data"] = data.to_string().into();
        assert_eq!(frame, told);
    }
    let asked = waiter.asked();
    assert!(asked[0].is_signed);
    let body = &asked[0].body;
    assert_eq!(
        (&body["type"], &body["channel"], &body["key"], &body["principal"]["id"], &body["data"]["dish"]),
        (&json!("client-order"), &json!("private-table.t1"), &json!("o1"), &json!("1"), &json!("soup"))
    );
    // The same again is answered by the first answer, and nobody is told twice.
    ana.send(order("o1", "soup")).await;
    // Refused: an error that says so, to the one who asked, by the backend's code; and to the contract's own refusal.
    for (frame, words) in [
        (order("o2", "soup"), ["SOLD_OUT", "the soup was good"]),
        (json!({ "event": "client-order", "channel": "private-table.t1", "data": { "order": "o3" } }), ["client-order", "dish"]),
        (order("o4", "cake"), ["SOLD_OUT", "it is late"]),
    ] {
        boris.send(frame).await;
        let refused = boris.next().await;
        assert_eq!(refused["event"], "pusher:error", "{refused}");
        let message = refused["data"]["message"].as_str().unwrap();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
    assert!(ana.is_quiet().await);
    assert_eq!(waiter.asked().len(), 3, "the second o1 and what does not fit reached nobody");
    // The log has the one event.
    let path = "/v1/events/since?channel=private-table.t1&seq=0";
    let (_, _, page) = server.call(Method::GET, path, Some(&format!("{KEY}-table")), None).await;
    assert_eq!(page["events"].as_array().unwrap().len(), 1, "{page}");
}
