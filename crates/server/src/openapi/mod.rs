//! `GET /openapi.json`: the HTTP interface as OpenAPI 3.1, made of the routes and of the contracts that are served.

mod contract;
mod devices;
mod envelope;
mod handover;
mod interface;
mod parts;

use crate::Served;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The whole document.
pub fn document(served: &[Arc<Served>]) -> Value {
    let mut paths = interface::paths();
    let mut schemas = parts::schemas();
    devices::paths(&mut paths);
    devices::schemas(&mut schemas);
    let mut security = Map::new();
    security.insert("backend".into(), json!({ "type": "http", "scheme": "bearer", "description": "A backend key of a contract" }));
    let mut tags = vec![json!({ "name": "backends" }), json!({ "name": "devices" }), json!({ "name": "server" })];
    let mut drafts = Vec::new();
    let mut client = Vec::new();
    let mut webhooks = Map::new();
    for one in served {
        let contract = &one.contract;
        tags.push(json!({ "name": contract.name, "description": contract.title }));
        contract::schemas(contract, &mut schemas, &mut drafts);
        let places = contract::security(contract, &mut security);
        for (path, item) in devices::signing(contract, &places) {
            paths.insert(path, item);
        }
        client.extend(places);
        webhooks.extend(handover::webhooks(contract));
        for (path, item) in contract::paths(contract) {
            paths.insert(path, item);
        }
    }
    schemas.insert("Event".into(), if drafts.is_empty() { json!(false) } else { json!({ "anyOf": drafts }) });
    if let Some(since) = paths.get_mut("/v1/events/since") {
        let mut all = vec![json!({ "backend": [] })];
        all.extend(client);
        since["get"]["security"] = all.into();
    }
    if !webhooks.is_empty() {
        handover::schemas(&mut schemas);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tidewire",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Publish events, read them back, see and end clients; and what clients poll. Errors are RFC 9457 problems.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": parts::responses(),
            "headers": parts::headers(),
            "securitySchemes": security,
        },
    });
    if !webhooks.is_empty() {
        document["webhooks"] = webhooks.into();
    }
    document
}
