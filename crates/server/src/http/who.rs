//! Who asks: a backend by its key, or a client by its token.

use super::refuse::problem;
use crate::{
    App, Problem, Served,
    admission::parse_query,
    auth::{AuthError, find_token},
};
use http::{HeaderMap, StatusCode, Uri, header};
use std::sync::Arc;
use tidewire_contract::{ChannelName, Principal};
use tidewire_engine::Eye;

/// One who reads a channel.
pub struct Reader {
    pub served: Arc<Served>,
    pub channel: ChannelName,
    pub eye: Eye,
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

/// Who may read the channel of this name: the backend of its contract sees everything; a client, with its token at any of the
/// places where its contract takes one, sees what it would see anywhere else.
///
/// # Errors
/// 401, 403, 404.
pub async fn reader(app: &App, headers: &HeaderMap, uri: &Uri, name: &str) -> Result<Reader, Problem> {
    if let Some(served) = bearer(headers).and_then(|key| app.auth.backend(key)).and_then(|place| app.served.get(place)) {
        let channel = super::since::channel(&served.contract, name)?;
        return Ok(Reader { served: served.clone(), channel, eye: Eye::all() });
    }
    let query = parse_query(uri.query().unwrap_or_default())?;
    let mut refused: Option<AuthError> = None;
    for served in &app.served {
        let contract = &served.contract;
        let Some(channel) = contract.channel(name) else { continue };
        let auth = &contract.auth;
        for places in [&auth.poll, &auth.history, &auth.sse, &auth.websocket] {
            let Ok((token, _)) = find_token(places, headers, &query) else { continue };
            let principal = match app.auth.verify_fetching(contract, &token).await {
                Ok(verified) => verified.principal,
                Err(error) => {
                    refused = Some(error);
                    continue;
                }
            };
            return joined(served, channel, &principal);
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

fn joined(served: &Arc<Served>, channel: ChannelName, principal: &Principal) -> Result<Reader, Problem> {
    if !served.contract.channels[channel.kind].may_join(principal, &channel.vars) {
        let detail = format!("this principal may not join the channel '{}'", channel.name);
        return Err(problem(StatusCode::FORBIDDEN, "not-allowed", detail).with("channel", &*channel.name));
    }
    let eye = Eye::new(&served.contract, &channel, principal);
    Ok(Reader { served: served.clone(), channel, eye })
}

/// The token of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|t| !t.is_empty())
}
