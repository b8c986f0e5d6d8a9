//! Responses that are written without the HTTP library.

use crate::problem::Problem;
use http::{HeaderName, HeaderValue, StatusCode, header};
use time::{OffsetDateTime, macros::format_description};

/// The head of an HTTP/1.1 response.
pub(super) fn head(status: StatusCode, headers: &[(HeaderName, HeaderValue)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    if status != StatusCode::SWITCHING_PROTOCOLS {
        let format = format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
        if let Ok(date) = OffsetDateTime::now_utc().format(format) {
            out.extend_from_slice(b"date: ");
            out.extend_from_slice(date.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// A whole response that ends the connection.
pub(super) fn refusal(problem: &Problem) -> Vec<u8> {
    let body = problem.json().to_string();
    let mut headers = vec![
        (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
        (header::CONTENT_LENGTH, HeaderValue::from(body.len())),
        (header::CONNECTION, HeaderValue::from_static("close")),
    ];
    headers.extend(problem.headers.iter().cloned());
    let mut out = head(problem.status, &headers);
    out.extend_from_slice(body.as_bytes());
    out
}
