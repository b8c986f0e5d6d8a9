//! How much one request may ask for, beside what the configuration says.

/// Events of a page when the reader does not say how many.
pub const PAGE: usize = 100;
/// A page ends behind so many bytes of events.
pub const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// One look passes over so many events that the reader does not get; a page takes at most [`PAGE_SCANS`] looks.
pub const PAGE_SCAN: usize = 20_000;
pub const PAGE_SCANS: usize = 50;
/// Channels of a list when the reader does not say how many, and at most.
pub const CHANNELS: usize = 100;
pub const CHANNELS_MAX: usize = 1000;
/// Request bodies longer than this are checked on a thread of their own, in bytes.
pub const INLINE_BYTES: usize = 32 * 1024;
/// Most problems that one answer names.
pub const FAULTS_MAX: usize = 100;
