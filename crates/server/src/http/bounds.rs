//! How much one request may ask for.

use std::time::Duration;

/// Bounds of the HTTP interface. Every one has a default; the configuration may set those of [`Limits`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest request body, in bytes.
    pub body_bytes: usize,
    /// How deeply JSON may nest.
    pub depth: usize,
    /// Most events in one batch.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { body_bytes: 8 * 1024 * 1024, depth: 64, batch: 10_000 }
    }
}

/// Events of a page when the reader does not say how many.
pub const PAGE: usize = 200;
/// Most events of a page.
pub const PAGE_MAX: usize = 1000;
/// A page ends behind so many bytes of events.
pub const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// A page ends after so many events were passed over that the reader does not get.
pub const PAGE_SCAN: usize = 20_000;
/// Longest that a poll waits.
pub const WAIT_MAX: Duration = Duration::from_secs(60);
/// Request bodies longer than this are checked on a thread of their own, in bytes.
pub const INLINE_BYTES: usize = 32 * 1024;
/// Most problems that one answer names.
pub const FAULTS_MAX: usize = 100;
