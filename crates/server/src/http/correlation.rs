//! The correlation id of a request (K-17): `X-Correlation-Id`, taken over into events and logs, and always part of the answer.
//!
//! Where neither the header nor an event's `trace` gives one, the answer carries a new one, by which the log's lines about the
//! request are found. Events get none that nobody gave.

use super::{Answer, refuse::problem};
use crate::Problem;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use tidewire_engine::publish;

pub const HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// How the log calls a request; among its extensions.
#[derive(Debug, Clone)]
pub struct Correlation(pub String);

/// The id of the request: its own, or a new one.
pub fn begin<B>(request: &mut Request<B>) -> Correlation {
    let own = of(request.headers()).ok().flatten();
    let correlation = Correlation(own.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()));
    request.extensions_mut().insert(correlation.clone());
    correlation
}

/// Puts it into the answer, unless that has one of an event.
pub fn end(correlation: Correlation, answer: &mut Answer) {
    if !answer.headers().contains_key(HEADER)
        && let Ok(value) = HeaderValue::from_str(&correlation.0)
    {
        answer.headers_mut().insert(HEADER, value);
    }
}

/// `X-Correlation-Id`: the trace of the events that carry none.
///
/// # Errors
/// 400: it is none that can be taken over.
pub fn of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    match value.to_str() {
        Ok(text) if (1..=publish::MAX_TEXT).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => {
            let detail = format!("X-Correlation-Id must have 1 to {} visible ASCII characters", publish::MAX_TEXT);
            Err(problem(StatusCode::BAD_REQUEST, "bad-request", detail))
        }
    }
}
