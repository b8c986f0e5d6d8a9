//! Errors of the HTTP interface: `application/problem+json` (RFC 9457).

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use serde_json::{Map, Value};

/// The body of every response.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A body of bytes that are there already.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// What went wrong with a request, and what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub status: StatusCode,
    /// A stable name, e.g. `invalid-token`; the document's `type` is `urn:tidewire:problem:` and it.
    pub code: &'static str,
    /// The same sentence for every problem of this code.
    pub title: &'static str,
    /// What is wrong this time, and where.
    pub detail: String,
    /// Further members of the document, e.g. `limit`, `errors`.
    pub extra: Map<String, Value>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, title, detail: detail.into(), extra: Map::new(), headers: Vec::new() }
    }

    /// Adds a member to the document.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header to the response. A value that no header can carry is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Problem {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// 400: a parameter or header of the request is wrong.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, "The request cannot be understood", detail)
    }

    /// 403.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, code, "This is not allowed", detail)
    }

    /// 404.
    pub fn not_found(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, code, "There is no such thing", detail)
    }

    /// 429 or 503: a limit is reached; the document names it.
    pub fn limit(status: StatusCode, limit: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(status, "limit-reached", "A limit is reached", detail).with("limit", limit).header(header::RETRY_AFTER, "5")
    }

    /// The document.
    pub fn json(&self) -> Value {
        let mut document = Map::new();
        document.insert("type".into(), format!("urn:tidewire:problem:{}", self.code).into());
        document.insert("title".into(), self.title.into());
        document.insert("status".into(), self.status.as_u16().into());
        document.insert("detail".into(), self.detail.clone().into());
        for (name, value) in &self.extra {
            document.insert(name.clone(), value.clone());
        }
        Value::Object(document)
    }

    /// The response that carries it.
    pub fn response(&self) -> Response<Body> {
        let mut response = Response::new(full(self.json().to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        response
    }
}
