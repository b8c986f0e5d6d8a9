//! What the interface says of itself: its description, its metrics, its front page.

use crate::http_support::{Site, WORLD_KEY, place, player};
use serde_json::{Value, json};
use tidewire_server::metrics::{self, BridgeReport, WebhookReport};

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|v| references(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_description_is_whole() {
    let site = Site::new().await;
    let document = site.send(http::Method::GET, "/openapi.json", &[], "").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
    }
    for path in ["/v1/events", "/v1/events/since", "/v1/channels/{channel}/presence", "/worlds/{world_id}/history", "/api/events"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    // B-1: one path, as a stream and as a poll.
    let content = &document["paths"]["/api/events"]["get"]["responses"]["200"]["content"];
    assert!(content["application/json"].is_object() && content["text/event-stream"].is_object());
    let ids: Vec<&Value> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|p| p.as_object().unwrap().values())
        .map(|o| &o["operationId"])
        .filter(|id| !id.is_null())
        .collect();
    assert_eq!(ids.iter().filter_map(|id| id.as_str()).collect::<std::collections::BTreeSet<_>>().len(), ids.len());
}

// W-2: what is described is what is sent.
#[tokio::test]
async fn the_described_envelope_is_the_one_that_is_sent() {
    let site = Site::new().await;
    site.publish(WORLD_KEY, place("p1")).await;
    let document = site.send(http::Method::GET, "/openapi.json", &[], "").await.json();
    let envelope = &document["components"]["schemas"]["world.place.updated"];
    let sent = site.get("/worlds/w1/history", &player("c1")).await.json();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&envelope["properties"]), names(&sent[0]));
    assert_eq!(envelope["required"].as_array().unwrap().len(), names(&sent[0]).len());
}

// C-1: each contract that is served is described as AsyncAPI, channels or frames; one that is not is told so.
#[tokio::test]
async fn contracts_are_described_as_asyncapi() {
    let site = Site::new().await;
    for (query, view) in [("", "logical"), ("?view=logical", "logical"), ("?view=wire", "wire")] {
        let document = site.send(http::Method::GET, &format!("/asyncapi/world.json{query}"), &[], "").await.json();
        assert_eq!(document["asyncapi"], "3.0.0");
        assert_eq!(document["x-tidewire"]["view"], view);
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
        }
    }
    let logical = site.send(http::Method::GET, "/asyncapi/world.json", &[], "").await.json();
    assert_eq!(logical["channels"]["world"]["address"], "world:{world_id}");
    for (path, status) in
        [("/asyncapi/wrold.json", 404), ("/asyncapi/world", 404), ("/asyncapi/.json", 404), ("/asyncapi/world.json?view=x", 400)]
    {
        let answer = site.send(http::Method::GET, path, &[], "").await;
        assert_eq!(answer.status, status, "{path}");
    }
    let hint = site.send(http::Method::GET, "/asyncapi/wrold.json", &[], "").await.json();
    assert!(hint["detail"].as_str().unwrap().contains("/asyncapi/world.json"), "{hint}");
}

#[tokio::test]
async fn the_front_page_names_the_contracts() {
    let site = Site::new().await;
    let page = site.send(http::Method::GET, "/", &[], "").await.json();
    assert_eq!(page["name"], "Tidewire");
    assert_eq!(page["contracts"][0]["name"], "world");
    assert_eq!(page["links"]["description"], json!("/openapi.json"));
}

// K-16: bridges and webhooks show what they know under the names that the dashboard and the guide have for it.
#[tokio::test]
async fn bridges_and_webhooks_report_under_the_documented_names() {
    let site = Site::new().await;
    let bridge = BridgeReport { contract: "world".into(), bridge: "rabbit".into(), lag_events: 7, confirmed: 3, ..BridgeReport::default() };
    let webhook = WebhookReport { app: "shop".into(), waiting: 2, ..WebhookReport::default() };
    site.app.hub.tallies().provide(metrics::bridges(move || vec![bridge.clone()]));
    site.app.hub.tallies().provide(metrics::webhooks(move || vec![webhook.clone()]));
    let text = site.operations("/metrics").await.text;
    assert!(text.contains("tidewire_bridge_lag_events{contract=\"world\",bridge=\"rabbit\"} 7\n"), "{text}");
    assert!(text.contains("tidewire_webhooks_waiting{app=\"shop\"} 2\n"), "{text}");
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut named = 0;
    for file in ["grafana.json", "operations.md"] {
        let file = std::fs::read_to_string(docs.join(file)).unwrap();
        for name in file.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if name.starts_with("tidewire_bridge_") || name.starts_with("tidewire_webhooks_") {
                assert!(text.contains(&format!("\n{name}{{")), "{name}");
                named += 1;
            }
        }
    }
    assert!(named > 15);
}

// K-16
#[tokio::test]
async fn metrics_count_what_was_done_and_health_says_what_works() {
    let site = Site::new().await;
    site.publish(WORLD_KEY, json!([place("p1"), place("p2")])).await;
    let mut event = place("p3");
    event["key"] = json!("k");
    site.publish(WORLD_KEY, event.clone()).await;
    site.publish(WORLD_KEY, event).await;
    site.get("/v1/channels", "wrong").await;
    let metrics = site.operations("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        "tidewire_events_published_total{contract=\"world\"} 3",
        "tidewire_events_repeated_total{contract=\"world\"} 1",
        "tidewire_publish_seconds_count{contract=\"world\"} 3",
        "tidewire_requests_refused_total{reason=\"unauthorized\"} 1",
        "tidewire_http_requests_total{route=\"/v1/events\",status=\"200\"} 3",
        "tidewire_log_events{contract=\"world\",durability=\"disk\"} 3",
        "tidewire_polls_waiting 0",
        "tidewire_http_calls_total{contract=\"world\"} 3",
        "soketi_http_calls_received_total{app_id=\"world\"} 3",
        "soketi_connected{app_id=\"board\"} 0",
        "tidewire_connections{contract=\"board\",transport=\"websocket\"} 0",
        "tidewire_events_published_total{contract=\"board\"} 0",
        "# EOF",
    ] {
        assert!(metrics.text.lines().any(|l| l == line), "{line} is not in\n{}", metrics.text);
    }
    assert_eq!(site.operations("/health/live").await.status, 200);
    assert_eq!(site.operations("/health/ready").await.status, 200);
    assert_eq!(site.operations("/healthz").await.problem(404).0, "not-found");
    site.app.hub.waiters().close();
    assert_eq!(site.operations("/health/ready").await.problem(503).0, "not-ready");
    assert_eq!(site.operations("/health/live").await.status, 200);
}
