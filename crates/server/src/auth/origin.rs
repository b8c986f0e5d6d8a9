//! Which web page asks. A browser sends cookies along whoever asks, and lets any page open a WebSocket; so the page's origin
//! has to be looked at.

use http::{HeaderMap, Uri, header};

/// Whether a page of the request's `Origin` may use the cookies of this server: it is of the same host, or listed.
/// Without an `Origin` it is no browser. `*` lists no origin here: cookies are never for everybody.
pub fn origin_allowed(headers: &HeaderMap, allowed: &[&[String]]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let origin = origin.to_ascii_lowercase();
    if allowed.iter().any(|list| list.contains(&origin)) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| same_host(&origin, host))
}

/// Whether an origin's host and port are these. A port that the origin's scheme implies need not be written.
fn same_host(origin: &str, host: &str) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let Ok(host) = host.to_ascii_lowercase().parse::<http::uri::Authority>() else { return false };
    let implied = match origin.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return false,
    };
    let Some(of_origin) = origin.authority() else { return false };
    of_origin.host() == host.host() && of_origin.port_u16().unwrap_or(implied) == host.port_u16().unwrap_or(implied)
}
