//! A request that its app has signed.

use crate::{
    App, Problem,
    http::{body, query::Parameters, refuse::problem},
    served::Served,
};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Body;
use md5::{Digest, Md5};
use percent_encoding::percent_decode_str;
use std::time::{SystemTime, UNIX_EPOCH};
use tidewire_wire::pusher::sign;

/// A request whose signature is right.
pub(super) struct Asked {
    pub parameters: Parameters,
    pub body: Bytes,
    pub headers: HeaderMap,
}

/// Seconds by which the clocks of server and publisher may differ.
const SKEW: u64 = 600;

/// Reads and verifies a request.
///
/// # Errors
/// 401 names what is wrong with the signature, 413 a body that is too long.
pub(super) async fn read<B>(app: &App, served: &Served, request: Request<B>) -> Result<Asked, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let parameters = Parameters::parse(parts.uri.query())?;
    // All that can be refused is refused before the body is read.
    let claimed = claims(served, &parameters)?;
    let body = body::read_any(body, &app.config.limits).await?;
    check_body(&parameters, &body)?;
    let Some(of_app) = &served.pusher else { return Err(denied("the app has no keys")) };
    let method = if parts.method == http::Method::HEAD { "GET" } else { parts.method.as_str() };
    let raw = parts.uri.path();
    let decoded = percent_decode_str(raw).decode_utf8_lossy();
    let pairs: Vec<(String, String)> = parameters.pairs().to_vec();
    // Libraries differ in whether they sign a path before or after they escape it.
    let good = [raw, &*decoded]
        .iter()
        .any(|path| sign::verify(of_app.secret.reveal(), sign::request_text(method, path, &pairs).as_bytes(), claimed));
    if !good {
        let text = sign::request_text(method, raw, &pairs);
        return Err(denied(&format!("Invalid signature: Expected HMAC SHA256 hex digest of {text:?}, but got {claimed}")));
    }
    Ok(Asked { parameters, body, headers: parts.headers })
}

fn denied(detail: &str) -> Problem {
    problem(StatusCode::UNAUTHORIZED, "bad-signature", detail)
}

/// The signature, if all that goes with it is there.
fn claims<'p>(served: &Served, parameters: &'p Parameters) -> Result<&'p str, Problem> {
    let find = |name: &str| parameters.find(name).filter(|value| !value.is_empty());
    let need = |name: &str| find(name).ok_or_else(|| denied(&format!("the parameter `{name}` is missing")));
    let key = need("auth_key")?;
    if served.pusher.as_ref().is_none_or(|app| app.key != key) {
        return Err(denied("`auth_key` is not the key of this app"));
    }
    if need("auth_version")? != "1.0" {
        return Err(denied("`auth_version` must be 1.0"));
    }
    let stamp: u64 = need("auth_timestamp")?.parse().map_err(|_| denied("`auth_timestamp` is not a number of seconds since 1970"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    if now.abs_diff(stamp) > SKEW {
        let detail = format!(
            "Timestamp expired: `auth_timestamp` is {} s away from the server's clock, at most {SKEW} s are allowed",
            now.abs_diff(stamp)
        );
        return Err(denied(&detail));
    }
    need("auth_signature")
}

fn check_body(parameters: &Parameters, body: &[u8]) -> Result<(), Problem> {
    let Some(claimed) = parameters.find("body_md5") else {
        return if body.is_empty() { Ok(()) } else { Err(denied("the parameter `body_md5` is missing, and there is a body")) };
    };
    let digest = Md5::digest(body).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    if claimed.eq_ignore_ascii_case(&digest) { Ok(()) } else { Err(denied("`body_md5` is not the digest of the body")) }
}
