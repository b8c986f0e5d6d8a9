//! Why somebody was not let in.

use crate::{devices::Denied, problem::Problem};
use http::{StatusCode, header};

/// Which check of a token failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error("no token was given; expected it as {0}")]
    NoToken(String),
    #[error("the token is not a signed JWT")]
    Malformed,
    #[error("the token is signed with an algorithm that none of the configured keys has")]
    Algorithm,
    #[error("the token names a key (`kid`) that is not known here")]
    UnknownKey,
    #[error("the token's signature does not fit")]
    Signature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet (`nbf`)")]
    NotYet,
    #[error("the token's issuer (`iss`) is not accepted here")]
    Issuer,
    #[error("the token is not meant for this server (`aud`)")]
    Audience,
    #[error("the token lacks the claim `{0}`, or it has the wrong form")]
    Claim(String),
    #[error("the token's claims name no principal")]
    NoPrincipal,
    #[error("{0}")]
    Device(Denied),
}

impl AuthError {
    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            AuthError::NoToken(_) => "no-token",
            AuthError::Expired => "token-expired",
            _ => "invalid-token",
        }
    }

    /// Whether it is known who came, and only not let in.
    pub fn is_known(&self) -> bool {
        matches!(self, AuthError::Device(denied) if *denied != Denied::Token)
    }

    /// The 401 that says so (RFC 6750, section 3); 403 where it is known who came.
    pub fn problem(&self) -> Problem {
        if let AuthError::Device(denied) = self
            && self.is_known()
        {
            return Problem::forbidden("not-allowed", denied.to_string()).with("check", denied.check());
        }
        let challenge = match self {
            AuthError::NoToken(_) => "Bearer realm=\"tidewire\"".to_owned(),
            other => {
                format!("Bearer realm=\"tidewire\", error=\"invalid_token\", error_description=\"{}\"", other.to_string().replace('"', "'"))
            }
        };
        Problem::new(StatusCode::UNAUTHORIZED, self.code(), "Authentication is needed", self.to_string())
            .header(header::WWW_AUTHENTICATE, &challenge)
    }
}
