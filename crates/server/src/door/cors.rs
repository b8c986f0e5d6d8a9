//! Pages of other origins that call from a browser (the CORS protocol of the Fetch standard).

use crate::{
    app::App,
    problem::{Body, Problem, full},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};

/// How a page's origin is let in.
enum Allowed {
    /// It is listed: cookies too.
    Listed(HeaderValue),
    /// Anybody is.
    Anybody,
}

fn allowed(app: &App, headers: &HeaderMap, path: &str) -> Option<Allowed> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?.to_ascii_lowercase();
    let list = &app.config.cors.allowed_origins;
    if list.contains(&text) || app.admission.origin_listed(path, &text) {
        return Some(Allowed::Listed(origin.clone()));
    }
    (list.iter().any(|o| o == "*") || app.admission.origin_listed(path, "*")).then_some(Allowed::Anybody)
}

/// The headers that let the page read the answer; none where its origin is not let in.
pub(super) fn headers(app: &App, request: &HeaderMap, path: &str) -> Vec<(HeaderName, HeaderValue)> {
    match allowed(app, request, path) {
        None => Vec::new(),
        Some(Allowed::Anybody) => vec![
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*")),
        ],
        Some(Allowed::Listed(origin)) => vec![
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED)),
            (header::VARY, HeaderValue::from_static("origin")),
        ],
    }
}

const EXPOSED: &str = "retry-after, link, x-correlation-id, tidewire-position, tidewire-at, tidewire-gap";

/// The answer to a preflight, if this is one. `None`: no preflight, or (`forwarded`) one for the backend behind the path.
pub(super) fn preflight(app: &App, parts: &Parts, forwarded: bool) -> Option<Response<Body>> {
    let asked = parts.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
    if parts.method != Method::OPTIONS || asked.is_none() || !parts.headers.contains_key(header::ORIGIN) {
        return None;
    }
    let mut granted = headers(app, &parts.headers, parts.uri.path());
    if granted.is_empty() {
        if forwarded {
            return None;
        }
        let detail = "pages of this origin may not call; origins are listed in cors.allowed_origins, or in a contract's allowed_origins";
        return Some(Problem::forbidden("origin", detail).response());
    }
    let names = parts.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    granted.push((header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS")));
    granted.extend(names.map(|names| (header::ACCESS_CONTROL_ALLOW_HEADERS, names)));
    granted.push((header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(app.config.cors.max_age.as_secs())));
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().extend(granted);
    Some(response)
}
