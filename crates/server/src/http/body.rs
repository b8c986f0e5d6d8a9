//! Request bodies: bounded, and JSON.

use super::refuse::problem;
use crate::Problem;
use crate::config::Limits;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;

/// Reads a JSON body to its end.
///
/// # Errors
/// 415 for another content type, 413 for a body that is too long, 400 for one that breaks off, 408 for one that takes too long.
pub async fn read<B>(headers: &HeaderMap, body: B, limits: &Limits) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    expect_json(headers)?;
    read_any(body, limits).await
}

/// The same, whatever it says that it is.
///
/// # Errors
/// The same but for 415.
pub async fn read_any<B>(body: B, limits: &Limits) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.size_hint().lower() > limits.body_bytes as u64 {
        return Err(too_long(limits));
    }
    let whole = tokio::time::timeout(limits.body_time, Limited::new(body, limits.body_bytes).collect());
    let Ok(collected) = whole.await else {
        let detail = format!("the body did not arrive within {} s", limits.body_time.as_secs());
        return Err(problem(StatusCode::REQUEST_TIMEOUT, "timeout", detail));
    };
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_long(limits)),
        Err(_) => Err(problem(StatusCode::BAD_REQUEST, "bad-request", "the request body broke off")),
    }
}

/// The body as text.
///
/// # Errors
/// 400 where it is no UTF-8.
pub fn text(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body).map_err(|e| {
        let detail = format!("the body is not UTF-8: byte {} does not belong there", e.valid_up_to());
        problem(StatusCode::BAD_REQUEST, "invalid-json", detail)
    })
}

/// Looks, without reading it, how deep a body nests.
///
/// # Errors
/// 400 where it is deeper than that many levels.
pub fn shallow(body: &[u8], depth: usize) -> Result<(), Problem> {
    match tidewire_wire::depth::exceeds(body, depth) {
        false => Ok(()),
        true => Err(problem(StatusCode::BAD_REQUEST, "too-deep", format!("the body nests deeper than {depth} levels"))),
    }
}

/// What is wrong with JSON, and where.
pub fn invalid_json(error: &serde_json::Error) -> Problem {
    problem(StatusCode::BAD_REQUEST, "invalid-json", format!("the body is not JSON: {error}"))
        .with("line", error.line())
        .with("column", error.column())
}

fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (media, parameters) = given.split_once(';').unwrap_or((given, ""));
    let media = media.trim().to_ascii_lowercase();
    if media != "application/json" && !(media.starts_with("application/") && media.ends_with("+json")) {
        let found = if given.is_empty() { "none".to_owned() } else { format!("'{}'", super::query::excerpt(given)) };
        let detail = format!("expected the content type application/json, found {found}");
        return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
    }
    let charset = parameters.split(';').find_map(|p| p.trim().to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    if charset.is_some_and(|c| c.trim_matches('"') != "utf-8") {
        return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "JSON is read as UTF-8 only"));
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|e| e != "identity") {
        return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "request bodies are not decompressed"));
    }
    Ok(())
}

fn too_long(limits: &Limits) -> Problem {
    let detail = format!("the body is longer than {} bytes", limits.body_bytes);
    problem(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).with("limit_bytes", limits.body_bytes)
}
