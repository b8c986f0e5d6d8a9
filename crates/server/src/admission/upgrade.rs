//! The heads that begin a session.

use crate::problem::Problem;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue, StatusCode, Version, header, request::Parts};
use tidewire_wire::websocket::{self, Agreed};

/// A handshake that can be answered with 101 (RFC 6455, section 4.2).
pub(super) struct Switch {
    pub agreed: Agreed,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

pub(super) fn check(parts: &Parts) -> Result<Switch, Problem> {
    let bad = |detail: &str| Err(Problem::bad_request("bad-handshake", detail));
    if parts.version != Version::HTTP_11 {
        return bad("a WebSocket is opened over HTTP/1.1");
    }
    let connection = parts.headers.get_all(header::CONNECTION).iter().filter_map(|v| v.to_str().ok());
    if !connection.flat_map(|v| v.split(',')).any(|v| v.trim().eq_ignore_ascii_case("upgrade")) {
        return bad("the header `Connection: Upgrade` is missing");
    }
    if parts.headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|v| v.as_bytes() != b"13") {
        let title = "This version of the protocol is not spoken here";
        let problem =
            Problem::new(StatusCode::UPGRADE_REQUIRED, "websocket-version", title, "the header `Sec-WebSocket-Version` must be 13");
        return Err(problem
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::UPGRADE, "websocket")
            .header(header::CONNECTION, "upgrade"));
    }
    let mut keys = parts.headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let key = match (keys.next().map(|key| key.to_str()), keys.next()) {
        (Some(Ok(key)), None) if BASE64_STANDARD.decode(key.trim()).is_ok_and(|bytes| bytes.len() == 16) => key.trim(),
        _ => return bad("the header `Sec-WebSocket-Key` must be given once: 16 random bytes in base64"),
    };
    let mut headers =
        vec![(header::CONNECTION, HeaderValue::from_static("Upgrade")), (header::UPGRADE, HeaderValue::from_static("websocket"))];
    headers.extend(HeaderValue::from_str(&websocket::accept(key)).map(|accept| (header::SEC_WEBSOCKET_ACCEPT, accept)));
    let offers: Vec<&str> = parts.headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS).iter().filter_map(|v| v.to_str().ok()).collect();
    let mut agreed = Agreed::default();
    if !offers.is_empty() {
        let (result, answer) = websocket::negotiate(&offers.join(", "));
        agreed = result;
        headers.extend(answer.and_then(|a| HeaderValue::from_str(&a).ok()).map(|a| (header::SEC_WEBSOCKET_EXTENSIONS, a)));
    }
    Ok(Switch { agreed, headers })
}

pub(super) fn event_stream_headers() -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform")),
        // Tells nginx not to hold the stream back.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ]
}
