//! Why Redis did not do what it was asked.

use redis::{ErrorKind, RedisError, ServerErrorKind};
use tidewire_engine::log::LogError;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was not asked, or said that it cannot now: nothing happened.
    #[error("Redis is away: {0}")]
    Away(String),
    /// It was asked and no answer came: whether it happened is not known.
    #[error("Redis did not answer: {0}; whether it was done is not known")]
    Unknown(String),
    /// It takes nothing more.
    #[error("Redis takes nothing more: {0}")]
    Full(String),
    /// It answered something that it should not.
    #[error("Redis refused: {0}")]
    Refused(String),
}

impl Failure {
    /// Whether the connection is of no use any more, or leads to the wrong Redis.
    pub(crate) fn ends_the_connection(&self) -> bool {
        matches!(self, Failure::Away(_) | Failure::Unknown(_))
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Failure {
        let said = error.to_string();
        match error.kind() {
            ErrorKind::Server(
                ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::BusyLoading,
            ) => Failure::Away(said),
            ErrorKind::Server(ServerErrorKind::NoScript) => Failure::Refused(format!("NOSCRIPT: {said}")),
            ErrorKind::Io if error.is_connection_refusal() => Failure::Away(said),
            ErrorKind::Io => Failure::Unknown(said),
            ErrorKind::AuthenticationFailed => Failure::Refused(said),
            // A script in a cluster whose slot moves; it says so before it writes anything.
            _ if said.contains("non local key") => Failure::Away(said),
            _ => match error.code() {
                Some("OOM" | "MISCONF" | "NOREPLICAS") => Failure::Full(said),
                Some("BUSY") => Failure::Away(said),
                _ => Failure::Refused(said),
            },
        }
    }
}

impl From<Failure> for LogError {
    fn from(failure: Failure) -> LogError {
        match failure {
            Failure::Full(said) => LogError::Full(said),
            other => LogError::Failed(other.to_string()),
        }
    }
}
