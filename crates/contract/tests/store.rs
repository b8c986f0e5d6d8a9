//! The store contract: who may join what, the envelope, and every payload of the document.

use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tidewire_contract::{
    Contract, Durability, EndpointKind, OptionRole, Principal, Protocol, Rate, Template, TokenPlace, Tokens, address::Vars, compile,
};

fn store() -> Contract {
    compile(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/store")).unwrap()
}

const POS: &[&str] = &["order.read", "order.status.set", "ticket.create", "device.sync"];
const KIOSK: &[&str] = &["order.read", "device.sync"];
const KDS: &[&str] = &["kds.read", "kds.update", "device.sync"];
const PRINTER_GATEWAY: &[&str] = &["printer.read", "device.sync"];
const BACK_OFFICE: &[&str] = &["devices.read", "order.read", "kds.read"];

const TYPES: [(&str, &[&str]); 5] =
    [("POS", POS), ("Kiosk", KIOSK), ("KDS", KDS), ("PrinterGateway", PRINTER_GATEWAY), ("BackOffice", BACK_OFFICE)];

/// Device 42 of the store, as the registry describes it.
fn device(contract: &Contract, device_type: &str, abilities: &[&str]) -> Principal {
    let known = json!({ "id": 42, "name": "d", "type": device_type, "store": "pizza-bab-el-oued", "abilities": abilities });
    contract.principal(known.as_object().unwrap()).unwrap()
}

fn may_join(contract: &Contract, who: &Principal, name: &str) -> bool {
    let channel = contract.channel(name).unwrap_or_else(|| panic!("{name} is no channel"));
    let (kind, vars) = (&contract.channels[channel.kind], &channel.vars);
    assert_eq!(kind.may_join(who, vars), kind.lacking(who, vars).is_none(), "{name}: what is lacking, and whether it is, agree");
    kind.may_join(who, vars)
}

// K-2
#[test]
fn its_channels_have_the_documents_names() {
    let contract = store();
    let of = |name: &str| contract.channel(name).map(|c| (contract.channels[c.kind].id.as_str(), c.vars));
    let vars = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).into(), (*v).to_owned())).collect::<Vars>();
    for (name, id, variables) in [
        ("private-store.pizza-7.orders", "orders", &[("sku", "pizza-7")][..]),
        ("private-store.pizza-7.kds", "kds", &[("sku", "pizza-7")]),
        ("private-store.pizza-7.kds.station.grill", "station", &[("sku", "pizza-7"), ("slug", "grill")]),
        ("private-store.pizza-7.printing", "printing", &[("sku", "pizza-7")]),
        ("private-store.pizza-7.devices", "devices", &[("sku", "pizza-7")]),
        ("private-device.42.notifications", "notifications", &[("device_id", "42")]),
        ("presence-store.pizza-7.kds.presence", "screens", &[("sku", "pizza-7")]),
        ("#server-to-user-42", "server-to-user", &[("user", "42")]),
        ("audit", "audit", &[]),
    ] {
        assert_eq!(of(name), Some((id, vars(variables))), "{name}");
    }
    for name in ["store.pizza-7.orders", "private-store..orders", "private-store.pizza-7", "public-store.pizza-7.orders", "audit.x"] {
        assert_eq!(of(name), None, "{name}");
    }
    let channel = |id: &str| contract.channels.iter().find(|c| c.id == id).unwrap();
    let two_days = Some(Duration::from_secs(48 * 3600));
    for id in ["orders", "kds", "station", "printing", "devices", "notifications"] {
        assert_eq!(channel(id).history.keep, two_days, "{id}");
    }
    assert_eq!(["orders", "printing", "kds"].map(|id| channel(id).durability), [Durability::Disk, Durability::Disk, Durability::Process]);
    // K-13
    assert!(contract.channels.iter().all(|c| (c.priority > 0) == (c.id == "printing")));
    // K-12: who is in the kitchen is shown, and nothing is said there.
    let screens = contract.channels.iter().position(|c| c.id == "screens").unwrap();
    assert!(contract.channels[screens].presence.is_some());
    assert!(contract.events.iter().all(|e| !e.on.contains(&screens)));
}

