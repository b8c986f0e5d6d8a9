//! `GET /`: what this is.

use super::{Answer, Api, json_answer};
use http::StatusCode;
use serde_json::{Value, json};

/// Name, version, where to go on.
pub fn welcome(api: &Api) -> Answer {
    let contracts: Vec<Value> = api
        .contracts
        .iter()
        .map(|s| json!({ "name": s.contract.name, "title": s.contract.title, "version": s.contract.version }))
        .collect();
    let body = json!({
        "name": "Tidewire",
        "version": env!("CARGO_PKG_VERSION"),
        "contracts": contracts,
        "links": { "publish": "/v1/events", "replay": "/v1/events/since", "channels": "/v1/channels" },
    });
    json_answer(StatusCode::OK, &body)
}
