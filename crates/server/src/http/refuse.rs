//! The problems of this interface, by name.

use crate::Problem;
use http::StatusCode;

/// Names and titles. The names are the ends of the problems' `type`; clients may rely on them.
pub const PROBLEMS: &[(&str, &str)] = &[
    ("bad-request", "The request cannot be understood"),
    ("bad-parameter", "The request cannot be understood"),
    ("bad-signature", "The request is not signed by its app"),
    ("unknown-app", "There is no such app"),
    ("invalid-device", "The device does not fit"),
    ("taken", "There is one already"),
    ("bad-position", "The request cannot be understood"),
    ("bad-filter", "The request cannot be understood"),
    ("invalid-json", "The body is not JSON"),
    ("too-deep", "The body nests too deeply"),
    ("too-large", "The request is too large"),
    ("unsupported-media-type", "The body has the wrong type"),
    ("unauthorized", "Authentication is needed"),
    ("not-allowed", "This is not allowed"),
    ("not-found", "There is no such thing"),
    ("method-not-allowed", "The path has no such method"),
    ("unknown-channel", "There is no such thing"),
    ("unknown-type", "There is no such thing"),
    ("not-here", "The event does not belong there"),
    ("invalid-selector", "The clients meant cannot be told"),
    ("conflict", "The version is not the newest"),
    ("invalid-event", "The event does not fit its contract"),
    ("store-full", "The store is full"),
    ("store-failed", "The store failed"),
    ("damaged", "Stored bytes are damaged"),
    ("stopping", "The server is stopping"),
    ("timeout", "The request took too long"),
    ("internal", "The server failed"),
];

/// The problem of this name.
pub fn problem(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
    let title = PROBLEMS.iter().find(|(known, _)| *known == code).map_or("The request failed", |(_, title)| title);
    Problem::new(status, code, title, detail)
}
