//! Who asks: a backend by its key, or a client by its token.

use super::refuse::problem;
use crate::{
    App, Problem, Served,
    admission::parse_query,
    auth::{AuthError, Verified, find_token},
    devices::Standing,
};
use http::{HeaderMap, StatusCode, Uri, header};
use std::{net::IpAddr, sync::Arc};
use tidewire_contract::ChannelName;
use tidewire_engine::Eye;

/// One who reads a channel.
pub struct Reader {
    pub served: Arc<Served>,
    pub channel: ChannelName,
    pub eye: Eye,
    /// The device that it is, where the contract's clients are devices.
    pub device: Option<Standing>,
}

/// The contract whose backend key the request carries.
///
/// # Errors
/// 401.
pub fn backend(app: &App, headers: &HeaderMap) -> Result<Arc<Served>, Problem> {
    let found = bearer(headers).and_then(|key| app.auth.backend(key)).and_then(|place| app.served.get(place));
    found.cloned().ok_or_else(|| {
        let detail = match bearer(headers) {
            None => "this route wants 'Authorization: Bearer <backend key of a contract>'",
            Some(_) => "this is no backend key of any contract that is served here",
        };
        problem(StatusCode::UNAUTHORIZED, "unauthorized", detail).header(header::WWW_AUTHENTICATE, "Bearer realm=\"tidewire\"")
    })
}

/// The name of the contract whose backend key the request carries, if it carries one.
pub fn contract_of(app: &App, headers: &HeaderMap) -> Option<String> {
    let place = bearer(headers).and_then(|key| app.auth.backend(key))?;
    app.served.get(place).map(|served| served.contract.name.clone())
}

/// Who may read the channel of this name: the backend of its contract sees everything; a client, with its token at any of the
/// places where its contract takes one, sees what it would see anywhere else.
///
/// # Errors
/// 401, 403, 404.
pub async fn reader(app: &App, headers: &HeaderMap, uri: &Uri, name: &str, peer: Option<IpAddr>) -> Result<Reader, Problem> {
    if let Some(served) = bearer(headers).and_then(|key| app.auth.backend(key)).and_then(|place| app.served.get(place)) {
        let channel = super::since::channel(&served.contract, name)?;
        return Ok(Reader { served: served.clone(), channel, eye: Eye::all(), device: None });
    }
    let query = parse_query(uri.query().unwrap_or_default())?;
    let mut refused: Option<AuthError> = None;
    for served in &app.served {
        let contract = &served.contract;
        // An app without a contract has no tokens of its own.
        if served.pusher.as_ref().is_some_and(|app| app.plain) {
            continue;
        }
        let Some(channel) = contract.channel(name) else { continue };
        let auth = &contract.auth;
        for places in [&auth.poll, &auth.history, &auth.sse, &auth.websocket] {
            let Ok((token, _)) = find_token(places, headers, &query) else { continue };
            let verified = match app.auth.verify_fetching(contract, &token, peer).await {
                Ok(verified) => verified,
                Err(error) => {
                    // Of several contracts with such a channel, the one that knows the token says most.
                    if refused.is_none() || error.is_known() {
                        refused = Some(error);
                    }
                    continue;
                }
            };
            return joined(served, channel, verified);
        }
    }
    Err(match refused {
        Some(error) => error.problem(),
        None => problem(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "this route wants a backend key, or a client's token where its contract takes one",
        )
        .header(header::WWW_AUTHENTICATE, "Bearer realm=\"tidewire\""),
    })
}

fn joined(served: &Arc<Served>, channel: ChannelName, verified: Verified) -> Result<Reader, Problem> {
    if !served.contract.channels[channel.kind].may_join(&verified.principal, &channel.vars) {
        let detail = format!("this principal may not join the channel '{}'", channel.name);
        return Err(problem(StatusCode::FORBIDDEN, "not-allowed", detail).with("channel", &*channel.name));
    }
    let eye = Eye::new(&served.contract, &channel, &verified.principal);
    Ok(Reader { served: served.clone(), channel, eye, device: verified.device })
}

/// Refuses a device that was blocked, removed or changed since it was let in: to be asked when the answer is there.
///
/// # Errors
/// 403.
pub fn still(device: Option<&Standing>) -> Result<(), Problem> {
    match device {
        Some(device) if !device.holds() => {
            let detail = "the device was blocked, removed or changed while the request waited";
            Err(problem(StatusCode::FORBIDDEN, "not-allowed", detail).with("check", "blocked"))
        }
        _ => Ok(()),
    }
}

/// The token of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|t| !t.is_empty())
}