// K-3, K-4
#[test]
fn each_type_of_device_has_its_channels() {
    let contract = store();
    let names = ["orders", "kds", "kds.station.grill", "printing", "devices"].map(|of| format!("private-store.pizza-bab-el-oued.{of}"));
    let own = "private-device.42.notifications".to_owned();
    let screens = "presence-store.pizza-bab-el-oued.kds.presence".to_owned();
    let names: Vec<String> = names.into_iter().chain([own, screens]).collect();
    let expected = [
        //                 orders station      devices screens
        //                        kds    printing own
        ("POS", [true, false, false, true, false, true, false]),
        ("Kiosk", [true, false, false, false, false, true, false]),
        ("KDS", [false, true, true, false, false, true, true]),
        ("PrinterGateway", [false, false, false, true, false, true, false]),
        ("BackOffice", [true, true, true, false, true, false, true]),
    ];
    for ((device_type, abilities), (row, expected)) in TYPES.into_iter().zip(expected) {
        assert_eq!(device_type, row);
        let who = device(&contract, device_type, abilities);
        let found: Vec<bool> = names.iter().map(|name| may_join(&contract, &who, name)).collect();
        assert_eq!(found, expected, "{device_type}");
    }
}

// K-3, K-4: abilities are of one store, and notifications of one device.
#[test]
fn nobody_joins_what_is_anothers() {
    let contract = store();
    let all: Vec<&str> = TYPES.into_iter().flat_map(|(_, abilities)| abilities.iter().copied()).collect();
    let who = device(&contract, "POS", &all);
    for name in [
        "private-store.pizza-8.orders",
        "private-store.pizza-8.kds",
        "private-store.pizza-8.kds.station.grill",
        "private-store.pizza-8.printing",
        "private-store.pizza-8.devices",
        "presence-store.pizza-8.kds.presence",
        "private-store.pizza-bab-el-oued.kds.station.grill.kds",
        "private-store.x.kds.station.pizza-bab-el-oued.orders",
        "private-device.4.notifications",
        "private-device.420.notifications",
        "private-device.042.notifications",
        "private-device.+42.notifications",
        "#server-to-user-42",
        "audit",
    ] {
        assert!(!may_join(&contract, &who, name), "{name}");
    }
    for (store, abilities) in [
        (json!(null), json!(all)),
        (json!(["pizza-bab-el-oued"]), json!(all)),
        (json!("pizza-bab-el-oued"), json!("order.read")),
        (json!("pizza-bab-el-oued"), json!(null)),
        (json!("pizza-bab-el-oued"), json!(["order"])),
    ] {
        let known = json!({ "id": 42, "type": "POS", "store": store, "abilities": abilities });
        let who = contract.principal(known.as_object().unwrap()).unwrap();
        assert!(!may_join(&contract, &who, "private-store.pizza-bab-el-oued.orders"), "{known}");
    }
}

// K-3: a refusal says which check failed.
#[test]
fn what_a_device_lacks_is_said_as_the_contract_writes_it() {
    let contract = store();
    let lacks = |abilities: &[&str], name: &str| {
        let (who, channel) = (device(&contract, "POS", abilities), contract.channel(name).unwrap());
        contract.channels[channel.kind].lacking(&who, &channel.vars).map(str::to_owned)
    };
    let lacking = |abilities, name| lacks(abilities, name).unwrap();
    assert_eq!(lacking(POS, "private-store.pizza-8.orders"), "sku == principal.store");
    assert_eq!(lacking(KDS, "private-store.pizza-bab-el-oued.orders"), "\"order.read\" in principal.abilities");
    assert_eq!(
        lacking(KDS, "private-store.pizza-bab-el-oued.printing"),
        "(\"printer.read\" in principal.abilities || \"ticket.create\" in principal.abilities)"
    );
    assert_eq!(lacking(POS, "private-device.7.notifications"), "device_id == principal.id");
    assert_eq!(lacking(BACK_OFFICE, "private-device.42.notifications"), "\"device.sync\" in principal.abilities");
    assert_eq!(lacking(POS, "audit"), "nobody joins it by asking");
    assert_eq!(lacks(POS, "private-device.42.notifications"), None);
}

