//! The last event of a cache channel.

use std::sync::Arc;
use tidewire_engine::{LogHandle, Reader, Record, log::LogError};

/// Events that one look back reads.
const STEP: u64 = 64;

/// The newest event that is not a client's, and not older than `oldest` (µs).
///
/// # Errors
/// What the store says.
pub fn last(reader: &Reader, log: &LogHandle, oldest: i64) -> Result<Option<Arc<Record>>, LogError> {
    let mut head = log.head();
    while head >= log.first() && head > 0 {
        let after = head.saturating_sub(STEP).max(log.first() - 1);
        let records = reader.read(log, after, (head - after) as usize, usize::MAX)?;
        for record in records.iter().rev() {
            if record.at < oldest {
                return Ok(None);
            }
            if !record.event_type.starts_with("client-") {
                return Ok(Some(record.clone()));
            }
        }
        head = after;
    }
    Ok(None)
}
