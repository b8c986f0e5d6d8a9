//! Backend keys: kept as digests, compared in constant time.

use super::{problem::Problem, refuse::problem};
use aws_lc_rs::{constant_time, digest};
use http::{HeaderMap, StatusCode, header};

/// The backend keys of all contracts.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// SHA-256 of the key, and the name of its contract.
    digests: Vec<([u8; 32], String)>,
}

impl Keys {
    /// Adds the SHA-256 of a key of `contract`.
    pub fn add(&mut self, contract: &str, sha256: [u8; 32]) {
        self.digests.push((sha256, contract.to_owned()));
    }

    /// The contract whose backend presents this key. Takes as long whichever key fits, or none.
    pub fn contract_of(&self, presented: &str) -> Option<&str> {
        let hashed = digest::digest(&digest::SHA256, presented.as_bytes());
        let mut found = None;
        for (known, contract) in &self.digests {
            if constant_time::verify_slices_are_equal(known, hashed.as_ref()).is_ok() {
                found = Some(contract.as_str());
            }
        }
        found
    }
}

/// The token of `Authorization: Bearer …`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|t| !t.is_empty())
}

/// 401 for a request of a backend.
pub fn unauthorized(headers: &HeaderMap) -> Problem {
    let detail = match bearer(headers) {
        None => "this route wants 'Authorization: Bearer <backend key of a contract>'",
        Some(_) => "this is no backend key of any contract that is served here",
    };
    problem(StatusCode::UNAUTHORIZED, "unauthorized", detail).header(header::WWW_AUTHENTICATE, "Bearer realm=\"tidewire\"")
}
