//! `POST /broadcasting/auth` and `/broadcasting/user-auth`: what a device needs to subscribe and to sign in, signed.
//!
//! Where an application has endpoints of its own for this, they sign with the app's secret, and these are not used.

use super::{Answer, body, devices, json_answer, query::Parameters, refuse::problem};
use crate::{
    App, Problem,
    admission::parse_query,
    auth::find_token,
    devices::{Device, Standing},
    pusher::PusherApp,
    served::Served,
    shard::{BoundToAnother, Selector},
};
use bytes::Bytes;
use http::{Request, StatusCode, header, request::Parts};
use hyper::body::Body;
use serde_json::{Map, Value, json};
use std::{net::IpAddr, sync::Arc};
use tidewire_contract::{ChannelName, EndpointKind, Principal};
use tidewire_wire::pusher::{connection, socket_id};

/// The contract whose endpoint a path is, and which.
pub fn endpoint(app: &App, path: &str) -> Option<(Arc<Served>, EndpointKind)> {
    app.served.iter().filter(|served| served.pusher.is_some()).find_map(|served| {
        let signing = |kind| matches!(kind, EndpointKind::Authorize | EndpointKind::SignIn);
        let found = served.contract.endpoints.iter().find(|e| signing(e.kind) && e.path.source == path)?;
        Some((served.clone(), found.kind))
    })
}

/// Verifies the device, and signs.
pub async fn respond<B>(
    app: &Arc<App>,
    served: &Arc<Served>,
    kind: EndpointKind,
    peer: IpAddr,
    request: Request<B>,
) -> Result<Answer, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some(pusher) = &served.pusher else { return Err(denied(StatusCode::NOT_FOUND, "app", "the contract has no app")) };
    let (parts, body) = request.into_parts();
    let (device, standing, principal) = who(app, served, &parts, peer)?;
    let asked = fields(&parts, &body::read_any(body, &app.config.limits).await?)?;
    let find = |name: &str| match asked.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.as_str()),
        _ => Err(denied(StatusCode::UNPROCESSABLE_ENTITY, name_of(name), &format!("'{name}' is missing"))),
    };
    let socket = find("socket_id")?;
    let Some(connection) = connection(socket).filter(|id| socket_id(*id) == socket) else {
        return Err(denied(StatusCode::UNPROCESSABLE_ENTITY, "socket", "'socket_id' is no connection's"));
    };
    let answer = match kind {
        EndpointKind::SignIn => sign_in(pusher, socket, &device),
        _ => subscribe(served, pusher, socket, find("channel_name")?, &principal)?,
    };
    // From now on the connection is the device's: its limits, its place, its end.
    match app.bind(connection, &served.contract.name, principal).await {
        Ok(true) => {}
        // What is signed for a connection that is to come would outlive the block of its device.
        Ok(false) => return Err(denied(StatusCode::NOT_FOUND, "socket", "there is no such connection; ask once it is established")),
        Err(BoundToAnother) => return Err(denied(StatusCode::FORBIDDEN, "socket", "the connection belongs to another device")),
    }
    // Whoever blocked it meanwhile did not find the connection among the device's.
    if !standing.holds() {
        let who = Selector { contract: Some(served.contract.name.clone()), connection: Some(connection), ..Selector::default() };
        app.disconnect(who, "the device was blocked, removed or changed").await;
        return Err(denied(StatusCode::FORBIDDEN, "blocked", "the device was blocked, removed or changed just now"));
    }
    Ok(json_answer(StatusCode::OK, &answer))
}

fn name_of(name: &str) -> &'static str {
    if name == "socket_id" { "socket" } else { "channel" }
}

fn denied(status: StatusCode, check: &'static str, detail: &str) -> Problem {
    let code = match status {
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "not-allowed",
        StatusCode::NOT_FOUND => "not-found",
        _ => "bad-request",
    };
    problem(status, code, detail).with("check", check)
}

/// Token, not blocked, address.
fn who(app: &App, served: &Served, parts: &Parts, peer: IpAddr) -> Result<(Arc<Device>, Standing, Arc<Principal>), Problem> {
    let query = parse_query(parts.uri.query().unwrap_or_default())?;
    let (token, _) = find_token(served.contract.auth.places(EndpointKind::Authorize), &parts.headers, &query)
        .map_err(|e| e.problem().with("check", "token"))?;
    let registry = app.auth.devices(&served.contract.name).ok_or_else(|| denied(StatusCode::NOT_FOUND, "token", "there is no registry"))?;
    let device = registry.verify(&token, peer).map_err(|denied| devices::refused(&denied))?;
    let principal = served.contract.principal(&device.attributes());
    let principal = principal.ok_or_else(|| denied(StatusCode::FORBIDDEN, "token", "the device is no principal of the contract"))?;
    Ok((device.clone(), Standing::new(registry, device), Arc::new(principal)))
}

/// The channel exists, and the contract lets the device in.
fn subscribe(served: &Served, app: &PusherApp, socket: &str, name: &str, principal: &Principal) -> Result<Value, Problem> {
    let contract = &served.contract;
    let channel = super::since::channel(contract, name).map_err(|problem| problem.with("check", "channel"))?;
    let kind = &contract.channels[channel.kind];
    if let Some(rule) = kind.lacking(principal, &channel.vars) {
        // The rule that looks at abilities has its name in the document; any other is the contract's own.
        let check = if rule.contains("abilities") { "ability" } else { "join" };
        let detail = format!("'{name}' is not for this device, of which this is not true: {rule}");
        return Err(denied(StatusCode::FORBIDDEN, check, &detail).with("rule", rule).with("channel", name));
    }
    let Some(data) = member(served, &channel, principal) else {
        return Ok(json!({ "auth": app.sign_channel(socket, name, None) }));
    };
    let data = data.to_string();
    Ok(json!({ "auth": app.sign_channel(socket, name, Some(&data)), "channel_data": data }))
}

/// Who joins a channel with presence.
fn member(served: &Served, channel: &ChannelName, principal: &Principal) -> Option<Value> {
    let presence = served.contract.channels[channel.kind].presence.as_ref()?;
    let mut lookup = |path: &[String]| match path {
        [first, attribute @ ..] if first == "principal" => principal.attributes.at(attribute),
        [var] => channel.vars.iter().find(|(name, _)| **name == **var).map(|(_, v)| Value::String(v.clone())),
        _ => None,
    };
    let member = match presence.member.fill(&mut lookup) {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Some(json!({ "user_id": member, "user_info": presence.info.fill(&mut lookup) }))
}

fn sign_in(app: &PusherApp, socket: &str, device: &Device) -> Value {
    let info = json!({ "name": device.name, "type": device.device_type, "store": device.store });
    let data = json!({ "id": device.id.to_string(), "user_info": info }).to_string();
    json!({ "auth": app.sign_user(socket, &data), "user_data": data })
}

/// The body's members: a form, as browsers' libraries send it, or JSON.
fn fields(parts: &Parts, body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let media = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let text = body::text(body)?;
    if media.to_ascii_lowercase().contains("json") {
        return serde_json::from_str(text).map_err(|e| body::invalid_json(&e));
    }
    let pairs = Parameters::parse(Some(text))?;
    Ok(pairs.pairs().iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect())
}
