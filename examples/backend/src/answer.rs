//! Answers, and refusals as problem documents (RFC 9457).

use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::{Value, json as object};

pub type Answer = Response<Full<Bytes>>;

/// Why something was not done; nothing was changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub status: StatusCode,
    pub title: &'static str,
    pub detail: String,
    /// Further members.
    pub more: Value,
}

impl Refusal {
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Refusal {
        Refusal { status, title, detail: detail.into(), more: object!({}) }
    }

    /// The request makes no sense.
    pub fn bad(detail: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Not understood", detail)
    }

    /// It makes sense, but not now.
    pub fn conflict(detail: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::CONFLICT, "Not possible now", detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, "Not found", detail)
    }

    /// Not now, through no fault of the request.
    pub fn unavailable(detail: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "Not available", detail)
    }

    /// Tidewire did not take the events.
    pub fn refused(answer: &Value) -> Refusal {
        Refusal::new(StatusCode::BAD_GATEWAY, "The events were refused", answer.to_string())
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        let mut body = object!({ "status": refusal.status.as_u16(), "title": refusal.title, "detail": refusal.detail });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, refusal.more) {
            body.extend(more);
        }
        let mut answer = json(refusal.status, &body);
        answer.headers_mut().insert("content-type", http::HeaderValue::from_static("application/problem+json"));
        answer
    }
}

/// An answer with a JSON body.
pub fn json(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    answer.headers_mut().insert("cache-control", http::HeaderValue::from_static("no-store"));
    answer
}