// K-7
#[test]
fn its_envelope_is_that_of_the_document() {
    let contract = store();
    assert_eq!(contract.wire.protocol, Protocol::Pusher);
    let fill = |template: &Template, replay: bool| {
        template.fill(&mut |path| {
            let known = json!({
                "id": "079ab8a5-7a9e-4c62-9f0e-7dc2b8a6e2a1",
                "type": "OrderCreated",
                "seq": 12873,
                "occurred_at": "2025-09-26T13:59:10.321Z",
                "trace": "6c3b1a6a-9b5d-4f25-9e71-777f6d0f6db2",
                "data": { "order": {} },
                "replay": replay,
                "fields": {
                    "store": { "id": 7, "sku": "pizza-bab-el-oued" },
                    "sender": { "device_id": 42, "device_type": "Kiosk" },
                    "subject": { "type": "Order", "id": 123456 },
                },
            });
            path.iter().try_fold(&known, |value, part| value.get(part)).cloned()
        })
    };
    let mut expected = json!({
        "v": 1,
        "event": "OrderCreated",
        "event_id": "079ab8a5-7a9e-4c62-9f0e-7dc2b8a6e2a1",
        "seq": 12873,
        "occurred_at": "2025-09-26T13:59:10.321Z",
        "store": { "id": 7, "sku": "pizza-bab-el-oued" },
        "sender": { "device_id": 42, "device_type": "Kiosk" },
        "subject": { "type": "Order", "id": 123456 },
        "correlation_id": "6c3b1a6a-9b5d-4f25-9e71-777f6d0f6db2",
        "data": { "order": {} },
        "meta": { "replay": false },
    });
    let live = fill(&contract.wire.event, false);
    assert_eq!(live, expected);
    let order: Vec<&String> = live.as_object().unwrap().keys().collect();
    assert_eq!(order, expected.as_object().unwrap().keys().collect::<Vec<_>>(), "in the document's order");
    expected["meta"]["replay"] = true.into();
    assert_eq!(fill(&contract.wire.event, true), expected);
}

/// The payloads that the document shows, as it shows them.
fn shown() -> Vec<(&'static str, Value)> {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    vec![
        (
            "OrderCreated",
            read(
                r#"{ "order": { "id": 123456, "channel": "kiosk", "status": "accepted",
                     "totals_cents": { "subtotal": 28000, "tax": 0, "total": 28000 },
                     "number": "A047", "created_at": "2025-09-26T13:59:10Z" } }"#,
            ),
        ),
        ("OrderStatusChanged", read(r#"{ "order_id": 123456, "from": "in_preparation", "to": "ready", "at": "2025-09-26T14:04:22Z" }"#)),
        (
            "KdsTicketCreated",
            read(
                r#"{ "ticket": { "id": 98765, "order_id": 123456,
                     "items": [{ "id": 1, "name": "Classic Burger", "qty": 2, "modifiers": ["Cheese","No onion"] }],
                     "status": "in_preparation", "notes": "", "created_at": "2025-09-26T14:00:02Z" } }"#,
            ),
        ),
        ("KdsTicketUpdated", read(r#"{ "ticket_id": 98765, "status": "ready", "at": "2025-09-26T14:05:44Z" }"#)),
        (
            "PrintJobQueued",
            read(r#"{ "print_job": { "id": 5551, "type": "customer_receipt", "target_printer_id": 31, "order_id": 123456 } }"#),
        ),
        (
            "DeviceStatusChanged",
            read(
                r#"{ "device": { "id": 42, "type": "PrinterGateway", "status": "online" },
                     "reason": "heartbeat", "at": "2025-09-26T14:06:01Z" }"#,
            ),
        ),
        (
            "DeviceNotification",
            read(
                r#"{ "title": "Mise à jour disponible", "message": "Une nouvelle configuration d’imprimante a été appliquée.",
                     "level": "info", "action": { "type": "navigate", "target": "settings/printers" } }"#,
            ),
        ),
    ]
}

