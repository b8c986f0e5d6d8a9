//! A client of the Pusher protocol: connects, and lets the contract's own endpoint sign its subscriptions.

use super::{Inbox, Opening, websocket};
use crate::{http::Answer, site::Site, wire::Frame};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tidewire_contract::{EndpointKind, ServerFrame, TokenPlace};
use tidewire_wire::pusher::sign;
use tokio::sync::mpsc;

pub(super) async fn open(opening: Opening<'_>) -> Result<Result<websocket::Orders, Frame>, String> {
    let Opening { site, route, inbox, number, .. } = opening;
    let Some(app) = &site.keys.app else {
        return Err(format!(
            "the contract '{}' speaks the Pusher protocol, and its app's key is not known: give --config",
            site.contract.name
        ));
    };
    let path = route.path.replace("{key}", &app.key);
    let address = format!("{}{path}?protocol=7&client=tidewire&version=1.0", site.url);
    let socket = match websocket::connect(&site.contract, &address, &[]).await? {
        Ok(socket) => socket,
        Err(refused) => return Ok(Err(refused)),
    };
    let (orders, told) = mpsc::unbounded_channel();
    tokio::spawn(websocket::run(site.contract.clone(), socket, told, inbox.clone(), number));
    Ok(Ok(orders))
}

/// The connection's name, which its first frame tells.
pub async fn socket_id(inbox: &Arc<Inbox>, number: usize) -> Option<String> {
    inbox
        .wait(|arrived| {
            let mut of_link = arrived.iter().filter(|a| a.link == number);
            of_link.find_map(|a| match a.frame.kind {
                crate::wire::Kind::Server(ServerFrame::Hello) => Some(a.frame.payload["socket_id"].as_str().map(str::to_owned)),
                crate::wire::Kind::Ended => Some(None),
                _ => None,
            })
        })
        .await
}

/// What `pusher:subscribe` needs for a channel: signed by the contract's `authorize` endpoint with the actor's token; where there
/// is none, with the app's secret, as an application would sign it. The refusal is told as the protocol's libraries tell it.
///
/// # Errors
/// In words, when there was no answer.
pub async fn authorize(site: &Site, inbox: &Arc<Inbox>, number: usize, token: &str, channel: &str) -> Result<Result<Value, Frame>, String> {
    let Some(socket_id) = socket_id(inbox, number).await else {
        return Ok(Err(Frame::ended(None, "the connection ended before it was established")));
    };
    let mut subscribe = json!({ "channel": channel });
    if channel.starts_with("private-") || channel.starts_with("presence-") {
        let endpoint = site.contract.endpoints.iter().find(|e| e.kind == EndpointKind::Authorize);
        let signed = match (endpoint, &site.keys.app) {
            (Some(endpoint), _) => {
                let answer = ask(site, &endpoint.path.source, token, &json!({ "socket_id": socket_id, "channel_name": channel })).await?;
                if !answer.status.is_success() {
                    let mut refused = Frame::refused(&site.contract, answer.status.as_u16(), &answer.body);
                    refused.payload["type"] = "AuthError".into();
                    refused.payload["error"] = answer.body["detail"].clone();
                    refused.payload["check"] = answer.body["check"].clone();
                    refused.payload["channel"] = channel.into();
                    return Ok(Err(refused));
                }
                answer.body
            }
            (None, Some(app)) => json!({ "auth": sign::channel_auth(&app.key, &app.secret, &socket_id, channel, None) }),
            (None, None) => Value::Null,
        };
        for part in ["auth", "channel_data"] {
            if !signed[part].is_null() {
                subscribe[part] = signed[part].clone();
            }
        }
    }
    Ok(Ok(json!({ "event": "pusher:subscribe", "data": subscribe })))
}

async fn ask(site: &Site, path: &str, token: &str, body: &Value) -> Result<Answer, String> {
    let mut address = format!("{}{path}", site.url);
    let mut headers = Vec::new();
    match site.contract.auth.places(EndpointKind::Authorize).first() {
        Some(TokenPlace::Query(name)) => address += &format!("?{name}={}", crate::http::escape(token)),
        Some(TokenPlace::Cookie(name)) => headers.push(("cookie", format!("{name}={token}"))),
        Some(TokenPlace::Header) | None => headers.push(("authorization", format!("Bearer {token}"))),
    }
    site.http.call(Method::POST, &address, &headers, Some(body)).await
}
