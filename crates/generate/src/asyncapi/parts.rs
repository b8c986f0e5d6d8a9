//! What both views have: who it is about, where it is, how a client shows who it is.

use super::understand::{EXAMPLE, ID};
use crate::name::plain;
use serde_json::{Map, Value, json};
use tidewire_contract::{Contract, EndpointKind, TokenPlace, auth::Tokens};

pub const VERSION: &str = "3.0.0";

pub fn head(contract: &Contract) -> Map<String, Value> {
    let mut info = json!({ "title": contract.title, "version": contract.version });
    if let Some(description) = &contract.description {
        info["description"] = description.clone().into();
    }
    let mut made = Map::new();
    made.insert("asyncapi".to_owned(), VERSION.into());
    made.insert("id".to_owned(), format!("{ID}{}", contract.name).into());
    made.insert("info".to_owned(), info);
    made.insert("defaultContentType".to_owned(), "application/json".into());
    made
}

fn is_socket(kind: EndpointKind) -> bool {
    matches!(kind, EndpointKind::WebSocket | EndpointKind::Pusher)
}

/// One for each kind of endpoint: they differ in protocol and in where a token goes.
pub fn servers(contract: &Contract) -> Map<String, Value> {
    let mut servers = Map::new();
    for endpoint in &contract.endpoints {
        let kind = endpoint.kind;
        let security: Vec<Value> = match kind {
            // The connection is anonymous; signatures come later.
            EndpointKind::Pusher => Vec::new(),
            _ => contract
                .auth
                .places(kind)
                .iter()
                .map(|place| json!({ "$ref": format!("#/components/securitySchemes/{}", scheme_name(place)) }))
                .collect(),
        };
        let mut server = json!({
            "host": "{host}",
            "protocol": if is_socket(kind) { "ws" } else { "http" },
            "description": description(kind),
            "variables": { "host": { "default": "localhost:8080", "description": "Where the server listens" } },
        });
        if !security.is_empty() {
            server["security"] = security.into();
        }
        servers.insert(kind.as_str().to_owned(), server);
    }
    servers
}

fn description(kind: EndpointKind) -> &'static str {
    match kind {
        EndpointKind::WebSocket => "WebSockets",
        EndpointKind::Sse => "Event streams (server-sent events)",
        EndpointKind::Poll => "Polling: a JSON array of the events since a point",
        EndpointKind::History => "Pages of what was kept",
        EndpointKind::Pusher => "WebSockets of the Pusher protocol, version 7",
        EndpointKind::Authorize => "Signs what a client needs to join a channel",
        EndpointKind::SignIn => "Signs who a client is",
        EndpointKind::Replay => "What was missed on a channel",
    }
}

/// The places of tokens, each once.
pub fn security(contract: &Contract) -> Map<String, Value> {
    let auth = &contract.auth;
    let format = if auth.tokens == Tokens::Devices { "token of the registry of devices" } else { "JWT" };
    let mut schemes = Map::new();
    for endpoint in contract.endpoints.iter().filter(|e| e.kind != EndpointKind::Pusher) {
        for place in auth.places(endpoint.kind) {
            let scheme = match place {
                TokenPlace::Header => json!({ "type": "http", "scheme": "bearer", "bearerFormat": format }),
                TokenPlace::Query(name) => json!({ "type": "httpApiKey", "in": "query", "name": name, "description": "A bearer token" }),
                TokenPlace::Cookie(name) => json!({ "type": "httpApiKey", "in": "cookie", "name": name }),
            };
            schemes.insert(scheme_name(place), scheme);
        }
    }
    schemes
}

fn scheme_name(place: &TokenPlace) -> String {
    match place {
        TokenPlace::Header => "header".to_owned(),
        TokenPlace::Query(name) => plain(&format!("query-{name}")),
        TokenPlace::Cookie(name) => plain(&format!("cookie-{name}")),
    }
}

pub fn reference(to: &str) -> Value {
    json!({ "$ref": to })
}

/// An example of a message: the one that stands for all has a name. `written`: the event in the contract.
pub fn example(written: &Value, at: usize, payload: Value) -> Value {
    if at == 0 && written.get(EXAMPLE).is_some() { json!({ "name": EXAMPLE, "payload": payload }) } else { json!({ "payload": payload }) }
}