// K-9
#[test]
fn it_has_all_eleven_events_on_their_channels_and_takes_what_the_document_shows() {
    let contract = store();
    let catalogue = [
        ("OrderCreated", &["orders"][..]),
        ("OrderUpdated", &["orders"]),
        ("OrderStatusChanged", &["orders"]),
        ("KdsTicketCreated", &["kds", "station"]),
        ("KdsTicketUpdated", &["kds", "station"]),
        ("PrintJobQueued", &["printing"]),
        ("PrintJobCompleted", &["printing"]),
        ("PrintJobFailed", &["printing"]),
        ("DeviceStatusChanged", &["devices"]),
        ("DeviceNotification", &["notifications"]),
        ("MediaUpdated", &["orders", "kds"]),
    ];
    let found: Vec<(&str, Vec<&str>)> =
        contract.events.iter().map(|e| (e.name.as_str(), e.on.iter().map(|at| contract.channels[*at].id.as_str()).collect())).collect();
    assert_eq!(found, catalogue.map(|(name, on)| (name, on.to_vec())));
    for event in &contract.events {
        assert!(event.trigger.is_some() && !event.examples.is_empty(), "{}", event.name);
        for example in &event.examples {
            assert_eq!(event.validate(example), vec![], "{}", event.name);
            for (pointer, changed) in wronged(example) {
                assert!(!event.validate(&changed).is_empty(), "{} takes {changed}, wrong at {pointer}", event.name);
            }
        }
    }
    for (name, payload) in shown() {
        assert_eq!(contract.event(name).unwrap().validate(&payload), vec![], "{name}");
    }
    // K-17: what is critical goes into the trail.
    let audited: Vec<&str> = contract.events.iter().filter(|e| e.audit).map(|e| e.name.as_str()).collect();
    assert_eq!(audited, ["KdsTicketUpdated", "PrintJobFailed"]);
    let trail = &contract.channels[contract.audit.unwrap()];
    assert_eq!((trail.id.as_str(), trail.durability, trail.closed), ("audit", Durability::Disk, true));
    assert_eq!(trail.history.keep, Some(Duration::from_secs(365 * 86_400)));
}

/// The payload with a member too many in each of its objects, and with each of its values replaced by one of another kind.
fn wronged(payload: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    walk(payload, String::new(), &mut places);
    let replace = |pointer: &String| {
        let mut changed = payload.clone();
        let place = changed.pointer_mut(pointer).unwrap();
        *place = match place {
            Value::Object(map) => {
                let mut more = map.clone();
                more.insert("unheard".into(), "of".into());
                Value::Object(more)
            }
            Value::Array(_) => json!("a list"),
            Value::String(_) => json!(7),
            _ => json!("7"),
        };
        (pointer.clone(), changed)
    };
    places.iter().map(replace).collect()
}

fn walk(value: &Value, pointer: String, places: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| walk(value, format!("{pointer}/{key}"), places)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| walk(value, format!("{pointer}/{at}"), places)),
        _ => {}
    }
    places.push(pointer);
}

