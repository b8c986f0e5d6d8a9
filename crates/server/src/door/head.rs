//! The head of a connection's first request, read before anybody knows what the connection is.

use crate::problem::Problem;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version, header, request::Parts};

/// Most headers of a request.
const HEADERS_MAX: usize = 100;

/// What the bytes at hand are.
pub enum Head {
    /// Not all of it is there.
    Partial,
    /// HTTP/2, by its preface.
    Http2,
    /// A request without a body that a session could begin with: its head, and how many bytes that took.
    Session(Box<Parts>, usize),
    /// Any other request.
    Other,
    /// No HTTP.
    Bad(Box<Problem>),
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Looks at the bytes that have arrived. Never panics, whatever they are.
pub fn parse(bytes: &[u8], header_bytes_max: usize) -> Head {
    let common = bytes.len().min(PREFACE.len());
    if common > 0 && bytes[..common] == PREFACE[..common] {
        return if common == PREFACE.len() { Head::Http2 } else { Head::Partial };
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= header_bytes_max => length,
        Ok(httparse::Status::Partial) if bytes.len() < header_bytes_max => return Head::Partial,
        Ok(_) => return too_large(&format!("the head of the request is larger than {header_bytes_max} bytes")),
        Err(httparse::Error::TooManyHeaders) => return too_large(&format!("the request has more than {HEADERS_MAX} headers")),
        Err(error) => return Head::Bad(Box::new(Problem::bad_request("bad-http", format!("this is not HTTP/1.1: {error}")))),
    };
    parts(&request).map_or(Head::Other, |parts| Head::Session(Box::new(parts), length))
}

fn too_large(detail: &str) -> Head {
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    Head::Bad(Box::new(Problem::new(status, "limit-reached", "A limit is reached", detail).with("limit", "header_bytes")))
}

/// `None` for whatever the HTTP library should judge: other methods, bodies, and what `http`'s types refuse.
fn parts(request: &httparse::Request<'_, '_>) -> Option<Parts> {
    if request.method != Some("GET") {
        return None;
    }
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for header in request.headers.iter() {
        headers.append(HeaderName::from_bytes(header.name.as_bytes()).ok()?, HeaderValue::from_bytes(header.value).ok()?);
    }
    if headers.contains_key(header::CONTENT_LENGTH)
        || headers.contains_key(header::TRANSFER_ENCODING)
        || headers.contains_key(header::EXPECT)
    {
        return None;
    }
    let mut built = Request::builder().method(Method::GET).uri(request.path?).body(()).ok()?.into_parts().0;
    // An origin-form target, of this server.
    if !built.uri.path().starts_with('/') {
        return None;
    }
    built.version = if request.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    built.headers = headers;
    Some(built)
}
