//! The audit trail: what a contract wants audited is in its channel `audit` too, by the same commit (K-17).

use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use tidewire_contract::{Contract, compile_source};
use tidewire_engine::{
    Draft, LogHandle,
    log::memory::MemoryLog,
    publish::{Request, from_backend, id_key},
};
use tidewire_server::{Hub, hub::Watchers};

const CONTRACT: &str = r#"
tidewire: 1
name: kitchen
version: "1"
auth: { token: bearer header, principal: { id: $claims.sub } }
channels:
  tickets: { address: "tickets:{store}", durability: disk }
  trail: { address: trail, durability: disk, join: "false" }
wire: { event: { type: $type, data: $data } }
endpoints: [{ websocket: "/{store}", subscribes: "tickets:{store}" }]
events:
  ticket.bumped: { on: tickets }
  ticket.created: { on: tickets }
  trail.noted: { on: trail }
"#;

/// The kitchen's contract, with `ticket.bumped` audited.
fn kitchen() -> Arc<Contract> {
    let mut contract = compile_source("contract.yaml", CONTRACT, &|_| None).unwrap();
    contract.audit = contract.channels.iter().position(|c| c.id == "trail");
    for event in &mut contract.events {
        if event.name == "ticket.bumped" {
            Arc::get_mut(event).unwrap().audit = true;
        }
    }
    Arc::new(contract)
}

struct Nobody;

impl Watchers for Nobody {
    fn moved(&self, _: &[Arc<LogHandle>]) {}
}

fn hub() -> Hub {
    Hub::start(Arc::new(MemoryLog::default()), Arc::new(Nobody), 1).unwrap()
}

fn draft(contract: &Arc<Contract>, event_type: &str, n: u32, key: Option<&str>) -> Draft {
    let request = Request {
        channel: "tickets:s1".into(),
        event_type: event_type.into(),
        data: Bytes::from(json!({ "n": n }).to_string()),
        key: key.map(Into::into),
        trace: Some(format!("trace-{n}")),
        fields: Some(Bytes::from(r#"{"sender":{"device_id":"d1"}}"#)),
        ..Request::default()
    };
    from_backend(contract, request).unwrap()
}

fn read(hub: &Hub, name: &str) -> Vec<(u64, String, Option<String>, Value)> {
    let Some(log) = hub.reader().known(name) else { return Vec::new() };
    let records = hub.reader().read(&log, 0, 100, 1 << 20).unwrap();
    let one = |r: &tidewire_engine::Record| {
        (r.seq, r.event_type.to_string(), r.trace.as_deref().map(str::to_owned), serde_json::from_slice(&r.data).unwrap())
    };
    records.iter().map(|r| one(r)).collect()
}

// K-17
#[tokio::test]
async fn what_is_audited_is_in_the_trail_and_its_publisher_is_answered_once() {
    let (hub, kitchen) = (hub(), kitchen());
    let drafts = vec![
        draft(&kitchen, "ticket.created", 1, None),
        draft(&kitchen, "ticket.bumped", 2, Some("k")),
        draft(&kitchen, "ticket.bumped", 3, None),
    ];
    let published = hub.publish(drafts).await.unwrap();
    assert_eq!(published.iter().map(|p| (&*p.log, p.receipt.seq)).collect::<Vec<_>>(), [1, 2, 3].map(|seq| ("kitchen/tickets:s1", seq)));
    let trail = read(&hub, "kitchen/trail");
    let data = |n: u32| json!({ "channel": "tickets:s1", "by": { "device_id": "d1" }, "data": { "n": n } });
    let bumped = |seq, n: u32| (seq, "ticket.bumped".to_owned(), Some(format!("trace-{n}")), data(n));
    assert_eq!(trail, [bumped(1, 2), bumped(2, 3)]);
    // The same key again is no second entry, as it is no second event.
    let again = hub.publish(vec![draft(&kitchen, "ticket.bumped", 2, Some("k"))]).await.unwrap();
    assert!(again.len() == 1 && again[0].duplicate);
    assert_eq!(read(&hub, "kitchen/trail").len(), 2);
    assert_eq!(read(&hub, "kitchen/tickets:s1").len(), 3);
}

// K-17: an event's own id is in the trail, and tells one from another there as well.
#[tokio::test]
async fn an_event_with_an_id_of_its_own_is_named_by_it() {
    let (hub, kitchen) = (hub(), kitchen());
    let mut draft = draft(&kitchen, "ticket.bumped", 1, None);
    let id = *b"\x01\x97\0\0\0\0\x70\0\x80\0\0\0\0\0\0\x01";
    draft.id = Some(id);
    draft.key = Some(id_key(&id).into());
    hub.publish(vec![draft.clone()]).await.unwrap();
    hub.publish(vec![draft]).await.unwrap();
    let trail = read(&hub, "kitchen/trail");
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0].3["id"], tidewire_engine::id::to_text(&id));
}

#[tokio::test]
async fn a_contract_without_audit_has_no_trail() {
    let hub = hub();
    let plain = Arc::new(compile_source("contract.yaml", CONTRACT, &|_| None).unwrap());
    hub.publish(vec![draft(&plain, "ticket.bumped", 1, None)]).await.unwrap();
    assert!(read(&hub, "kitchen/trail").is_empty());
}
