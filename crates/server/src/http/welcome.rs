//! `GET /`: what this is.

use super::{Answer, json_answer};
use crate::App;
use http::StatusCode;
use serde_json::{Value, json};

/// Name, version, where to go on.
pub fn welcome(app: &App) -> Answer {
    let contracts: Vec<Value> =
        app.served.iter().map(|s| json!({ "name": s.contract.name, "title": s.contract.title, "version": s.contract.version })).collect();
    let body = json!({
        "name": "Tidewire",
        "version": env!("CARGO_PKG_VERSION"),
        "contracts": contracts,
        "links": { "publish": "/v1/events", "replay": "/v1/events/since", "channels": "/v1/channels", "description": "/openapi.json" },
    });
    json_answer(StatusCode::OK, &body)
}
