//! What a backend is asked when clients' events are handed to it: the document's `webhooks`.

use super::parts::schema;
use serde_json::{Map, Value, json};
use tidewire_contract::Contract;

/// One for each backend of the contract that takes something.
pub fn webhooks(contract: &Contract) -> impl Iterator<Item = (String, Value)> {
    contract.backends.iter().enumerate().filter_map(|(index, backend)| {
        let types: Vec<&str> = contract.events.iter().filter(|event| event.to == Some(index)).map(|event| event.name.as_str()).collect();
        let name = format!("{}.{}", contract.name, backend.name);
        (!types.is_empty()).then(|| (name.clone(), json!({ "post": asked(contract, &name, &types) })))
    })
}

fn asked(contract: &Contract, name: &str, types: &[&str]) -> Value {
    let text = |required: bool, header: &str, description: &str| json!({ "name": header, "in": "header", "required": required, "description": description, "schema": { "type": "string" } });
    let body = json!({ "allOf": [schema("HandedOver"), { "properties": { "type": { "enum": types } } }] });
    let answer = |description: &str, name: &str| json!({ "description": description, "content": { "application/json": { "schema": schema(name) } } });
    json!({
        "operationId": format!("handedOver.{name}"),
        "tags": [contract.name],
        "summary": "A client's event, for the backend to decide about: asked again until it is answered or the deadline is there",
        "parameters": [
            text(true, "webhook-id", "The same whenever the same event is handed over"),
            text(true, "webhook-timestamp", "Seconds since 1970"),
            text(true, "webhook-signature", "As Standard Webhooks has it: v1, and the base64 of HMAC-SHA256 over id.timestamp.body"),
            text(false, "x-correlation-id", "The client's trace"),
        ],
        "requestBody": { "required": true, "content": { "application/json": { "schema": body } } },
        "responses": {
            "200": answer("Accepted: the reply is the client's ack, the events are published", "Decided"),
            "204": { "description": "Accepted; there is nothing to say" },
            "4XX": answer("Refused: the client's error has this code. A problem document will do", "RefusedByBackend"),
            "429": { "description": "Asked again, after `Retry-After` seconds" },
            "5XX": { "description": "Asked again, a little later" },
        },
    })
}

/// What [`webhooks`] refers to.
pub fn schemas(into: &mut Map<String, Value>) {
    let text = json!({ "type": "string" });
    let maybe = json!({ "type": ["string", "null"] });
    into.insert(
        "HandedOver".into(),
        json!({
            "type": "object",
            "required": ["contract", "backend", "type", "channel", "key", "data", "principal", "connection", "trace", "at"],
            "properties": {
                "contract": text, "backend": text, "type": text, "channel": text, "key": maybe, "data": {},
                "principal": { "type": "object", "description": "The attributes of the client's principal" },
                "connection": text, "trace": maybe, "at": { "type": "string", "format": "date-time" },
            },
        }),
    );
    into.insert(
        "Decided".into(),
        json!({
            "type": "object",
            "properties": { "reply": { "description": "Any JSON; `$reply` of the ack" }, "events": { "type": "array", "items": schema("Event") } },
        }),
    );
    into.insert(
        "RefusedByBackend".into(),
        json!({
            "type": "object", "required": ["code", "message"],
            "properties": { "code": text, "message": text, "errors": { "type": "array" } },
        }),
    );
}