// K-9: what is wrong, and where, by one example each.
#[test]
fn a_wrong_payload_is_refused_at_its_place() {
    let contract = store();
    let examples: Vec<(&str, Value)> = contract.events.iter().map(|e| (e.name.as_str(), e.examples[0].clone())).collect();
    for (name, place, value, rule, told_at) in [
        ("OrderCreated", "/order/status", json!("cooking"), "enum", "/order/status"),
        ("OrderCreated", "/order/totals_cents/total", json!(280.5), "type", "/order/totals_cents/total"),
        ("OrderCreated", "/order/totals_cents/tax", json!(-1), "minimum", "/order/totals_cents/tax"),
        ("OrderCreated", "/order/created_at", json!("2025-09-26 13:59"), "format", "/order/created_at"),
        ("OrderCreated", "/order", json!({ "id": 1 }), "required", "/order"),
        ("OrderUpdated", "/changes", json!(["number", "number"]), "uniqueItems", "/changes"),
        ("OrderStatusChanged", "/to", json!("gone"), "enum", "/to"),
        ("KdsTicketCreated", "/ticket/items", json!([]), "minItems", "/ticket/items"),
        ("KdsTicketCreated", "/ticket/items/0/qty", json!(0), "minimum", "/ticket/items/0/qty"),
        ("KdsTicketCreated", "/ticket/category_ids", json!([3, 3]), "uniqueItems", "/ticket/category_ids"),
        ("KdsTicketCreated", "/ticket/status", json!("accepted"), "enum", "/ticket/status"),
        ("KdsTicketUpdated", "/status", json!("cancelled"), "enum", "/status"),
        ("PrintJobQueued", "/print_job/target_printer_id", json!(0), "minimum", "/print_job/target_printer_id"),
        ("PrintJobCompleted", "/at", json!(null), "type", "/at"),
        ("PrintJobFailed", "/reason", json!("Out of paper!"), "pattern", "/reason"),
        ("DeviceStatusChanged", "/device/status", json!("away"), "enum", "/device/status"),
        ("DeviceStatusChanged", "/device/type", json!("pos"), "enum", "/device/type"),
        ("DeviceNotification", "/level", json!("shout"), "enum", "/level"),
        ("DeviceNotification", "/title", json!(""), "minLength", "/title"),
        ("MediaUpdated", "/media", json!({ "id": 71 }), "required", "/media"),
    ] {
        let mut payload = examples.iter().find(|(n, _)| *n == name).unwrap().1.clone();
        *payload.pointer_mut(place).unwrap_or_else(|| panic!("{name} has no {place}")) = value;
        let found = contract.event(name).unwrap().validate(&payload);
        let told: Vec<(&str, &str)> = found.iter().map(|v| (v.rule.as_str(), v.pointer.as_str())).collect();
        assert!(told.contains(&(rule, told_at)), "{name} {place}: {told:?}");
    }
}

// K-1, K-3, K-5, K-6, K-10, K-19
#[test]
fn it_is_served_on_the_documents_paths_to_devices() {
    let contract = store();
    let endpoints: Vec<(EndpointKind, &str)> = contract.endpoints.iter().map(|e| (e.kind, e.path.source.as_str())).collect();
    assert_eq!(
        endpoints,
        [
            (EndpointKind::Pusher, "/app/{key}"),
            (EndpointKind::Authorize, "/broadcasting/auth"),
            (EndpointKind::SignIn, "/broadcasting/user-auth"),
            (EndpointKind::Replay, "/v1/events/since"),
        ]
    );
    assert_eq!(contract.endpoints[3].options, [("channel".to_owned(), OptionRole::Subscribe), ("seq".to_owned(), OptionRole::Resume)]);
    assert_eq!(contract.auth.tokens, Tokens::Devices);
    assert!(contract.endpoints.iter().all(|e| contract.auth.places(e.kind) == [TokenPlace::Header]));
    let limits = &contract.limits;
    assert_eq!(limits.total, Some(Rate { count: 30, per: Duration::from_secs(10) }));
    assert_eq!((limits.connections, limits.newest_wins, limits.per_principal), (Some(1), true, true));
    let [bridge] = contract.bridges.as_slice() else { panic!("one bridge") };
    let of: Vec<&str> = bridge.of.iter().map(|at| contract.channels[*at].id.as_str()).collect();
    assert_eq!((bridge.name.as_str(), bridge.exchange.as_str(), of), ("analytics", "tidewire.events", vec!["orders", "kds", "printing"]));
    let key = bridge.routing_key.fill(&mut |path| Some(json!(format!("<{}>", path.join(".")))));
    assert_eq!(key, "<contract>.<channel>.<type>");
}
